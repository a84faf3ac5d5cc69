//! Values: why one depends on more than the row it is computed for.

use super::class::{Class, Reason};
use super::names::Bound;
use super::reader::{Reader, not_known, whole_window};
use super::{ClockCall, is_known_table, last_name};
use crate::kql::ast::{Expr, ExprKind, Literal, Name, Span};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Functions whose value depends on the rows before and after.
const ORDERED: [&str; 8] = ["row_number", "row_cumsum", "prev", "next", "row_rank_dense", "row_rank_min", "row_window_session", "row_rank"];

/// Functions whose value differs each time.
const RANDOM: [&str; 2] = ["rand", "new_guid"];

/// The functions that read nothing but their arguments.
static BUILT_IN: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("../functions.txt").lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_whitespace).collect()
});

impl<'q> Reader<'q> {
    pub(super) fn values(&mut self, values: impl IntoIterator<Item = &'q Expr>) -> Option<Reason> {
        let mut first = None;
        for value in values {
            let reason = self.value(value);
            first = first.or(reason);
        }
        first
    }

    /// Walks an expression that stands for a value; returns why it depends on more than the row it is computed for.
    pub(super) fn value(&mut self, expr: &'q Expr) -> Option<Reason> {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Wildcard(_) | ExprKind::Lambda { .. } => None,
            ExprKind::Name(name) => self.named_value(name),
            ExprKind::Path(left, _) | ExprKind::Unary { operand: left, .. } | ExprKind::Named { value: left, .. } => self.value(left),
            ExprKind::Element(left, right) | ExprKind::Binary { left, right, .. } => self.values([&**left, &**right]),
            ExprKind::Call { name, arguments } => self.call_value(name, arguments, expr.span),
            ExprKind::Between { value, low, high, .. } => self.values([&**value, &**low, &**high]),
            ExprKind::In { value, list, .. } => {
                let reason = self.value(value);
                reason.or(self.in_list(list))
            }
            ExprKind::Pipeline { .. } => self.inner_rows(expr),
            ExprKind::DataTable { values, .. } | ExprKind::List(values) => self.values(values),
            ExprKind::ExternalData { uris, .. } => self.values(uris),
        }
    }

    /// The list of `in`. A lone name that is bound to nothing may be a saved function, which reads what we cannot see.
    fn in_list(&mut self, list: &'q [Expr]) -> Option<Reason> {
        match list {
            [only] if self.is_rows(only) => self.inner_rows(only),
            [Expr { kind: ExprKind::Name(name), .. }] if self.names.find(&name.text).is_none() => Some(not_known(name)),
            list => self.values(list),
        }
    }

    fn is_rows(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Name(name) => match self.names.find(&name.text) {
                None => is_known_table(&name.text),
                Some(bound) => matches!(bound, Bound::Rows(_)),
            },
            ExprKind::Pipeline { .. } => true,
            ExprKind::Path(left, _) => {
                matches!(left.kind, ExprKind::Call { .. }) && last_name(expr).is_some_and(|name| is_known_table(&name.text))
            }
            _ => false,
        }
    }

    /// Rows that a value is made of: they must not depend on the window.
    fn inner_rows(&mut self, expr: &'q Expr) -> Option<Reason> {
        match self.rows(expr) {
            Class::Constant => None,
            Class::RowWise => Some(whole_window(expr.span)),
            Class::Mixed(reason) => Some(reason),
        }
    }

    /// Arguments that may be values or tables.
    pub(super) fn mixed_arguments(&mut self, arguments: &'q [Expr]) -> Option<Reason> {
        let mut first = None;
        for argument in arguments {
            let reason = if self.is_rows(argument) { self.inner_rows(argument) } else { self.value(argument) };
            first = first.or(reason);
        }
        first
    }

    fn named_value(&mut self, name: &'q Name) -> Option<Reason> {
        match self.names.find(&name.text)? {
            Bound::Value(reason) => reason.clone(),
            Bound::Rows(Class::RowWise) => Some(whole_window(name.span)),
            Bound::Rows(Class::Mixed(reason)) => Some(reason.clone()),
            Bound::Function(function) => function.fixed.as_ref().and_then(|outcome| outcome.value.clone()),
            Bound::Rows(Class::Constant) => None,
            Bound::Unknown => Some(not_known(name)),
        }
    }

    fn note_clock(&mut self, called: &str, arguments: &'q [Expr], span: Span) {
        if matches!(called, "now" | "ago") && self.names.find(called).is_none() && self.seen.insert(span) {
            let argument = arguments.first();
            let ticks = argument.and_then(constant_ticks);
            self.clock.push(ClockCall { backwards: called == "ago", span, argument: argument.map(|argument| argument.span), ticks });
        }
    }

    pub(super) fn call_value(&mut self, name: &'q Name, arguments: &'q [Expr], span: Span) -> Option<Reason> {
        let called = name.text.as_str();
        self.note_clock(called, arguments, span);
        if matches!(called, "toscalar" | "materialize" | "totable" | "materialized-view-combine") {
            let reasons: Vec<_> = arguments.iter().map(|argument| self.inner_rows(argument)).collect();
            return reasons.into_iter().flatten().next();
        }
        if let Some(Bound::Function(function)) = self.names.find(called).cloned() {
            return self.apply(&function, arguments, None, span).value;
        }
        let own = match called {
            called if ORDERED.contains(&called) => Some(format!("`{called}()` looks at the rows before and after")),
            called if RANDOM.contains(&called) => Some(format!("`{called}()` is another value each time")),
            "typeof" => return None,
            called if is_built_in(called) => return self.values(arguments),
            called => Some(format!("what `{called}()` reads is not known")),
        };
        let of_arguments = self.mixed_arguments(arguments);
        own.map(|message| Reason::new(message, span)).or(of_arguments)
    }
}

/// Whether a function reads nothing but its arguments.
pub(super) fn is_built_in(name: &str) -> bool {
    BUILT_IN.contains(name)
}

/// The ticks of a timespan constant, signed or not.
fn constant_ticks(expr: &Expr) -> Option<i64> {
    match &expr.kind {
        ExprKind::Literal(Literal::Timespan(ticks)) => Some(*ticks),
        ExprKind::Unary { negative, operand } => constant_ticks(operand)?.checked_mul(if *negative { -1 } else { 1 }),
        _ => None,
    }
}
