//! Rows as the services write them: JSON objects cut from Arrow batches, column by column (apis.md 4.3, 4.5).

use crate::kql::{
    ast::TypeName,
    engine::{Column, arrow_type, format_datetime, format_timespan},
};
use crate::lab::options::Shape;
use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::cast,
    datatypes::{DurationNanosecondType, Float64Type, Int32Type, Int64Type, TimestampNanosecondType},
    error::ArrowError,
};
use std::io::Write as _;

/// Members that no schema names, for clients that must keep rows byte for byte: raw U+2028 and U+0085, a lone surrogate,
/// numbers no double holds.
const ODDITIES: &str = "\"x-text\":\"\u{2028}\u{85}\u{7f}\\ud83d \\u00e9\\/\",\"x-long\":9007199254740993,\
                        \"x-number\":12345678901234567890123,\"x-tiny\":-0.0e-7,\"x-null\":null,\"x-nested\":{\"]\":[\"}\",{}]}";

/// The type's name in the schema.
pub(super) fn schema_type(kind: TypeName, shape: Shape) -> &'static str {
    match kind {
        TypeName::Bool if shape.booleans => "Boolean",
        TypeName::Bool => "SByte",
        TypeName::Int => "Int32",
        TypeName::Long => "Int64",
        TypeName::Real => "Double",
        TypeName::Decimal => "SqlDecimal",
        TypeName::String => "String",
        TypeName::Datetime => "DateTime",
        TypeName::Timespan => "TimeSpan",
        TypeName::Guid => "Guid",
        TypeName::Dynamic => "Object",
    }
}

/// Writes rows of one answer.
pub(super) struct Writer {
    columns: Vec<(TypeName, Vec<u8>)>,
    shape: Shape,
    wrote: bool,
}

impl Writer {
    /// Creates a writer for rows of these columns.
    pub(super) fn new(columns: &[Column], shape: Shape) -> Self {
        let named = columns.iter().map(|column| (column.kind, member(column, shape))).collect();
        Self { columns: named, shape, wrote: false }
    }

    /// Appends a batch's rows, with the comma before each but the answer's first.
    pub(super) fn write(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let kinds = self.columns.iter().map(|(kind, _)| *kind);
        let arrays: Vec<ArrayRef> = batch.columns().iter().zip(kinds).map(|(array, kind)| typed(array, kind)).collect::<Result<_, _>>()?;
        let cells: Vec<Cells<'_>> =
            arrays.iter().zip(&self.columns).map(|(array, (kind, _))| Cells::new(array, *kind, self.shape)).collect();
        for row in 0..batch.num_rows() {
            if std::mem::replace(&mut self.wrote, true) {
                out.push(b',');
            }
            self.row(&cells, row, out);
        }
        Ok(())
    }

