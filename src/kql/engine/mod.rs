//! Queries answered from tables of our own: the syntax tree planned onto Apache DataFusion with Kusto's semantics, not SQL's.
//!
//! For the simulated tenant and for hunting in what a case already holds. It does not read the network or the disk, and it
//! does not serialise: the caller gets Arrow batches with the Kusto type of every column.

mod aggregate;
mod clock;
mod error;
mod expr;
mod json;
mod matcher;
mod numbers;
mod plan;
mod scalar;
mod session;
mod table;
mod types;
mod value;

pub use error::{QueryError, QueryErrorKind};
pub use table::Table;
pub use types::{Column, TYPE_KEY, arrow_schema, arrow_type, format_datetime, format_timespan, type_name};

use crate::time::Window;
use datafusion::physical_plan::SendableRecordBatchStream;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a run depends on besides the text.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// What `now()` is.
    pub now: jiff::Timestamp,
    /// Every table with a time column shows only the rows inside, as Graph's `Timespan` does.
    pub window: Option<Window>,
}

impl Options {
    /// Creates options without a window.
    pub fn new(now: jiff::Timestamp) -> Self {
        Self { now, window: None }
    }

    /// Sets the window that every table with a time column is cut to.
    #[must_use]
    pub fn with_window(mut self, window: Window) -> Self {
        self.window = Some(window);
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
}

impl Engine {
    /// Creates an engine over `tables`; their names are case-sensitive.
    ///
    /// # Errors
    /// Where a table's batches do not have its columns, or no thread can be started.
    pub fn new(tables: BTreeMap<String, Table>) -> crate::error::Result<Self> {
        Ok(Self { tables: Arc::new(tables) })
    }

    /// Returns the names of the tables.
    pub fn table_names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// Runs a query. The columns are known at once, the rows follow in the stream.
    ///
    /// # Errors
    /// What the service would answer with a 400: syntax, semantics, and what this engine does not know.
    pub async fn run(&self, text: &str, options: &Options) -> Result<Answer, QueryError> {
        let _ = (text, options);
        Err(QueryError::unsupported("queries", crate::kql::ast::Span::default()))
    }
}
