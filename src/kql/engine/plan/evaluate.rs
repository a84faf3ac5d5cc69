//! `evaluate`: plugins whose columns depend on the rows, which are therefore run first; and `invoke`.

use super::super::aggregate::best::{Choice, best};
use super::super::error::QueryError;
use super::super::expr::scope::Scope;
use super::super::json;
use super::super::scalar::bags;
use super::super::scalar::cells::texts;
use super::super::scalar::convert::{convert, to_text};
use super::super::types::arrow_type;
use super::super::value::Value;
use super::Planner;
use super::aggregates::field;
use super::columns::Computed;
use super::env::{Binding, Env};
use super::relation::{Relation, Slot, column};
use super::rows::aggregate;
use super::statements::Outcome;
use crate::kql::ast::{ColumnDeclaration, Expr, ExprKind, Span, TypeName};
use arrow::array::Array;
use datafusion::logical_expr::{Case, Expr as PlanExpr, lit};

/// Columns that `FileProfile` adds. What it knows is the cloud's: here they are empty.
const FILE_PROFILE: &[(&str, TypeName)] = &[
    ("GlobalPrevalence", TypeName::Int),
    ("GlobalFirstSeen", TypeName::Datetime),
    ("GlobalLastSeen", TypeName::Datetime),
    ("Signer", TypeName::String),
    ("Issuer", TypeName::String),
    ("SignerHash", TypeName::String),
    ("IsCertificateValid", TypeName::Bool),
    ("IsRootSignerMicrosoft", TypeName::Bool),
    ("SignatureState", TypeName::String),
    ("IsExecutable", TypeName::Bool),
    ("ThreatName", TypeName::String),
    ("Publisher", TypeName::String),
    ("SoftwareName", TypeName::String),
    ("ProfileAvailability", TypeName::String),
];

