//! Files of JSON rows as a part of a table: surveyed, then read piece by piece while a query runs, never held.

use super::{
    Documented, Part, Source,
    decode::Batches,
    place,
    rows::{self, Piece},
    survey::{self, Survey, Times, own},
    time_range, unreadable,
};
use crate::{
    error::{Error, Result},
    kql::{
        ast::TypeName,
        engine::{self, Column, Stored, arrow_schema},
    },
};
use async_trait::async_trait;
use datafusion::{
    arrow::{
        array::RecordBatch,
        datatypes::{Field, Schema, SchemaRef},
    },
    catalog::{Session, TableProvider},
    error::{DataFusionError, Result as PlanResult},
    execution::TaskContext,
    logical_expr::{Expr, TableProviderFilterPushDown, TableType},
    physical_plan::{
        ExecutionPlan, SendableRecordBatchStream,
        stream::RecordBatchReceiverStreamBuilder,
        streaming::{PartitionStream, StreamingTableExec},
    },
};
use std::{fs, ops::ControlFlow, sync::Arc};
use tokio::sync::mpsc::Sender;

/// Batches that may wait for a slow reader.
const AHEAD: usize = 2;

/// Surveys files of JSON rows.
pub(super) fn part(sources: &[Source], documented: &Documented) -> Result<Part> {
    let pieces = pieces(sources)?;
    let (survey, times) = survey::survey(&pieces, documented)?;
    let columns = columns(&survey, documented);
    let present = columns.iter().filter(|known| known.key.is_some()).map(|known| known.column.name.clone()).collect();
    let pieces = pieces.into_iter().zip(times).collect();
    let time = place::time_column(&columns.iter().map(|known| known.column.clone()).collect::<Vec<_>>(), documented.info);
    let form = engine::rows::Form { booleans: survey.booleans, nested_dynamic: survey.nested };
    let all = columns.iter().map(|known| known.column.clone()).collect();
    let provider = Arc::new(Lines::new(columns, pieces, time));
    Ok(Part { columns: all, present, stored: Stored { provider, rows: survey.rows }, times: survey.times, form })
}

