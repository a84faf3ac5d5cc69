//! `mv-expand`, `mv-apply` and `partition`: rows made of the elements of arrays, and operators run over each row's.

use super::super::error::QueryError;
use super::super::expr::names::suggested;
use super::super::expr::scope::Scope;
use super::super::json;
use super::super::scalar::cells::{Json, Made, map1, texts};
use super::super::scalar::convert::{as_json, convert, to_text};
use super::super::scalar::function::raw_call;
use super::super::value::Value;
use super::Planner;
use super::env::Env;
use super::relation::{Relation, Slot, column};
use super::sources::literal_text;
use super::union::property;
use crate::kql::ast::{ExpandColumn, Expr, Operator, Property, Span, TypeName};
use arrow::array::{Array, ListBuilder, StringBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column as PlanColumn, UnnestOptions};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr as PlanExpr, WindowFrame};
use std::sync::Arc;

/// Properties, columns and limit of an expansion.
type Expansion<'a> = (&'a [Property], &'a [ExpandColumn], Option<&'a Expr>);

/// A column to be expanded: its name, the list of its elements, and the type they become.
struct Expanded {
    name: String,
    list: PlanExpr,
    kind: TypeName,
}

impl<'a> Planner<'a> {
    pub(super) fn mv_expand(
        &self,
        relation: Relation,
        expansion: Expansion<'a>,
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        self.expanded(relation, expansion, span, env).map(|(relation, _)| relation)
    }

    /// Expands; also returns the names of the expanded columns.
    fn expanded(
        &self,
        relation: Relation,
        (properties, columns, limit): Expansion<'a>,
        span: Span,
        env: &Env<'a>,
    ) -> Result<(Relation, Vec<String>), QueryError> {
        let limit = match limit {
            Some(limit) => self.scalar(limit, Scope::new(&[], env))?.as_usize().unwrap_or(usize::MAX),
            None => usize::MAX,
        };
        let pairs = property(properties, &["kind", "bagexpansion"]).and_then(literal_text) == Some("array");
        let index = property(properties, &["with_itemindex"]).and_then(literal_text);
        let mut expanded = Vec::new();
        for column in columns {
            expanded.push(self.expanded_column(column, pairs, limit, Scope::new(&relation.slots, env))?);
        }
        let mut names: Vec<String> = expanded.iter().map(|column| column.name.clone()).collect();
        if let Some(name) = index {
            let first = expanded.first().map(|column| column.list.clone());
            let list = first.map(|list| {
                raw_call("indices", "", list_type(), vec![Value::new(list, TypeName::Dynamic)], |arrays, _| indices(&arrays[0]))
            });
            if let Some(list) = list {
                expanded.push(Expanded { name: name.to_owned(), list, kind: TypeName::Long });
                names.push(name.to_owned());
            }
        }
        self.unnested(relation, expanded, span).map(|relation| (relation, names))
    }

    fn expanded_column(&self, column: &'a ExpandColumn, pairs: bool, limit: usize, scope: Scope<'_, 'a>) -> Result<Expanded, QueryError> {
        let value = self.scalar(&column.value, scope)?;
        let name =
            column.name.as_ref().map(|name| name.text.clone()).or_else(|| suggested(&column.value)).unwrap_or_else(|| "Column1".to_owned());
        let json = as_json(value);
        let list =
            raw_call("elements", format!("{pairs} {limit}"), list_type(), vec![json], move |arrays, _| elements(&arrays[0], pairs, limit));
        Ok(Expanded { name, list, kind: column.kind.unwrap_or(TypeName::Dynamic) })
    }

    fn unnested(&self, relation: Relation, expanded: Vec<Expanded>, span: Span) -> Result<Relation, QueryError> {
        let lists: Vec<String> = expanded.iter().map(|column| self.fresh(&column.name)).collect();
        let made = expanded.iter().zip(&lists).map(|(column, id)| column.list.clone().alias(id.clone()));
        let all: Vec<PlanExpr> = relation.plan.schema().fields().iter().map(|field| column(field.name())).chain(made).collect();
        let unnest: Vec<PlanColumn> = lists.iter().map(PlanColumn::new_unqualified).collect();
        let relation = relation.with_plan(span, |plan| plan.project(all)?.unnest_columns_with_options(unnest, UnnestOptions::new()))?;
        let mut columns = relation.identity();
        for (expanded, id) in expanded.into_iter().zip(lists) {
            let element = Value::new(column(&id), TypeName::Dynamic);
            let value = if expanded.kind == TypeName::Dynamic { not_null(element) } else { convert(element, expanded.kind) };
            let slot = self.slot(&expanded.name, expanded.kind);
            match columns.iter_mut().find(|(known, _)| known.name == expanded.name) {
                Some(known) => *known = (slot, value.expr),
                None => columns.push((slot, value.expr)),
            }
        }
        relation.project(columns, span)
    }

    /// Each row's elements are a part of their own; what the operators make of it stands beside the row's other columns.
    pub(super) fn mv_apply(
        &self,
        relation: Relation,
        expansion: Expansion<'a>,
        subquery: &'a [Operator],
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let outer = self.numbered(relation, span)?;
        let Some(row) = outer.part.clone() else { return Ok(outer) };
        let (expanded, names) = self.expanded(outer.clone(), expansion, span, env)?;
        let applied = self.operators(expanded, subquery, env)?;
        self.operator.set("mv-apply");
        self.rejoined(outer, applied, &row, &names, span)
    }

