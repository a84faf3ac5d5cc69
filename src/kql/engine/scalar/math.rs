//! Functions of numbers.

use super::super::value::Value;
use super::cells::{Bool, Long, Make, Nanos, Real, Span, map1, map2};
use super::convert::{convert, to_real};
use super::function::volatile_call;
use super::{Args, Entry, Outcome, entry, sure};
use crate::kql::ast::TypeName;

pub(super) const FUNCTIONS: &[Entry] = &[
    sure("abs", 1, 1, abs),
    sure("sign", 1, 1, |args| real("sign", args, |x| if x == 0.0 { 0.0 } else { x.signum() })),
    sure("ceiling", 1, 1, |args| real("ceiling", args, f64::ceil)),
    sure("exp", 1, 1, |args| real("exp", args, f64::exp)),
    sure("exp2", 1, 1, |args| real("exp2", args, f64::exp2)),
    sure("exp10", 1, 1, |args| real("exp10", args, |x| 10_f64.powf(x))),
    sure("log", 1, 1, |args| real("log", args, f64::ln)),
    sure("log2", 1, 1, |args| real("log2", args, f64::log2)),
    sure("log10", 1, 1, |args| real("log10", args, f64::log10)),
    sure("sqrt", 1, 1, |args| real("sqrt", args, f64::sqrt)),
    sure("pow", 2, 2, |args| map2::<Real, Real, f64>("pow", "", TypeName::Real, (args.real(0), args.real(1)), |x, y| Some(x.powf(y)))),
    entry("round", 1, 2, round),
    sure("isnan", 1, 1, |args| map1::<Real, bool>("isnan", "", TypeName::Bool, args.real(0), |x| Some(x.is_nan()))),
    sure("isinf", 1, 1, |args| map1::<Real, bool>("isinf", "", TypeName::Bool, args.real(0), |x| Some(x.is_infinite()))),
    sure("isfinite", 1, 1, |args| map1::<Real, bool>("isfinite", "", TypeName::Bool, args.real(0), |x| Some(x.is_finite()))),
    sure("pi", 0, 0, |_| Value::real(std::f64::consts::PI)),
    entry("rand", 0, 1, random),
    entry("tohex", 1, 2, to_hex),
    sure("binary_and", 2, 2, |args| bits("binary_and", args, |a, b| Some(a & b))),
    sure("binary_or", 2, 2, |args| bits("binary_or", args, |a, b| Some(a | b))),
    sure("binary_xor", 2, 2, |args| bits("binary_xor", args, |a, b| Some(a ^ b))),
    entry("binary_shift_left", 2, 2, |args| Ok(bits("binary_shift_left", args, |a, b| Some(a.wrapping_shl(shift(b)?))))),
    entry("binary_shift_right", 2, 2, |args| Ok(bits("binary_shift_right", args, |a, b| Some(a.wrapping_shr(shift(b)?))))),
    sure("binary_not", 1, 1, |args| map1::<Long, i64>("binary_not", "", TypeName::Long, args.long(0), |a| Some(!a))),
    sure("bitset_count_ones", 1, 1, |args| {
        map1::<Long, i64>("ones", "", TypeName::Long, args.long(0), |a| Some(i64::from(a.count_ones())))
    }),
    sure("not", 1, 1, not),
    sure("new_guid", 0, 0, |_| guids()),
];

fn real(name: &'static str, args: &Args, body: fn(f64) -> f64) -> Value {
    map1::<Real, f64>(name, "", TypeName::Real, args.real(0), move |x| Some(body(x)))
}

fn abs(args: &Args) -> Value {
    let value = args.get(0);
    match value.kind {
        TypeName::Int | TypeName::Long => map1::<Long, i64>("abs", "", TypeName::Long, args.long(0), i64::checked_abs),
        TypeName::Timespan => map1::<Span, Nanos>("abs", "span", TypeName::Timespan, value, |nanos| nanos.checked_abs().map(Nanos)),
        _ => map1::<Real, f64>("abs", "real", TypeName::Real, to_real(value), |x| Some(x.abs())),
    }
}

fn round(args: &Args) -> Outcome {
    let precision = i32::try_from(args.constant_long(1, 0)?.clamp(-30, 30)).unwrap_or(0);
    let scale = 10_f64.powi(precision);
    Ok(map1::<Real, f64>("round", precision.to_string(), TypeName::Real, args.real(0), move |x| {
        let scaled = x * scale;
        Some(if scaled.is_finite() { scaled.round_ties_even() / scale } else { x })
    }))
}

fn random(args: &Args) -> Outcome {
    let limit = if args.len() == 0 { 0 } else { args.constant_long(0, 0)? };
    if limit < 2 {
        return Ok(volatile_call("rand", TypeName::Real, |_, rows| Ok(f64::collect((0..rows).map(|_| Some(fastrand::f64()))))));
    }
    Ok(volatile_call("rand", TypeName::Long, move |_, rows| Ok(i64::collect((0..rows).map(|_| Some(fastrand::i64(0..limit)))))))
}

fn to_hex(args: &Args) -> Outcome {
    let width = usize::try_from(args.constant_long(1, 0)?).unwrap_or(0).min(64);
    Ok(map1::<Long, String>("tohex", width.to_string(), TypeName::String, args.long(0), move |value| Some(format!("{value:0width$x}"))))
}

fn shift(by: i64) -> Option<u32> {
    u32::try_from(by).ok()
}

fn bits(name: &'static str, args: &Args, body: fn(i64, i64) -> Option<i64>) -> Value {
    map2::<Long, Long, i64>(name, "", TypeName::Long, (args.long(0), args.long(1)), body)
}

fn not(args: &Args) -> Value {
    let value = convert(args.get(0), TypeName::Bool);
    if value.literal().is_some() {
        return map1::<Bool, bool>("not", "", TypeName::Bool, value, |x| Some(!x));
    }
    Value::new(datafusion::logical_expr::Expr::Not(Box::new(value.expr)), TypeName::Bool)
}

fn guids() -> Value {
    volatile_call("new_guid", TypeName::Guid, |_, rows| Ok(String::collect((0..rows).map(|_| Some(uuid::Uuid::new_v4().to_string())))))
}

/// Arithmetic as Kusto does it: longs wrap, division by zero gives null for longs, remainders are never negative.
pub(crate) fn arithmetic(op: Arithmetic, left: Value, right: Value) -> Value {
    if left.kind == TypeName::Long && right.kind == TypeName::Long {
        return map2::<Long, Long, i64>(op.name(), "long", TypeName::Long, (left, right), move |a, b| op.longs(a, b));
    }
    map2::<Real, Real, f64>(op.name(), "real", TypeName::Real, (to_real(left), to_real(right)), move |a, b| Some(op.reals(a, b)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl Arithmetic {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Multiply => "multiply",
            Self::Divide => "divide",
            Self::Modulo => "modulo",
        }
    }

    fn longs(self, a: i64, b: i64) -> Option<i64> {
        Some(match self {
            Self::Add => a.wrapping_add(b),
            Self::Subtract => a.wrapping_sub(b),
            Self::Multiply => a.wrapping_mul(b),
            Self::Divide => a.checked_div(b)?,
            Self::Modulo => a.checked_rem_euclid(b)?,
        })
    }

    fn reals(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Modulo => a.rem_euclid(b),
        }
    }
}
