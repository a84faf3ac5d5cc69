//! A planned table: its logical plan, its columns by name, and the order its rows are in.
//!
//! Every column of a plan has an id that no other column of the query has, so that joins and self-joins never clash;
//! the names that the query uses are kept beside the plan.

use super::super::error::QueryError;
use super::super::types::{Column, arrow_field};
use super::super::value::Value;
use crate::kql::ast::{Span, TypeName};
use datafusion::common::Column as PlanColumn;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SortExpr};

/// A column: the name it goes by and the id it has in the plan.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) kind: TypeName,
}

impl Slot {
    pub(crate) fn value(&self) -> Value {
        Value::new(column(&self.id), self.kind)
    }
}

/// The column of an id.
pub(crate) fn column(id: &str) -> Expr {
    Expr::Column(PlanColumn::new_unqualified(id))
}

/// A planned table.
#[derive(Clone, Debug)]
pub(crate) struct Relation {
    pub(crate) plan: LogicalPlan,
    pub(crate) slots: Vec<Slot>,
    /// How the rows are sorted; empty where they are in no order.
    pub(crate) order: Vec<SortExpr>,
    /// A column that the query does not see and that every operator carries along: which row of an outer table
    /// (`mv-apply`) or which part (`partition`) a row belongs to.
    pub(crate) part: Option<String>,
}

/// The plan's refusal, which is a fault of this engine: the query was checked before.
pub(crate) fn plan_error(error: &datafusion::error::DataFusionError, span: Span) -> QueryError {
    QueryError::runtime(format!("Query could not be planned: {}", error.strip_backtrace()), span)
}

impl Relation {
    pub(crate) fn new(plan: LogicalPlan, slots: Vec<Slot>) -> Self {
        Self { plan, slots, order: Vec::new(), part: None }
    }

    pub(crate) fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.name == name)
    }

    pub(crate) fn columns(&self) -> Vec<Column> {
        self.slots.iter().map(|slot| Column::new(&slot.name, slot.kind)).collect()
    }

    /// Returns the same table with another plan of the same columns.
    pub(crate) fn with_plan(
        self,
        span: Span,
        change: impl FnOnce(LogicalPlanBuilder) -> datafusion::error::Result<LogicalPlanBuilder>,
    ) -> Result<Self, QueryError> {
        let plan =
            change(LogicalPlanBuilder::from(self.plan)).and_then(LogicalPlanBuilder::build).map_err(|error| plan_error(&error, span))?;
        Ok(Self { plan, ..self })
    }

    /// Returns the table with exactly these columns. The order stays where its columns do.
    pub(crate) fn project(self, columns: Vec<(Slot, Expr)>, span: Span) -> Result<Self, QueryError> {
        let part = self.part.clone();
        let carried = part.iter().filter(|id| !columns.iter().any(|(slot, _)| slot.id == **id)).map(|id| column(id));
        let kept: Vec<&Expr> = self.order.iter().map(|sort| &sort.expr).collect();
        let ordering = hidden_order(&kept, &columns);
        let exprs: Vec<Expr> = columns.iter().map(|(slot, expr)| named(expr.clone(), slot)).chain(carried).chain(ordering).collect();
        let order = self.order.clone();
        let slots = columns.into_iter().map(|(slot, _)| slot).collect();
        let made = self.with_plan(span, |plan| plan.project(exprs))?;
        Ok(Self { slots, order, part, ..made })
    }

    /// Returns the table with more columns behind its own.
    pub(crate) fn with_columns(self, more: Vec<(Slot, Expr)>, span: Span) -> Result<Self, QueryError> {
        let mut columns = self.identity();
        columns.extend(more);
        self.project(columns, span)
    }

    /// Its columns as they are.
    pub(crate) fn identity(&self) -> Vec<(Slot, Expr)> {
        self.slots.iter().map(|slot| (slot.clone(), column(&slot.id))).collect()
    }

    pub(crate) fn filter(self, predicate: Expr, span: Span) -> Result<Self, QueryError> {
        self.with_plan(span, |plan| plan.filter(predicate))
    }
}

/// Columns that the order needs and the projection would lose are carried along unseen.
fn hidden_order(order: &[&Expr], columns: &[(Slot, Expr)]) -> Vec<Expr> {
    let mut kept: Vec<Expr> = Vec::new();
    for expr in order {
        let Expr::Column(wanted) = expr else { continue };
        let known = columns.iter().any(|(slot, _)| slot.id == wanted.name) || kept.contains(expr);
        if !known {
            kept.push((*expr).clone());
        }
    }
    kept
}

/// An expression under the id of its column, its Kusto type in the field.
fn named(expr: Expr, slot: &Slot) -> Expr {
    match &expr {
        Expr::Column(column) if column.relation.is_none() && column.name == slot.id => expr,
        _ => expr.alias_with_metadata(slot.id.clone(), Some(arrow_field(&slot.name, slot.kind).metadata().into())),
    }
}
