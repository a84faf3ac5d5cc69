//! The query language: lexer, parser, syntax tree with positions; what a query reads, and whether cutting it in time is exact.

pub mod ast;
#[cfg(feature = "engine")]
pub mod engine;
mod keywords;
mod lexer;
pub mod literal;
pub mod parameters;
mod parser;
mod scan;
mod syntax_error;
pub mod tables;
mod token;

pub use parser::parse;
pub use syntax_error::SyntaxError;
