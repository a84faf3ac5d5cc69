//! `top-nested`: the greatest of each level within the greatest of the level above it.
//!
//! Every row gets a label for each level: its value where that is among the greatest, else nothing. What is shown are the groups of
//! rows with the same labels; rows that fell out at a level show only where that level or a later one asks for the `others`.

use super::super::error::QueryError;
use super::super::expr::balanced;
use super::super::expr::names::{Names, suggested};
use super::super::expr::scope::Scope;
use super::super::scalar::cells::typed;
use super::super::scalar::convert::convert;
use super::super::scalar::function::call;
use super::super::value::Value;
use super::Planner;
use super::env::Env;
use super::relation::{Relation, Slot, column};
use crate::kql::ast::{Expr, ExprKind, Span, TopNestedLevel, TypeName};
use arrow::array::BooleanArray;
use datafusion::common::{Column as PlanColumn, JoinType, NullEquality};
use datafusion::logical_expr::{Case, Expr as PlanExpr, Operator, lit};
use std::sync::Arc;

/// A level whose labels the rows have.
struct Labelled<'a> {
    level: &'a TopNestedLevel,
    /// Whether the row's value is among the greatest.
    within: Slot,
    /// The value where it is.
    value: Slot,
    others: Option<Value>,
}

impl Labelled<'_> {
    fn name(&self) -> String {
        suggested(&self.level.of).unwrap_or_else(|| "Column1".to_owned())
    }

    fn aggregate_name(&self) -> String {
        match &self.level.by.kind {
            ExprKind::Named { .. } => suggested(&self.level.by).unwrap_or_default(),
            _ => format!("aggregated_{}", self.name()),
        }
    }
}

impl<'a> Planner<'a> {
    pub(super) fn top_nested(
        &self,
        relation: Relation,
        levels: &'a [TopNestedLevel],
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        if relation.part.is_some() {
            return Err(QueryError::unsupported("'top-nested' operator within a part of a table", span));
        }
        let mut relation = Relation { order: Vec::new(), ..relation };
        let mut done: Vec<Labelled<'a>> = Vec::new();
        for level in levels {
            let (next, labelled) = self.labelled(relation, &done, level, span, env)?;
            relation = next;
            done.push(labelled);
        }
        self.nested_groups(&relation, &done, span, env)
    }

