//! How a part of a query behaves when its window is cut.

use crate::kql::ast::Span;

/// Why a query is not the union of its slices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// One clause for people, naming the operator or table.
    pub message: String,
    /// Where it stands.
    pub span: Span,
}

impl Reason {
    pub(super) fn new(message: impl Into<String>, span: Span) -> Self {
        Self { message: message.into(), span }
    }

    /// Returns the reason with the line of `text` it is about: `line 3: summarize ...`.
    pub fn with_line(&self, text: &str) -> String {
        let before = text.get(..self.span.start).unwrap_or(text);
        format!("line {}: {}", before.matches('\n').count() + 1, self.message)
    }
}

/// How rows behave when the window is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// They are the same whatever the window is.
    Constant,
    /// Those of the window are those of its slices put together.
    RowWise,
    /// Neither, for this reason.
    Mixed(Reason),
}

impl Class {
    pub(super) fn mixed(message: impl Into<String>, span: Span) -> Self {
        Self::Mixed(Reason::new(message, span))
    }

    /// The class of rows that these values or conditions are computed for, one by one.
    pub(super) fn with(self, reasons: impl IntoIterator<Item = Option<Reason>>) -> Self {
        match (self, reasons.into_iter().flatten().next()) {
            (Self::Mixed(reason), _) | (_, Some(reason)) => Self::Mixed(reason),
            (class, None) => class,
        }
    }

    /// The class of an operator's rows that looks at all the rows before it; `what` says how.
    pub(super) fn whole(self, what: &str, span: Span) -> Self {
        match self {
            Self::RowWise => Self::mixed(what, span),
            class => class,
        }
    }

    /// The class of an operator's rows that is free to choose; `what` says how.
    pub(super) fn any(self, what: &str, span: Span) -> Self {
        match self {
            Self::Mixed(reason) => Self::Mixed(reason),
            Self::Constant | Self::RowWise => Self::mixed(what, span),
        }
    }
}
