//! What names stand for: `let` statements, parameters of functions, `as`.

use super::super::value::Value;
use super::relation::Relation;
use crate::kql::ast::{Parameter, Statement};
use std::rc::Rc;

/// What a name is bound to.
#[derive(Clone)]
pub(crate) enum Binding<'a> {
    Scalar(Value),
    Table(Relation),
    Function(Rc<Function<'a>>),
}

/// A function of the query's own, and the names that its body sees.
pub(crate) struct Function<'a> {
    pub(crate) parameters: &'a [Parameter],
    pub(crate) body: &'a [Statement],
    pub(crate) env: Env<'a>,
}

struct Frame<'a> {
    name: String,
    binding: Binding<'a>,
    parent: Env<'a>,
}

/// Names in scope, the latest first. Cheap to clone and to extend.
#[derive(Clone, Default)]
pub(crate) struct Env<'a>(Option<Rc<Frame<'a>>>);

impl<'a> Env<'a> {
    #[must_use]
    pub(crate) fn with(&self, name: &str, binding: Binding<'a>) -> Self {
        Self(Some(Rc::new(Frame { name: name.to_owned(), binding, parent: self.clone() })))
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Binding<'a>> {
        let mut at = self.0.as_deref();
        while let Some(frame) = at {
            if frame.name == name {
                return Some(&frame.binding);
            }
            at = frame.parent.0.as_deref();
        }
        None
    }

    /// The tables that names stand for, for wildcards.
    pub(crate) fn tables(&self) -> Vec<(String, Relation)> {
        let mut found: Vec<(String, Relation)> = Vec::new();
        let mut at = self.0.as_deref();
        while let Some(frame) = at {
            if let Binding::Table(relation) = &frame.binding
                && !found.iter().any(|(name, _)| *name == frame.name)
            {
                found.push((frame.name.clone(), relation.clone()));
            }
            at = frame.parent.0.as_deref();
        }
        found
    }
}
