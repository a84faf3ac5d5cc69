//! `+ - * / %` and signs: which types meet, and what comes out.

use super::super::error::QueryError;
use super::super::numbers;
use super::super::plan::Planner;
use super::super::scalar::cells::{Instant, Nanos, Real, Span as SpanCell, Time, map1, map2};
use super::super::scalar::convert::{convert, to_real};
use super::super::scalar::math::{Arithmetic, arithmetic};
use super::super::types::type_name;
use super::super::value::Value;
use super::scope::Scope;
use crate::kql::ast::{Expr, Span, TypeName};

impl<'a> Planner<'a> {
    pub(super) fn signed(&self, negative: bool, operand: &'a Expr, span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let value = self.scalar(operand, scope)?;
        if !negative {
            return Ok(value);
        }
        let zero = match value.kind {
            TypeName::Timespan => Value::timespan(0),
            TypeName::Real => return Ok(map1::<Real, f64>("negate", "", TypeName::Real, value, |x| Some(-x))),
            _ => Value::long(0),
        };
        self.combine(Arithmetic::Subtract, zero, value, span)
    }

    /// Combines two values.
    pub(crate) fn combine(&self, op: Arithmetic, left: Value, right: Value, span: Span) -> Result<Value, QueryError> {
        let (left, right) = (operand(left), operand(right));
        let kinds = (left.kind, right.kind);
        match kinds {
            (TypeName::Datetime | TypeName::Timespan, _) | (_, TypeName::Datetime | TypeName::Timespan) => {
                times(op, left, right).ok_or_else(|| self.mismatch(op, kinds, span))
            }
            (TypeName::Long, TypeName::Long) => Ok(arithmetic(op, left, right)),
            (TypeName::Long | TypeName::Real, TypeName::Long | TypeName::Real) => Ok(arithmetic(op, to_real(left), to_real(right))),
            _ => Err(self.mismatch(op, kinds, span)),
        }
    }

    fn mismatch(&self, op: Arithmetic, (left, right): (TypeName, TypeName), span: Span) -> QueryError {
        let (name, left, right) = (op.name(), type_name(left), type_name(right));
        self.semantic(format!("Arithmetic operation '{name}' is not defined on values of types {left} and {right}"), span)
    }
}

/// Ints become longs, decimals reals, bools longs; dynamics are read as numbers.
fn operand(value: Value) -> Value {
    match value.kind {
        TypeName::Int | TypeName::Bool => convert(value, TypeName::Long),
        TypeName::Decimal | TypeName::Dynamic => to_real(value),
        _ => value,
    }
}

fn times(op: Arithmetic, left: Value, right: Value) -> Option<Value> {
    use Arithmetic::{Add, Divide, Modulo, Multiply, Subtract};
    use TypeName::{Datetime, Long, Real as RealType, Timespan};
    match (op, left.kind, right.kind) {
        (Add | Subtract, Datetime, Timespan) => Some(moved(op, left, right)),
        (Add, Timespan, Datetime) => Some(moved(op, right, left)),
        (Subtract, Datetime, Datetime) => {
            Some(map2::<Time, Time, Nanos>("since", "", Timespan, (left, right), |a, b| a.checked_sub(b).map(Nanos)))
        }
        (Add, Timespan, Timespan) => Some(spans("add", left, right, i64::checked_add)),
        (Subtract, Timespan, Timespan) => Some(spans("subtract", left, right, i64::checked_sub)),
        (Modulo, Timespan, Timespan) => Some(spans("modulo", left, right, i64::checked_rem_euclid)),
        (Divide, Timespan, Timespan) => Some(map2::<SpanCell, SpanCell, f64>("ratio", "", RealType, (left, right), |a, b| {
            Some(numbers::to_f64(a) / numbers::to_f64(b))
        })),
        (Multiply, Timespan, Long | RealType) => Some(scaled(left, to_real(right), false)),
        (Multiply, Long | RealType, Timespan) => Some(scaled(right, to_real(left), false)),
        (Divide, Timespan, Long | RealType) => Some(scaled(left, to_real(right), true)),
        _ => None,
    }
}

fn moved(op: Arithmetic, time: Value, span: Value) -> Value {
    let back = op == Arithmetic::Subtract;
    map2::<Time, SpanCell, Instant>("moved", back.to_string(), TypeName::Datetime, (time, span), move |time, span| {
        Some(Instant(if back { time.saturating_sub(span) } else { time.saturating_add(span) }))
    })
}

fn spans(name: &'static str, left: Value, right: Value, body: fn(i64, i64) -> Option<i64>) -> Value {
    map2::<SpanCell, SpanCell, Nanos>(name, "span", TypeName::Timespan, (left, right), move |a, b| body(a, b).map(Nanos))
}

fn scaled(span: Value, factor: Value, divide: bool) -> Value {
    map2::<SpanCell, Real, Nanos>("scaled", divide.to_string(), TypeName::Timespan, (span, factor), move |span, factor| {
        let span = numbers::to_f64(span);
        numbers::to_i64(if divide { span / factor } else { span * factor }).map(Nanos)
    })
}
