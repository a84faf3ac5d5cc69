//! Kusto's scalar types as Arrow types, and how datetimes and timespans are written.

use crate::kql::ast::TypeName;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::collections::HashMap;
use std::sync::Arc;

/// The key of a field's metadata that holds the name of its Kusto type.
pub const TYPE_KEY: &str = "kql";

/// A column: its name and its Kusto type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name, case-sensitive.
    pub name: String,
    /// The type.
    pub kind: TypeName,
}

impl Column {
    /// Creates a column.
    pub fn new(name: impl Into<String>, kind: TypeName) -> Self {
        Self { name: name.into(), kind }
    }
}

/// Returns the Arrow type that values of a Kusto type have: text for string, guid, decimal and dynamic (JSON text),
/// UTC nanoseconds for datetime, nanoseconds for timespan.
pub fn arrow_type(kind: TypeName) -> DataType {
    match kind {
        TypeName::Bool => DataType::Boolean,
        TypeName::Int => DataType::Int32,
        TypeName::Long => DataType::Int64,
        TypeName::Real => DataType::Float64,
        TypeName::Datetime => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        TypeName::Timespan => DataType::Duration(TimeUnit::Nanosecond),
        TypeName::String | TypeName::Guid | TypeName::Decimal | TypeName::Dynamic => DataType::Utf8,
    }
}

/// Returns the name of a Kusto type as the language writes it.
pub fn type_name(kind: TypeName) -> &'static str {
    match kind {
        TypeName::Bool => "bool",
        TypeName::Int => "int",
        TypeName::Long => "long",
        TypeName::Real => "real",
        TypeName::Decimal => "decimal",
        TypeName::String => "string",
        TypeName::Datetime => "datetime",
        TypeName::Timespan => "timespan",
        TypeName::Guid => "guid",
        TypeName::Dynamic => "dynamic",
    }
}

/// Returns the Kusto type of a name, as [`type_name`] gives it.
pub fn type_of_name(name: &str) -> Option<TypeName> {
    use TypeName::{Bool, Datetime, Decimal, Dynamic, Guid, Int, Long, Real, String, Timespan};
    [Bool, Int, Long, Real, Decimal, String, Datetime, Timespan, Guid, Dynamic].into_iter().find(|kind| type_name(*kind) == name)
}

/// Returns the Arrow field of a column: nullable, its Kusto type in the metadata under [`TYPE_KEY`].
pub fn arrow_field(name: &str, kind: TypeName) -> Field {
    let metadata = HashMap::from([(TYPE_KEY.to_owned(), type_name(kind).to_owned())]);
    Field::new(name, arrow_type(kind), true).with_metadata(metadata)
}

/// Returns the Arrow schema of columns: every field nullable, its Kusto type in the metadata under [`TYPE_KEY`].
pub fn arrow_schema(columns: &[Column]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|column| arrow_field(&column.name, column.kind)).collect::<Vec<_>>()))
}

/// Writes a datetime (nanoseconds since 1970) as the service does: seven decimals and `Z`.
///
/// The edges of the range stand for what lies beyond it: `datetime(0001-01-01)`, which services send for "never", and the end of 9999.
pub fn format_datetime(nanos: i64) -> String {
    match nanos {
        i64::MIN => return "0001-01-01T00:00:00.0000000Z".to_owned(),
        i64::MAX => return "9999-12-31T23:59:59.9999999Z".to_owned(),
        _ => {}
    }
    let Ok(time) = jiff::Timestamp::from_nanosecond(i128::from(nanos)) else { return String::new() };
    let civil = jiff::tz::Offset::UTC.to_datetime(time);
    let ticks = civil.subsec_nanosecond() / 100;
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{ticks:07}Z",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second()
    )
}

/// Writes a timespan (nanoseconds) as .NET does: `[-][d.]hh:mm:ss[.fffffff]`.
pub fn format_timespan(nanos: i64) -> String {
    let ticks = nanos.unsigned_abs() / 100;
    let (seconds, fraction) = (ticks / 10_000_000, ticks % 10_000_000);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let sign = if nanos < 0 { "-" } else { "" };
    let days = if days > 0 { format!("{days}.") } else { String::new() };
    let fraction = if fraction > 0 { format!(".{fraction:07}") } else { String::new() };
    format!("{sign}{days}{hours:02}:{minutes:02}:{:02}{fraction}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_service_writes_them() {
        assert_eq!(format_datetime(1_767_260_390_768_864_100), "2026-01-01T09:39:50.7688641Z");
        assert_eq!(format_datetime(-1), "1969-12-31T23:59:59.9999999Z");
    }

    #[test]
    fn timespans_are_written_as_dotnet_writes_them() {
        assert_eq!(format_timespan(0), "00:00:00");
        assert_eq!(format_timespan(-90_061_000_000_000), "-1.01:01:01");
        assert_eq!(format_timespan(1_500_000_000), "00:00:01.5000000");
    }
}
