//! Constants in expressions and in operators' properties.

use super::{Parsed, Parser};
use crate::kql::ast::{Expr, ExprKind, Literal, Name, Span, TypeName};
use crate::kql::literal;
use crate::kql::token::{Form, Kind};

impl Parser<'_> {
    /// A constant, if one is ahead; signs in front of numbers belong to it.
    pub(super) fn literal(&mut self) -> Parsed<Option<Expr>> {
        match self.kind() {
            Kind::Literal(Form::String) => self.string().map(Some),
            Kind::Literal(form) => self.single(form).map(Some),
            Kind::Keyword("dynamic", _) => self.dynamic(),
            Kind::Keyword("typeof", _) => self.type_of(),
            Kind::Punct("+" | "-") => self.signed(),
            Kind::Punct("{") => Ok(self.braced_name().map(super::name::name_expr)),
            _ => Ok(None),
        }
    }

    pub(super) fn string(&mut self) -> Parsed<Expr> {
        let start = self.here();
        let text = self.strings()?;
        Ok(Expr { kind: ExprKind::Literal(Literal::String(text)), span: self.since(start) })
    }

    fn single(&mut self, form: Form) -> Parsed<Expr> {
        if form == Form::RawGuid {
            return Err(self.refuse("a GUID is written guid(...) here"));
        }
        let token = self.take()?;
        Ok(constant(form, self.text_of(token.span), token.span))
    }

    /// `-5`, `+1h`, the sign right before the number.
    fn signed(&mut self) -> Parsed<Option<Expr>> {
        if !self.signed_number_ahead() {
            return Ok(None);
        }
        let start = self.here();
        let sign = self.take()?.span;
        let number = self.take()?;
        let span = self.since(start);
        let text = format!("{}{}", self.text_of(sign), self.text_of(number.span));
        Ok(match number.kind {
            Kind::Literal(form) => Some(constant(form, &text, span)),
            _ => None,
        })
    }

    fn signed_number_ahead(&self) -> bool {
        let number = self.token_at(1);
        let is_number = matches!(number.kind, Kind::Literal(Form::Long | Form::Real | Form::Timespan));
        is_number && !number.spaced && self.text_of(number.span).starts_with(|c: char| c.is_ascii_digit())
    }

    /// A number that is a real even without a point.
    pub(super) fn forced_real(&mut self) -> Parsed<Option<Expr>> {
        let found = self.literal()?;
        Ok(found.map(|expr| match expr.kind {
            ExprKind::Literal(Literal::Long(_)) => constant(Form::Real, self.text_of(expr.span), expr.span),
            _ => expr,
        }))
    }

    /// A constant or the keyword or name that stands for one.
    pub(super) fn any_value(&mut self) -> Parsed<Option<Expr>> {
        match self.literal()? {
            Some(found) => Ok(Some(found)),
            None => Ok(self.name()?.map(super::name::name_expr)),
        }
    }

    /// `typeof(long)`, `typeof(a: string, ...)`: a call whose arguments are the types' names.
    pub(super) fn type_of(&mut self) -> Parsed<Option<Expr>> {
        if self.fixed_at(1) != "(" {
            return Ok(None);
        }
        let start = self.here();
        let name = self.plain_name();
        self.position += 1;
        let arguments = self.typeof_arguments()?;
        self.expect(")")?;
        Ok(Some(Expr { kind: ExprKind::Call { name, arguments }, span: self.since(start) }))
    }
}

/// A constant of `form`. A text without a value stays a call of its type, which whoever evaluates it will refuse.
fn constant(form: Form, text: &str, span: Span) -> Expr {
    let kind = match literal::value(form, text) {
        Some(value) => ExprKind::Literal(value),
        None => malformed(literal::type_of(form), literal::inside(text), span),
    };
    Expr { kind, span }
}

fn malformed(kind: TypeName, text: &str, span: Span) -> ExprKind {
    let argument = Expr { kind: ExprKind::Literal(Literal::String(text.to_owned())), span };
    ExprKind::Call { name: Name { text: super::schema::type_text(kind).to_owned(), span }, arguments: vec![argument] }
}