impl<'a> Planner<'a> {
    pub(super) fn invoke(&self, relation: Relation, call: &'a Expr, span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        let (name, arguments): (&str, &'a [Expr]) = match &call.kind {
            ExprKind::Call { name, arguments } => (&name.text, arguments),
            ExprKind::Name(name) => (&name.text, &[]),
            _ => return Err(self.semantic("A function is expected here", call.span)),
        };
        if let Some(Binding::Function(function)) = env.find(name) {
            let function = function.clone();
            let bound = self.bound(&function, arguments, Some(Binding::Table(relation)), span, Scope::new(&[], env))?;
            return match self.statements(function.body, bound)? {
                Some(Outcome::Table(relation)) => Ok(relation),
                _ => Err(self.semantic("A function that yields a table is expected here", call.span)),
            };
        }
        match name {
            "FileProfile" => self.with_nulls(relation, FILE_PROFILE, span),
            "SeenBy" => self.with_nulls(relation, &[("SeenBy", TypeName::Dynamic)], span),
            "DeviceFromIP" => self.with_nulls(relation, &[("IP", TypeName::String), ("DeviceId", TypeName::String)], span),
            _ => Err(self.semantic(format!("Unknown function: '{name}'"), call.span)),
        }
    }

    fn with_nulls(&self, relation: Relation, columns: &[(&str, TypeName)], span: Span) -> Result<Relation, QueryError> {
        let new = columns.iter().filter(|(name, _)| relation.slot(name).is_none());
        let nulls = new.map(|(name, kind)| Computed { name: Some((*name).to_owned()), value: Value::null(*kind) }).collect();
        self.extended(relation, nulls, span)
    }

    pub(super) fn evaluate(
        &self,
        relation: Relation,
        call: &'a Expr,
        schema: &'a [ColumnDeclaration],
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let ExprKind::Call { name, arguments } = &call.kind else { return Err(self.semantic("A plugin is expected here", call.span)) };
        match name.text.as_str() {
            "bag_unpack" => self.bag_unpack(relation, arguments, schema, span, env),
            "pivot" => self.pivot(relation, arguments, span, env),
            "narrow" => self.narrow(relation, span, env),
            other => Err(QueryError::unsupported(format!("Plugin '{other}'"), name.span)),
        }
    }

    /// Every cell as a row of its own: the row's number from 0, the column's name, the value as text.
    fn narrow(&self, relation: Relation, span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        let cells = relation.slots.clone();
        let (relation, number) = Self::with_windows(relation, span, env, |scope| Ok(self.row_number(&[Value::long(0)], scope)))?;
        let row = self.slot("Row", TypeName::Long);
        let numbered = relation.with_columns(vec![(row, number.expr)], span)?;
        let held = self.held(numbered, span)?;
        let Some(row) = held.slots.last().cloned() else { return Ok(held) };
        let inputs = cells.iter().zip(held.slots.clone()).map(|(cell, slot)| {
            let columns = [
                (self.slot("Row", TypeName::Long), row.value()),
                (self.slot("Column", TypeName::String), Value::text(cell.name.clone())),
                (self.slot("Value", TypeName::String), to_text(slot.value())),
            ];
            let columns = columns.map(|(slot, value)| (slot, value.expr)).to_vec();
            held.clone().project(columns, span).map(|relation| (cell.name.clone(), relation))
        });
        self.united(inputs.collect::<Result<Vec<_>, _>>()?, false, None, span)
    }

    fn bag_unpack(
        &self,
        relation: Relation,
        arguments: &'a [Expr],
        schema: &'a [ColumnDeclaration],
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let Some(first) = arguments.first() else { return Err(self.semantic("bag_unpack(): a column is expected", span)) };
        let prefix = match arguments.get(1) {
            Some(prefix) => self.scalar(prefix, Scope::new(&[], env))?.as_text().unwrap_or_default().to_owned(),
            None => String::new(),
        };
        let ExprKind::Name(wanted) = &first.kind else { return Err(self.semantic("bag_unpack(): a column is expected", first.span)) };
        let bag_name = self.existing(wanted, &relation)?.name.clone();
        let held = self.held(relation, span)?;
        let Some(bag) = held.slot(&bag_name).cloned() else { return Ok(held) };
        let members = if schema.is_empty() { self.bag_members(&held, &bag, span)? } else { declared(schema, &held) };
        let mut columns: Vec<(Slot, PlanExpr)> = held.identity().into_iter().filter(|(slot, _)| slot.id != bag.id).collect();
        let unpacked = members.into_iter().map(|(key, kind)| {
            let value = bags::member(bag.value(), &key);
            (format!("{prefix}{key}"), if kind == TypeName::Dynamic { value } else { convert(value, kind) })
        });
        for (name, value) in unpacked {
            if columns.iter().any(|(slot, _)| slot.name == name) {
                return Err(self.semantic(format!("bag_unpack(): a column named '{name}' exists already"), span));
            }
            columns.push((self.slot(&name, value.kind), value.expr));
        }
        held.project(columns, span)
    }

    /// The keys of a column's bags and the type that all values of each have.
    fn bag_members(&self, held: &Relation, bag: &Slot, span: Span) -> Result<Vec<(String, TypeName)>, QueryError> {
        let mut found: Vec<(String, TypeName)> = Vec::new();
        let only = held.clone().project(vec![(bag.clone(), column(&bag.id))], span)?;
        for batch in self.run_now(&only.plan, span)? {
            let Ok(cells) = texts(batch.column(0)) else { continue };
            for (key, value) in cells.iter().flatten().filter_map(json::members).flatten() {
                let Some(kind) = json_kind(value) else { continue };
                match found.iter_mut().find(|(known, _)| **known == *key) {
                    Some((_, known)) => *known = joint(*known, kind),
                    None => found.push((key.into_owned(), kind)),
                }
            }
        }
        Ok(found)
    }

    fn pivot(&self, relation: Relation, arguments: &'a [Expr], span: Span, env: &Env<'a>) -> Result<Relation, QueryError> {
        let Some(pivot) = arguments.first() else { return Err(self.semantic("pivot(): a column is expected", span)) };
        let aggregates = arguments.get(1).map_or(&[][..], std::slice::from_ref);
        let others: Vec<Slot> = match arguments.get(2..) {
            Some(columns) if !columns.is_empty() => self.chosen_columns(columns, &relation)?,
            _ => Self::other_columns(&relation, pivot, arguments.get(1)),
        };
        let key = self.scalar(pivot, Scope::new(&relation.slots, env))?;
        let key_slot = self.slot("pivot", TypeName::String);
        let own = relation.slots.clone();
        let relation = relation.with_columns(vec![(key_slot.clone(), to_text(key).expr)], span)?;
        let groups: Vec<Slot> = others.iter().cloned().chain([key_slot.clone()]).collect();
        let cells = self.pivot_cells(Relation { slots: own, ..relation }, aggregates, &groups, span, env)?;
        self.spread_cells(&cells, &others, &key_slot, span)
    }

    fn other_columns(relation: &Relation, pivot: &Expr, aggregate: Option<&Expr>) -> Vec<Slot> {
        let mut used = Vec::new();
        names_in(pivot, &mut used);
        if let Some(expr) = aggregate {
            names_in(expr, &mut used);
        }
        relation.slots.iter().filter(|slot| !used.contains(&slot.name.as_str())).cloned().collect()
    }

    /// One row for each cell of the result: its row's columns, its column's name, its value.
    fn pivot_cells(
        &self,
        relation: Relation,
        aggregates: &'a [Expr],
        groups: &[Slot],
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let made = if aggregates.is_empty() {
            Self::grouped(relation, groups, vec![(self.slot("cell", TypeName::Long), super::rows::count_rows())], span)?
        } else {
            self.summarized(relation, aggregates, groups, span, env)?
        };
        self.held(made, span)
    }

    fn spread_cells(&self, cells: &Relation, others: &[Slot], key: &Slot, span: Span) -> Result<Relation, QueryError> {
        let (Some(key), Some(value)) = (cells.slot(&key.name).cloned(), cells.slots.last().cloned()) else { return Ok(cells.clone()) };
        let groups = cells.slots[..others.len()].to_vec();
        let names = self.distinct_texts(cells, &key, span)?;
        let row = |name: &String| {
            let filter = key.value().expr.eq(lit(name.clone()));
            let args = vec![lit(true), column(&value.id)];
            let chosen = aggregate(best(Choice::First, vec![arrow_type(TypeName::Bool), arrow_type(value.kind)]), args);
            (self.slot(name, TypeName::Dynamic), with_filter(chosen, filter))
        };
        let rows: Vec<(Slot, PlanExpr)> = names.iter().map(row).collect();
        let grouped = Self::grouped(cells.clone(), &groups, rows.clone(), span)?;
        let mut columns: Vec<(Slot, PlanExpr)> = groups.iter().map(|slot| (slot.clone(), column(&slot.id))).collect();
        for (slot, _) in rows {
            let cell = field(Value::new(column(&slot.id), TypeName::Dynamic), 1, value.kind);
            columns.push((self.slot(&slot.name, value.kind), missing_as_zero(cell)));
        }
        grouped.project(columns, span)
    }

    fn distinct_texts(&self, relation: &Relation, slot: &Slot, span: Span) -> Result<Vec<String>, QueryError> {
        let only = relation.clone().project(vec![(slot.clone(), column(&slot.id))], span)?;
        let mut found: Vec<String> = Vec::new();
        for batch in self.run_now(&only.plan, span)? {
            let Ok(cells) = texts(batch.column(0)) else { continue };
            found.extend((0..cells.len()).filter(|row| cells.is_valid(*row)).map(|row| cells.value(row).to_owned()));
        }
        found.sort();
        found.dedup();
        Ok(found)
    }
}

