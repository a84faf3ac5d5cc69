//! Why a query was refused, worded as the service words it, with its place in the text.

use crate::kql::ast::Span;
use std::fmt;

/// Whose fault a refused query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryErrorKind {
    /// The text is not Kusto.
    Syntax,
    /// A name or a type is wrong.
    Semantic,
    /// Right, but not known to this engine.
    Unsupported,
    /// It failed while it ran.
    Runtime,
}

/// A refused query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// What the service would say, or what this engine does not know.
    pub message: String,
    /// Where in the text.
    pub span: Span,
    /// Line, from 1; 0 where no place is known.
    pub line: usize,
    /// Column in UTF-16 units as the service counts, from 1; 0 where no place is known.
    pub column: usize,
    /// Whose fault.
    pub kind: QueryErrorKind,
}

impl QueryError {
    fn new(kind: QueryErrorKind, message: String, span: Span) -> Self {
        Self { message, span, line: 0, column: 0, kind }
    }

    /// A semantic error; the service's closing words are added.
    pub(crate) fn semantic(message: impl fmt::Display, span: Span) -> Self {
        Self::new(QueryErrorKind::Semantic, format!("{message}. Fix semantic errors in your query."), span)
    }

    /// A syntax error, in the service's frame.
    pub(crate) fn syntax(message: impl fmt::Display, span: Span) -> Self {
        Self::new(QueryErrorKind::Syntax, format!("A recognition error occurred: {message}."), span)
    }

    /// Something that is Kusto but not known here.
    pub(crate) fn unsupported(what: impl fmt::Display, span: Span) -> Self {
        Self::new(QueryErrorKind::Unsupported, format!("{what} is not supported by this engine"), span)
    }

    /// A failure while running.
    pub(crate) fn runtime(message: impl Into<String>, span: Span) -> Self {
        Self::new(QueryErrorKind::Runtime, message.into(), span)
    }

    /// Returns whether it is about a table that does not exist, which a fuzzy union passes over.
    pub fn is_about_a_table(&self) -> bool {
        self.kind == QueryErrorKind::Semantic && self.message.contains("Failed to resolve table")
    }

    /// Fills in line and column from the query text.
    #[must_use]
    pub(crate) fn placed_in(mut self, text: &str) -> Self {
        if self.span != Span::default() || self.kind != QueryErrorKind::Runtime {
            let before = text.get(..self.span.start.min(text.len())).unwrap_or_default();
            self.line = before.matches('\n').count() + 1;
            self.column = before.rsplit('\n').next().map_or(0, |line| line.encode_utf16().count()) + 1;
        }
        self
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for QueryError {}