fn pieces(sources: &[Source]) -> Result<Vec<Piece>> {
    let of = |source: &Source| {
        let length = fs::metadata(&source.path).map_err(|error| unreadable(&source.path, &error.to_string()))?.len();
        Ok(rows::pieces(&source.path, &source.form, length))
    };
    Ok(sources.iter().map(of).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// A column and the key that it has in the rows, where it has one.
#[derive(Clone, Debug)]
struct Known {
    column: Column,
    key: Option<String>,
}

/// The documented columns in their order, then those that the rows have besides.
fn columns(survey: &Survey, documented: &Documented) -> Vec<Known> {
    let is_documented = |name: &str| documented.columns().any(|(column, _)| column == name);
    let found = |name: &str| {
        let exact = survey.keys.iter().find(|key| key.name == name);
        exact.or_else(|| survey.keys.iter().find(|key| key.name.eq_ignore_ascii_case(name) && !is_documented(&key.name)))
    };
    let mut columns: Vec<Known> = Vec::new();
    for (name, kind) in documented.columns() {
        let key = found(name);
        let kind = key.map_or(kind, |key| key.guess.kind());
        columns.push(Known { column: Column::new(name, kind), key: key.map(|key| key.name.clone()) });
    }
    for key in &survey.keys {
        if !columns.iter().any(|known| known.key.as_ref() == Some(&key.name)) {
            columns.push(Known { column: Column::new(&key.name, key.guess.kind()), key: Some(key.name.clone()) });
        }
    }
    columns
}

/// Reads rows of JSON for a plan.
#[derive(Debug)]
struct Lines {
    schema: SchemaRef,
    columns: Vec<Known>,
    pieces: Vec<(Piece, Times)>,
    time: Option<String>,
}

impl Lines {
    fn new(columns: Vec<Known>, pieces: Vec<(Piece, Times)>, time: Option<String>) -> Self {
        let schema = arrow_schema(&columns.iter().map(|known| known.column.clone()).collect::<Vec<_>>());
        let never_null = |field: &Arc<Field>, known: &Known| match known.column.kind {
            TypeName::String => Arc::new(field.as_ref().clone().with_nullable(false)),
            _ => Arc::clone(field),
        };
        let fields: Vec<Arc<Field>> = schema.fields().iter().zip(&columns).map(|(field, known)| never_null(field, known)).collect();
        Self { schema: Arc::new(Schema::new(fields)), columns, pieces, time }
    }

    /// The pieces that may have rows that pass the filters, in so many shares.
    fn shares(&self, filters: &[Expr], shares: usize) -> Vec<Vec<Piece>> {
        let range = self.time.as_deref().map(|time| time_range::of(filters, time)).unwrap_or_default();
        let wanted = self.pieces.iter().filter(|(_, times)| times.is_none_or(|times| range.meets(times))).map(|(piece, _)| piece);
        let wanted: Vec<&Piece> = wanted.collect();
        let each = wanted.len().div_ceil(shares.max(1)).max(1);
        let mut parts: Vec<Vec<Piece>> = wanted.chunks(each).map(|chunk| chunk.iter().map(|piece| (*piece).clone()).collect()).collect();
        if parts.is_empty() {
            parts.push(Vec::new());
        }
        parts
    }
}

#[async_trait]
impl TableProvider for Lines {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> PlanResult<Vec<TableProviderFilterPushDown>> {
        let of_time = |filter: &Expr| self.time.as_deref().is_some_and(|time| time_range::is_about(filter, time));
        let helps = |filter: &&Expr| {
            if of_time(filter) { TableProviderFilterPushDown::Inexact } else { TableProviderFilterPushDown::Unsupported }
        };
        Ok(filters.iter().map(helps).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let wanted = projection.unwrap_or(&all);
        let schema = Arc::new(self.schema.project(wanted)?);
        let columns: Vec<(String, TypeName)> = wanted.iter().filter_map(|at| self.columns.get(*at)).map(keyed).collect();
        let shares = self.shares(filters, state.config().target_partitions());
        let streams = shares.into_iter().map(|pieces| {
            let share = Share { schema: Arc::clone(&schema), columns: columns.clone(), pieces };
            Arc::new(share) as Arc<dyn PartitionStream>
        });
        Ok(Arc::new(StreamingTableExec::try_new(Arc::clone(&schema), streams.collect(), None, Vec::new(), false, limit)?))
    }
}

/// A column that no row has is looked for under a key that no row can have.
fn keyed(known: &Known) -> (String, TypeName) {
    (known.key.clone().unwrap_or_else(|| "@".to_owned()), known.column.kind)
}

/// The pieces that one thread reads, in their order.
#[derive(Debug)]
struct Share {
    schema: SchemaRef,
    columns: Vec<(String, TypeName)>,
    pieces: Vec<Piece>,
}

impl PartitionStream for Share {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), AHEAD);
        let (sender, pieces) = (builder.tx(), self.pieces.clone());
        let mut batches = Batches::new(Arc::clone(&self.schema), &self.columns);
        builder.spawn_blocking(move || {
            for piece in &pieces {
                if read(piece, &mut batches, &sender).map_err(external)?.is_break() {
                    return Ok(());
                }
            }
            drop(batches.batch().map_err(external)?.map(|batch| sender.blocking_send(Ok(batch))));
            Ok(())
        });
        builder.build()
    }
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Hands the rows of a piece on; whoever has had enough ends it.
fn read(piece: &Piece, batches: &mut Batches, sender: &Sender<PlanResult<RecordBatch>>) -> Result<ControlFlow<()>> {
    let mut flow = ControlFlow::Continue(());
    piece.each(&mut |row| {
        let Some(row) = own(&piece.form, row)? else { return Ok(ControlFlow::Continue(())) };
        if batches.row(row)?
            && let Some(batch) = batches.batch()?
            && sender.blocking_send(Ok(batch)).is_err()
        {
            flow = ControlFlow::Break(());
        }
        Ok(flow)
    })?;
    Ok(flow)
}
