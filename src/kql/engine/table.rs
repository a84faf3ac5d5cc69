//! A table as the engine takes it.

use super::types::{Column, arrow_schema};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

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
}
