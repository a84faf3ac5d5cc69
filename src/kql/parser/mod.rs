//! The parser: text to syntax tree, stopping at the first error.
//!
//! It accepts what the official parser accepts and refuses what that refuses, at the same place. It does not look names up.

use crate::kql::ast::{Query, Span};
use crate::kql::syntax_error::SyntaxError;

/// Parses a whole query text.
///
/// # Errors
/// The first syntax error, with its position.
pub fn parse(text: &str) -> Result<Query, SyntaxError> {
    if text.trim().is_empty() {
        return Ok(Query { statements: Vec::new() });
    }
    Err(SyntaxError::new(text, Span { start: 0, end: 0 }, "not read yet"))
}
