//! `summarize`: groups, aggregates anywhere in its expressions, and aggregates that yield several columns.

use super::super::error::QueryError;
use super::super::expr::names::{Names, suggested};
use super::super::expr::scope::{Collected, Mode, Scope};
use super::super::value::Value;
use super::Planner;
use super::columns::Computed;
use super::env::Env;
use super::relation::{Relation, Slot, column};
use crate::kql::ast::{Expr, ExprKind, Name, Span};
use datafusion::logical_expr::Expr as PlanExpr;

impl<'a> Planner<'a> {
    pub(super) fn summarize(
        &self,
        relation: Relation,
        aggregates: &'a [Expr],
        by: &'a [Expr],
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let (relation, groups) = self.groups(relation, by, span, env)?;
        self.summarized(relation, aggregates, &groups, span, env)
    }

    /// Summarizes by groups that are columns already.
    pub(super) fn summarized(
        &self,
        relation: Relation,
        aggregates: &'a [Expr],
        groups: &[Slot],
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let collected = Collected::default();
        let mut results = Vec::new();
        for expr in aggregates {
            let scope = Scope::new(&relation.slots, env).with_mode(Mode::Aggregate(&collected, &relation.order));
            results.extend(self.aggregated(expr, groups, scope)?);
        }
        let part = relation.part.clone();
        let grouped = Self::aggregate_node(relation, groups, collected.take(), span)?;
        let columns: Vec<(Slot, PlanExpr)> = groups.iter().map(|slot| (slot.clone(), column(&slot.id))).collect();
        let columns = self.columns_of(columns, results);
        Relation { part, ..grouped }.project(columns, span)
    }

    pub(super) fn aggregate_node(
        relation: Relation,
        groups: &[Slot],
        aggregates: Vec<(String, PlanExpr)>,
        span: Span,
    ) -> Result<Relation, QueryError> {
        let slots = aggregates.into_iter().map(|(id, expr)| (Slot { name: id.clone(), id, kind: crate::kql::ast::TypeName::Long }, expr));
        Self::grouped(relation, groups, slots.collect(), span)
    }

    /// Adds the groups as columns; a group that is a column stays that column.
    pub(super) fn groups(
        &self,
        relation: Relation,
        by: &'a [Expr],
        span: Span,
        env: &Env<'a>,
    ) -> Result<(Relation, Vec<Slot>), QueryError> {
        let mut names = Names::default();
        let mut groups: Vec<Slot> = Vec::new();
        let mut made = Vec::new();
        let mut unnamed = 0_usize;
        for expr in by {
            for (name, value) in self.group(expr, Scope::new(&relation.slots, env))? {
                let name = name.unwrap_or_else(|| {
                    unnamed += 1;
                    format!("Column{unnamed}")
                });
                let name = names.unique(&name);
                if let Some(id) = plain_column(&value, &relation, &groups) {
                    groups.push(Slot { name, id, kind: value.kind });
                } else {
                    let slot = self.slot(&name, value.kind);
                    groups.push(slot.clone());
                    made.push((slot, value.expr));
                }
            }
        }
        if made.is_empty() {
            return Ok((relation, groups));
        }
        // The aggregates see the table's columns, not the groups that may share their names.
        let own = relation.slots.clone();
        let extended = relation.with_columns(made, span)?;
        Ok((Relation { slots: own, ..extended }, groups))
    }

    fn group(&self, expr: &'a Expr, scope: Scope<'_, 'a>) -> Result<Vec<(Option<String>, Value)>, QueryError> {
        if let ExprKind::Wildcard(pattern) = &expr.kind {
            let found = scope.slots.iter().filter(|slot| super::columns::matches(&pattern.text, &slot.name));
            return Ok(found.map(|slot| (Some(slot.name.clone()), slot.value())).collect());
        }
        Ok(vec![(suggested(expr), self.scalar(expr, scope)?)])
    }

    pub(super) fn aggregated(&self, expr: &'a Expr, groups: &[Slot], scope: Scope<'_, 'a>) -> Result<Vec<Computed>, QueryError> {
        let (names, value): (&'a [Name], &'a Expr) = match &expr.kind {
            ExprKind::Named { names, value } => (names, value),
            _ => (&[], expr),
        };
        if let ExprKind::Call { name, arguments } = &value.kind
            && let Mode::Aggregate(collected, _) = scope.mode
            && let Some(results) = self.many_columns(&name.text, arguments, groups, value.span, scope, collected)
        {
            return results.map(|results| renamed(results, names));
        }
        let translated = self.scalar(value, scope)?;
        let name = names.first().map(|name| name.text.clone()).or_else(|| suggested(value));
        Ok(vec![Computed { name, value: translated }])
    }
}

/// The id of the column that a value is, unless another group is that column already.
fn plain_column(value: &Value, relation: &Relation, groups: &[Slot]) -> Option<String> {
    let PlanExpr::Column(found) = &value.expr else { return None };
    let known = relation.slots.iter().any(|slot| slot.id == found.name) && !groups.iter().any(|slot| slot.id == found.name);
    known.then(|| found.name.clone())
}

/// Names given to several columns replace theirs from the left.
fn renamed(mut results: Vec<Computed>, names: &[Name]) -> Vec<Computed> {
    for (result, name) in results.iter_mut().zip(names) {
        result.name = Some(name.text.clone());
    }
    results
}
