//! `and`, `or` and predicates. Chains of them are written as balanced trees, so that a thousand terms are ten levels deep.

use super::super::error::QueryError;
use super::super::plan::Planner;
use super::super::scalar::convert::convert;
use super::super::types::type_name;
use super::super::value::Value;
use super::scope::Scope;
use crate::kql::ast::{BinaryOp, Expr, ExprKind, TypeName};
use datafusion::logical_expr::{BinaryExpr, Expr as PlanExpr, Operator};

impl<'a> Planner<'a> {
    /// A condition that only decides whether a row is kept.
    pub(crate) fn predicate(&self, expr: &'a Expr, scope: Scope<'_, 'a>) -> Result<PlanExpr, QueryError> {
        self.condition(expr, scope, true).map(|value| value.expr)
    }

    /// The conditions that a predicate joins with `and`.
    pub(crate) fn conjuncts(&self, expr: &'a Expr, scope: Scope<'_, 'a>) -> Result<Vec<PlanExpr>, QueryError> {
        operands(expr, BinaryOp::And).into_iter().map(|part| self.predicate(part, scope)).collect()
    }

    fn condition(&self, expr: &'a Expr, scope: Scope<'_, 'a>, positive: bool) -> Result<Value, QueryError> {
        let value = match &expr.kind {
            ExprKind::Binary { op: BinaryOp::And | BinaryOp::Or, .. } => return self.logic(expr, scope, positive),
            ExprKind::Binary { op, left, right } => {
                let (left, right) = (self.scalar(left, scope)?, self.scalar(right, scope)?);
                self.binary_values(*op, left, right, expr.span, positive)?
            }
            _ => self.scalar(expr, scope)?,
        };
        self.as_condition(value, expr)
    }

    fn as_condition(&self, value: Value, expr: &Expr) -> Result<Value, QueryError> {
        match value.kind {
            TypeName::Bool => Ok(value),
            TypeName::Dynamic | TypeName::Int | TypeName::Long => Ok(convert(value, TypeName::Bool)),
            kind => Err(self.semantic(format!("A condition must be of type bool, not {}", type_name(kind)), expr.span)),
        }
    }

    pub(super) fn logic(&self, expr: &'a Expr, scope: Scope<'_, 'a>, positive: bool) -> Result<Value, QueryError> {
        let ExprKind::Binary { op, .. } = &expr.kind else { return self.scalar(expr, scope) };
        let parts = operands(expr, *op).into_iter().map(|part| self.condition(part, scope, positive).map(|value| value.expr));
        let joined = balanced(parts.collect::<Result<Vec<_>, _>>()?, if *op == BinaryOp::And { Operator::And } else { Operator::Or });
        Ok(Value::new(joined, TypeName::Bool))
    }
}

/// The operands of a chain of one operator, in order; the chain's left spine is followed without recursion.
fn operands(expr: &Expr, wanted: BinaryOp) -> Vec<&Expr> {
    let mut found = Vec::new();
    let mut stack = vec![expr];
    while let Some(next) = stack.pop() {
        match &next.kind {
            ExprKind::Binary { op, left, right } if *op == wanted => {
                stack.push(right);
                stack.push(left);
            }
            _ => found.push(next),
        }
    }
    found
}

/// Joins expressions with an operator, as a tree of least depth.
pub(crate) fn balanced(mut parts: Vec<PlanExpr>, op: Operator) -> PlanExpr {
    while parts.len() > 1 {
        let mut halves = Vec::with_capacity(parts.len().div_ceil(2));
        let mut rest = parts.into_iter();
        while let Some(first) = rest.next() {
            halves.push(match rest.next() {
                Some(second) => PlanExpr::BinaryExpr(BinaryExpr::new(Box::new(first), op, Box::new(second))),
                None => first,
            });
        }
        parts = halves;
    }
    parts.pop().unwrap_or_else(|| datafusion::logical_expr::lit(op == Operator::And))
}
