//! Scalar expressions of the syntax tree translated to expressions of the plan, with Kusto's types.

mod arithmetic;
mod calls;
mod compare;
mod conditions;
mod logic;
mod members;
pub(crate) mod names;
mod neighbours;
pub(crate) mod scope;

use super::clock;
use super::error::QueryError;
use super::plan::Planner;
use super::plan::env::Binding;
use super::plan::relation::Slot;
use super::scalar::{arrays, bags};
use super::types::type_name;
use super::value::Value;
use crate::kql::ast::{BinaryOp, Expr, ExprKind, Literal, Name, Span, TypeName};
use datafusion::scalar::ScalarValue;
use scope::Scope;

pub(crate) use compare::{harmonise, match_text};
pub(crate) use logic::balanced;

/// Deeper expressions are refused: no one writes them, and every level costs stack in the optimizer.
const DEEPEST: usize = 1_000;

/// The names of the functions that are more than a computation from their arguments' values.
pub(crate) fn special_functions() -> impl Iterator<Item = &'static str> {
    calls::SPECIAL.iter().chain(neighbours::NAMES).copied()
}

impl<'a> Planner<'a> {
    /// Translates an expression.
    pub(crate) fn scalar(&self, expr: &'a Expr, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let depth = self.depth.get() + 1;
        if depth > DEEPEST {
            return Err(QueryError::semantic("The expression is nested too deeply", expr.span));
        }
        self.depth.set(depth);
        let value = self.scalar_inner(expr, scope);
        self.depth.set(depth - 1);
        value
    }

