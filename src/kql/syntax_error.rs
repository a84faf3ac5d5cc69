//! The first syntax error of a query: where it is, as the official parser counts, and the line it stands in, underlined.
//!
//! Not for errors of meaning (unknown tables, columns, types): those are the service's or the engine's to find.

use crate::error::{Error, Kind};
use crate::kql::ast::Span;
use std::fmt;

/// The longest piece of a line shown on either side of the error; hunting queries hold lines of thousands of characters.
const CONTEXT: usize = 60;

/// Why a text is not a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// What was expected or is wrong, without a position and without a period.
    pub message: String,
    /// The bytes it is about; empty where something is missing.
    pub span: Span,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in UTF-16 units as the official parser counts.
    pub column: usize,
}

impl SyntaxError {
    /// Creates the error for `span` of `text`, finding line and column.
    pub(crate) fn new(text: &str, span: Span, message: impl Into<String>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.get(line_start..).map_or(0, |rest| rest.encode_utf16().count()) + 1;
        Self { message: message.into(), span, line, column }
    }

    /// Renders the line of `text` that the error is in, and under it marks of the error's width:
    ///
    /// ```text
    ///   3 | | where x == (1
    ///     |              ^ expected `)`
    /// ```
    pub fn render(&self, text: &str) -> String {
        let start = text.get(..self.span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let rest = text.get(start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let (before, after) = line.split_at_checked(self.span.start - start).unwrap_or((line, ""));
        let (before, after) = (tail(before), head(after));
        let marks = "^".repeat(shown_width(&after, self.span.end.saturating_sub(self.span.start)).max(1));
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let indent: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        format!("  {number} | {before}{after}\n  {gutter} | {indent}{marks} {}", self.message)
    }

    /// Returns the error for people: kind [`Kind::Query`], the offending line underlined in its excerpt.
    pub fn to_error(&self, text: &str) -> Error {
        Error::new(Kind::Query, self.to_string()).with_code("SyntaxError").with_excerpt(self.render(text))
    }
}

/// How many characters of `text` lie within its first `bytes` bytes, at least one where that cuts a character.
fn shown_width(text: &str, bytes: usize) -> usize {
    text.char_indices().take_while(|(at, _)| *at < bytes).count()
}

fn head(text: &str) -> String {
    match text.char_indices().nth(CONTEXT) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn tail(text: &str) -> String {
    match text.char_indices().rev().nth(CONTEXT) {
        Some((at, _)) => format!("…{}", text.get(at..).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for SyntaxError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_columns_in_utf16_units() {
        let text = "T\n| where a == '😀' ^";
        let at = text.find('^').unwrap();
        let error = SyntaxError::new(text, Span { start: at, end: at + 1 }, "unexpected `^`");
        assert_eq!((error.line, error.column), (2, 19));
        assert_eq!(error.render(text), "  2 | | where a == '😀' ^\n    |                  ^ unexpected `^`");
    }

    #[test]
    fn shows_a_piece_of_a_long_line() {
        let text = format!("{}^{}", "a".repeat(500), "b".repeat(500));
        let error = SyntaxError::new(&text, Span { start: 500, end: 501 }, "no");
        assert!(error.render(&text).lines().all(|line| line.chars().count() < 140), "{}", error.render(&text));
    }
}
