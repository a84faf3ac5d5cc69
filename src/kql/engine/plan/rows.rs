//! Operators that choose and order rows.

use super::super::error::QueryError;
use super::super::expr::balanced;
use super::super::expr::names::suggested;
use super::super::expr::scope::Scope;
use super::super::scalar::convert::to_text;
use super::super::value::Value;
use super::Planner;
use super::columns::matches;
use super::env::Env;
use super::relation::{Relation, Slot, column};
use crate::kql::ast::{Expr, ExprKind, OrderBy, Span, TypeName};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr as PlanExpr, Operator, SortExpr, WindowFrame, lit};

impl<'a> Planner<'a> {
    pub(super) fn filtered(&self, relation: Relation, predicate: &'a Expr, span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        let (relation, conditions) = Self::with_windows(relation, span, env, |scope| self.conjuncts(predicate, scope))?;
        relation.filter(balanced(conditions, Operator::And), span)
    }

    pub(super) fn take(&self, relation: Relation, count: &'a Expr, span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        let count = self.row_count(count, env)?;
        self.limited(relation, count, span)
    }

    pub(super) fn row_count(&self, count: &'a Expr, env: &Env<'a>) -> Result<usize, QueryError> {
        let value = self.scalar(count, Scope::new(&[], env))?;
        value.as_usize().ok_or_else(|| self.semantic("A constant number of rows is expected here", count.span))
    }

    /// The first rows, of each part where there are parts.
    pub(super) fn limited(&self, relation: Relation, count: usize, span: Span) -> Result<Relation, QueryError> {
        let Some(part) = relation.part.clone() else { return relation.with_plan(span, |plan| plan.limit(0, Some(count))) };
        let order = relation.order.clone();
        self.first_of_each(relation, vec![column(&part)], order, count, span)
    }

    /// The first rows of each group.
    pub(super) fn first_of_each(
        &self,
        relation: Relation,
        partition_by: Vec<PlanExpr>,
        order: Vec<SortExpr>,
        count: usize,
        span: Span,
    ) -> Result<Relation, QueryError> {
        let params = WindowFunctionParams {
            args: Vec::new(),
            partition_by,
            window_frame: WindowFrame::new((!order.is_empty()).then_some(false)),
            order_by: order,
            filter: None,
            null_treatment: None,
            distinct: false,
        };
        let id = self.fresh("row");
        let number = PlanExpr::from(WindowFunction { fun: row_number_udwf().into(), params }).alias(id.clone());
        let limit = u64::try_from(count).unwrap_or(u64::MAX);
        relation.with_plan(span, |plan| plan.window(vec![number])?.filter(column(&id).lt_eq(lit(limit))))
    }

    /// Sort keys that are no columns become columns that the query does not see.
    fn sort_keys(
        &self,
        relation: Relation,
        keys: &'a [OrderBy],
        span: Span,
        env: &Env<'a>,
    ) -> Result<(Relation, Vec<SortExpr>), QueryError> {
        let (relation, values) = Self::with_windows(relation, span, env, |scope| {
            keys.iter().map(|key| self.scalar(&key.value, scope)).collect::<Result<Vec<_>, _>>()
        })?;
        let mut hidden: Vec<PlanExpr> = Vec::new();
        let mut order = Vec::new();
        for (key, value) in keys.iter().zip(values) {
            let expr = match sortable(value).expr {
                PlanExpr::Column(column) => PlanExpr::Column(column),
                expr => {
                    let id = self.fresh("key");
                    hidden.push(expr.alias(id.clone()));
                    column(&id)
                }
            };
            order.push(expr.sort(key.ascending, key.nulls_first));
        }
        if hidden.is_empty() {
            return Ok((relation, order));
        }
        let all: Vec<PlanExpr> = relation.plan.schema().fields().iter().map(|field| column(field.name())).chain(hidden).collect();
        Ok((relation.with_plan(span, |plan| plan.project(all))?, order))
    }

    pub(super) fn sort(&self, relation: Relation, keys: &'a [OrderBy], span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        let (relation, order) = self.sort_keys(relation, keys, span, env)?;
        let sorted = relation.with_plan(span, |plan| plan.sort(order.clone()))?;
        Ok(Relation { order, ..sorted })
    }

    pub(super) fn top(
        &self,
        relation: Relation,
        count: &'a Expr,
        by: &'a OrderBy,
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let count = self.row_count(count, env)?;
        let sorted = self.sort(relation, std::slice::from_ref(by), span, env)?;
        self.limited(sorted, count, span)
    }

