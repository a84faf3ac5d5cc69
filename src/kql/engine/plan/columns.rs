//! Operators that choose, compute, rename and order columns.

use super::super::error::QueryError;
use super::super::expr::names::{Names, suggested};
use super::super::expr::scope::Scope;
use super::super::value::Value;
use super::Planner;
use super::env::Env;
use super::relation::{Relation, Slot, column};
use crate::kql::ast::{Expr, ExprKind, Name, Span};
use datafusion::logical_expr::Expr as PlanExpr;

/// A column to be: the name it was given or suggests, and its value.
pub(super) struct Computed {
    pub(super) name: Option<String>,
    pub(super) value: Value,
}

impl<'a> Planner<'a> {
    /// Translates `NAME = EXPR` and `EXPR`. A dynamic array may be given to several names.
    pub(super) fn computed(&self, expr: &'a Expr, scope: Scope<'_, 'a>) -> Result<Vec<Computed>, QueryError> {
        if let ExprKind::Named { names, value } = &expr.kind
            && names.len() > 1
        {
            let tuple = self.scalar(value, scope)?;
            let part = |(index, name): (usize, &Name)| Computed {
                name: Some(name.text.clone()),
                value: super::super::scalar::bags::element(tuple.clone(), super::super::numbers::count(index)),
            };
            return Ok(names.iter().enumerate().map(part).collect());
        }
        Ok(vec![Computed { name: suggested(expr), value: self.scalar(expr, scope)? }])
    }

