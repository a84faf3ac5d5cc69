//! Rows as the services write them: JSON objects cut from Arrow batches, column by column (apis.md 4.5).

use super::{Column, arrow_type, format_datetime, format_timespan};
use crate::error::{Error, Kind, Result};
use crate::kql::ast::TypeName;
use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::cast,
    datatypes::{DurationNanosecondType, Float64Type, Int32Type, Int64Type, TimestampNanosecondType},
    error::ArrowError,
};
use std::io::Write as _;

/// The choices that the services leave themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Booleans are `true` and `false`, not 1 and 0.
    pub booleans: bool,
    /// Dynamic values are nested, not JSON inside of a text.
    pub nested_dynamic: bool,
}

/// Returns the name that the services give a type.
fn service_type(kind: TypeName) -> &'static str {
    match kind {
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

/// Returns the type that a service's name of one means, in any spelling; none where it is none that is known.
pub fn type_of_service(name: &str) -> Option<TypeName> {
    let name = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    Some(match name.as_str() {
        "sbyte" | "boolean" | "bool" => TypeName::Bool,
        "int32" | "int" => TypeName::Int,
        "int64" | "long" => TypeName::Long,
        "double" | "real" => TypeName::Real,
        "sqldecimal" | "decimal" => TypeName::Decimal,
        "string" => TypeName::String,
        "datetime" => TypeName::Datetime,
        "timespan" => TypeName::Timespan,
        "guid" => TypeName::Guid,
        "object" | "dynamic" => TypeName::Dynamic,
        _ => return None,
    })
}

/// Returns the name that a writer of this form gives a type in the schema.
pub fn written_type(kind: TypeName, form: Form) -> &'static str {
    if kind == TypeName::Bool && form.booleans { "Boolean" } else { service_type(kind) }
}

/// Returns a text as JSON.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Writes rows of one answer.
pub struct Writer {
    columns: Vec<(TypeName, Vec<u8>)>,
    form: Form,
}

impl Writer {
    /// Creates a writer for rows of these columns.
    pub fn new(columns: &[Column], form: Form) -> Self {
        let named = columns.iter().map(|column| (column.kind, format!("{}:", quoted(&column.name)).into_bytes()));
        Self { columns: named.collect(), form }
    }

    /// Hands a batch's rows on, each the bytes of a JSON object.
    ///
    /// # Errors
    /// Those of `take`. Also where the batch does not have the writer's columns.
    pub fn write(&self, batch: &RecordBatch, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let cells = batch.columns().iter().zip(&self.columns).map(|(array, (kind, _))| Cells::new(array, *kind, self.form));
        let cells = cells.collect::<Result<Vec<_>, _>>();
        let cells = cells.map_err(|error| Error::new(Kind::Failed, "the rows do not have the answer's columns").caused_by(error))?;
        let mut text = Vec::new();
        for row in 0..batch.num_rows() {
            text.clear();
            self.row(&cells, row, &mut text);
            take(&text)?;
        }
        Ok(())
    }

    fn row(&self, cells: &[Cells], row: usize, out: &mut Vec<u8>) {
        out.push(b'{');
        for (number, ((_, name), cells)) in self.columns.iter().zip(cells).enumerate() {
            if number > 0 {
                out.push(b',');
            }
            out.extend_from_slice(name);
            cells.write(row, out);
        }
        out.push(b'}');
    }
}

/// A column of a batch.
pub(crate) struct Cells {
    array: ArrayRef,
    kind: TypeName,
    form: Form,
}

impl Cells {
    pub(crate) fn new(array: &ArrayRef, kind: TypeName, form: Form) -> Result<Self, ArrowError> {
        let wanted = arrow_type(kind);
        let array = if *array.data_type() == wanted { ArrayRef::clone(array) } else { cast(array, &wanted)? };
        Ok(Self { array, kind, form })
    }

    pub(crate) fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.array.is_null(row) {
            out.extend_from_slice(b"null");
            return;
        }
        let array = &self.array;
        match self.kind {
            TypeName::Bool => out.extend_from_slice(self.boolean(array.as_boolean().value(row))),
            TypeName::Int => number(out, array.as_primitive::<Int32Type>().value(row).into()),
            TypeName::Long => number(out, array.as_primitive::<Int64Type>().value(row)),
            TypeName::Real => real(out, array.as_primitive::<Float64Type>().value(row)),
            TypeName::Datetime => quote(out, &format_datetime(array.as_primitive::<TimestampNanosecondType>().value(row))),
            TypeName::Timespan => quote(out, &format_timespan(array.as_primitive::<DurationNanosecondType>().value(row))),
            TypeName::Dynamic if self.form.nested_dynamic => nested(out, array.as_string::<i32>().value(row)),
            TypeName::String | TypeName::Guid | TypeName::Decimal | TypeName::Dynamic => text(out, array.as_string::<i32>().value(row)),
        }
    }

    fn boolean(&self, value: bool) -> &'static [u8] {
        match (self.form.booleans, value) {
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
    // A row is one line: what has breaks between its tokens is written anew.
    if serde_json::from_str::<serde::de::IgnoredAny>(value).is_err() {
        text(out, value);
    } else if value.contains(['\n', '\r']) {
        out.extend(value.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')));
    } else {
        out.extend_from_slice(value.trim().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kql::engine::arrow_schema;
    use arrow::array::{BooleanArray, StringArray};
    use std::sync::Arc;

    #[test]
    fn a_row_is_one_line_in_either_form() {
        let columns = [Column::new("On", TypeName::Bool), Column::new("D", TypeName::Dynamic)];
        let arrays: Vec<ArrayRef> = vec![Arc::new(BooleanArray::from(vec![true])), Arc::new(StringArray::from(vec!["{\r\n \"a\": 1 }"]))];
        let batch = RecordBatch::try_new(arrow_schema(&columns), arrays).unwrap();
        let written = |form: Form| {
            let mut text = String::new();
            let taken = Writer::new(&columns, form).write(&batch, &mut |row| {
                text.push_str(std::str::from_utf8(row).unwrap());
                Ok(())
            });
            taken.map(|()| text).unwrap()
        };
        assert_eq!(written(Form::default()), r#"{"On":1,"D":"{\r\n \"a\": 1 }"}"#);
        assert_eq!(written(Form { booleans: true, nested_dynamic: true }), r#"{"On":true,"D":{ "a": 1 }}"#);
    }
}