fn with_filter(expr: PlanExpr, filter: PlanExpr) -> PlanExpr {
    match expr {
        PlanExpr::AggregateFunction(mut function) => {
            function.params.filter = Some(Box::new(filter));
            PlanExpr::AggregateFunction(function)
        }
        other => other,
    }
}

/// Counts and sums of nothing are 0.
fn missing_as_zero(cell: Value) -> PlanExpr {
    if cell.kind != TypeName::Long {
        return cell.expr;
    }
    let missing = Box::new(cell.expr.clone().is_null());
    PlanExpr::Case(Case::new(None, vec![(missing, Box::new(lit(0_i64)))], Some(Box::new(cell.expr))))
}

fn declared(schema: &[ColumnDeclaration], held: &Relation) -> Vec<(String, TypeName)> {
    let known = |name: &str| held.slots.iter().any(|slot| slot.name == name);
    schema.iter().filter(|column| !known(&column.name.text)).map(|column| (column.name.text.clone(), column.kind)).collect()
}

/// The type of a column of such values; nulls have none.
fn json_kind(json: &str) -> Option<TypeName> {
    Some(match json::shape(json) {
        json::Shape::Null => return None,
        json::Shape::Bool => TypeName::Bool,
        json::Shape::Number if json.contains(['.', 'e', 'E']) => TypeName::Real,
        json::Shape::Number => TypeName::Long,
        json::Shape::Text => TypeName::String,
        json::Shape::Array | json::Shape::Bag => TypeName::Dynamic,
    })
}

fn joint(a: TypeName, b: TypeName) -> TypeName {
    match (a, b) {
        _ if a == b => a,
        (TypeName::Long | TypeName::Real, TypeName::Long | TypeName::Real) => TypeName::Real,
        _ => TypeName::Dynamic,
    }
}

/// The names that an expression refers to.
fn names_in<'e>(expr: &'e Expr, found: &mut Vec<&'e str>) {
    match &expr.kind {
        ExprKind::Name(name) => found.push(&name.text),
        ExprKind::Call { arguments, .. } => arguments.iter().for_each(|argument| names_in(argument, found)),
        ExprKind::Path(base, _) | ExprKind::Element(base, _) | ExprKind::Named { value: base, .. } => names_in(base, found),
        ExprKind::Binary { left, right, .. } => {
            names_in(left, found);
            names_in(right, found);
        }
        _ => {}
    }
}