    pub(super) fn project(&self, relation: Relation, columns: &'a [Expr], span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        let (relation, computed) = Self::with_windows(relation, span, env, |scope| {
            let mut all = Vec::new();
            for expr in columns {
                all.extend(self.projected(expr, scope)?);
            }
            Ok(all)
        })?;
        let made = self.columns_of(Vec::new(), computed);
        relation.project(made, span)
    }

    /// A column may also be given by a wildcard.
    fn projected(&self, expr: &'a Expr, scope: Scope<'_, 'a>) -> Result<Vec<Computed>, QueryError> {
        let ExprKind::Wildcard(pattern) = &expr.kind else { return self.computed(expr, scope) };
        let found = scope.slots.iter().filter(|slot| matches(&pattern.text, &slot.name));
        Ok(found.map(|slot| Computed { name: Some(slot.name.clone()), value: slot.value() }).collect())
    }

    /// Columns under names of their own, behind others. A column that stays what it is keeps its id, so that an order by it stays too.
    pub(super) fn columns_of(
        &self,
        mut columns: Vec<(Slot, PlanExpr)>,
        computed: impl IntoIterator<Item = Computed>,
    ) -> Vec<(Slot, PlanExpr)> {
        let mut names = Names::of(columns.iter().map(|(slot, _)| slot.name.as_str()));
        let mut unnamed = 0_usize;
        for Computed { name, value } in computed {
            let name = name.unwrap_or_else(|| {
                unnamed += 1;
                format!("Column{unnamed}")
            });
            let slot = self.slot_for(&names.unique(&name), &value, &columns);
            columns.push((slot, value.expr));
        }
        columns
    }

    fn slot_for(&self, name: &str, value: &Value, taken: &[(Slot, PlanExpr)]) -> Slot {
        match &value.expr {
            PlanExpr::Column(known) if !taken.iter().any(|(slot, _)| slot.id == known.name) => {
                Slot { name: name.to_owned(), id: known.name.clone(), kind: value.kind }
            }
            _ => self.slot(name, value.kind),
        }
    }

    pub(super) fn extend(&self, relation: Relation, columns: &'a [Expr], span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        if columns.is_empty() {
            return Ok(relation);
        }
        let (relation, computed) = Self::with_windows(relation, span, env, |scope| {
            let mut all = Vec::new();
            for expr in columns {
                all.extend(self.computed(expr, scope)?);
            }
            Ok(all)
        })?;
        self.extended(relation, computed, span)
    }

    /// Adds columns, in the place of those that have their names.
    pub(super) fn extended(&self, relation: Relation, computed: Vec<Computed>, span: Span) -> Result<Relation, QueryError> {
        let mut columns = relation.identity();
        let mut unnamed = 0_usize;
        for Computed { name, value } in computed {
            let name = match name {
                Some(name) => name,
                None => loop {
                    unnamed += 1;
                    let name = format!("Column{unnamed}");
                    if !columns.iter().any(|(slot, _)| slot.name == name) {
                        break name;
                    }
                },
            };
            let made = (self.slot(&name, value.kind), value.expr);
            match columns.iter_mut().find(|(slot, _)| slot.name == name) {
                Some(old) => *old = made,
                None => columns.push(made),
            }
        }
        relation.project(columns, span)
    }

    pub(super) fn project_away(&self, relation: Relation, columns: &'a [Expr], span: Span) -> Result<Relation, QueryError> {
        let away = self.patterns(columns, &relation)?;
        let kept = relation.identity().into_iter().filter(|(slot, _)| !away.iter().any(|pattern| matches(pattern, &slot.name))).collect();
        relation.project(kept, span)
    }

    pub(super) fn project_keep(&self, relation: Relation, columns: &'a [Expr], span: Span) -> Result<Relation, QueryError> {
        let keep = self.patterns(columns, &relation)?;
        let kept = relation.identity().into_iter().filter(|(slot, _)| keep.iter().any(|pattern| matches(pattern, &slot.name))).collect();
        relation.project(kept, span)
    }

    /// Names and wildcards; a name that is no column is an error.
    fn patterns(&self, columns: &'a [Expr], relation: &Relation) -> Result<Vec<String>, QueryError> {
        columns.iter().map(|expr| self.pattern(expr, relation)).collect()
    }

    fn pattern(&self, expr: &Expr, relation: &Relation) -> Result<String, QueryError> {
        match &expr.kind {
            ExprKind::Wildcard(pattern) => Ok(pattern.text.clone()),
            ExprKind::Name(name) => self.existing(name, relation).map(|slot| slot.name.clone()),
            _ => Err(self.semantic("A column's name is expected here", expr.span)),
        }
    }

    /// A column by its name, or by the other that it answers to where the options say so.
    pub(super) fn existing<'r>(&self, name: &Name, relation: &'r Relation) -> Result<&'r Slot, QueryError> {
        let found = relation.slot(&name.text).or_else(|| self.other_slot(&name.text, &relation.slots));
        found.ok_or_else(|| self.unknown_name(name))
    }

    pub(super) fn project_rename(&self, relation: Relation, columns: &'a [Expr], span: Span) -> Result<Relation, QueryError> {
        let mut slots = relation.slots.clone();
        for expr in columns {
            let ExprKind::Named { names, value } = &expr.kind else { return Err(self.semantic("NEW = OLD is expected here", expr.span)) };
            let (Some(new), ExprKind::Name(old)) = (names.first(), &value.kind) else {
                return Err(self.semantic("A column's name is expected here", value.span));
            };
            let id = self.existing(old, &relation)?.id.clone();
            if slots.iter().any(|slot| slot.name == new.text && slot.id != id) {
                return Err(self.semantic(format!("A column named '{}' already exists", new.text), new.span));
            }
            if let Some(slot) = slots.iter_mut().find(|slot| slot.id == id) {
                slot.name.clone_from(&new.text);
            }
        }
        let columns = slots.into_iter().map(|slot| (slot.clone(), column(&slot.id))).collect();
        relation.project(columns, span)
    }

    pub(super) fn project_reorder(
        &self,
        relation: Relation,
        columns: &'a [(Expr, Option<Name>)],
        span: Span,
    ) -> Result<Relation, QueryError> {
        let mut rest = relation.identity();
        let mut ordered = Vec::new();
        for (expr, order) in columns {
            let pattern = self.pattern(expr, &relation)?;
            let (mut found, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(slot, _)| matches(&pattern, &slot.name));
            sort_names(&mut found, order.as_ref().map(|name| name.text.as_str()));
            ordered.extend(found);
            rest = others;
        }
        ordered.extend(rest);
        relation.project(ordered, span)
    }
}

fn sort_names(columns: &mut [(Slot, PlanExpr)], order: Option<&str>) {
    match order {
        Some("asc" | "granny-asc") => columns.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name)),
        Some("desc" | "granny-desc") => columns.sort_by(|(a, _), (b, _)| b.name.cmp(&a.name)),
        _ => {}
    }
}

/// Whether a name fits a pattern with `*` for any run of characters.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_stand_for_any_run() {
        assert!(matches("Device*", "DeviceName") && matches("*Name", "DeviceName") && matches("D*e*e", "DeviceName"));
        assert!(matches("DeviceName", "DeviceName") && !matches("Device", "DeviceName") && matches("*", ""));
        assert!(!matches("a*a", "a"));
    }
}
