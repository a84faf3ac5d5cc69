//! What names stand for, in order of binding: a function sees what was bound before it, and its own parameters.

use super::class::{Class, Reason};
use crate::kql::ast::{Parameter, Statement};

/// What a name is bound to.
#[derive(Clone)]
pub(super) enum Bound<'q> {
    /// A value; the reason tells why it depends on the window, if it does.
    Value(Option<Reason>),
    /// Rows.
    Rows(Class),
    /// Either: what it is decides its use.
    Unknown,
    /// A function.
    Function(Function<'q>),
}

/// A function of the query's own.
#[derive(Clone)]
pub(super) struct Function<'q> {
    pub(super) parameters: &'q [Parameter],
    pub(super) body: &'q [Statement],
    /// How many bindings it sees.
    pub(super) sees: usize,
    /// What it returns where it has no parameters.
    pub(super) fixed: Option<Outcome>,
}

/// What a function returns.
#[derive(Clone)]
pub(super) struct Outcome {
    /// As rows.
    pub(super) rows: Class,
    /// As a value: why it depends on the window.
    pub(super) value: Option<Reason>,
}

/// The bindings, later ones last.
#[derive(Default)]
pub(super) struct Names<'q>(Vec<(&'q str, Bound<'q>)>);

impl<'q> Names<'q> {
    pub(super) fn bind(&mut self, name: &'q str, bound: Bound<'q>) {
        self.0.push((name, bound));
    }

    pub(super) fn find(&self, name: &str) -> Option<&Bound<'q>> {
        self.0.iter().rev().find(|(bound, _)| *bound == name).map(|(_, bound)| bound)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Hides the bindings after the first `count`, and returns them for [`Self::show`].
    pub(super) fn hide(&mut self, count: usize) -> Vec<(&'q str, Bound<'q>)> {
        self.0.split_off(count.min(self.0.len()))
    }

    /// Forgets the bindings after the first `count` and brings hidden ones back.
    pub(super) fn show(&mut self, count: usize, hidden: Vec<(&'q str, Bound<'q>)>) {
        self.0.truncate(count);
        self.0.extend(hidden);
    }
}
