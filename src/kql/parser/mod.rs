//! The parser: text to syntax tree, stopping at the first error.
//!
//! It accepts what the official parser accepts and refuses what that refuses, at the same place. It does not look names up, and
//! takes time and memory in proportion to the text.

mod arithmetic;
mod cursor;
mod dynamic;
mod expression;
mod function;
mod list;
mod literal;
mod name;
mod operators;
mod pipeline;
mod property;
mod schema;
mod source;
mod source_inline;
mod statement;

use crate::kql::ast::Query;
use crate::kql::lexer::tokenize;
use crate::kql::syntax_error::SyntaxError;
use crate::kql::token::{Kind, Token};

type Parsed<T> = Result<T, SyntaxError>;

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    position: usize,
    /// How many parts the current one lies within.
    depth: usize,
    /// How deep the tree of what was parsed within the current part is.
    height: usize,
    /// The properties of the operator being parsed.
    properties: &'static [property::Parameter],
}

/// Parses a whole query text. A text without a statement is an empty query.
///
/// # Errors
/// The first syntax error, with its position.
pub fn parse(text: &str) -> Result<Query, SyntaxError> {
    let mut parser = Parser { text, tokens: tokenize(text), position: 0, depth: 0, height: 0, properties: &[] };
    parser.query()
}

impl Parser<'_> {
    fn at_end(&self) -> bool {
        self.kind() == Kind::End
    }
}