    /// Runs a table and numbers its rows, so that what is made of a row can be brought back to it.
    fn numbered(&self, relation: Relation, span: Span) -> Result<Relation, QueryError> {
        if relation.part.is_some() {
            return Err(QueryError::unsupported("'mv-apply' inside 'mv-apply' or 'partition'", span));
        }
        let held = self.held(relation, span)?;
        let params = WindowFunctionParams {
            args: Vec::new(),
            partition_by: Vec::new(),
            order_by: Vec::new(),
            window_frame: WindowFrame::new(None),
            filter: None,
            null_treatment: None,
            distinct: false,
        };
        let id = self.fresh("part");
        let number = PlanExpr::from(WindowFunction { fun: row_number_udwf().into(), params }).alias(id.clone());
        let numbered = held.with_plan(span, |plan| plan.window(vec![number]))?;
        let columns = numbered.columns();
        let slot = Slot { name: id.clone(), id: id.clone(), kind: TypeName::Long };
        // Numbers are made once: two readings of the table must give the same ones.
        let mut with_number = numbered.identity();
        with_number.push((slot, Value::new(column(&id), TypeName::Long).cast(TypeName::Long).expr));
        let kept = self.held(numbered.project(with_number, span)?, span)?;
        let part = kept.slots.last().map(|slot| slot.id.clone());
        Ok(Relation { slots: kept.slots[..columns.len()].to_vec(), part, ..kept })
    }

    fn rejoined(&self, outer: Relation, applied: Relation, row: &str, expanded: &[String], span: Span) -> Result<Relation, QueryError> {
        let Some(part) = applied.part.clone() else { return Ok(applied) };
        let others: Vec<Slot> = outer.slots.iter().filter(|slot| !expanded.contains(&slot.name)).cloned().collect();
        let made: Vec<Slot> = applied.slots.iter().filter(|slot| !others.iter().any(|other| other.id == slot.id)).cloned().collect();
        // The outer row once more, under new ids: the applied table may still carry the old ones.
        let key = self.fresh("row");
        let renamed: Vec<Slot> = others.iter().map(|slot| self.slot(&slot.name, slot.kind)).collect();
        let mut columns: Vec<PlanExpr> = others.iter().zip(&renamed).map(|(old, new)| column(&old.id).alias(new.id.clone())).collect();
        columns.push(column(row).alias(key.clone()));
        let rows = Relation { order: Vec::new(), part: None, ..outer }.with_plan(span, |plan| plan.project(columns))?;
        let keys = (vec![PlanColumn::new_unqualified(key)], vec![PlanColumn::new_unqualified(part)]);
        let applied_plan = applied.plan;
        let joined = rows.with_plan(span, |plan| plan.join(applied_plan, datafusion::common::JoinType::Inner, keys, None))?;
        let mut names = super::super::expr::names::Names::of(renamed.iter().map(|slot| slot.name.as_str()));
        let made = made.into_iter().map(|slot| Slot { name: names.unique(&slot.name), ..slot });
        let slots: Vec<Slot> = renamed.into_iter().chain(made).collect();
        let columns = slots.iter().map(|slot| (slot.clone(), column(&slot.id))).collect();
        Relation { slots, ..joined }.project(columns, span)
    }

    pub(super) fn partition(
        &self,
        relation: Relation,
        by: &'a Expr,
        subquery: &'a [Operator],
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        if relation.part.is_some() {
            return Err(QueryError::unsupported("'partition' inside 'mv-apply' or 'partition'", span));
        }
        let key = to_text(self.scalar(by, Scope::new(&relation.slots, env))?);
        let slot = self.slot("part", TypeName::String);
        let id = slot.id.clone();
        let own = relation.slots.clone();
        let with_part = relation.with_columns(vec![(slot, key.expr)], span)?;
        let done = self.operators(Relation { slots: own, part: Some(id), ..with_part }, subquery, env)?;
        let columns = done.identity();
        Relation { part: None, order: Vec::new(), ..done }.project(columns, span)
    }
}

fn list_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
}

/// An element that is JSON's null is null.
fn not_null(element: Value) -> Value {
    map1::<Json, Made>("element", "expanded", TypeName::Dynamic, element, |json| (json != "null").then(|| Made(json.to_owned())))
}

/// The elements of each cell: of arrays; of bags as bags of one member, or as pairs; of anything else itself; of null one null.
fn elements(array: &arrow::array::ArrayRef, pairs: bool, limit: usize) -> datafusion::error::Result<arrow::array::ArrayRef> {
    let cells = texts(array)?;
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in 0..cells.len() {
        if cells.is_null(row) {
            lists.append(false);
            continue;
        }
        for item in items(cells.value(row), pairs).into_iter().take(limit) {
            lists.values().append_value(item);
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn items(json: &str, pairs: bool) -> Vec<String> {
    if let Some(items) = json::elements(json) {
        return items.map(str::to_owned).collect();
    }
    match json::members(json) {
        Some(members) if pairs => members.map(|(key, value)| json::array([json::quoted(&key).as_str(), value])).collect(),
        Some(members) => members.map(|member| json::bag([member])).collect(),
        None => vec![json.to_owned()],
    }
}

/// The numbers from 0 of each list's elements.
fn indices(array: &arrow::array::ArrayRef) -> datafusion::error::Result<arrow::array::ArrayRef> {
    let lists = super::super::scalar::cells::typed::<arrow::array::ListArray>(array)?;
    let mut made = ListBuilder::new(StringBuilder::new());
    for row in 0..lists.len() {
        let count = if lists.is_null(row) { 1 } else { lists.value(row).len() };
        for number in 0..count {
            made.values().append_value(number.to_string());
        }
        made.append(true);
    }
    Ok(Arc::new(made.finish()))
}
