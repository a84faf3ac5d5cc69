//! Rows into batches: only the columns that a query reads are taken out of them.

use super::{
    members::{self, Members},
    values,
};
use crate::{
    error::{Error, Kind, Result},
    kql::{ast::TypeName, engine::arrow_type},
};
use arrow::{
    array::{
        ArrayRef, BooleanBuilder, DurationNanosecondBuilder, Float64Builder, Int32Builder, Int64Builder, RecordBatch, RecordBatchOptions,
        StringBuilder, TimestampNanosecondBuilder,
    },
    datatypes::SchemaRef,
};
use serde::de::IgnoredAny;
use std::{borrow::Cow, collections::HashMap, sync::Arc};

/// Rows of a batch.
const ROWS: usize = 8_192;
/// Bytes of text of a batch, beyond which it is handed on with fewer rows.
const TEXT: usize = 16 << 20;

/// Gathers rows.
pub(super) struct Batches {
    schema: SchemaRef,
    at: HashMap<String, usize>,
    cells: Vec<Cells>,
    /// The number of the row in which a column was last seen.
    seen: Vec<usize>,
    rows: usize,
    bytes: usize,
}

impl Batches {
    /// Gathers columns: the key that each has in the rows, and its type. `schema` is that of the batches.
    pub(super) fn new(schema: SchemaRef, columns: &[(String, TypeName)]) -> Self {
        let at = columns.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).collect();
        let cells = columns.iter().map(|(_, kind)| Cells::new(*kind)).collect();
        Self { schema, at, cells, seen: vec![0; columns.len()], rows: 0, bytes: 0 }
    }

    /// Takes a row. True where the batch is full.
    pub(super) fn row(&mut self, row: &[u8]) -> Result<bool> {
        self.rows += 1;
        self.bytes += row.len();
        if !self.cells.is_empty() {
            members::read(row, self)?;
        }
        for (cells, seen) in self.cells.iter_mut().zip(&self.seen) {
            if *seen != self.rows {
                cells.put("null");
            }
        }
        Ok(self.rows >= ROWS || self.bytes >= TEXT)
    }

    /// Returns what was gathered, and begins anew.
    pub(super) fn batch(&mut self) -> Result<Option<RecordBatch>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let arrays = self.cells.iter_mut().map(Cells::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        (self.rows, self.bytes) = (0, 0);
        self.seen.fill(0);
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options);
        batch.map(Some).map_err(|error| Error::new(Kind::Failed, "gathering rows").caused_by(error))
    }

    fn put(&mut self, at: usize, raw: &str) {
        let (Some(cells), Some(seen)) = (self.cells.get_mut(at), self.seen.get_mut(at)) else { return };
        // Of a key that stands twice in a row, the first counts.
        if *seen != self.rows {
            *seen = self.rows;
            cells.put(raw);
        }
    }
}

/// The values of a column.
enum Cells {
    Bool(BooleanBuilder),
    Int(Int32Builder),
    Long(Int64Builder),
    Real(Float64Builder),
    Time(TimestampNanosecondBuilder),
    Span(DurationNanosecondBuilder),
    Text(StringBuilder),
    Decimal(StringBuilder),
    Guid(StringBuilder),
    Dynamic(StringBuilder),
}

impl Cells {
    fn new(kind: TypeName) -> Self {
        match kind {
            TypeName::Bool => Self::Bool(BooleanBuilder::new()),
            TypeName::Int => Self::Int(Int32Builder::new()),
            TypeName::Long => Self::Long(Int64Builder::new()),
            TypeName::Real => Self::Real(Float64Builder::new()),
            TypeName::Datetime => Self::Time(TimestampNanosecondBuilder::new().with_data_type(arrow_type(kind))),
            TypeName::Timespan => Self::Span(DurationNanosecondBuilder::new()),
            TypeName::String => Self::Text(StringBuilder::new()),
            TypeName::Decimal => Self::Decimal(StringBuilder::new()),
            TypeName::Guid => Self::Guid(StringBuilder::new()),
            TypeName::Dynamic => Self::Dynamic(StringBuilder::new()),
        }
    }