    /// Adds the labels of a level.
    fn labelled(
        &self,
        relation: Relation,
        done: &[Labelled<'a>],
        level: &'a TopNestedLevel,
        span: Span,
        env: &Env<'a>,
    ) -> Result<(Relation, Labelled<'a>), QueryError> {
        let scope = Scope::new(&relation.slots, env);
        let value = self.scalar(&level.of, scope)?;
        let others = level.others.as_ref().map(|others| self.scalar(others, scope)).transpose()?.map(|others| convert(others, value.kind));
        let kept = relation.slots.clone();
        let candidate = self.unseen("candidate", value.kind);
        let relation = relation.with_columns(vec![(candidate.clone(), value.expr)], span)?;
        let greatest = self.greatest(relation.clone(), done, &candidate, level, span, env)?;
        let mark = greatest.slots.last().map_or_else(|| Value::null(TypeName::Bool), Slot::value);
        let keys: Vec<&Slot> = done.iter().map(|level| &level.value).chain([&candidate]).collect();
        let joined = beside(relation, greatest, &keys, span)?;
        let labelled =
            Labelled { level, within: self.unseen("within", TypeName::Bool), value: self.unseen("value", candidate.kind), others };
        let within = is_marked(mark);
        let value = either(within.clone(), candidate.value().expr, Value::null(candidate.kind).expr);
        let labels = [(labelled.within.clone(), within), (labelled.value.clone(), value)];
        let columns = kept.into_iter().map(|slot| (slot.clone(), column(&slot.id))).chain(labels).collect();
        Ok((joined.project(columns, span)?, labelled))
    }

    /// The greatest values of a level, behind the values above them, with a mark last; run now, so that the table is not read once for each level below.
    fn greatest(
        &self,
        relation: Relation,
        done: &[Labelled<'a>],
        candidate: &Slot,
        level: &'a TopNestedLevel,
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let inside = match done.last() {
            Some(above) => relation.filter(column(&above.within.id), span)?,
            None => relation,
        };
        let groups: Vec<Slot> = done.iter().map(|level| level.value.clone()).chain([candidate.clone()]).collect();
        let summed = self.summarized(inside, std::slice::from_ref(&level.by), &groups, span, env)?;
        let weight = self.weight(&summed, groups.len(), &level.by)?;
        let summed = match &level.count {
            Some(count) => {
                let count = self.row_count(count, env)?;
                let above = done.iter().map(|level| column(&level.value.id)).collect();
                let order = vec![column(&weight.id).sort(level.ascending, false)];
                self.first_of_each(summed, above, order, count, span)?
            }
            None => summed,
        };
        let mark = (self.unseen("mark", TypeName::Bool), lit(true));
        let columns = groups.into_iter().map(|slot| (slot.clone(), column(&slot.id))).chain([mark]).collect();
        self.held(summed.project(columns, span)?, span)
    }

    fn weight(&self, summed: &Relation, groups: usize, by: &Expr) -> Result<Slot, QueryError> {
        match summed.slots.get(groups..) {
            Some([weight]) => Ok(weight.clone()),
            _ => Err(self.semantic("top-nested: an aggregate of one column is expected", by.span)),
        }
    }

    /// The groups of rows with the same labels, with each level's aggregate.
    fn nested_groups(&self, relation: &Relation, done: &[Labelled<'a>], span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        let mut weights: Vec<Slot> = Vec::new();
        let mut result: Option<Relation> = None;
        for (number, level) in done.iter().enumerate().rev() {
            let groups: Vec<Slot> = done[..=number].iter().flat_map(|level| [level.within.clone(), level.value.clone()]).collect();
            let summed = self.summarized(relation.clone(), std::slice::from_ref(&level.level.by), &groups, span, env)?;
            self.weight(&summed, groups.len(), &level.level.by)?;
            let (all, weight) = match result {
                // The last level's groups are the rows of the result; those above are joined to them.
                None => (summed.clone(), summed.slots.last().cloned()),
                Some(all) => {
                    let held = self.held(summed, span)?;
                    let weight = held.slots.last().cloned();
                    (beside(all, held, &groups.iter().collect::<Vec<_>>(), span)?, weight)
                }
            };
            weights.extend(weight);
            result = Some(all);
        }
        weights.reverse();
        let Some(result) = result else { return Ok(relation.clone()) };
        self.shown(result.filter(is_shown(done), span)?, done, &weights, span)
    }

    fn shown(&self, groups: Relation, done: &[Labelled<'a>], weights: &[Slot], span: Span) -> Result<Relation, QueryError> {
        let mut names = Names::default();
        let mut columns = Vec::new();
        for (level, weight) in done.iter().zip(weights) {
            let within = column(&level.within.id);
            let other = level.others.clone().unwrap_or_else(|| Value::null(level.value.kind));
            let value = either(within.clone(), column(&level.value.id), other.expr);
            let weighed = match level.others {
                Some(_) => column(&weight.id),
                None => either(within, column(&weight.id), Value::null(weight.kind).expr),
            };
            columns.push((self.slot(&names.unique(&level.name()), level.value.kind), value));
            columns.push((self.slot(&names.unique(&level.aggregate_name()), weight.kind), weighed));
        }
        groups.project(columns, span)
    }

    /// A column under a name that no query can write.
    fn unseen(&self, name: &str, kind: TypeName) -> Slot {
        let id = self.fresh(name);
        Slot { name: format!("\0{id}"), id, kind }
    }
}

/// Groups whose values are all among the greatest, or that a level shows as its others.
fn is_shown(done: &[Labelled<'_>]) -> PlanExpr {
    let all = balanced(done.iter().map(|level| column(&level.within.id)).collect(), Operator::And);
    let others = done.iter().filter(|level| level.others.is_some()).map(|level| column(&level.within.id).is_false());
    balanced(std::iter::once(all).chain(others).collect(), Operator::Or)
}

/// Whether a row met one of the greatest. A function of our own, so that no rule makes the join an inner one: rows without a mark stay.
fn is_marked(mark: Value) -> PlanExpr {
    let marked = call("is_marked", "", TypeName::Bool, vec![mark], |arrays, _| {
        let marks = typed::<BooleanArray>(&arrays[0])?;
        Ok(Arc::new(marks.iter().map(|mark| Some(mark == Some(true))).collect::<BooleanArray>()))
    });
    marked.expr
}

fn either(condition: PlanExpr, yes: PlanExpr, no: PlanExpr) -> PlanExpr {
    PlanExpr::Case(Case::new(None, vec![(Box::new(condition), Box::new(yes))], Some(Box::new(no))))
}

/// Puts the row of another table with the same keys beside each row; its first columns are the keys. Nulls are keys as well.
fn beside(relation: Relation, other: Relation, keys: &[&Slot], span: Span) -> Result<Relation, QueryError> {
    let named = |slot: &Slot| PlanColumn::new_unqualified(&slot.id);
    let left: Vec<PlanColumn> = keys.iter().map(|slot| named(slot)).collect();
    let right: Vec<PlanColumn> = other.slots.iter().take(keys.len()).map(named).collect();
    let slots = relation.slots.iter().chain(&other.slots).cloned().collect();
    let plan = other.plan;
    let joined = relation
        .with_plan(span, |left_plan| left_plan.join_detailed(plan, JoinType::Left, (left, right), None, NullEquality::NullEqualsNull))?;
    Ok(Relation { slots, ..joined })
}
