//! Where plans run: threads of this engine's own with deep stacks, so that neither a wide query holds up the caller's
//! requests nor a deep one overflows a stack.

use crate::error::{Error, Kind};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{SendableRecordBatchStream, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::{SinkExt, StreamExt, channel::mpsc};
use std::{num::NonZeroUsize, path::PathBuf, sync::Arc};
use tokio::runtime::{Builder, Handle, Runtime};

/// Stack of a thread. Only what is used is taken from memory; plans of a thousand levels need some ten megabytes in a debug build.
const STACK: usize = 256 << 20;

/// Batches that may wait for a slow reader.
const AHEAD: usize = 2;

/// Tables below this size are read by one thread: starting more costs more than it gains, and rows stay in their order.
pub(crate) const PARALLEL_FROM: usize = 200_000;

/// Consumers of memory that an error names.
const SHOWN_CONSUMERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2);

/// Below this limit of memory batches are short.
const SMALL: usize = 256 << 20;

pub(crate) struct Session {
    runtime: Option<Runtime>,
    serial: SessionContext,
    parallel: SessionContext,
    /// Where memory is limited: what runs a plan anew whose joins did not fit.
    frugal: Option<SessionContext>,
}

/// How joins are run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joins {
    /// One side is held whole: the fastest.
    Hash,
    /// Both sides are sorted, which goes on in files.
    Merge,
}

/// How much a run may use of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory that plans may hold; beyond them sorts, groups and joins go on in files. None: as much as there is.
    pub memory: Option<usize>,
    /// Where such files are made; none: the system's temporary directory.
    pub spill: Option<PathBuf>,
}

impl Limits {
    fn runtime(&self) -> Result<Arc<RuntimeEnv>> {
        let mut builder = RuntimeEnvBuilder::new();
        if let Some(memory) = self.memory {
            let pool = FairSpillPool::new(memory);
            builder = builder.with_memory_pool(Arc::new(TrackConsumersPool::new(pool, SHOWN_CONSUMERS)));
        }
        if let Some(folder) = &self.spill {
            builder = builder.with_temp_file_path(folder);
        }
        builder.build_arc()
    }
}

impl Session {
    pub(crate) fn new(limits: &Limits) -> crate::error::Result<Self> {
        let cannot = |error: DataFusionError| Error::new(Kind::Failed, "cannot set up what runs queries").caused_by(error);
        let memory = limits.runtime().map_err(cannot)?;
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let runtime = Builder::new_multi_thread().worker_threads(threads).thread_name("kql").thread_stack_size(STACK).enable_all().build();
        let runtime = runtime.map_err(|error| Error::new(Kind::Failed, "cannot start the threads that run queries").caused_by(error))?;
        let of = |partitions, memory: &Arc<RuntimeEnv>, joins| context(partitions, limits, memory, joins);
        // A pool of its own: what the first run held is given back only after it has ended on every thread.
        let frugal = limits.memory.map(|_| limits.runtime().map(|memory| of(threads, &memory, Joins::Merge))).transpose();
        Ok(Self {
            runtime: Some(runtime),
            serial: of(1, &memory, Joins::Hash),
            parallel: of(threads, &memory, Joins::Hash),
            frugal: frugal.map_err(cannot)?,
        })
    }

    /// The engine's threads. They live as long as the session.
    pub(crate) fn handle(&self) -> Option<Handle> {
        self.runtime.as_ref().map(|runtime| runtime.handle().clone())
    }

    /// Starts a plan. Where memory is limited and its joins do not fit into it, it is run anew with such as go on in files.
    pub(crate) async fn stream(&self, plan: &LogicalPlan, rows: usize) -> Result<SendableRecordBatchStream> {
        let context = if rows >= PARALLEL_FROM { &self.parallel } else { &self.serial };
        let started = started(context, plan).await?;
        match &self.frugal {
            Some(frugal) if joins(plan) => first_or_anew(started, frugal, plan).await,
            _ => Ok(started),
        }
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

async fn started(context: &SessionContext, plan: &LogicalPlan) -> Result<SendableRecordBatchStream> {
    let physical = context.state().create_physical_plan(plan).await?;
    execute_stream(physical, context.task_ctx())
}

fn joins(plan: &LogicalPlan) -> bool {
    plan.exists(|node| Ok(matches!(node, LogicalPlan::Join(_)))).unwrap_or(false)
}

/// Waits for the first rows: a hash join has one side by then. Where it did not fit, nothing was handed on yet.
async fn first_or_anew(
    mut first: SendableRecordBatchStream,
    frugal: &SessionContext,
    plan: &LogicalPlan,
) -> Result<SendableRecordBatchStream> {
    let batch = first.next().await;
    if let Some(Err(error)) = &batch
        && is_exhausted(error)
    {
        drop(first);
        return started(frugal, plan).await;
    }
    let schema = first.schema();
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(batch).chain(first))))
}

fn is_exhausted(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}

fn context(partitions: usize, limits: &Limits, memory: &Arc<RuntimeEnv>, joins: Joins) -> SessionContext {
    let small = limits.memory.filter(|memory| *memory < SMALL);
    let batch = if small.is_some() { 1_024 } else { 8_192 };
    let mut config = SessionConfig::new().with_target_partitions(partitions).with_information_schema(false).with_batch_size(batch);
    let options = config.options_mut();
    if let Some(memory) = small {
        // What a sort sets aside for merging what it wrote to disk: as a rule 10 MB, of which a small limit has not enough.
        options.execution.sort_spill_reservation_bytes = memory / 16;
    }
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    options.optimizer.prefer_hash_join = joins == Joins::Hash;
    let state = SessionStateBuilder::new().with_config(config).with_runtime_env(Arc::clone(memory));
    SessionContext::new_with_state(state.build())
}

/// A failure of a running plan, in one line.
pub(crate) fn run_error(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A failure of a running plan, as an error for whoever asked.
pub(crate) fn worded(error: &DataFusionError) -> Error {
    if let DataFusionError::External(cause) = error.find_root()
        && let Some(own) = cause.downcast_ref::<Error>()
    {
        return own.again();
    }
    let message = run_error(error);
    let (code, advice) = if is_exhausted(error) {
        ("OutOfMemory", "give it more with --memory, or ask for less: a shorter window, fewer columns")
    } else {
        ("QueryFailed", "correct the query, or the file that it reads, and run it again")
    };
    Error::new(Kind::Query, message).with_code(code).hint(advice)
}