    fn row(&self, cells: &[Cells<'_>], row: usize, out: &mut Vec<u8>) {
        out.push(b'{');
        if self.shape.annotations {
            out.extend_from_slice(br#""@odata.type":"#);
            out.extend_from_slice(br##""#microsoft.graph.security.huntingRowResult","##);
        }
        for (number, ((_, name), cells)) in self.columns.iter().zip(cells).enumerate() {
            if number > 0 {
                out.push(b',');
            }
            out.extend_from_slice(name);
            cells.write(row, out);
        }
        if self.shape.oddities {
            out.push(b',');
            out.extend_from_slice(ODDITIES.as_bytes());
        }
        out.extend_from_slice(if self.shape.indented { b"\r\n    }" } else { b"}" });
    }
}

/// What stands before a value: its name, and its annotation where JSON cannot tell the type.
fn member(column: &Column, shape: Shape) -> Vec<u8> {
    let annotated = match column.kind {
        TypeName::Long => Some("#Int64"),
        TypeName::Datetime => Some("#DateTimeOffset"),
        TypeName::Guid => Some("#Guid"),
        TypeName::Timespan => Some("#Duration"),
        _ => None,
    };
    let (line, colon) = if shape.indented { ("\r\n      ", ": ") } else { ("", ":") };
    let annotation = annotated.filter(|_| shape.annotations).map(|kind| {
        let name = quoted(&format!("{}@odata.type", column.name));
        format!("{line}{name}{colon}\"{kind}\",")
    });
    format!("{}{line}{}{colon}", annotation.unwrap_or_default(), quoted(&column.name)).into_bytes()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn typed(array: &ArrayRef, kind: TypeName) -> Result<ArrayRef, ArrowError> {
    let wanted = arrow_type(kind);
    if *array.data_type() == wanted { Ok(ArrayRef::clone(array)) } else { cast(array, &wanted) }
}

/// A column of a batch.
struct Cells<'a> {
    array: &'a ArrayRef,
    kind: TypeName,
    shape: Shape,
}

impl<'a> Cells<'a> {
    fn new(array: &'a ArrayRef, kind: TypeName, shape: Shape) -> Self {
        Self { array, kind, shape }
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.array.is_null(row) {
            out.extend_from_slice(b"null");
            return;
        }
        let array = self.array;
        match self.kind {
            TypeName::Bool => out.extend_from_slice(self.boolean(array.as_boolean().value(row))),
            TypeName::Int => number(out, array.as_primitive::<Int32Type>().value(row).into()),
            TypeName::Long => number(out, array.as_primitive::<Int64Type>().value(row)),
            TypeName::Real => real(out, array.as_primitive::<Float64Type>().value(row)),
            TypeName::Datetime => quote(out, &format_datetime(array.as_primitive::<TimestampNanosecondType>().value(row))),
            TypeName::Timespan => quote(out, &format_timespan(array.as_primitive::<DurationNanosecondType>().value(row))),
            TypeName::Dynamic if self.shape.nested_dynamic => nested(out, array.as_string::<i32>().value(row)),
            TypeName::String | TypeName::Guid | TypeName::Decimal | TypeName::Dynamic => text(out, array.as_string::<i32>().value(row)),
        }
    }

    fn boolean(&self, value: bool) -> &'static [u8] {
        match (self.shape.booleans, value) {
            (true, true) => b"true",
            (true, false) => b"false",
            (false, true) => b"1",
            (false, false) => b"0",
        }
    }
}

/// Writing to memory does not fail.
fn certain<E>(_written: Result<(), E>) {}

fn number(out: &mut Vec<u8>, value: i64) {
    certain(write!(out, "{value}"));
}

/// What JSON has no number for is text (apis.md 4.5).
fn real(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        quote(out, "NaN");
    } else if value.is_infinite() {
        quote(out, if value > 0.0 { "Infinity" } else { "-Infinity" });
    } else {
        certain(serde_json::to_writer(out, &value));
    }
}

/// For what needs no escape.
fn quote(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
}

fn text(out: &mut Vec<u8>, value: &str) {
    certain(serde_json::to_writer(out, value));
}

fn nested(out: &mut Vec<u8>, value: &str) {
    if serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok() {
        out.extend_from_slice(value.trim().as_bytes());
    } else {
        text(out, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{BooleanArray, Float64Array, Int64Array, StringArray, TimestampNanosecondArray};
    use std::sync::Arc;

    fn written(shape: Shape) -> String {
        let columns = [
            Column::new("Timestamp", TypeName::Datetime),
            Column::new("Id", TypeName::Long),
            Column::new("On", TypeName::Bool),
            Column::new("R\"", TypeName::Real),
            Column::new("D", TypeName::Dynamic),
        ];
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(TimestampNanosecondArray::from(vec![Some(100), None]).with_timezone("UTC")),
            Arc::new(Int64Array::from(vec![i64::MAX, -1])),
            Arc::new(BooleanArray::from(vec![true, false])),
            Arc::new(Float64Array::from(vec![1.5, f64::NAN])),
            Arc::new(StringArray::from(vec![r#"{"a":1e400}"#, "no json\u{2028}"])),
        ];
        let batch = RecordBatch::try_new(crate::kql::engine::arrow_schema(&columns), arrays).unwrap();
        let mut out = Vec::new();
        Writer::new(&columns, shape).write(&batch, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_written_as_the_service_writes_them() {
        let plain = written(Shape::default());
        assert!(
            plain.starts_with(
                r#"{"Timestamp":"1970-01-01T00:00:00.0000001Z","Id":9223372036854775807,"On":1,"R\"":1.5,"D":"{\"a\":1e400}"},"#
            )
        );
        assert!(plain.ends_with("{\"Timestamp\":null,\"Id\":-1,\"On\":0,\"R\\\"\":\"NaN\",\"D\":\"no json\u{2028}\"}"));
    }

    #[test]
    fn shapes_change_the_words_not_the_values() {
        let shape = Shape { annotations: true, booleans: true, nested_dynamic: true, ..Shape::default() };
        let rows = written(shape);
        assert!(rows.contains(r##""@odata.type":"#microsoft.graph.security.huntingRowResult","Timestamp@odata.type":"#DateTimeOffset","##));
        assert!(rows.contains(r#""On":true"#) && rows.contains(r#""D":{"a":1e400}"#));
    }
}
