//! `union`, and what it shares with `find` and `search`: tables by name and wildcard, columns brought together by name.

use super::super::error::QueryError;
use super::super::types::type_name;
use super::super::value::Value;
use super::Planner;
use super::columns::matches;
use super::env::Env;
use super::relation::{Relation, Slot, column, plan_error};
use super::sources::literal_text;
use crate::kql::ast::{Expr, ExprKind, Name, Property, Span, TypeName};
use datafusion::logical_expr::{Expr as PlanExpr, LogicalPlan, Union};
use std::sync::Arc;

/// A table and the name it goes by.
pub(super) type Named = (String, Relation);

/// A property by one of its names.
pub(super) fn property<'p>(properties: &'p [Property], names: &[&str]) -> Option<&'p Expr> {
    properties.iter().find(|property| names.contains(&property.name.text.as_str())).map(|property| &property.value)
}

fn is_true(expr: Option<&Expr>) -> bool {
    use crate::kql::ast::Literal;
    match expr.map(|expr| &expr.kind) {
        Some(ExprKind::Literal(Literal::Bool(value))) => *value,
        Some(ExprKind::Name(name)) => name.text == "true",
        _ => false,
    }
}

impl<'a> Planner<'a> {
    pub(super) fn union(
        &self,
        first: Option<Relation>,
        properties: &'a [Property],
        tables: &'a [Expr],
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let fuzzy = is_true(property(properties, &["isfuzzy"]));
        let inner = property(properties, &["kind"]).and_then(literal_text) == Some("inner");
        let source = property(properties, &["withsource", "with_source"]).and_then(literal_text);
        let mut inputs: Vec<Named> = first.into_iter().map(|relation| ("union_arg0".to_owned(), relation)).collect();
        for table in tables {
            match self.union_tables(table, env, inputs.len()) {
                Ok(found) => inputs.extend(found),
                Err(error) if fuzzy && error.is_about_a_table() => {}
                Err(error) => return Err(error),
            }
        }
        if inputs.is_empty() {
            return Err(self.semantic("none of the tables exists", span));
        }
        self.united(inputs, inner, source, span)
    }

    fn union_tables(&self, table: &'a Expr, env: &Env<'a>, index: usize) -> Result<Vec<Named>, QueryError> {
        match &table.kind {
            ExprKind::Wildcard(pattern) => self.tables_like(pattern, env),
            ExprKind::Name(name) => Ok(vec![(name.text.clone(), self.member_table(table, env)?)]),
            _ => Ok(vec![(format!("union_arg{index}"), self.member_table(table, env)?)]),
        }
    }

    fn member_table(&self, table: &'a Expr, env: &Env<'a>) -> Result<Relation, QueryError> {
        let operator = self.operator.replace("union");
        let relation = self.tabular(table, env)?;
        self.operator.set(operator);
        Ok(relation)
    }

    /// The tables whose names fit a pattern, the query's own included.
    pub(super) fn tables_like(&self, pattern: &Name, env: &Env<'a>) -> Result<Vec<Named>, QueryError> {
        let mut found = Vec::new();
        for (name, table) in self.tables.iter().filter(|(name, _)| matches(&pattern.text, name)) {
            found.push((name.clone(), self.scan(name, table, pattern.span)?));
        }
        for (name, relation) in env.tables().into_iter().filter(|(name, _)| matches(&pattern.text, name)) {
            found.push((name, self.renewed(relation, pattern.span)?));
        }
        if found.is_empty() { Err(self.unknown_table(pattern)) } else { Ok(found) }
    }

    /// Unites tables: columns of one name and type are one column, of one name and several types one for each.
    pub(super) fn united(&self, inputs: Vec<Named>, inner: bool, source: Option<&str>, span: Span) -> Result<Relation, QueryError> {
        let mut slots = self.merged_slots(&inputs, inner);
        let kinds = slots.clone();
        let source = source.map(|name| self.slot(name, TypeName::String));
        let plans = inputs.into_iter().map(|(name, relation)| {
            let marked = source.iter().map(|slot| (slot.clone(), Value::text(name.clone()).expr));
            let columns = marked.chain(kinds.iter().map(|target| (target.slot.clone(), target.value_in(&relation)))).collect();
            let exact = Relation { order: Vec::new(), part: None, ..relation };
            exact.project(columns, span).map(|relation| Arc::new(relation.plan))
        });
        let plans = plans.collect::<Result<Vec<_>, _>>()?;
        let slots: Vec<Slot> = source.into_iter().chain(slots.drain(..).map(|target| target.slot)).collect();
        if let [only] = plans.as_slice() {
            return Ok(Relation::new(only.as_ref().clone(), slots));
        }
        let union = Union::try_new_with_loose_types(plans).map_err(|error| plan_error(&error, span))?;
        Ok(Relation::new(LogicalPlan::Union(union), slots))
    }

    fn merged_slots(&self, inputs: &[Named], inner: bool) -> Vec<Target> {
        let mut targets: Vec<Target> = Vec::new();
        for (_, relation) in inputs {
            for slot in &relation.slots {
                if !targets.iter().any(|target| target.name == slot.name && target.slot.kind == slot.kind) {
                    targets.push(Target { name: slot.name.clone(), slot: self.slot(&slot.name, slot.kind) });
                }
            }
        }
        if inner {
            targets.retain(|target| inputs.iter().all(|(_, relation)| target.found_in(relation).is_some()));
        }
        let names: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
        for target in &mut targets {
            if names.iter().filter(|name| **name == target.name).count() > 1 {
                target.slot.name = format!("{}_{}", target.name, type_name(target.slot.kind));
            }
        }
        targets
    }
}

/// A column of a union: the name it has in the tables, and what it is in the result.
#[derive(Clone)]
struct Target {
    name: String,
    slot: Slot,
}

impl Target {
    fn found_in<'r>(&self, relation: &'r Relation) -> Option<&'r Slot> {
        relation.slots.iter().find(|slot| slot.name == self.name && slot.kind == self.slot.kind)
    }

    fn value_in(&self, relation: &Relation) -> PlanExpr {
        self.found_in(relation).map_or_else(|| Value::null(self.slot.kind).expr, |slot| column(&slot.id))
    }
}
