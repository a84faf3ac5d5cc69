//! Conversions between Kusto's types: what `tostring`, `tolong` and the like do, and what comparisons do by themselves.

use super::super::numbers::{format_real, parse_long, parse_real, to_f64, to_i64};
use super::super::types::{format_datetime, format_timespan};
use super::super::value::Value;
use super::super::{clock, json};
use super::cells::{Bool, Instant, Int, Json, Long, Made, Nanos, Real, Span, Text, Time, map1};
use crate::kql::ast::TypeName;

/// Converts a value; where a cell cannot be converted, it is null (the empty text for strings).
pub(crate) fn convert(value: Value, to: TypeName) -> Value {
    if value.kind == to {
        return value;
    }
    if value.is_null_literal() {
        return Value::null(to);
    }
    match to {
        TypeName::String => to_text(value),
        TypeName::Long => to_long(value),
        TypeName::Int => to_int(value),
        TypeName::Real => to_real(value),
        TypeName::Bool => to_bool(value),
        TypeName::Datetime => to_datetime(value),
        TypeName::Timespan => to_timespan(value),
        TypeName::Guid => to_guid(value),
        TypeName::Decimal => to_decimal(value),
        TypeName::Dynamic => to_dynamic(value),
    }
}

/// `tostring`.
pub(crate) fn to_text(value: Value) -> Value {
    const NAME: &str = "tostring";
    let kind = TypeName::String;
    match value.kind {
        TypeName::String => value,
        TypeName::Guid | TypeName::Decimal => map1::<Text, String>(NAME, "text", kind, value, |text| Some(text.to_owned())),
        TypeName::Dynamic => map1::<Json, String>(NAME, "json", kind, value, |json| Some(json::text(json).into_owned())),
        TypeName::Bool => map1::<Bool, String>(NAME, "bool", kind, value, |value| Some(value.to_string())),
        TypeName::Int => map1::<Int, String>(NAME, "int", kind, value, |value| Some(value.to_string())),
        TypeName::Long => map1::<Long, String>(NAME, "long", kind, value, |value| Some(value.to_string())),
        TypeName::Real => map1::<Real, String>(NAME, "real", kind, value, |value| Some(format_real(value))),
        TypeName::Datetime => map1::<Time, String>(NAME, "datetime", kind, value, |nanos| Some(format_datetime(nanos))),
        TypeName::Timespan => map1::<Span, String>(NAME, "timespan", kind, value, |nanos| Some(format_timespan(nanos))),
    }
}

/// `tolong`; times become ticks.
fn to_long(value: Value) -> Value {
    const NAME: &str = "tolong";
    let kind = TypeName::Long;
    match value.kind {
        TypeName::Long => value,
        TypeName::Int => value.cast(kind),
        TypeName::Bool => map1::<Bool, i64>(NAME, "bool", kind, value, |value| Some(i64::from(value))),
        TypeName::Real => map1::<Real, i64>(NAME, "real", kind, value, to_i64),
        TypeName::Datetime => map1::<Time, i64>(NAME, "datetime", kind, value, |nanos| Some(clock::to_ticks(nanos))),
        TypeName::Timespan => map1::<Span, i64>(NAME, "timespan", kind, value, |nanos| Some(nanos / 100)),
        TypeName::Dynamic => map1::<Json, i64>(NAME, "json", kind, value, json_long),
        TypeName::String | TypeName::Guid | TypeName::Decimal => map1::<Text, i64>(NAME, "text", kind, value, parse_long),
    }
}

fn json_long(json: &str) -> Option<i64> {
    match json {
        "true" => Some(1),
        "false" => Some(0),
        _ => parse_long(&json::text(json)),
    }
}

fn to_int(value: Value) -> Value {
    map1::<Long, i32>("toint", "", TypeName::Int, to_long(value), |value| i32::try_from(value).ok())
}

/// `toreal`.
pub(crate) fn to_real(value: Value) -> Value {
    const NAME: &str = "toreal";
    let kind = TypeName::Real;
    match value.kind {
        TypeName::Real => value,
        TypeName::Int | TypeName::Long => value.cast(kind),
        TypeName::Bool => map1::<Bool, f64>(NAME, "bool", kind, value, |value| Some(if value { 1.0 } else { 0.0 })),
        TypeName::Datetime => map1::<Time, f64>(NAME, "datetime", kind, value, |nanos| Some(to_f64(clock::to_ticks(nanos)))),
        TypeName::Timespan => map1::<Span, f64>(NAME, "timespan", kind, value, |nanos| Some(to_f64(nanos / 100))),
        TypeName::Dynamic => map1::<Json, f64>(NAME, "json", kind, value, |json| parse_real(&json::text(json))),
        TypeName::String | TypeName::Guid | TypeName::Decimal => map1::<Text, f64>(NAME, "text", kind, value, parse_real),
    }
}

