//! What a scalar expression may refer to: the columns of its row, the names of the query, aggregates or neighbouring rows.

use super::super::plan::env::Env;
use super::super::plan::relation::Slot;
use super::super::value::Value;
use datafusion::logical_expr::{Expr, SortExpr};
use std::cell::RefCell;

/// Expressions that have to be computed below the one that is being translated, each under an id of its own.
#[derive(Default)]
pub(crate) struct Collected(RefCell<Vec<(String, Expr)>>);

impl Collected {
    pub(crate) fn push(&self, id: String, expr: Expr) {
        self.0.borrow_mut().push((id, expr));
    }

    pub(crate) fn take(&self) -> Vec<(String, Expr)> {
        self.0.take()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

/// What calls may do besides computing from their arguments.
#[derive(Clone, Copy)]
pub(crate) enum Mode<'s> {
    /// Nothing.
    Plain,
    /// Look at neighbouring rows (`prev`, `row_number`): expressions for a window below.
    Window(&'s Collected, &'s [SortExpr], Option<&'s str>),
    /// Aggregate: expressions for an aggregation below, and the order that its rows are in.
    Aggregate(&'s Collected, &'s [SortExpr]),
}

/// The scope of one expression.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'s, 'a> {
    pub(crate) slots: &'s [Slot],
    pub(crate) env: &'s Env<'a>,
    pub(crate) mode: Mode<'s>,
    /// `$left` and `$right` of a join.
    pub(crate) sides: Option<(&'s [Slot], &'s [Slot])>,
}

impl<'s, 'a> Scope<'s, 'a> {
    pub(crate) fn new(slots: &'s [Slot], env: &'s Env<'a>) -> Self {
        Self { slots, env, mode: Mode::Plain, sides: None }
    }

    pub(crate) fn with_mode(self, mode: Mode<'s>) -> Self {
        Self { mode, ..self }
    }

    pub(crate) fn slot(&self, name: &str) -> Option<&'s Slot> {
        self.slots.iter().find(|slot| slot.name == name)
    }

    pub(crate) fn column(&self, name: &str) -> Option<Value> {
        self.slot(name).map(Slot::value)
    }
}