    fn scalar_inner(&self, expr: &'a Expr, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        match &expr.kind {
            ExprKind::Literal(literal) => Ok(constant(literal)),
            ExprKind::Name(name) => self.name(name, scope),
            ExprKind::Path(base, name) => self.path(base, name, scope),
            ExprKind::Element(base, index) => self.element(base, index, scope),
            ExprKind::Call { name, arguments } => self.call(name, arguments, expr.span, scope),
            ExprKind::Unary { negative, operand } => self.signed(*negative, operand, expr.span, scope),
            ExprKind::Binary { op: BinaryOp::And | BinaryOp::Or, .. } => self.logic(expr, scope, false),
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right, expr.span, scope),
            ExprKind::Between { value, low, high, negated } => self.between(value, low, high, *negated, scope),
            ExprKind::In { op, value, list } => self.members(*op, value, list, scope),
            ExprKind::Named { value, .. } => self.scalar(value, scope),
            ExprKind::List(items) => self.list(items, scope),
            ExprKind::Wildcard(_) => Err(self.semantic("A wildcard cannot stand here", expr.span)),
            ExprKind::Lambda { .. } => Err(self.semantic("A function cannot stand here", expr.span)),
            ExprKind::Pipeline { .. } | ExprKind::DataTable { .. } | ExprKind::ExternalData { .. } => {
                Err(self.semantic("A tabular expression cannot stand here, wrap it in toscalar()", expr.span))
            }
        }
    }

    /// An error of the operator that is being planned.
    pub(crate) fn semantic(&self, message: impl std::fmt::Display, span: Span) -> QueryError {
        match self.operator.get() {
            "" => QueryError::semantic(message, span),
            operator => QueryError::semantic(format!("'{operator}' operator: {message}"), span),
        }
    }

    fn name(&self, name: &'a Name, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        if let Some(value) = scope.column(&name.text) {
            return Ok(value);
        }
        match scope.env.find(&name.text) {
            Some(Binding::Scalar(value)) => Ok(value.clone()),
            Some(Binding::Function(function)) => self.scalar_function(&function.clone(), &[], name.span, scope),
            Some(Binding::Table(_)) => Err(self.semantic(format!("A tabular expression '{}' cannot stand here", name.text), name.span)),
            None => self.other_name(&name.text, scope).ok_or_else(|| self.unknown_name(name)),
        }
    }

    /// Where the options say so, Sentinel's name of the time column and hunting's answer for each other, and a column answers to its
    /// name in another case: `AccountUPN` in Sentinel is `AccountUpn` in hunting.
    pub(crate) fn other_slot<'s>(&self, name: &str, slots: &'s [Slot]) -> Option<&'s Slot> {
        let time = self.time_name(name).and_then(|time| slots.iter().find(|slot| slot.name == time));
        let mut alike = slots.iter().filter(|slot| self.options.any_case && slot.name.eq_ignore_ascii_case(name));
        time.or_else(|| alike.next().filter(|_| alike.next().is_none()))
    }

    fn other_name(&self, name: &str, scope: Scope<'_, 'a>) -> Option<Value> {
        self.other_slot(name, scope.slots).map(Slot::value)
    }

    /// The other name of a time column, also of the `TimeGenerated1` that a join makes.
    pub(crate) fn time_name(&self, name: &str) -> Option<String> {
        if !self.options.time_aliases {
            return None;
        }
        let swapped = name.strip_prefix("TimeGenerated").map(|rest| ("Timestamp", rest));
        let (other, rest) = swapped.or_else(|| name.strip_prefix("Timestamp").map(|rest| ("TimeGenerated", rest)))?;
        rest.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!("{other}{rest}"))
    }

    pub(crate) fn unknown_name(&self, name: &Name) -> QueryError {
        self.semantic(format!("Failed to resolve scalar expression named '{}'", name.text), name.span)
    }

    fn path(&self, base: &'a Expr, name: &'a Name, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        if let (ExprKind::Name(side), Some((left, right))) = (&base.kind, scope.sides) {
            let slots = match side.text.as_str() {
                "$left" => Some(left),
                "$right" => Some(right),
                _ => None,
            };
            if let Some(slots) = slots {
                let scope = Scope { slots, ..scope };
                return scope.column(&name.text).or_else(|| self.other_name(&name.text, scope)).ok_or_else(|| self.unknown_name(name));
            }
        }
        let value = self.scalar(base, scope)?;
        self.has_parts(&value, base.span)?;
        Ok(bags::member(value, &name.text))
    }

    fn element(&self, base: &'a Expr, index: &'a Expr, scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let value = self.scalar(base, scope)?;
        self.has_parts(&value, base.span)?;
        let index = self.scalar(index, scope)?;
        match (index.kind, index.as_text(), index.as_i64()) {
            (TypeName::String, Some(key), _) => Ok(bags::member(value, key)),
            (TypeName::Int | TypeName::Long, _, Some(number)) => Ok(bags::element(value, number)),
            _ => Ok(bags::item(value, index)),
        }
    }

    fn has_parts(&self, value: &Value, span: Span) -> Result<(), QueryError> {
        if matches!(value.kind, TypeName::Dynamic | TypeName::String) {
            return Ok(());
        }
        Err(self.semantic(format!("A path expression can only be used on dynamic values, not on {}", type_name(value.kind)), span))
    }

    fn list(&self, items: &'a [Expr], scope: Scope<'_, 'a>) -> Result<Value, QueryError> {
        let values = items.iter().map(|item| self.scalar(item, scope)).collect::<Result<Vec<_>, _>>()?;
        Ok(arrays::pack(values))
    }
}

/// The value of a constant.
pub(crate) fn constant(literal: &Literal) -> Value {
    match literal {
        Literal::Bool(value) => Value::bool(*value),
        Literal::Int(value) => Value::constant(ScalarValue::Int32(Some(*value)), TypeName::Int),
        Literal::Long(value) => Value::long(*value),
        Literal::Real(value) => Value::real(*value),
        Literal::Decimal(digits) => Value::constant(ScalarValue::Utf8(Some(digits.clone())), TypeName::Decimal),
        Literal::String(text) => Value::text(text.clone()),
        Literal::Datetime(ticks) => Value::datetime(clock::from_ticks(*ticks)),
        Literal::Timespan(ticks) => Value::timespan(ticks.saturating_mul(100)),
        Literal::Guid(text) => Value::constant(ScalarValue::Utf8(Some(text.clone())), TypeName::Guid),
        Literal::Dynamic(text) => dynamic(text),
        Literal::Null(kind) => Value::null(*kind),
    }
}

fn dynamic(text: &str) -> Value {
    super::json::normal(text).map_or_else(|| Value::null(TypeName::Dynamic), Value::dynamic)
}
