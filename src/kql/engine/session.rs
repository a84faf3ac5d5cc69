//! Where plans run: threads of this engine's own with deep stacks, so that neither a wide query holds up the caller's
//! requests nor a deep one overflows a stack.

use crate::error::{Error, Kind};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{SendableRecordBatchStream, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::{SinkExt, StreamExt, channel::mpsc};
use tokio::runtime::{Builder, Handle, Runtime};

/// Stack of a thread. Only what is used is taken from memory; plans of a thousand levels need some ten megabytes in a debug build.
const STACK: usize = 256 << 20;

/// Batches that may wait for a slow reader.
const AHEAD: usize = 2;

/// Tables below this size are read by one thread: starting more costs more than it gains, and rows stay in their order.
pub(crate) const PARALLEL_FROM: usize = 200_000;

pub(crate) struct Session {
    runtime: Option<Runtime>,
    serial: SessionContext,
    parallel: SessionContext,
}

impl Session {
    pub(crate) fn new() -> crate::error::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let runtime = Builder::new_multi_thread().worker_threads(threads).thread_name("kql").thread_stack_size(STACK).enable_all().build();
        let runtime = runtime.map_err(|error| Error::new(Kind::Failed, "cannot start the threads that run queries").caused_by(error))?;
        Ok(Self { runtime: Some(runtime), serial: context(1), parallel: context(threads) })
    }

    /// The engine's threads. They live as long as the session.
    pub(crate) fn handle(&self) -> Option<Handle> {
        self.runtime.as_ref().map(|runtime| runtime.handle().clone())
    }

    /// Starts a plan; its rows come through a channel, made on the engine's own threads.
    pub(crate) async fn stream(&self, plan: &LogicalPlan, rows: usize) -> Result<SendableRecordBatchStream> {
        let context = if rows >= PARALLEL_FROM { &self.parallel } else { &self.serial };
        let physical = context.state().create_physical_plan(plan).await?;
        execute_stream(physical, context.task_ctx())
    }

    /// Moves a running plan's rows to whoever reads the returned stream, on any runtime.
    pub(crate) fn detach(handle: &Handle, mut source: SendableRecordBatchStream, schema: SchemaRef) -> SendableRecordBatchStream {
        let (mut sender, receiver) = mpsc::channel(AHEAD);
        drop(handle.spawn(async move {
            while let Some(batch) = source.next().await {
                let failed = batch.is_err();
                if sender.send(batch).await.is_err() || failed {
                    break;
                }
            }
        }));
        Box::pin(RecordBatchStreamAdapter::new(schema, receiver))
    }

    /// Runs a plan to its end.
    pub(crate) async fn collect(&self, plan: &LogicalPlan, rows: usize) -> Result<Vec<RecordBatch>> {
        let mut stream = self.stream(plan, rows).await?;
        let mut batches = Vec::new();
        while let Some(batch) = stream.next().await {
            batches.push(batch?);
        }
        Ok(batches)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Waiting for threads is not allowed on a runtime's thread, where an engine may well be dropped.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn context(partitions: usize) -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(partitions).with_information_schema(false).with_batch_size(8_192);
    SessionContext::new_with_state(SessionStateBuilder::new().with_config(config).build())
}

/// A failure of a running plan, in one line.
pub(crate) fn run_error(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    text.lines().next().unwrap_or_default().to_owned()
}
