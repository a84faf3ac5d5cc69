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

use crate::kql::ast::{Query, Span};
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

/// Brackets this deep are parsed on the caller's stack; what is deeper gets a stack of its own.
const SHALLOW: usize = 16;

/// Enough for the deepest tree in an unoptimized build, where a level takes some 25 KB.
const DEEP_STACK: usize = 32 << 20;

/// Parses a whole query text. A text without a statement is an empty query.
///
/// # Errors
/// The first syntax error, with its position.
pub fn parse(text: &str) -> Result<Query, SyntaxError> {
    let tokens = tokenize(text);
    if nesting(&tokens) <= SHALLOW { parse_tokens(text, tokens) } else { parse_deep(text, tokens) }
}

fn parse_tokens(text: &str, tokens: Vec<Token>) -> Parsed<Query> {
    Parser { text, tokens, position: 0, depth: 0, height: 0, properties: &[] }.query()
}

/// How deep brackets lie within brackets.
fn nesting(tokens: &[Token]) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    for token in tokens {
        match token.kind {
            Kind::Punct("(" | "[" | "{") => open += 1,
            Kind::Punct(")" | "]" | "}") => open = open.saturating_sub(1),
            _ => continue,
        }
        deepest = deepest.max(open);
    }
    deepest
}

fn parse_deep(text: &str, tokens: Vec<Token>) -> Parsed<Query> {
    let failed = || SyntaxError::new(text, Span::default(), "the query is nested too deeply to be read with the memory there is");
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(DEEP_STACK).spawn_scoped(scope, || parse_tokens(text, tokens));
        thread.map_or_else(|_| Err(failed()), |handle| handle.join().unwrap_or_else(|_| Err(failed())))
    })
}

impl Parser<'_> {
    fn at_end(&self) -> bool {
        self.kind() == Kind::End
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kql::ast::{BinaryOp, Expr, ExprKind, Literal, OperatorKind, Statement};

    fn expression(text: &str) -> Expr {
        match parse(text).unwrap().statements.pop() {
            Some(Statement::Expression(expr)) => expr,
            other => panic!("{other:?}"),
        }
    }

    fn first_operator(text: &str) -> OperatorKind {
        match expression(text).kind {
            ExprKind::Pipeline { mut operators, .. } => operators.swap_remove(0).kind,
            other => panic!("{other:?}"),
        }
    }

    fn place(text: &str) -> (usize, usize) {
        let error = parse(text).unwrap_err();
        (error.line, error.column)
    }

    #[test]
    fn binds_tighter_first() {
        let OperatorKind::Where(Expr { kind: ExprKind::Binary { op: BinaryOp::Or, right, .. }, .. }) =
            first_operator("T | where a == 1 or b + 2 * 3 > 4 and c has 'x'")
        else {
            panic!()
        };
        assert!(matches!(right.kind, ExprKind::Binary { op: BinaryOp::And, .. }));
    }

    #[test]
    fn keeps_long_chains_shallow() {
        let chain = vec!["a.b == 1"; 20_000].join(" or ");
        assert!(parse(&format!("T | where {chain}")).is_ok());
        let sum = vec!["1"; 10_000].join("+");
        assert!(parse(&format!("print {sum}")).unwrap_err().message.contains("too many"));
    }

    #[test]
    fn refuses_what_is_nested_too_deeply() {
        for (open, close) in [("(", ")"), ("f(", ")"), ("dynamic([", "])"), ("a[", "]"), ("-(", ")"), ("toscalar(", ")")] {
            let text = format!("print {}1{}", open.repeat(100_000), close.repeat(100_000));
            assert!(parse(&text).is_err(), "{open}");
        }
        for text in
            ["T | fork (", "T | mv-apply a on (", "let f = () { ", "T | join (", "union (", "macro-expand e (", "T|partition by a {"]
        {
            assert!(parse(&text.repeat(50_000)).is_err(), "{text}");
        }
        let deep = format!("print {}1{}", "(".repeat(90), ")".repeat(90));
        assert!(parse(&deep).is_ok());
    }

    #[test]
    fn reads_constants() {
        let OperatorKind::Print(values) = first_operator("print 'a' \"b\", dynamic({'k': [1, 2d, null]}), -9223372036854775808, int(null)")
        else {
            panic!()
        };
        let literals: Vec<String> = values.iter().map(|value| format!("{:?}", value.kind)).collect();
        assert_eq!(values.first().map(|value| &value.kind), Some(&ExprKind::Literal(Literal::String("ab".into()))));
        assert!(literals[1].contains(r#"{\"k\":[1,\"2.00:00:00\",null]}"#), "{}", literals[1]);
        assert!(literals[2].contains("Long(-9223372036854775808)") && literals[3].contains("Null(Int)"));
    }

    #[test]
    fn places_errors_as_the_official_parser_does() {
        assert_eq!(place("T | where a == 1\nU | take 5"), (1, 17));
        assert_eq!(place("T | project a b"), (1, 15));
        assert_eq!(place("T | foo bar"), (1, 5));
        assert_eq!(place("T | where (a == 1"), (1, 18));
        assert_eq!(place("print \"abc\n"), (1, 11));
        assert_eq!(place("T | extend kind = 1"), (1, 12));
        assert_eq!(place(".show tables"), (1, 1));
        assert_eq!(place("print datetime(2024-01-01\n)"), (1, 26));
    }

    #[test]
    fn takes_a_text_without_statements() {
        assert!(parse("// only a comment\n").unwrap().statements.is_empty());
        assert_eq!(parse("let a = 1;").unwrap().statements.len(), 1);
    }
}
