//! `iff`, `case`, `coalesce`, `max_of`, `min_of`: which type the branches share, and which one is taken.

use super::super::error::QueryError;
use super::super::plan::Planner;
use super::super::scalar::convert::{as_json, convert};
use super::super::scalar::texts::is_empty;
use super::super::types::type_name;
use super::super::value::{Value, is_numeric};
use super::scope::Scope;
use crate::kql::ast::{BinaryOp, Expr, Span, TypeName};
use datafusion::logical_expr::{Case, Expr as PlanExpr};

/// The type that all values can be had in; the first pair of types that do not meet otherwise.
pub(crate) fn common_kind<'v>(values: impl IntoIterator<Item = &'v Value>) -> Result<TypeName, (TypeName, TypeName)> {
    let mut common: Option<TypeName> = None;
    let mut nulls = None;
    for value in values {
        if value.is_null_literal() {
            nulls = nulls.or(Some(value.kind));
            continue;
        }
        common = Some(match common {
            None => value.kind,
            Some(kind) => shared(kind, value.kind).ok_or((kind, value.kind))?,
        });
    }
    Ok(common.or(nulls).unwrap_or(TypeName::String))
}

fn shared(a: TypeName, b: TypeName) -> Option<TypeName> {
    use TypeName::{Decimal, Dynamic, Int, Long, Real};
    match (a, b) {
        _ if a == b => Some(a),
        (Dynamic, _) | (_, Dynamic) => Some(Dynamic),
        (Int | Long, Int | Long) => Some(Long),
        (Real | Decimal, other) | (other, Real | Decimal) if is_numeric(other) => Some(Real),
        _ => None,
    }
}

/// Branches become dynamic as they are: a text in one is a string, not JSON to be read.
pub(crate) fn brought(value: Value, kind: TypeName) -> Value {
    if kind == TypeName::Dynamic && !value.is_null_literal() { as_json(value) } else { convert(value, kind) }
}

impl<'a> Planner<'a> {
    pub(super) fn iff(&self, arguments: &'a [Expr], span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let [condition, yes, no] = arguments else { return Err(self.argument_count("iff", 3, span)) };
        let condition = self.predicate(condition, scope)?;
        let (yes, no) = (self.scalar(yes, scope)?, self.scalar(no, scope)?);
        self.choose("iff", vec![(condition, yes)], no, span)
    }

    pub(super) fn case(&self, arguments: &'a [Expr], span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let Some((otherwise, pairs)) = arguments.split_last().filter(|(_, pairs)| !pairs.is_empty() && pairs.len() % 2 == 0) else {
            return Err(self.semantic("case(): the number of arguments must be odd and at least 3", span));
        };
        let branch = |pair: &'a [Expr]| Ok((self.predicate(&pair[0], scope)?, self.scalar(&pair[1], scope)?));
        let branches = pairs.chunks_exact(2).map(branch).collect::<Result<Vec<_>, QueryError>>()?;
        let otherwise = self.scalar(otherwise, scope)?;
        self.choose("case", branches, otherwise, span)
    }

    fn choose(&self, name: &str, branches: Vec<(PlanExpr, Value)>, otherwise: Value, span: Span) -> Result<Value, QueryError> {
        let kind = self.common(name, branches.iter().map(|(_, value)| value).chain([&otherwise]), span)?;
        let pairs = branches.into_iter().map(|(condition, value)| (Box::new(condition), Box::new(brought(value, kind).expr))).collect();
        let case = Case::new(None, pairs, Some(Box::new(brought(otherwise, kind).expr)));
        Ok(Value::new(PlanExpr::Case(case), kind))
    }

    fn common<'v>(&self, name: &str, values: impl IntoIterator<Item = &'v Value>, span: Span) -> Result<TypeName, QueryError> {
        common_kind(values).map_err(|(a, b)| {
            self.semantic(format!("{name}(): the arguments must have a common type, found {} and {}", type_name(a), type_name(b)), span)
        })
    }

    /// The first value that is not null (not empty, for texts).
    pub(super) fn coalesce(&self, arguments: &'a [Expr], span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let values = arguments.iter().map(|argument| self.scalar(argument, scope)).collect::<Result<Vec<_>, _>>()?;
        let kind = self.common("coalesce", &values, span)?;
        let mut values: Vec<Value> = values.into_iter().map(|value| brought(value, kind)).collect();
        let Some(last) = values.pop() else { return Err(self.argument_count("coalesce", 2, span)) };
        let pairs = values.into_iter().map(|value| (Box::new(is_empty(&value, true).expr), Box::new(value.expr))).collect::<Vec<_>>();
        if pairs.is_empty() {
            return Ok(last);
        }
        Ok(Value::new(PlanExpr::Case(Case::new(None, pairs, Some(Box::new(last.expr)))), kind))
    }

    /// `max_of` and `min_of`; nulls lose.
    pub(super) fn extreme(&self, name: &str, arguments: &'a [Expr], span: Span, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let op = if name == "max_of" { BinaryOp::GreaterOrEqual } else { BinaryOp::LessOrEqual };
        let values = arguments.iter().map(|argument| self.scalar(argument, scope)).collect::<Result<Vec<_>, _>>()?;
        let kind = self.common(name, &values, span)?;
        let folded = values.into_iter().map(|value| brought(value, kind)).reduce(|best, value| {
            let wins = super::compare::compare(op, best.clone(), value.clone(), true).expr.or(value.expr.clone().is_null());
            Value::new(PlanExpr::Case(Case::new(None, vec![(Box::new(wins), Box::new(best.expr))], Some(Box::new(value.expr)))), kind)
        });
        folded.ok_or_else(|| self.argument_count(name, 2, span))
    }

    pub(super) fn argument_count(&self, name: &str, expected: usize, span: Span) -> QueryError {
        self.semantic(format!("{name}(): function expects {expected} argument(s)"), span)
    }
}