fn to_bool(value: Value) -> Value {
    const NAME: &str = "tobool";
    let kind = TypeName::Bool;
    match value.kind {
        TypeName::Bool => value,
        TypeName::Dynamic => map1::<Json, bool>(NAME, "json", kind, value, |json| parse_bool(&json::text(json))),
        TypeName::String | TypeName::Guid | TypeName::Decimal => map1::<Text, bool>(NAME, "text", kind, value, parse_bool),
        TypeName::Real => map1::<Real, bool>(NAME, "real", kind, value, |value| Some(value != 0.0)),
        _ => map1::<Long, bool>(NAME, "long", kind, to_long(value), |value| Some(value != 0)),
    }
}

fn parse_bool(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    if text.eq_ignore_ascii_case("false") {
        return Some(false);
    }
    parse_long(text).map(|value| value != 0)
}

fn to_datetime(value: Value) -> Value {
    const NAME: &str = "todatetime";
    let kind = TypeName::Datetime;
    match value.kind {
        TypeName::Datetime => value,
        TypeName::String | TypeName::Guid | TypeName::Decimal => {
            map1::<Text, Instant>(NAME, "text", kind, value, |text| clock::parse_datetime(text).map(Instant))
        }
        TypeName::Dynamic => map1::<Json, Instant>(NAME, "json", kind, value, |json| clock::parse_datetime(&json::text(json)).map(Instant)),
        _ => map1::<Long, Instant>(NAME, "long", kind, to_long(value), |ticks| Some(Instant(clock::from_ticks(ticks)))),
    }
}

fn to_timespan(value: Value) -> Value {
    const NAME: &str = "totimespan";
    let kind = TypeName::Timespan;
    match value.kind {
        TypeName::Timespan => value,
        TypeName::String | TypeName::Guid | TypeName::Decimal => {
            map1::<Text, Nanos>(NAME, "text", kind, value, |text| clock::parse_timespan(text).map(Nanos))
        }
        TypeName::Dynamic => map1::<Json, Nanos>(NAME, "json", kind, value, |json| clock::parse_timespan(&json::text(json)).map(Nanos)),
        _ => map1::<Long, Nanos>(NAME, "long", kind, to_long(value), |ticks| ticks.checked_mul(100).map(Nanos)),
    }
}

fn to_guid(value: Value) -> Value {
    let text = to_text(value);
    map1::<Text, Made>("toguid", "", TypeName::Guid, text, |text| uuid::Uuid::parse_str(text.trim()).ok().map(|id| Made(id.to_string())))
}

fn to_decimal(value: Value) -> Value {
    let text = to_text(value);
    map1::<Text, Made>("todecimal", "", TypeName::Decimal, text, |text| parse_real(text).map(|_| Made(text.trim().to_owned())))
}

/// `todynamic` and `parse_json`: texts are read as JSON, everything else is written as it.
pub(crate) fn to_dynamic(value: Value) -> Value {
    match value.kind {
        TypeName::Dynamic => value,
        TypeName::String => {
            map1::<Text, Made>("parse_json", "", TypeName::Dynamic, value, |text| json::normal(text).map(|json| Made(json.into_owned())))
        }
        _ => as_json(value),
    }
}

/// A value inside a dynamic one: texts become JSON strings, they are not read.
pub(crate) fn as_json(value: Value) -> Value {
    const NAME: &str = "json";
    let kind = TypeName::Dynamic;
    match value.kind {
        TypeName::Dynamic => value,
        TypeName::Int => map1::<Int, Made>(NAME, "int", kind, value, |value| Some(Made(value.to_string()))),
        TypeName::Long => map1::<Long, Made>(NAME, "long", kind, value, |value| Some(Made(value.to_string()))),
        TypeName::Real => map1::<Real, Made>(NAME, "real", kind, value, |value| Some(Made(super::super::numbers::json_real(value)))),
        TypeName::Bool => map1::<Bool, Made>(NAME, "bool", kind, value, |value| Some(Made(value.to_string()))),
        TypeName::String => map1::<Text, Made>(NAME, "text", kind, value, |text| Some(Made(json::quoted(text)))),
        TypeName::Decimal | TypeName::Guid => map1::<Json, Made>(NAME, "exact", kind, value, |text| Some(Made(json::quoted(text)))),
        TypeName::Datetime => map1::<Time, Made>(NAME, "time", kind, value, |nanos| Some(Made(json::quoted(&format_datetime(nanos))))),
        TypeName::Timespan => map1::<Span, Made>(NAME, "span", kind, value, |nanos| Some(Made(json::quoted(&format_timespan(nanos))))),
    }
}
