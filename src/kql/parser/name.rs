//! Names: plain, in brackets, in braces (a client's parameters), with wildcards; and keywords that are names all the same.

use super::{Parsed, Parser};
use crate::kql::ast::{Expr, ExprKind, Name, Span};
use crate::kql::literal;
use crate::kql::token::{Form, Kind, Token};

impl Parser<'_> {
    /// The length in tokens of the name at `offset`; 0 where there is none.
    pub(super) fn scan_name(&self, offset: usize) -> usize {
        match self.fixed_at(offset) {
            "[" => self.scan_bracketed_name(offset),
            "{" if self.token_at(offset + 1).kind.is_name() && self.fixed_at(offset + 2) == "}" => 3,
            _ => usize::from(self.token_at(offset).kind.is_name()),
        }
    }

    /// As [`Self::scan_name`], where more keywords may be names.
    pub(super) fn scan_declared_name(&self, offset: usize) -> usize {
        match self.scan_name(offset) {
            0 => usize::from(self.token_at(offset).kind.is_declared_name()),
            length => length,
        }
    }

    fn scan_bracketed_name(&self, offset: usize) -> usize {
        let strings = (1..self.tokens.len()).take_while(|index| self.token_at(offset + index).kind == Kind::Literal(Form::String)).count();
        if strings > 0 && self.fixed_at(offset + strings + 1) == "]" { strings + 2 } else { 0 }
    }

    /// A name, if one is ahead.
    pub(super) fn name(&mut self) -> Parsed<Option<Name>> {
        self.name_where(Kind::is_name)
    }

    /// A name where one is declared, if one is ahead.
    pub(super) fn declared_name(&mut self) -> Parsed<Option<Name>> {
        self.name_where(Kind::is_declared_name)
    }

    fn name_where(&mut self, allowed: fn(Kind) -> bool) -> Parsed<Option<Name>> {
        match self.fixed() {
            "[" => self.bracketed_name(),
            "{" => Ok(self.braced_name()),
            _ if allowed(self.kind()) => Ok(Some(self.plain_name())),
            _ => Ok(None),
        }
    }

    pub(super) fn required_name(&mut self) -> Parsed<Name> {
        self.name()?.ok_or_else(|| self.lacks("name"))
    }

    /// Takes the token ahead as a name, whatever it is.
    pub(super) fn plain_name(&mut self) -> Name {
        let span = self.token().span;
        self.position += 1;
        Name { text: self.text_of(span).to_owned(), span }
    }

    /// `['a name']`.
    pub(super) fn bracketed_name(&mut self) -> Parsed<Option<Name>> {
        if self.scan_bracketed_name(0) == 0 {
            return Ok(None);
        }
        let start = self.here();
        self.position += 1;
        let text = self.strings()?;
        self.expect("]")?;
        Ok(Some(Name { text, span: self.since(start) }))
    }

    /// Adjacent string constants, joined.
    pub(super) fn strings(&mut self) -> Parsed<String> {
        let mut text = String::new();
        while self.kind() == Kind::Literal(Form::String) {
            let token = self.take()?;
            text.push_str(&literal::decode(self.text_of(token.span)).unwrap_or_default());
        }
        Ok(text)
    }

    /// `{name}` or `{name[1]}`, the place of a client's parameter; kept with its braces.
    pub(super) fn braced_name(&mut self) -> Option<Name> {
        let length = self.scan_braced_name()?;
        let start = self.here();
        self.position += length;
        let span = self.since(start);
        Some(Name { text: self.text_of(span).to_owned(), span })
    }

    pub(super) fn scan_braced_name(&self) -> Option<usize> {
        let close = |offset: usize, text: &str| self.fixed_at(offset) == text && !self.token_at(offset).spaced;
        let name = self.token_at(1);
        if !self.at("{") || name.spaced || !(name.kind == Kind::Identifier || name.kind.is_keyword()) {
            return None;
        }
        if close(2, "}") {
            return Some(3);
        }
        let minus = usize::from(close(3, "-"));
        let index = self.token_at(3 + minus);
        let indexed = close(2, "[") && index.kind == Kind::Literal(Form::Long) && !index.spaced;
        (indexed && close(4 + minus, "]") && close(5 + minus, "}")).then_some(6 + minus)
    }

    /// The length in tokens of the wildcarded name at `offset`; its parts are not spaced.
    pub(super) fn scan_wildcard(&self, offset: usize) -> usize {
        let is_star = |token: Token| token.kind == Kind::Punct("*");
        let (first, second) = (self.token_at(offset), self.token_at(offset + 1));
        let start = if is_star(first) {
            1
        } else if first.kind.is_declared_name() && is_star(second) && !second.spaced {
            2
        } else {
            return 0;
        };
        let continues = |token: Token| token.kind.is_declared_name() || token.kind == Kind::Literal(Form::Long) || is_star(token);
        let rest = (start..).take_while(|index| {
            let token = self.token_at(offset + index);
            continues(token) && !token.spaced
        });
        start + rest.count()
    }

    /// `Device*`, `*Events`, `*`, if one is ahead.
    pub(super) fn wildcard(&mut self) -> Option<Expr> {
        let length = self.scan_wildcard(0);
        if length == 0 {
            return None;
        }
        let start = self.here();
        self.position += length;
        let span = self.since(start);
        Some(wildcard(self.text_of(span).to_owned(), span))
    }

    /// `[Device*]`.
    fn bracketed_wildcard(&mut self) -> Parsed<Option<Expr>> {
        if !self.at("[") || self.scan_wildcard(1) == 0 {
            return Ok(None);
        }
        let start = self.here();
        self.position += 1;
        let inner = self.wildcard();
        self.expect("]")?;
        let span = self.since(start);
        Ok(inner.map(|inner| Expr { span, ..inner }))
    }

    /// A name with brackets that may hold a wildcard.
    pub(super) fn bracketed_entity(&mut self) -> Parsed<Option<Expr>> {
        match self.bracketed_wildcard()? {
            Some(found) => Ok(Some(found)),
            None => Ok(self.bracketed_name()?.map(name_expr)),
        }
    }

    /// A name where an expression stands: `kind`, `withsource` and `@` are names here, too.
    pub(super) fn bare_selector(&mut self) -> Parsed<Option<Expr>> {
        if matches!(self.fixed(), "@" | "kind" | "withsource" | "with_source") {
            return Ok(Some(name_expr(self.plain_name())));
        }
        Ok(self.name()?.map(name_expr))
    }

    /// A name or wildcard where columns are listed.
    pub(super) fn column_name(&mut self) -> Parsed<Option<Expr>> {
        match self.wildcard() {
            Some(found) => Ok(Some(found)),
            None => Ok(self.name()?.map(name_expr)),
        }
    }
}

pub(super) fn name_expr(name: Name) -> Expr {
    Expr { span: name.span, kind: ExprKind::Name(name) }
}

pub(super) fn wildcard(text: String, span: Span) -> Expr {
    Expr { kind: ExprKind::Wildcard(Name { text, span }), span }
}
