//! A scalar expression of the plan, with its Kusto type: what the translation of every scalar yields.

use super::types::arrow_type;
use crate::kql::ast::TypeName;
use arrow::datatypes::DataType;
use datafusion::logical_expr::{Cast, Expr};
use datafusion::scalar::ScalarValue;

/// An expression and its Kusto type. Strings are never null in it: see [`Value::null`].
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) expr: Expr,
    pub(crate) kind: TypeName,
}

impl Value {
    pub(crate) fn new(expr: Expr, kind: TypeName) -> Self {
        Self { expr, kind }
    }

    pub(crate) fn constant(value: ScalarValue, kind: TypeName) -> Self {
        Self { expr: Expr::Literal(value, None), kind }
    }

    pub(crate) fn text(value: impl Into<String>) -> Self {
        Self::constant(ScalarValue::Utf8(Some(value.into())), TypeName::String)
    }

    pub(crate) fn dynamic(json: impl Into<String>) -> Self {
        Self::constant(ScalarValue::Utf8(Some(json.into())), TypeName::Dynamic)
    }

    pub(crate) fn bool(value: bool) -> Self {
        Self::constant(ScalarValue::Boolean(Some(value)), TypeName::Bool)
    }

    pub(crate) fn long(value: i64) -> Self {
        Self::constant(ScalarValue::Int64(Some(value)), TypeName::Long)
    }

    pub(crate) fn real(value: f64) -> Self {
        Self::constant(ScalarValue::Float64(Some(value)), TypeName::Real)
    }

    /// A datetime, in nanoseconds since 1970.
    pub(crate) fn datetime(nanos: i64) -> Self {
        Self::constant(ScalarValue::TimestampNanosecond(Some(nanos), Some("UTC".into())), TypeName::Datetime)
    }

    /// A timespan in nanoseconds.
    pub(crate) fn timespan(nanos: i64) -> Self {
        Self::constant(ScalarValue::DurationNanosecond(Some(nanos)), TypeName::Timespan)
    }

    /// The null of a type, which for strings is the empty one.
    pub(crate) fn null(kind: TypeName) -> Self {
        match kind {
            TypeName::String => Self::text(""),
            _ => Self::constant(ScalarValue::try_from(&arrow_type(kind)).unwrap_or(ScalarValue::Null), kind),
        }
    }

    pub(crate) fn literal(&self) -> Option<&ScalarValue> {
        match &self.expr {
            Expr::Literal(value, _) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn is_null_literal(&self) -> bool {
        self.literal().is_some_and(ScalarValue::is_null)
    }

    pub(crate) fn is_non_null_literal(&self) -> bool {
        self.literal().is_some_and(|value| !value.is_null())
    }

    /// The text of a constant string, dynamic, guid or decimal.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self.literal() {
            Some(ScalarValue::Utf8(Some(text))) => Some(text),
            _ => None,
        }
    }

    /// A constant as an integer: longs as they are, times and timespans in nanoseconds, whole reals.
    pub(crate) fn as_i64(&self) -> Option<i64> {
        match self.literal()? {
            ScalarValue::Int64(value) | ScalarValue::DurationNanosecond(value) | ScalarValue::TimestampNanosecond(value, _) => *value,
            ScalarValue::Int32(value) => value.map(i64::from),
            ScalarValue::Boolean(value) => value.map(i64::from),
            ScalarValue::Float64(Some(value)) if value.fract() == 0.0 => super::numbers::to_i64(*value),
            ScalarValue::Utf8(Some(text)) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn as_usize(&self) -> Option<usize> {
        self.as_i64().and_then(|value| usize::try_from(value).ok())
    }

    pub(crate) fn is_numeric(&self) -> bool {
        is_numeric(self.kind)
    }

    /// The same value read as another Arrow type of the same meaning.
    pub(crate) fn cast(self, to: TypeName) -> Self {
        self.cast_to(&arrow_type(to), to)
    }

    pub(crate) fn cast_to(self, data_type: &DataType, kind: TypeName) -> Self {
        if let Some(Ok(value)) = self.literal().map(|value| value.cast_to(data_type)) {
            return Self::constant(value, kind);
        }
        Self::new(Expr::Cast(Cast::new(Box::new(self.expr), data_type.clone())), kind)
    }
}

pub(crate) fn is_numeric(kind: TypeName) -> bool {
    matches!(kind, TypeName::Int | TypeName::Long | TypeName::Real | TypeName::Decimal)
}
