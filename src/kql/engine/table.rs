//! A table as the engine takes it.

use super::types::{Column, arrow_schema};
use crate::error::{Error, Kind, Result};
use crate::kql::ast::TypeName;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use datafusion::catalog::TableProvider;
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Rows that are made when they are first asked for, and kept.
#[derive(Clone)]
pub struct Made(Arc<Making>);

struct Making {
    make: Box<dyn Fn() -> Vec<RecordBatch> + Send + Sync>,
    rows: OnceLock<Vec<RecordBatch>>,
}

impl Made {
    /// Creates them of what makes them.
    pub fn new(make: impl Fn() -> Vec<RecordBatch> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Making { make: Box::new(make), rows: OnceLock::new() }))
    }

    fn rows(&self) -> &[RecordBatch] {
        self.0.rows.get_or_init(&self.0.make)
    }
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.rows.get().is_some() { "Made(made)" } else { "Made(not yet)" })
    }
}

/// Rows that lie elsewhere and are read when a query runs: a provider whose columns are found by their names, in types that can be
/// cast to those of [`super::arrow_type`].
#[derive(Clone, Debug)]
pub struct Stored {
    /// Reads them.
    pub provider: Arc<dyn TableProvider>,
    /// About how many they are.
    pub rows: usize,
}

/// A named table's columns and rows.
#[derive(Clone, Debug)]
pub struct Table {
    /// The columns in order.
    pub columns: Vec<Column>,
    /// The column that a window cuts, if there is one.
    pub time_column: Option<String>,
    /// The rows: arrays in the order of `columns`, of the types that [`super::arrow_type`] tells.
    pub data: Vec<RecordBatch>,
    /// Where more rows are read from.
    pub stored: Vec<Stored>,
    /// More rows, made when they are first asked for.
    pub made: Option<Made>,
}

impl Table {
    /// Creates a table of rows in memory.
    pub fn new(columns: Vec<Column>, time_column: Option<String>, data: Vec<RecordBatch>) -> Self {
        Self { columns, time_column, data, stored: Vec::new(), made: None }
    }

    /// Creates a table whose rows are read when a query runs.
    pub fn stored(columns: Vec<Column>, time_column: Option<String>, stored: Vec<Stored>) -> Self {
        Self { columns, time_column, data: Vec::new(), stored, made: None }
    }

    /// Creates a table whose rows are made when they are first asked for.
    pub fn made(columns: Vec<Column>, time_column: Option<String>, made: Made) -> Self {
        Self { columns, time_column, data: Vec::new(), stored: Vec::new(), made: Some(made) }
    }

    /// Returns the rows that are or can be had in memory.
    pub fn rows(&self) -> Cow<'_, [RecordBatch]> {
        match &self.made {
            None => Cow::Borrowed(&self.data),
            Some(made) if self.data.is_empty() => Cow::Borrowed(made.rows()),
            Some(made) => Cow::Owned([&self.data, made.rows()].concat()),
        }
    }

    /// Returns the schema that the batches have.
    pub fn schema(&self) -> SchemaRef {
        arrow_schema(&self.columns)
    }

    /// The same table in the form that plans rely on: the schema's types, and no text null.
    pub(crate) fn checked(self, name: &str) -> Result<Self> {
        let failed = |error: ArrowError| Error::new(Kind::Failed, format!("the rows of {name} do not have its columns")).caused_by(error);
        let data = checked(&self.data, &self.columns).map_err(failed)?;
        let made = self.made.map(|made| {
            let columns = self.columns.clone();
            // What makes rows is this program's own, and makes them of the table's columns.
            Made::new(move || checked(made.rows(), &columns).unwrap_or_default())
        });
        Ok(Self { data, made, ..self })
    }
}

fn checked(batches: &[RecordBatch], columns: &[Column]) -> std::result::Result<Vec<RecordBatch>, ArrowError> {
    let schema = arrow_schema(columns);
    let one = |batch: &RecordBatch| {
        let arrays = batch.columns().iter().zip(columns).map(|(array, column)| without_null_texts(array, column.kind)).collect();
        RecordBatch::try_new(SchemaRef::clone(&schema), arrays)
    };
    batches.iter().map(one).collect()
}

/// Kusto's strings are never null: what is missing is the empty text.
fn without_null_texts(array: &ArrayRef, kind: TypeName) -> ArrayRef {
    match array.as_string_opt::<i32>() {
        Some(texts) if kind == TypeName::String && texts.null_count() > 0 => {
            Arc::new(texts.iter().map(|text| Some(text.unwrap_or_default())).collect::<StringArray>())
        }
        _ => array.clone(),
    }
}
