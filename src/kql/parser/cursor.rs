//! The parser's place in the tokens: looking ahead, taking, and wording what is missing where.
//!
//! Positions of errors follow the official parser: a missing token is placed before the next one where that is near on the same
//! line, else after the last one; a missing part always after the last one.

use super::{Parsed, Parser};
use crate::kql::ast::{Name, Span};
use crate::kql::syntax_error::SyntaxError;
use crate::kql::token::{Flaw, Kind, Token};

/// Parts may lie within one another this deep. People's queries stay below 30; the limit is for the sake of the stack of whoever
/// walks the tree.
const MAX_DEPTH: usize = 200;

/// Operators may follow one another without parentheses this often, where each makes the tree one deeper.
const MAX_HEIGHT: usize = 500;

impl Parser<'_> {
    pub(super) fn token_at(&self, offset: usize) -> Token {
        let index = self.position + offset;
        self.tokens.get(index).or(self.tokens.last()).copied().unwrap_or_else(|| self.end())
    }

    fn end(&self) -> Token {
        let span = Span { start: self.text.len(), end: self.text.len() };
        Token { kind: Kind::End, span, spaced: false, on_new_line: false, flaw: None }
    }

    pub(super) fn token(&self) -> Token {
        self.token_at(0)
    }

    pub(super) fn kind(&self) -> Kind {
        self.token().kind
    }

    /// The text of the keyword or punctuation ahead.
    pub(super) fn fixed(&self) -> &'static str {
        self.kind().fixed().unwrap_or_default()
    }

    pub(super) fn fixed_at(&self, offset: usize) -> &'static str {
        self.token_at(offset).kind.fixed().unwrap_or_default()
    }

    pub(super) fn at(&self, text: &str) -> bool {
        self.fixed() == text
    }

    pub(super) fn text_of(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// Where the last taken token ended.
    pub(super) fn last_end(&self) -> usize {
        self.position.checked_sub(1).and_then(|index| self.tokens.get(index)).map_or(0, |token| token.span.end)
    }

    /// The span from `start` to the last taken token.
    pub(super) fn since(&self, start: usize) -> Span {
        Span { start, end: self.last_end().max(start) }
    }

    pub(super) fn here(&self) -> usize {
        self.token().span.start
    }

    /// Takes the token ahead, unless something is wrong with it.
    pub(super) fn take(&mut self) -> Parsed<Token> {
        let token = self.token();
        if let Some(flaw) = token.flaw {
            return Err(self.flawed(token, flaw));
        }
        self.position += usize::from(token.kind != Kind::End);
        Ok(token)
    }

    fn flawed(&self, token: Token, flaw: Flaw) -> SyntaxError {
        let end = Span { start: token.span.end, end: token.span.end };
        match flaw {
            Flaw::Unended(quote) => SyntaxError::new(self.text, end, format!("missing `{quote}` at the end of this constant")),
            Flaw::Unexpected => SyntaxError::new(self.text, token.span, format!("unexpected `{}`", self.text_of(token.span))),
        }
    }

    /// Takes a keyword or punctuation if it is the one ahead. Such tokens have no flaws.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.at(text);
        self.position += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, text: &str) -> Parsed<()> {
        if self.eat(text) { Ok(()) } else { Err(self.lacks_token(format!("expected `{text}`"))) }
    }

    /// How many tokens, joined without space, make up `text`; 0 where they do not.
    pub(super) fn scan_text(&self, text: &str, offset: usize) -> usize {
        let mut rest = text;
        for count in 0.. {
            let token = self.token_at(offset + count);
            let part = self.text_of(token.span);
            if token.kind == Kind::End || (count > 0 && token.spaced) || part.is_empty() {
                return 0;
            }
            match rest.strip_prefix(part) {
                Some("") => return count + 1,
                Some(left) => rest = left,
                None => return 0,
            }
        }
        0
    }

    /// Takes the tokens that make up one of `texts`.
    pub(super) fn eat_text(&mut self, texts: &[&str]) -> Option<Name> {
        let count = texts.iter().map(|text| self.scan_text(text, 0)).find(|count| *count > 0)?;
        let start = self.here();
        self.position += count;
        let span = self.since(start);
        Some(Name { text: self.text_of(span).to_owned(), span })
    }

    /// The error of a missing token.
    pub(super) fn lacks_token(&self, message: impl Into<String>) -> SyntaxError {
        let next = self.token();
        let last = self.last_end();
        let near = next.span.start - last.min(next.span.start) < 2 && !next.on_new_line;
        let span = if near { next.span } else { Span { start: last, end: last } };
        SyntaxError::new(self.text, span, message)
    }

    /// As [`Self::lacks_token`], at an earlier place.
    pub(super) fn lacked_token(&mut self, position: usize, message: &str) -> SyntaxError {
        self.position = position;
        self.lacks_token(message)
    }

    /// The error of a missing part of the query; says so where a keyword stands in its place.
    pub(super) fn lacks(&self, what: &str) -> SyntaxError {
        let last = self.last_end();
        let message = match self.kind() {
            Kind::Keyword(word, _) => format!("missing {what} before the keyword `{word}` (as a name it is written ['{word}'])"),
            _ => format!("missing {what}"),
        };
        SyntaxError::new(self.text, Span { start: last, end: last }, message)
    }

    /// The error that the token ahead is not wanted.
    pub(super) fn refuse(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(self.text, self.token().span, message)
    }

    /// Parses something that lies within what is being parsed, keeping depth and height of the tree within limits.
    pub(super) fn within<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.refuse("the query is nested too deeply"));
        }
        self.depth += 1;
        let outside = std::mem::replace(&mut self.height, 0);
        let result = parse(self);
        self.depth -= 1;
        let grown = self.grow(1);
        self.height = self.height.max(outside);
        grown.and(result)
    }

    /// Parses something that stands beside what was parsed: the higher of the two counts.
    pub(super) fn beside<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let outside = std::mem::replace(&mut self.height, 0);
        let result = parse(self);
        self.height = self.height.max(outside);
        result
    }

    /// Notes that the tree under the part being parsed is deeper by `levels`.
    pub(super) fn grow(&mut self, levels: usize) -> Parsed<()> {
        self.height += levels;
        if self.height > MAX_HEIGHT { Err(self.refuse("too many operators follow one another without parentheses")) } else { Ok(()) }
    }
}
