//! Statements and tabular operators planned onto DataFusion, one family of operators a file.
//!
//! The plan is made on one of the engine's own threads, which may wait: `toscalar`, `materialize`, lists read from a table
//! and operators whose columns depend on the data run a part of the query first.

pub(crate) mod aggregates;
mod columns;
pub(crate) mod env;
mod evaluate;
mod expand;
mod external;
mod foreign;
mod join;
mod nested;
mod operators;
mod parse;
pub(crate) mod relation;
mod rows;
mod search;
mod series;
mod sources;
pub(crate) mod statements;
mod summarize;
mod union;

use super::Options;
use super::error::QueryError;
use super::session::{Session, run_error};
use super::table::Table;
use super::value::Value;
use crate::kql::ast::{Expr, Span};
use arrow::array::RecordBatch;
use datafusion::logical_expr::LogicalPlan;
use datafusion::scalar::ScalarValue;
use env::Env;
use relation::Relation;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use tokio::runtime::Handle;

pub(super) use columns::matches as fits_pattern;

/// The service reads at most this many values of a table given to `in`.
const MOST_VALUES: usize = 1_000_000;

/// What plans one query.
pub(crate) struct Planner<'a> {
    pub(crate) tables: &'a BTreeMap<String, Table>,
    pub(crate) options: &'a Options,
    session: &'a Session,
    handle: Handle,
    /// How deep the expression being translated is.
    pub(crate) depth: Cell<usize>,
    /// The operator being planned, for messages.
    pub(crate) operator: Cell<&'static str>,
    next: Cell<usize>,
    /// How many rows the tables read so far have.
    rows: Cell<usize>,
    /// Calls being expanded, so that a function that calls itself is refused.
    calls: Cell<usize>,
    /// Names given by `as`.
    aliases: RefCell<Vec<(String, Relation)>>,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(tables: &'a BTreeMap<String, Table>, options: &'a Options, session: &'a Session, handle: Handle) -> Self {
        Self {
            tables,
            options,
            session,
            handle,
            depth: Cell::new(0),
            operator: Cell::new(""),
            next: Cell::new(0),
            rows: Cell::new(0),
            calls: Cell::new(0),
            aliases: RefCell::default(),
        }
    }

    /// An id that no column of the query has yet.
    pub(crate) fn fresh(&self, name: &str) -> String {
        let number = self.next.get();
        self.next.set(number + 1);
        format!("{name}#{number}")
    }

    /// `now()`, in nanoseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        i64::try_from(self.options.now.as_nanosecond()).map_or(0, |nanos| nanos - nanos.rem_euclid(100))
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows.get()
    }

    fn saw_rows(&self, rows: usize) {
        self.rows.set(self.rows.get().saturating_add(rows));
    }

    /// Runs a plan while the query is still being planned.
    pub(crate) fn run_now(&self, plan: &LogicalPlan, span: Span) -> Result<Vec<RecordBatch>, QueryError> {
        let batches = self.handle.block_on(self.session.collect(plan, self.rows()));
        batches.map_err(|error| QueryError::runtime(run_error(&error), span))
    }

    /// The values of the first column of a table.
    pub(crate) fn first_column(&self, expr: &'a Expr, env: &Env<'a>) -> Result<Vec<Value>, QueryError> {
        let relation = self.tabular_aside(expr, env)?;
        let Some(slot) = relation.slots.first().cloned() else { return Ok(Vec::new()) };
        let only = vec![(slot.clone(), relation::column(&slot.id))];
        let distinct = relation.project(only, expr.span)?.with_plan(expr.span, |plan| plan.distinct()?.limit(0, Some(MOST_VALUES)))?;
        let mut values = Vec::new();
        for batch in self.run_now(&distinct.plan, expr.span)? {
            for row in 0..batch.num_rows() {
                let value = ScalarValue::try_from_array(batch.column(0), row);
                values.push(Value::constant(value.map_err(|error| QueryError::runtime(run_error(&error), expr.span))?, slot.kind));
            }
        }
        Ok(values)
    }

    /// The first column of the first row of a table; null where there is none.
    pub(crate) fn first_cell(&self, expr: &'a Expr, env: &Env<'a>) -> Result<Value, QueryError> {
        let relation = self.tabular_aside(expr, env)?;
        let Some(slot) = relation.slots.first().cloned() else { return Ok(Value::null(crate::kql::ast::TypeName::String)) };
        let first = relation.with_plan(expr.span, |plan| plan.limit(0, Some(1)))?;
        let index = first.plan.schema().fields().iter().position(|field| *field.name() == slot.id).unwrap_or(0);
        let batches = self.run_now(&first.plan, expr.span)?;
        let cell =
            batches.iter().find(|batch| batch.num_rows() > 0).and_then(|batch| ScalarValue::try_from_array(batch.column(index), 0).ok());
        Ok(cell.map_or_else(|| Value::null(slot.kind), |value| Value::constant(value, slot.kind)))
    }

    /// Plans a table inside an expression, whose own operator's name is kept for its messages.
    fn tabular_aside(&self, expr: &'a Expr, env: &Env<'a>) -> Result<Relation, QueryError> {
        let operator = self.operator.replace("");
        let relation = self.tabular(expr, env);
        if relation.is_ok() {
            self.operator.set(operator);
        }
        relation
    }

    /// The window that tables with a time column are cut to, in nanoseconds since 1970.
    fn window(&self) -> Option<(i64, i64)> {
        let window = self.options.window?;
        let nanos = |time: jiff::Timestamp| {
            i64::try_from(time.as_nanosecond()).unwrap_or(if time < jiff::Timestamp::UNIX_EPOCH { i64::MIN } else { i64::MAX })
        };
        Some((nanos(window.from), nanos(window.to)))
    }
}
