//! Operators between values, by precedence: `or`, `and`, equality and lists, order, sums, products, string operators.
//!
//! Chains of `and` and of `or` become balanced trees, so that a list of ten thousand conditions is fourteen deep.

use super::list::List;
use super::{Parsed, Parser};
use crate::kql::ast::{BinaryOp, Expr, ExprKind, InOp, Span};

/// How tightly an operator binds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    /// `==`, `in`, `between` and the like: one of them, not a chain.
    Equality,
    /// `<` and the like: one of them.
    Order,
    Sum,
    Product,
    /// `has` and the like: one of them.
    Text,
    Sign,
}

impl Level {
    fn tighter(self) -> Self {
        match self {
            Self::Or => Self::And,
            Self::And => Self::Equality,
            Self::Equality => Self::Order,
            Self::Order => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product => Self::Text,
            Self::Text | Self::Sign => Self::Sign,
        }
    }

    fn chains(self) -> bool {
        matches!(self, Self::Or | Self::And | Self::Sum | Self::Product)
    }
}

/// What stands between two values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Infix {
    Plain(BinaryOp),
    In(InOp),
    Between { negated: bool },
}

fn infix(text: &str) -> Option<(Level, Infix)> {
    let plain = |level: Level, op: BinaryOp| Some((level, Infix::Plain(op)));
    match text {
        "or" => plain(Level::Or, BinaryOp::Or),
        "and" => plain(Level::And, BinaryOp::And),
        "==" => plain(Level::Equality, BinaryOp::Equal),
        "!=" | "<>" => plain(Level::Equality, BinaryOp::NotEqual),
        "in" => Some((Level::Equality, Infix::In(InOp::In))),
        "in~" => Some((Level::Equality, Infix::In(InOp::InTilde))),
        "!in" => Some((Level::Equality, Infix::In(InOp::NotIn))),
        "!in~" => Some((Level::Equality, Infix::In(InOp::NotInTilde))),
        "has_any" => Some((Level::Equality, Infix::In(InOp::HasAny))),
        "has_all" => Some((Level::Equality, Infix::In(InOp::HasAll))),
        "between" => Some((Level::Equality, Infix::Between { negated: false })),
        "!between" => Some((Level::Equality, Infix::Between { negated: true })),
        "<" => plain(Level::Order, BinaryOp::Less),
        "<=" => plain(Level::Order, BinaryOp::LessOrEqual),
        ">" => plain(Level::Order, BinaryOp::Greater),
        ">=" => plain(Level::Order, BinaryOp::GreaterOrEqual),
        "+" => plain(Level::Sum, BinaryOp::Add),
        "-" => plain(Level::Sum, BinaryOp::Subtract),
        "*" => plain(Level::Product, BinaryOp::Multiply),
        "/" => plain(Level::Product, BinaryOp::Divide),
        "%" => plain(Level::Product, BinaryOp::Modulo),
        text => text_operator(text).map(|op| (Level::Text, Infix::Plain(op))),
    }
}

/// The operators on strings; `:` is how `search` writes `has`.
fn text_operator(text: &str) -> Option<BinaryOp> {
    Some(match text {
        "=~" => BinaryOp::EqualTilde,
        "!~" => BinaryOp::NotEqualTilde,
        "has" | ":" => BinaryOp::Has,
        "!has" => BinaryOp::NotHas,
        "has_cs" => BinaryOp::HasCs,
        "!has_cs" => BinaryOp::NotHasCs,
        "hasprefix" => BinaryOp::HasPrefix,
        "!hasprefix" => BinaryOp::NotHasPrefix,
        "hasprefix_cs" => BinaryOp::HasPrefixCs,
        "!hasprefix_cs" => BinaryOp::NotHasPrefixCs,
        "hassuffix" => BinaryOp::HasSuffix,
        "!hassuffix" => BinaryOp::NotHasSuffix,
        "hassuffix_cs" => BinaryOp::HasSuffixCs,
        "!hassuffix_cs" => BinaryOp::NotHasSuffixCs,
        text => return text_operator_by_part(text),
    })
}

/// `like` is the older word for matching with `*`; it is kept as `contains` of the same pattern only by its place.
fn text_operator_by_part(text: &str) -> Option<BinaryOp> {
    Some(match text {
        "contains" | "like" => BinaryOp::Contains,
        "!contains" | "notcontains" | "notlike" => BinaryOp::NotContains,
        "contains_cs" | "containscs" | "likecs" => BinaryOp::ContainsCs,
        "!contains_cs" | "notcontainscs" | "notlikecs" => BinaryOp::NotContainsCs,
        "startswith" => BinaryOp::StartsWith,
        "!startswith" => BinaryOp::NotStartsWith,
        "startswith_cs" => BinaryOp::StartsWithCs,
        "!startswith_cs" => BinaryOp::NotStartsWithCs,
        "endswith" => BinaryOp::EndsWith,
        "!endswith" => BinaryOp::NotEndsWith,
        "endswith_cs" => BinaryOp::EndsWithCs,
        "!endswith_cs" => BinaryOp::NotEndsWithCs,
        "matches regex" => BinaryOp::MatchesRegex,
        _ => return None,
    })
}

