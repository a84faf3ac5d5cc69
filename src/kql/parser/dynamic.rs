//! `dynamic(...)`: JSON with Kusto's constants in it, kept as JSON text.

use super::list::List;
use super::{Parsed, Parser};
use crate::kql::ast::{Expr, ExprKind, Literal, TypeName};
use crate::kql::literal;
use crate::kql::token::{Form, Kind};

impl Parser<'_> {
    /// `dynamic(...)`, if it is ahead.
    pub(super) fn dynamic(&mut self) -> Parsed<Option<Expr>> {
        if !self.at("dynamic") || self.fixed_at(1) != "(" {
            return Ok(None);
        }
        let start = self.here();
        self.position += 2;
        let json = self.json()?.ok_or_else(|| self.lacks("JSON value"))?;
        self.expect(")")?;
        let value = if json == "null" { Literal::Null(TypeName::Dynamic) } else { Literal::Dynamic(json) };
        Ok(Some(Expr { kind: ExprKind::Literal(value), span: self.since(start) }))
    }

    fn json(&mut self) -> Parsed<Option<String>> {
        self.within(Self::json_value)
    }

    fn json_value(&mut self) -> Parsed<Option<String>> {
        match self.kind() {
            Kind::Literal(Form::Int) => Ok(None),
            Kind::Literal(Form::RawGuid) => self.literal().map(|_| None),
            Kind::Literal(form) => self.json_constant(form).map(Some),
            Kind::Punct("-") => self.negative_number(),
            Kind::Keyword("null", _) => Ok(Some(self.plain_name().text)),
            Kind::Keyword("dynamic", _) => Ok(self.dynamic()?.map(|nested| json_of(&nested))),
            Kind::Punct("[") => self.array().map(Some),
            Kind::Punct("{") => match self.braced_name() {
                Some(name) => Ok(Some(quoted(&name.text))),
                None => self.object().map(Some),
            },
            _ => Ok(None),
        }
    }

    fn json_constant(&mut self, form: Form) -> Parsed<String> {
        if form == Form::String {
            return Ok(quoted(&self.strings()?));
        }
        let token = self.take()?;
        let text = self.text_of(token.span);
        Ok(literal::value(form, text).map_or_else(|| quoted(literal::inside(text)), |value| json_text(&value)))
    }

    fn negative_number(&mut self) -> Parsed<Option<String>> {
        if !matches!(self.token_at(1).kind, Kind::Literal(Form::Long | Form::Real)) {
            return Ok(None);
        }
        self.position += 1;
        let token = self.take()?;
        let form = if token.kind == Kind::Literal(Form::Real) { Form::Real } else { Form::Long };
        let text = format!("-{}", literal::inside(self.text_of(token.span)));
        Ok(Some(literal::value(form, &text).map_or_else(|| quoted(&text), |value| json_text(&value))))
    }

    fn array(&mut self) -> Parsed<String> {
        self.position += 1;
        let values = self.list(List::of("JSON value"), Self::json)?;
        self.expect("]")?;
        Ok(format!("[{}]", values.join(",")))
    }

    fn object(&mut self) -> Parsed<String> {
        self.position += 1;
        let pairs = self.list(List::of("JSON key and value"), Self::pair)?;
        self.expect("}")?;
        Ok(format!("{{{}}}", pairs.join(",")))
    }

    fn pair(&mut self) -> Parsed<Option<String>> {
        if self.kind() == Kind::Literal(Form::String) {
            let key = self.take()?;
            let key = literal::decode(self.text_of(key.span)).unwrap_or_default();
            self.expect(":")?;
            let value = self.json()?.ok_or_else(|| self.lacks("JSON value"))?;
            return Ok(Some(format!("{}:{value}", quoted(&key))));
        }
        let before = self.position;
        match self.json() {
            Ok(None) if !self.at(":") => Ok(None),
            _ => Err(self.lacked_token(before, "missing JSON key")),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn json_of(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Literal(value) => json_text(value),
        _ => "null".to_owned(),
    }
}

/// A constant as JSON: numbers as numbers, times and GUIDs as text, what JSON has no number for as null.
fn json_text(value: &Literal) -> String {
    match value {
        Literal::Bool(value) => value.to_string(),
        Literal::Int(value) => value.to_string(),
        Literal::Long(value) => value.to_string(),
        Literal::Real(value) => serde_json::Number::from_f64(*value).map_or_else(|| "null".to_owned(), |number| number.to_string()),
        Literal::Decimal(text) | Literal::String(text) | Literal::Guid(text) => quoted(text),
        Literal::Datetime(ticks) => quoted(&literal::format_datetime(*ticks)),
        Literal::Timespan(ticks) => quoted(&literal::format_timespan(*ticks)),
        Literal::Dynamic(json) => json.clone(),
        Literal::Null(_) => "null".to_owned(),
    }
}
