//! The query language: lexer, parser, syntax tree with positions; what a query reads, and whether cutting it in time is exact.
//!
//! ```text
//! text ─► parse ─► Query ─► reading::read ─► Reading ─► parameters::fill, bound::pin_now, bound::bound ─► text to send
//! ```

pub mod ast;
pub mod bound;
mod edit;
#[cfg(feature = "engine")]
pub mod engine;
mod keywords;
mod lexer;
pub mod literal;
pub mod parameters;
mod parser;
pub mod reading;
mod scan;
mod syntax_error;
pub mod tables;
mod token;

pub use parser::parse;
pub use syntax_error::SyntaxError;