impl Parser<'_> {
    /// An expression without a name and without pipes, if one is ahead.
    pub(super) fn value(&mut self) -> Parsed<Option<Expr>> {
        self.within(|parser| parser.binary(Level::Or))
    }

    pub(super) fn required_value(&mut self) -> Parsed<Expr> {
        self.value()?.ok_or_else(|| self.lacks("expression"))
    }

    fn binary(&mut self, loosest: Level) -> Parsed<Option<Expr>> {
        let Some(mut left) = self.operand(loosest)? else { return Ok(None) };
        let mut tightest = Level::Text;
        while let Some((level, op)) = self.infix_ahead() {
            if level < loosest || level > tightest {
                break;
            }
            left = if matches!(level, Level::Or | Level::And) {
                self.chain(left, level, op)?
            } else {
                self.grow(1)?;
                self.joined(left, level, op)?
            };
            tightest = if level.chains() { level } else { looser(level) };
        }
        Ok(Some(left))
    }

    fn infix_ahead(&self) -> Option<(Level, Infix)> {
        let found = infix(self.fixed())?;
        let range = found.1 == Infix::In(InOp::In) && self.fixed_at(1) == "range";
        (!range).then_some(found)
    }

    /// The value left of an operator. `*` is one only before `==` and the operators on strings.
    fn operand(&mut self, loosest: Level) -> Parsed<Option<Expr>> {
        let next = self.fixed_at(1);
        let star = text_operator(next).is_some() || (next == "==" && loosest <= Level::Equality);
        if self.at("*") && star && loosest <= Level::Text {
            return Ok(self.star());
        }
        self.signed_value()
    }

    pub(super) fn star(&mut self) -> Option<Expr> {
        let span = self.token().span;
        self.eat("*").then(|| super::name::wildcard("*".to_owned(), span))
    }

    /// `a or b or c`, balanced.
    fn chain(&mut self, first: Expr, level: Level, op: Infix) -> Parsed<Expr> {
        let Infix::Plain(op) = op else { return Ok(first) };
        let mut operands = vec![first];
        while infix(self.fixed()).is_some_and(|(_, next)| next == Infix::Plain(op)) {
            self.position += 1;
            operands.push(self.right_of(level)?);
        }
        let levels = operands.len().next_power_of_two().trailing_zeros();
        self.grow(usize::try_from(levels).unwrap_or_default())?;
        balanced(op, operands).ok_or_else(|| self.lacks("expression"))
    }

    fn joined(&mut self, left: Expr, level: Level, op: Infix) -> Parsed<Expr> {
        let start = left.span.start;
        self.position += 1;
        let left = Box::new(left);
        let kind = match op {
            Infix::Plain(op) => {
                let right = Box::new(self.right_of(level)?);
                ExprKind::Binary { op, left, right }
            }
            Infix::In(op) => ExprKind::In { op, value: left, list: self.in_list()? },
            Infix::Between { negated } => {
                let (low, high) = self.couple()?;
                ExprKind::Between { value: left, low: Box::new(low), high: Box::new(high), negated }
            }
        };
        Ok(Expr { kind, span: self.since(start) })
    }

    fn right_of(&mut self, level: Level) -> Parsed<Expr> {
        let right = self.beside(|parser| parser.binary(level.tighter()))?;
        right.ok_or_else(|| self.lacks("expression"))
    }

    /// `(b .. c)`.
    fn couple(&mut self) -> Parsed<(Expr, Expr)> {
        self.expect("(")?;
        let low = self.required_value()?;
        self.expect("..")?;
        let high = self.required_value()?;
        self.expect(")")?;
        Ok((low, high))
    }

    /// The list after `in` and the like: values, or one query.
    fn in_list(&mut self) -> Parsed<Vec<Expr>> {
        self.expect("(")?;
        let list =
            if self.query_ahead() { vec![self.required_expression()?] } else { self.list(List::of("expression").some(), Self::value)? };
        self.expect(")")?;
        Ok(list)
    }

    /// Whether what is ahead is a query rather than a list: it starts with an operator, or a pipe comes before its end.
    fn query_ahead(&self) -> bool {
        self.operator_ahead() || self.pipe_ahead()
    }

    fn pipe_ahead(&self) -> bool {
        let mut open = 0_usize;
        for offset in 0..self.tokens.len().saturating_sub(self.position) {
            match self.fixed_at(offset) {
                ";" => return false,
                "," | ")" if open == 0 => return false,
                "|" if open == 0 => return true,
                "(" => open += 1,
                ")" => open -= 1,
                _ => {}
            }
        }
        false
    }
}

/// The levels that may follow on the left of what a non-chaining operator of `level` made.
fn looser(level: Level) -> Level {
    match level {
        Level::Text | Level::Sign => Level::Product,
        Level::Product | Level::Sum | Level::Order => Level::Equality,
        Level::Equality | Level::And => Level::And,
        Level::Or => Level::Or,
    }
}

/// Joins operands in order, halves first.
fn balanced(op: BinaryOp, mut operands: Vec<Expr>) -> Option<Expr> {
    if operands.len() < 2 {
        return operands.pop();
    }
    let right = operands.split_off(operands.len() / 2);
    let (left, right) = (balanced(op, operands)?, balanced(op, right)?);
    let span = Span { start: left.span.start, end: right.span.end };
    Some(Expr { kind: ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) }, span })
}

/// Whether `text` is an operator that is a word: `and`, `has`, `in` and the like.
pub(super) fn is_word_operator(text: &str) -> bool {
    infix(text).is_some() && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!') && !matches!(text, "!=" | "!~")
}
