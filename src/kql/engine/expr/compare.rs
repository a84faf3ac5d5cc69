//! Comparisons: types brought together, nulls as Kusto has them, texts by term, prefix, suffix, substring and expression.

use super::super::error::QueryError;
use super::super::matcher::{Needle, Place};
use super::super::plan::Planner;
use super::super::scalar::cells::{Text, map2, test};
use super::super::scalar::convert::{convert, to_real, to_text};
use super::super::scalar::math::Arithmetic;
use super::super::scalar::regexes;
use super::super::types::type_name;
use super::super::value::Value;
use super::scope::Scope;
use crate::kql::ast::{BinaryOp, Expr, Span, TypeName};
use datafusion::logical_expr::{BinaryExpr, Expr as PlanExpr, Operator, lit};

impl<'a> Planner<'a> {
    pub(super) fn binary(
        &self,
        op: BinaryOp,
        left: &'a Expr,
        right: &'a Expr,
        span: Span,
        scope: Scope<'_, 'a>,
    ) -> Result<Value, QueryError> {
        let (left, right) = (self.scalar(left, scope)?, self.scalar(right, scope)?);
        self.binary_values(op, left, right, span, false)
    }

    /// `positive`: the result only decides whether a row is kept, so that null may stand for false.
    pub(super) fn binary_values(&self, op: BinaryOp, left: Value, right: Value, span: Span, positive: bool) -> Result<Value, QueryError> {
        if let Some(op) = arithmetic(op) {
            return self.combine(op, left, right, span);
        }
        if let Some((place, case_sensitive, negated)) = text_operator(op) {
            return Ok(match_text(place, case_sensitive, negated, left, right));
        }
        if op == BinaryOp::MatchesRegex {
            return self.match_regex(left, &right, span);
        }
        let equality = matches!(op, BinaryOp::Equal | BinaryOp::NotEqual);
        let (left, right) = if equality { text_and_other(left, right) } else { (left, right) };
        let (left, right) = harmonise(left, right).map_err(|kinds| self.incomparable(kinds, span))?;
        Ok(compare(op, left, right, positive))
    }

    fn incomparable(&self, (left, right): (TypeName, TypeName), span: Span) -> QueryError {
        let (left, right) = (type_name(left), type_name(right));
        self.semantic(format!("Cannot compare values of types {left} and {right}. Try adding explicit casts"), span)
    }

    fn match_regex(&self, left: Value, right: &Value, span: Span) -> Result<Value, QueryError> {
        let pattern = right.as_text().ok_or_else(|| self.semantic("matches regex needs a constant expression", span))?;
        let regex = regexes::compile(pattern).map_err(|message| self.semantic(message, span))?;
        Ok(test("matches regex", pattern, to_text(left), move |text| regex.is_match(text)))
    }

    pub(super) fn between(
        &self,
        value: &'a Expr,
        low: &'a Expr,
        high: &'a Expr,
        negated: bool,
        scope: Scope<'_, 'a>,
    ) -> Result<Value, QueryError> {
        let span = value.span;
        let value = self.scalar(value, scope)?;
        let (low, high) = (self.scalar(low, scope)?, self.scalar(high, scope)?);
        let high = match (low.kind, high.kind) {
            (TypeName::Datetime, TypeName::Timespan) => self.combine(Arithmetic::Add, low.clone(), high, span)?,
            _ => high,
        };
        let (over, under) = if negated { (BinaryOp::Less, BinaryOp::Greater) } else { (BinaryOp::GreaterOrEqual, BinaryOp::LessOrEqual) };
        let over = self.binary_values(over, value.clone(), low, span, false)?;
        let under = self.binary_values(under, value, high, span, false)?;
        let joined = if negated { over.expr.or(under.expr) } else { over.expr.and(under.expr) };
        Ok(Value::new(joined, TypeName::Bool))
    }
}

fn arithmetic(op: BinaryOp) -> Option<Arithmetic> {
    Some(match op {
        BinaryOp::Add => Arithmetic::Add,
        BinaryOp::Subtract => Arithmetic::Subtract,
        BinaryOp::Multiply => Arithmetic::Multiply,
        BinaryOp::Divide => Arithmetic::Divide,
        BinaryOp::Modulo => Arithmetic::Modulo,
        _ => return None,
    })
}

/// Where the needle has to stand, whether case counts, whether the operator is negated.
fn text_operator(op: BinaryOp) -> Option<(Place, bool, bool)> {
    Some(match op {
        BinaryOp::EqualTilde => (Place::Whole, false, false),
        BinaryOp::NotEqualTilde => (Place::Whole, false, true),
        BinaryOp::Has => (Place::Term, false, false),
        BinaryOp::NotHas => (Place::Term, false, true),
        BinaryOp::HasCs => (Place::Term, true, false),
        BinaryOp::NotHasCs => (Place::Term, true, true),
        BinaryOp::HasPrefix => (Place::TermStart, false, false),
        BinaryOp::NotHasPrefix => (Place::TermStart, false, true),
        BinaryOp::HasPrefixCs => (Place::TermStart, true, false),
        BinaryOp::NotHasPrefixCs => (Place::TermStart, true, true),
        BinaryOp::HasSuffix => (Place::TermEnd, false, false),
        BinaryOp::NotHasSuffix => (Place::TermEnd, false, true),
        BinaryOp::HasSuffixCs => (Place::TermEnd, true, false),
        BinaryOp::NotHasSuffixCs => (Place::TermEnd, true, true),
        BinaryOp::Contains => (Place::Anywhere, false, false),
        BinaryOp::NotContains => (Place::Anywhere, false, true),
        BinaryOp::ContainsCs => (Place::Anywhere, true, false),
        BinaryOp::NotContainsCs => (Place::Anywhere, true, true),
        BinaryOp::StartsWith => (Place::Start, false, false),
        BinaryOp::NotStartsWith => (Place::Start, false, true),
        BinaryOp::StartsWithCs => (Place::Start, true, false),
        BinaryOp::NotStartsWithCs => (Place::Start, true, true),
        BinaryOp::EndsWith => (Place::End, false, false),
        BinaryOp::NotEndsWith => (Place::End, false, true),
        BinaryOp::EndsWithCs => (Place::End, true, false),
        BinaryOp::NotEndsWithCs => (Place::End, true, true),
        _ => return None,
    })
}

