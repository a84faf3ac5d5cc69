//! Rows as the services write them: JSON objects cut from Arrow batches, column by column (apis.md 4.3, 4.5).

use crate::kql::{
    ast::TypeName,
    engine::{
        Column,
        rows::{Cells, Form, quoted, written_type},
    },
};
use crate::lab::options::Shape;
use arrow::{array::RecordBatch, error::ArrowError};

/// Members that no schema names, for clients that must keep rows byte for byte: raw U+2028 and U+0085, a lone surrogate,
/// numbers no double holds.
const ODDITIES: &str = "\"x-text\":\"\u{2028}\u{85}\u{7f}\\ud83d \\u00e9\\/\",\"x-long\":9007199254740993,\
                        \"x-number\":12345678901234567890123,\"x-tiny\":-0.0e-7,\"x-null\":null,\"x-nested\":{\"]\":[\"}\",{}]}";

/// The type's name in the schema.
pub(super) fn schema_type(kind: TypeName, shape: Shape) -> &'static str {
    written_type(kind, form(shape))
}

fn form(shape: Shape) -> Form {
    Form { booleans: shape.booleans, nested_dynamic: shape.nested_dynamic }
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
        let form = form(self.shape);
        let cells = batch.columns().iter().zip(&self.columns).map(|(array, (kind, _))| Cells::new(array, *kind, form));
        let cells = cells.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            if std::mem::replace(&mut self.wrote, true) {
                out.push(b',');
            }
            self.row(&cells, row, out);
        }
        Ok(())
    }

    fn row(&self, cells: &[Cells], row: usize, out: &mut Vec<u8>) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampNanosecondArray};
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
