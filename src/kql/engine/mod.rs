//! Queries answered from tables of our own: the syntax tree planned onto Apache DataFusion with Kusto's semantics, not SQL's.
//!
//! For the simulated tenant and for hunting in what a case already holds. It does not read the network, and the disk only through
//! what its caller hands it ([`Stored`]) and for what does not fit into memory ([`Limits`]). The caller gets Arrow batches with the
//! Kusto type of every column; [`rows::Writer`] writes them as the services do.

mod aggregate;
mod clock;
mod error;
mod expr;
mod json;
mod matcher;
mod needles;
mod numbers;
mod plan;
pub mod rows;
mod scalar;
mod session;
pub mod support;
mod table;
mod types;
mod value;

pub use clock::{parse_datetime, parse_timespan};
pub use error::{QueryError, QueryErrorKind};
pub use session::Limits;
pub use table::{Made, Stored, Table};
pub use types::{Column, TYPE_KEY, arrow_field, arrow_schema, arrow_type, format_datetime, format_timespan, type_name, type_of_name};

use crate::kql::ast::Span;
use crate::time::Window;
use datafusion::physical_plan::SendableRecordBatchStream;
use plan::Planner;
use plan::relation::Relation;
use plan::statements::Outcome;
use session::{Session, run_error};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Words the failure of a running plan. What its caller's own reader said is handed back as it was.
pub fn run_failure(error: &datafusion::error::DataFusionError) -> crate::error::Error {
    session::worded(error)
}

/// Tells whether a table's name fits a pattern with `*`.
pub fn fits_pattern(pattern: &str, name: &str) -> bool {
    plan::fits_pattern(pattern, name)
}

/// Who fetches what `externaldata` names. The engine itself reads neither network nor disk.
pub trait External: Send + Sync {
    /// Returns the text at an address, or why it cannot be had.
    ///
    /// # Errors
    /// A message for the person who wrote the query.
    fn fetch(&self, address: &str) -> Result<String, String>;
}

/// What a run depends on besides the text.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// What `now()` is.
    pub now: jiff::Timestamp,
    /// Every table with a time column shows only the rows inside, as Graph's `Timespan` does.
    pub window: Option<Window>,
    /// `Timestamp` and `TimeGenerated` answer for each other where a table has only one of them.
    pub time_aliases: bool,
    /// A column answers to its name in another case, where no column has the very name and no other is as alike.
    pub any_case: bool,
    /// Where `externaldata` is read from; without it such queries are refused.
    pub external: Option<Arc<dyn External>>,
}

impl Options {
    /// Creates options without a window, aliases and external data.
    pub fn new(now: jiff::Timestamp) -> Self {
        Self { now, window: None, time_aliases: false, any_case: false, external: None }
    }

    /// Sets the window that every table with a time column is cut to.
    #[must_use]
    pub fn with_window(mut self, window: Window) -> Self {
        self.window = Some(window);
        self
    }

    /// Lets `Timestamp` and `TimeGenerated` answer for each other: many queries are written for Sentinel.
    #[must_use]
    pub fn with_time_aliases(mut self) -> Self {
        self.time_aliases = true;
        self
    }

    /// Lets columns answer to their names in another case: Sentinel and hunting do not write all of them alike.
    #[must_use]
    pub fn with_any_case(mut self) -> Self {
        self.any_case = true;
        self
    }

    /// Sets who fetches external data.
    #[must_use]
    pub fn with_external(mut self, external: Arc<dyn External>) -> Self {
        self.external = Some(external);
        self
    }
}

/// An answer: its columns, and its rows as they are made.
pub struct Answer {
    /// The columns in order.
    pub columns: Vec<Column>,
    /// The rows; each batch has one array a column, of the type [`arrow_type`] tells.
    pub stream: SendableRecordBatchStream,
}

/// Tables by name, and what it takes to answer queries over them. Clones share everything.
#[derive(Clone)]
pub struct Engine {
    tables: Arc<BTreeMap<String, Table>>,
    session: Arc<Session>,
}

/// A query ready to be run: its columns and its plan.
struct Planned {
    columns: Vec<Column>,
    plan: datafusion::logical_expr::LogicalPlan,
    rows: usize,
}

impl Engine {
    /// Creates an engine over `tables`; their names are case-sensitive.
    ///
    /// # Errors
    /// Where a table's batches do not have its columns, or no thread can be started.
    pub fn new(tables: BTreeMap<String, Table>) -> crate::error::Result<Self> {
        Self::with_limits(tables, &Limits::default())
    }

    /// Creates an engine over `tables` that keeps to `limits`.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn with_limits(tables: BTreeMap<String, Table>, limits: &Limits) -> crate::error::Result<Self> {
        let tables = tables.into_iter().map(|(name, table)| Ok((name.clone(), table.checked(&name)?)));
        let tables = tables.collect::<crate::error::Result<BTreeMap<_, _>>>()?;
        Ok(Self { tables: Arc::new(tables), session: Arc::new(Session::new(limits)?) })
    }

    /// Returns the names of the tables.
    pub fn table_names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// Runs a query. The columns are known at once, the rows follow in the stream, made on threads of the engine's own.
    ///
    /// # Errors
    /// What the service would answer with a 400: syntax, semantics, and what this engine does not know.
    pub async fn run(&self, text: &str, options: &Options) -> Result<Answer, QueryError> {
        self.answer(text, options).await.map_err(|error| error.placed_in(text))
    }

    async fn answer(&self, text: &str, options: &Options) -> Result<Answer, QueryError> {
        let stopped = || QueryError::runtime("the engine has stopped", Span::default());
        let handle = self.session.handle().ok_or_else(stopped)?;
        let (engine, text, options) = (self.clone(), text.to_owned(), options.clone());
        let own = handle.clone();
        let planned = handle.spawn_blocking(move || engine.planned(&text, &options, own)).await.map_err(|_| stopped())??;
        let session = self.session.clone();
        let Planned { columns, plan, rows } = planned;
        let started = handle.spawn(async move { session.stream(&plan, rows).await }).await.map_err(|_| stopped())?;
        let source = started.map_err(|error| QueryError::runtime(run_error(&error), Span::default()))?;
        let stream = Session::detach(&handle, source, arrow_schema(&columns));
        Ok(Answer { columns, stream })
    }

    /// Parses and plans, and drops the syntax tree, on a thread whose stack is deep enough for it.
    fn planned(&self, text: &str, options: &Options, handle: tokio::runtime::Handle) -> Result<Planned, QueryError> {
        let query = crate::kql::parse(text).map_err(|error| QueryError::syntax(&error.message, error.span))?;
        let planner = Planner::new(&self.tables, options, &self.session, handle);
        let relation = match planner.statements(&query.statements, plan::env::Env::default())? {
            Some(Outcome::Table(relation)) => relation,
            Some(Outcome::Scalar(value)) => planner.single(value)?,
            None => return Err(QueryError::semantic("The query has no tabular expression", Span::default())),
        };
        let relation = finished(relation)?;
        Ok(Planned { columns: relation.columns(), plan: relation.plan, rows: planner.rows() })
    }
}

/// The result's columns alone, its rows in their order.
fn finished(relation: Relation) -> Result<Relation, QueryError> {
    let span = Span::default();
    let order = relation.order.clone();
    let sorted = if order.is_empty() { relation } else { relation.with_plan(span, |plan| plan.sort(order))? };
    let columns = sorted.identity();
    Relation { order: Vec::new(), part: None, ..sorted }.project(columns, span)
}