/// Everything is text to these operators.
pub(crate) fn match_text(place: Place, case_sensitive: bool, negated: bool, left: Value, right: Value) -> Value {
    let (left, right) = (to_text(left), to_text(right));
    let key = format!("{place:?} {case_sensitive} {negated}");
    if let Some(text) = right.as_text() {
        let needle = Needle::new(text, place, case_sensitive);
        return test("match", format!("{key} {text}"), left, move |text| needle.matches(text) != negated);
    }
    map2::<Text, Text, bool>("match", key, TypeName::Bool, (left, right), move |text, needle| {
        Some(Needle::new(needle, place, case_sensitive).matches(text) != negated)
    })
}

/// Brings two values to a type that both can be compared in; the pair of types where there is none.
pub(crate) fn harmonise(left: Value, right: Value) -> Result<(Value, Value), (TypeName, TypeName)> {
    use TypeName::{Bool, Decimal, Dynamic, Guid, Int, Long, Real, String};
    let kinds = (left.kind, right.kind);
    match kinds {
        (Dynamic, Dynamic) => Ok((to_text(left), to_text(right))),
        (Decimal, _) if right.is_numeric() => Ok((to_real(left), to_real(right))),
        (a, b) if a == b => Ok((left, right)),
        (Dynamic, other) | (other, Dynamic) => Ok((convert(left, widened(other)), convert(right, widened(other)))),
        (Int | Long | Bool, Int | Long | Bool) => Ok((convert(left, Long), convert(right, Long))),
        (Int | Long | Real | Decimal | Bool, Int | Long | Real | Decimal | Bool) => Ok((to_real(left), to_real(right))),
        (String | Guid, String | Guid) => Ok((to_text(left), to_text(right))),
        _ if left.is_null_literal() => Ok((Value::null(right.kind), right)),
        _ if right.is_null_literal() => Ok((left.clone(), Value::null(left.kind))),
        _ => Err(kinds),
    }
}

/// A text may equal a value of any type: a constant is read as the other's type, otherwise both are compared as texts.
fn text_and_other(left: Value, right: Value) -> Pair {
    let reads = |text: &Value, other: &Value| text.kind == TypeName::String && other.kind != TypeName::Dynamic && other.kind != text.kind;
    if reads(&left, &right) && left.literal().is_some() {
        let kind = right.kind;
        return (convert(left, kind), right);
    }
    if reads(&right, &left) && right.literal().is_some() {
        let kind = left.kind;
        return (left, convert(right, kind));
    }
    if reads(&left, &right) || reads(&right, &left) { (to_text(left), to_text(right)) } else { (left, right) }
}

type Pair = (Value, Value);

fn widened(kind: TypeName) -> TypeName {
    if kind == TypeName::Int { TypeName::Long } else { kind }
}

/// Compares two values of one type.
pub(crate) fn compare(op: BinaryOp, left: Value, right: Value, positive: bool) -> Value {
    let expr = match op {
        BinaryOp::Equal => equal(left, right, positive),
        BinaryOp::NotEqual => not_equal(left, right),
        BinaryOp::Less => operation(left, Operator::Lt, right),
        BinaryOp::LessOrEqual => operation(left, Operator::LtEq, right),
        BinaryOp::Greater => operation(left, Operator::Gt, right),
        _ => operation(left, Operator::GtEq, right),
    };
    Value::new(expr, TypeName::Bool)
}

fn operation(left: Value, op: Operator, right: Value) -> PlanExpr {
    PlanExpr::BinaryExpr(BinaryExpr::new(Box::new(left.expr), op, Box::new(right.expr)))
}

fn never_null(left: &Value, right: &Value) -> bool {
    left.kind == TypeName::String || left.is_non_null_literal() && right.is_non_null_literal()
}

/// Null equals nothing: not a value (false), not another null (null).
fn equal(left: Value, right: Value, positive: bool) -> PlanExpr {
    if positive || never_null(&left, &right) {
        return operation(left, Operator::Eq, right);
    }
    exact(left, right, Operator::IsNotDistinctFrom)
}

fn not_equal(left: Value, right: Value) -> PlanExpr {
    if never_null(&left, &right) {
        return operation(left, Operator::NotEq, right);
    }
    exact(left, right, Operator::IsDistinctFrom)
}

fn exact(left: Value, right: Value, op: Operator) -> PlanExpr {
    if left.is_non_null_literal() || right.is_non_null_literal() {
        return operation(left, op, right);
    }
    let both_null = left.expr.clone().is_null().and(right.expr.clone().is_null());
    let compared = operation(left, op, right);
    PlanExpr::Case(datafusion::logical_expr::Case::new(
        None,
        vec![(Box::new(both_null), Box::new(lit(datafusion::scalar::ScalarValue::Boolean(None))))],
        Some(Box::new(compared)),
    ))
}
