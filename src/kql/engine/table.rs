//! A table as the engine takes it.

use super::types::{Column, arrow_schema};
use crate::error::{Error, Kind, Result};
use crate::kql::ast::TypeName;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use std::sync::Arc;

/// A named table's columns and rows.
#[derive(Clone, Debug)]
pub struct Table {
    /// The columns in order.
    pub columns: Vec<Column>,
    /// The column that a window cuts, if there is one.
    pub time_column: Option<String>,
    /// The rows: arrays in the order of `columns`, of the types that [`super::arrow_type`] tells.
    pub data: Vec<RecordBatch>,
}

impl Table {
    /// Creates a table.
    pub fn new(columns: Vec<Column>, time_column: Option<String>, data: Vec<RecordBatch>) -> Self {
        Self { columns, time_column, data }
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
