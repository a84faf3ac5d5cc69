//! What constants are worth: the text of a token to its value, and back.
//!
//! A text that is shaped right but means nothing (`datetime(soon)`) has no value here; the parser keeps it as a call, so that it is
//! whoever evaluates the query that refuses it, as the service does.

mod datetime;
mod number;
mod text;
mod timespan;

pub use datetime::{format_datetime, parse_datetime};
pub use text::quote;
pub use timespan::{format_timespan, parse_timespan};

use crate::kql::ast::{Literal, TypeName};
use crate::kql::token::Form;

pub(super) use number::parse_long;

pub(super) use text::decode;

/// Kusto ticks (100 ns) a second.
pub const TICKS_PER_SECOND: i64 = 10_000_000;

/// Returns the type of a form of constant.
pub(super) fn type_of(form: Form) -> TypeName {
    match form {
        Form::Bool => TypeName::Bool,
        Form::Long => TypeName::Long,
        Form::Int => TypeName::Int,
        Form::Real => TypeName::Real,
        Form::Decimal => TypeName::Decimal,
        Form::Datetime => TypeName::Datetime,
        Form::Timespan => TypeName::Timespan,
        Form::Guid | Form::RawGuid => TypeName::Guid,
        Form::String => TypeName::String,
    }
}

/// Returns what stands between the parentheses of `type(value)`, trimmed; the whole text where there are none.
pub(super) fn inside(text: &str) -> &str {
    let inner = text.split_once('(').map_or(text, |(_, rest)| rest.strip_suffix(')').unwrap_or(rest));
    inner.trim()
}

/// Returns the value of a constant, strings aside.
pub(super) fn value(form: Form, text: &str) -> Option<Literal> {
    let inner = inside(text);
    if inner.eq_ignore_ascii_case("null") {
        return Some(Literal::Null(type_of(form)));
    }
    let unquoted = inner.trim_matches(['"', '\'']);
    match form {
        Form::Bool => boolean(inner).map(Literal::Bool),
        Form::Long => parse_long(inner).map(Literal::Long),
        Form::Int => parse_long(inner).and_then(|number| i32::try_from(number).ok()).map(Literal::Int),
        Form::Real => number::parse_real(inner).map(Literal::Real),
        Form::Decimal => parse_decimal(inner).map(Literal::Decimal),
        Form::Datetime => parse_datetime(unquoted).map(Literal::Datetime),
        Form::Timespan => parse_timespan(unquoted).map(Literal::Timespan),
        Form::Guid | Form::RawGuid => parse_guid(unquoted).map(Literal::Guid),
        Form::String => decode(text).map(Literal::String),
    }
}

/// Returns the digits of a decimal, if it is one.
pub(super) fn parse_decimal(text: &str) -> Option<String> {
    number::is_decimal(text).then(|| text.to_owned())
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Returns a GUID in lower case with hyphens; braces and missing hyphens are taken.
pub(super) fn parse_guid(text: &str) -> Option<String> {
    let bare = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let shaped = bare.len() == 36 || bare.len() == 32;
    uuid::Uuid::try_parse(bare).ok().filter(|_| shaped).map(|guid| guid.hyphenated().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_typed_constants() {
        assert_eq!(value(Form::Int, "int(-5)"), Some(Literal::Int(-5)));
        assert_eq!(value(Form::Long, "long(0x10)"), Some(Literal::Long(16)));
        assert_eq!(value(Form::Bool, "bool(1)"), Some(Literal::Bool(true)));
        assert_eq!(value(Form::Datetime, "datetime(null)"), Some(Literal::Null(TypeName::Datetime)));
        assert_eq!(value(Form::Datetime, "datetime(soon)"), None);
        assert_eq!(value(Form::Real, "real(-inf)"), Some(Literal::Real(f64::NEG_INFINITY)));
        assert_eq!(value(Form::Decimal, "decimal(1.50)"), Some(Literal::Decimal("1.50".into())));
        let guid = Literal::Guid("74be27de-1e4e-49d9-b579-fe0b331d3642".into());
        assert_eq!(value(Form::Guid, "guid(74BE27DE-1E4E-49D9-B579-FE0B331D3642)"), Some(guid));
        assert_eq!(value(Form::Guid, "guid(xyz)"), None);
    }
}
