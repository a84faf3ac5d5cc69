//! Values: what stands between operators. Paths, calls, parentheses, names.

use super::list::List;
use super::{Parsed, Parser};
use crate::kql::ast::{Expr, ExprKind, Name};
use crate::kql::token::{Form, Kind};

impl Parser<'_> {
    /// A value with a sign in front, perhaps.
    pub(super) fn signed_value(&mut self) -> Parsed<Option<Expr>> {
        let start = self.here();
        let negative = self.at("-");
        if !negative && !self.at("+") {
            return self.path();
        }
        self.position += 1;
        if let Some(least) = self.least_long(negative) {
            return Ok(Some(Expr { kind: least, span: self.since(start) }));
        }
        let operand = Box::new(self.path()?.ok_or_else(|| self.lacks("expression"))?);
        self.grow(1)?;
        Ok(Some(Expr { kind: ExprKind::Unary { negative, operand }, span: self.since(start) }))
    }

    /// The least long, whose digits alone would be too large.
    fn least_long(&mut self, negative: bool) -> Option<ExprKind> {
        let found = negative && self.text_of(self.token().span) == "9223372036854775808";
        self.position += usize::from(found);
        found.then_some(ExprKind::Literal(crate::kql::ast::Literal::Long(i64::MIN)))
    }

    /// A value followed by any number of `.name`, `.call()`, `[index]`.
    pub(super) fn path(&mut self) -> Parsed<Option<Expr>> {
        let first = if self.at("totable") { self.kinded_call()? } else { self.primary()? };
        let Some(mut expr) = first else { return Ok(None) };
        loop {
            expr = match self.fixed() {
                "." => self.member(expr, Self::selector_or_call)?,
                "[" => self.element(expr)?,
                _ => return Ok(Some(expr)),
            };
        }
    }

    /// `left.name`, `left.call()`, `left['name']`, `left.[index]`.
    pub(super) fn member(&mut self, left: Expr, right: fn(&mut Self) -> Parsed<Option<Expr>>) -> Parsed<Expr> {
        self.grow(1)?;
        self.position += 1;
        let right = right(self)?.ok_or_else(|| self.lacks("name"))?;
        let span = self.since(left.span.start);
        let kind = match right.kind {
            ExprKind::Name(name) | ExprKind::Wildcard(name) => ExprKind::Path(Box::new(left), name),
            ExprKind::Call { name, arguments } => {
                // The tree has calls of plain names only; nothing that can be hunted is reached this way.
                let text = format!("{}.{}", self.text_of(left.span), name.text);
                ExprKind::Call { name: Name { text, span: name.span }, arguments }
            }
            kind => ExprKind::Element(Box::new(left), Box::new(Expr { kind, span: right.span })),
        };
        Ok(Expr { kind, span })
    }

    /// `left[index]`.
    pub(super) fn element(&mut self, left: Expr) -> Parsed<Expr> {
        self.grow(1)?;
        let start = left.span.start;
        let index = self.bracketed_value()?;
        Ok(Expr { kind: ExprKind::Element(Box::new(left), Box::new(index)), span: self.since(start) })
    }

    fn bracketed_value(&mut self) -> Parsed<Expr> {
        self.expect("[")?;
        let value = self.value()?.ok_or_else(|| self.lacks("name"))?;
        self.expect("]")?;
        Ok(value)
    }

    pub(super) fn selector_or_call(&mut self) -> Parsed<Option<Expr>> {
        if self.call_ahead(0) { self.call() } else { self.selector() }
    }

    /// A name, or what stands in brackets.
    pub(super) fn selector(&mut self) -> Parsed<Option<Expr>> {
        if !self.at("[") {
            return self.bare_selector();
        }
        if let Some(found) = self.bracketed_entity()? {
            return Ok(Some(found));
        }
        let start = self.here();
        let value = self.bracketed_value()?;
        Ok(Some(Expr { kind: value.kind, span: self.since(start) }))
    }

    fn primary(&mut self) -> Parsed<Option<Expr>> {
        match self.kind() {
            Kind::Literal(Form::String) => self.string().map(Some),
            Kind::Literal(_) => self.literal(),
            Kind::Keyword("dynamic", _) => self.dynamic(),
            Kind::Keyword("datatable", _) => self.data_table(),
            Kind::Keyword("__contextual_datatable", _) => self.contextual_table(),
            Kind::Keyword("externaldata" | "external_data", _) => self.external_data(),
            Kind::Keyword("materialized-view-combine", _) => self.view_combine(),
            Kind::Keyword("toscalar", _) => self.kinded_call(),
            Kind::Keyword("typeof", _) if self.fixed_at(1) == "(" => self.type_of(),
            Kind::Punct("(") => self.parenthesized(),
            _ if self.call_ahead(0) => self.call(),
            _ => self.scoped_name(),
        }
    }

    /// A name, with the part of the data it is to be read from, perhaps.
    fn scoped_name(&mut self) -> Parsed<Option<Expr>> {
        let Some(found) = self.selector()? else { return self.misplaced_keyword() };
        self.data_scope()?;
        Ok(Some(found))
    }

    pub(super) fn data_scope(&mut self) -> Parsed<()> {
        if self.eat("datascope") {
            self.expect("=")?;
            self.eat_text(&["all", "hotcache"]).ok_or_else(|| self.lacks_token("expected `all` or `hotcache`"))?;
        }
        Ok(())
    }

    /// A keyword where only a name can be meant.
    fn misplaced_keyword(&self) -> Parsed<Option<Expr>> {
        if self.kind().is_keyword() && follows_names(self.token_at(1).kind) {
            return Err(self.needs_brackets(self.text_of(self.token().span)));
        }
        Ok(None)
    }

    fn needs_brackets(&self, name: &str) -> crate::kql::SyntaxError {
        self.refuse(format!("`{name}` must be written ['{name}'] to be a name here"))
    }

    /// `( expression )`, pipes included.
    pub(super) fn parenthesized(&mut self) -> Parsed<Option<Expr>> {
        let start = self.here();
        if !self.eat("(") {
            return Ok(None);
        }
        let inner = self.required_expression()?;
        self.expect(")")?;
        Ok(Some(Expr { kind: inner.kind, span: self.since(start) }))
    }

    /// Whether a call starts at `offset`.
    pub(super) fn call_ahead(&self, offset: usize) -> bool {
        let length = self.scan_name(offset);
        length > 0 && self.fixed_at(offset + length) == "("
    }

    pub(super) fn call(&mut self) -> Parsed<Option<Expr>> {
        if !self.call_ahead(0) {
            return Ok(None);
        }
        let start = self.here();
        let Some(name) = self.name()? else { return Ok(None) };
        self.expect("(")?;
        let arguments = self.list(List::of("expression"), Self::argument)?;
        self.expect(")")?;
        Ok(Some(Expr { kind: ExprKind::Call { name, arguments }, span: self.since(start) }))
    }

    fn argument(&mut self) -> Parsed<Option<Expr>> {
        if self.at("*") && matches!(self.fixed_at(1), ")" | ",") {
            return Ok(self.star());
        }
        self.named()
    }

    /// `toscalar(...)` and `totable(...)`, whose argument is a query, with `kind=nooptimization` before it, perhaps.
    fn kinded_call(&mut self) -> Parsed<Option<Expr>> {
        let start = self.here();
        let name = self.plain_name();
        self.property_named(&super::property::NO_OPTIMIZATION)?;
        self.expect("(")?;
        let argument = self.required_expression()?;
        self.expect(")")?;
        Ok(Some(Expr { kind: ExprKind::Call { name, arguments: vec![argument] }, span: self.since(start) }))
    }

    /// A value with `name =` or `(a, b) =` in front, perhaps.
    pub(super) fn named(&mut self) -> Parsed<Option<Expr>> {
        let start = self.here();
        let length = self.scan_declared_name(0);
        if length > 0 && self.fixed_at(length) == "=" {
            let names: Vec<Name> = self.declared_name()?.into_iter().collect();
            return self.named_value(start, names);
        }
        let dashed = self.scan_dashed_name();
        if dashed > 0 && self.fixed_at(dashed) == "=" {
            let last = self.token_at(dashed - 1).span.end;
            return Err(self.needs_brackets(self.text.get(start..last).unwrap_or_default()));
        }
        if self.name_list_ahead() {
            self.position += 1;
            let names = self.list(List::of("name").some(), Self::declared_name)?;
            self.expect(")")?;
            return self.named_value(start, names);
        }
        self.value()
    }

    pub(super) fn required_named(&mut self) -> Parsed<Expr> {
        self.named()?.ok_or_else(|| self.lacks("expression"))
    }

    fn named_value(&mut self, start: usize, names: Vec<Name>) -> Parsed<Option<Expr>> {
        self.expect("=")?;
        let value = Box::new(self.required_value()?);
        Ok(Some(Expr { kind: ExprKind::Named { names, value }, span: self.since(start) }))
    }

    /// The length in tokens of a name with dashes or of a keyword, neither of which may be named without brackets.
    fn scan_dashed_name(&self) -> usize {
        let is_word = |kind: Kind| kind == Kind::Identifier || kind.is_keyword();
        if !is_word(self.kind()) {
            return 0;
        }
        let joined = (1..).take_while(|offset| {
            let token = self.token_at(*offset);
            !token.spaced && (is_word(token.kind) || token.kind == Kind::Punct("-"))
        });
        1 + joined.count()
    }

    /// Whether `(a, b) =` is ahead.
    fn name_list_ahead(&self) -> bool {
        if !self.at("(") {
            return false;
        }
        let mut offset = 1;
        loop {
            match self.scan_declared_name(offset) {
                0 => break,
                length => offset += length,
            }
            if self.fixed_at(offset) != "," {
                break;
            }
            offset += 1;
        }
        offset > 1 && self.fixed_at(offset) == ")" && self.fixed_at(offset + 1) == "="
    }

    /// A path of names without calls: columns of `facet`, `partition`.
    pub(super) fn simple_path(&mut self) -> Parsed<Option<Expr>> {
        let Some(mut expr) = self.selector()? else { return Ok(None) };
        loop {
            expr = match self.fixed() {
                "." => self.member(expr, Self::selector)?,
                "[" => self.element_by_selector(expr)?,
                _ => return Ok(Some(expr)),
            };
        }
    }

    /// `left[...]` where what stands in the brackets may be a name with a wildcard.
    pub(super) fn element_by_selector(&mut self, left: Expr) -> Parsed<Expr> {
        self.grow(1)?;
        let index = self.selector()?.ok_or_else(|| self.lacks("name"))?;
        let span = self.since(left.span.start);
        Ok(Expr { kind: ExprKind::Element(Box::new(left), Box::new(index)), span })
    }
}

/// The tokens that follow names and nothing else, so that a keyword before them was meant as one.
fn follows_names(next: Kind) -> bool {
    let Some(text) = next.fixed() else { return false };
    let punctuation =
        matches!(text, "==" | "!=" | "=~" | "!~" | ">" | ">=" | "<" | "<=" | "*" | "/" | "%" | ")" | "]" | "}" | "." | "," | ":" | "|");
    punctuation || super::arithmetic::is_word_operator(text)
}