    /// Takes a value as it is written. The survey saw to it that it fits.
    fn put(&mut self, raw: &str) {
        match self {
            Self::Bool(cells) => cells.append_option(values::boolean(raw)),
            Self::Int(cells) => cells.append_option(values::int(raw)),
            Self::Long(cells) => cells.append_option(values::long(raw)),
            Self::Real(cells) => cells.append_option(values::real(raw)),
            Self::Time(cells) => cells.append_option(values::datetime(raw)),
            Self::Span(cells) => cells.append_option(values::timespan(raw)),
            Self::Decimal(cells) => cells.append_option(values::decimal(raw)),
            Self::Guid(cells) => cells.append_option(values::text(raw).filter(|text| !text.is_empty())),
            Self::Dynamic(cells) => cells.append_option(dynamic(raw)),
            // Kusto's strings are never null.
            Self::Text(cells) => cells.append_value(match raw {
                "null" => Cow::Borrowed(""),
                _ => values::text(raw).unwrap_or(Cow::Borrowed(raw)),
            }),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bool(cells) => Arc::new(cells.finish()),
            Self::Int(cells) => Arc::new(cells.finish()),
            Self::Long(cells) => Arc::new(cells.finish()),
            Self::Real(cells) => Arc::new(cells.finish()),
            Self::Time(cells) => Arc::new(cells.finish()),
            Self::Span(cells) => Arc::new(cells.finish()),
            Self::Text(cells) | Self::Decimal(cells) | Self::Guid(cells) | Self::Dynamic(cells) => Arc::new(cells.finish()),
        }
    }
}

/// A dynamic value as JSON text: nested ones as they are, and those that a service sent inside of a text.
fn dynamic(raw: &str) -> Option<Cow<'_, str>> {
    let Some(text) = values::text(raw) else { return Some(Cow::Borrowed(raw)).filter(|raw| raw != "null") };
    if text.is_empty() {
        return None;
    }
    let is_json = text.starts_with(['{', '[', '"']) && serde_json::from_str::<IgnoredAny>(&text).is_ok();
    Some(if is_json { text } else { Cow::Borrowed(raw) })
}

impl Members for Batches {
    fn place(&mut self, key: &str) -> Option<usize> {
        self.at.get(key).copied()
    }

    fn value(&mut self, at: usize, raw: &str) {
        self.put(at, raw);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kql::engine::{Column, arrow_schema};
    use arrow::array::AsArray;

    #[test]
    fn rows_become_columns() {
        let columns =
            [("D", TypeName::Dynamic), ("S", TypeName::String), ("L", TypeName::Long)].map(|(name, kind)| Column::new(name, kind));
        let keys: Vec<_> = columns.iter().map(|column| (column.name.clone(), column.kind)).collect();
        let mut batches = Batches::new(arrow_schema(&columns), &keys);
        for row in [r#"{"L":9223372036854775807,"D":{"a": 1},"S":12.50}"#, r#"{"D":"{\"b\":2}","x":[],"D":1}"#, r#"{"D":"plain","S":null}"#]
        {
            assert!(!batches.row(row.as_bytes()).unwrap());
        }
        let batch = batches.batch().unwrap().unwrap();
        let texts = |at: usize| batch.column(at).as_string::<i32>().iter().map(Option::unwrap_or_default).collect::<Vec<_>>();
        assert_eq!(texts(0), [r#"{"a": 1}"#, r#"{"b":2}"#, "\"plain\""]);
        assert_eq!(texts(1), ["12.50", "", ""]);
        assert_eq!(batch.column(2).null_count(), 2);
        assert!(batches.row(b"{").is_err() && batches.row(b"[1]").is_err());
    }
}
