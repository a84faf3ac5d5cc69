//! A table as the engine takes it.

use super::types::{Column, arrow_schema};
use crate::error::{Error, Kind, Result};
use crate::kql::ast::TypeName;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use std::sync::Arc;

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
}

impl Table {
    /// Creates a table of rows in memory.
    pub fn new(columns: Vec<Column>, time_column: Option<String>, data: Vec<RecordBatch>) -> Self {
        Self { columns, time_column, data, stored: Vec::new() }
    }

    /// Creates a table whose rows are read when a query runs.
    pub fn stored(columns: Vec<Column>, time_column: Option<String>, stored: Vec<Stored>) -> Self {
        Self { columns, time_column, data: Vec::new(), stored }
    }

    /// Returns the schema that the batches have.
    pub fn schema(&self) -> SchemaRef {
        arrow_schema(&self.columns)
    }

    /// The same table in the form that plans rely on: the schema's types, and no text null.
    pub(crate) fn checked(self, name: &str) -> Result<Self> {
        let schema = self.schema();
        let data = self.data.iter().map(|batch| {
            let arrays = batch.columns().iter().zip(&self.columns).map(|(array, column)| without_null_texts(array, column.kind)).collect();
            RecordBatch::try_new(schema.clone(), arrays)
        });
        let data = data.collect::<std::result::Result<Vec<_>, _>>();
        let data =
            data.map_err(|error| Error::new(Kind::Failed, format!("the rows of {name} do not have its columns")).caused_by(error))?;
        Ok(Self { data, ..self })
    }
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