    /// Groups rows by columns, with aggregates; the part of a row is always one of the groups.
    pub(super) fn grouped(
        relation: Relation,
        groups: &[Slot],
        aggregates: Vec<(Slot, PlanExpr)>,
        span: Span,
    ) -> Result<Relation, QueryError> {
        let part = relation.part.clone();
        let by: Vec<PlanExpr> = groups.iter().map(|slot| column(&slot.id)).chain(part.iter().map(|id| column(id))).collect();
        let made: Vec<PlanExpr> = aggregates.iter().map(|(slot, expr)| expr.clone().alias(slot.id.clone())).collect();
        let slots = groups.iter().cloned().chain(aggregates.into_iter().map(|(slot, _)| slot)).collect();
        let relation = relation.with_plan(span, |plan| plan.aggregate(by, made))?;
        Ok(Relation { slots, order: Vec::new(), ..relation })
    }

    pub(super) fn count(&self, relation: Relation, span: Span) -> Result<Relation, QueryError> {
        let slot = self.slot("Count", TypeName::Long);
        Self::grouped(relation, &[], vec![(slot, count_rows())], span)
    }

    pub(super) fn distinct(&self, relation: Relation, columns: &'a [Expr], span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        let chosen = match columns {
            [Expr { kind: ExprKind::Wildcard(pattern), .. }] if pattern.text == "*" => relation,
            _ => self.project(relation, columns, span, env)?,
        };
        let slots = chosen.slots.clone();
        let chosen = Relation { order: Vec::new(), ..chosen };
        Self::grouped(chosen, &slots, Vec::new(), span)
    }

    pub(super) fn sample_distinct(
        &self,
        relation: Relation,
        count: &'a Expr,
        of: &'a Expr,
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let distinct = self.distinct(relation, std::slice::from_ref(of), span, env)?;
        self.take(distinct, count, span, env)
    }

    pub(super) fn top_hitters(
        &self,
        relation: Relation,
        (count, of, by): (&'a Expr, &'a Expr, Option<&'a Expr>),
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let count = self.row_count(count, env)?;
        let scope = Scope::new(&relation.slots, env);
        let value = self.scalar(of, scope)?;
        let name = suggested(of).unwrap_or_else(|| "Column1".to_owned());
        let weight = by.map(|by| self.scalar(by, scope)).transpose()?;
        let group = self.slot(&name, value.kind);
        let (sum_name, expr) = match weight {
            Some(weight) => {
                let weight = super::super::scalar::convert::convert(weight, TypeName::Long);
                let name = by.and_then(suggested).unwrap_or_default();
                (format!("approximate_sum_{name}"), aggregate(sum_udaf(), vec![weight.expr]))
            }
            None => (format!("approximate_count_{name}"), count_rows()),
        };
        let relation = relation.with_columns(vec![(group.clone(), value.expr)], span)?;
        let hits = self.slot(&sum_name, TypeName::Long);
        let order = vec![column(&hits.id).sort(false, false)];
        let grouped = Self::grouped(relation, &[group], vec![(hits, expr)], span)?;
        let sorted = grouped.with_plan(span, |plan| plan.sort(order.clone()))?;
        self.limited(Relation { order, ..sorted }, count, span)
    }

    /// The columns that patterns and names of a list choose, without repetition.
    pub(super) fn chosen_columns(&self, patterns: &'a [Expr], relation: &Relation) -> Result<Vec<Slot>, QueryError> {
        let mut found: Vec<Slot> = Vec::new();
        for expr in patterns {
            let slots: Vec<Slot> = match &expr.kind {
                ExprKind::Wildcard(pattern) => relation.slots.iter().filter(|slot| matches(&pattern.text, &slot.name)).cloned().collect(),
                ExprKind::Name(name) => vec![self.existing(name, relation)?.clone()],
                _ => return Err(self.semantic("A column's name is expected here", expr.span)),
            };
            found.extend(slots.into_iter().filter(|slot| !found.iter().any(|known| known.id == slot.id)).collect::<Vec<_>>());
        }
        Ok(found)
    }
}

/// Dynamic values are ordered by their text.
fn sortable(value: Value) -> Value {
    if value.kind == TypeName::Dynamic { to_text(value) } else { value }
}

pub(super) fn count_rows() -> PlanExpr {
    aggregate(count_udaf(), vec![lit(1_i64)])
}

pub(super) fn aggregate(function: std::sync::Arc<datafusion::logical_expr::AggregateUDF>, args: Vec<PlanExpr>) -> PlanExpr {
    PlanExpr::AggregateFunction(AggregateFunction::new_udf(function, args, false, None, Vec::new(), None))
}
