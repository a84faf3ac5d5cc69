//! `parse`, `parse-where` and `parse-kv`: columns cut out of texts by a pattern.

use super::super::error::QueryError;
use super::super::expr::scope::Scope;
use super::super::json;
use super::super::scalar::cells::{Made, Text, map1};
use super::super::scalar::convert::{convert, to_text};
use super::super::scalar::{bags, regexes};
use super::super::value::Value;
use super::Planner;
use super::columns::Computed;
use super::env::Env;
use super::relation::{Relation, column};
use super::sources::literal_text;
use super::union::property;
use crate::kql::ast::{ColumnDeclaration, Expr, Name, ParsePart, Property, Span, TypeName};
use regex::Regex;
use std::fmt::Write as _;

/// A column of a pattern; its type where it is not a text.
type Part<'a> = (&'a Name, TypeName);

impl<'a> Planner<'a> {
    pub(super) fn parse(
        &self,
        relation: Relation,
        properties: &'a [Property],
        (value, pattern): (&'a Expr, &'a [ParsePart]),
        filter: bool,
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let kind = property(properties, &["kind"]).and_then(literal_text).unwrap_or("simple");
        let text = to_text(self.scalar(value, Scope::new(&relation.slots, env))?);
        let (regex, parts) = compiled(pattern, kind, property(properties, &["flags"]).and_then(literal_text))
            .map_err(|message| self.semantic(message, span))?;
        let kinds: Vec<TypeName> = parts.iter().map(|(_, kind)| *kind).collect();
        // In relaxed mode a part that does not convert is null; otherwise the whole text does not match.
        let strict = kind != "relaxed";
        let key = format!("{strict} {regex}");
        let found = map1::<Text, Made>("parse", key, TypeName::Dynamic, text, move |text| captured(&regex, text, &kinds, strict).map(Made));
        let slot = self.slot("parsed", TypeName::Dynamic);
        let id = slot.id.clone();
        let own = relation.slots.clone();
        let relation = relation.with_columns(vec![(slot, found.expr)], span)?;
        let found = Value::new(column(&id), TypeName::Dynamic);
        let relation = if filter { relation.filter(found.expr.clone().is_not_null(), span)? } else { relation };
        let cut = parts.iter().enumerate().map(|(index, (name, kind))| Computed {
            name: Some(name.text.clone()),
            value: convert(bags::element(found.clone(), super::super::numbers::count(index)), *kind),
        });
        self.extended(Relation { slots: own, ..relation }, cut.collect(), span)
    }

    pub(super) fn parse_kv(
        &self,
        relation: Relation,
        value: &'a Expr,
        columns: &'a [ColumnDeclaration],
        properties: &'a [Property],
        span: Span,
        env: &Env<'a>,
    ) -> Result<Relation, QueryError> {
        let text = to_text(self.scalar(value, Scope::new(&relation.slots, env))?);
        let given = |names: &[&str], default: &str| property(properties, names).and_then(literal_text).unwrap_or(default).to_owned();
        let (pair, assign) = (given(&["pair_delimiter"], " "), given(&["kv_delimiter"], "="));
        let quote = property(properties, &["quote"]).and_then(literal_text).and_then(|text| text.chars().next());
        let key = format!("{pair}\0{assign}\0{quote:?}");
        let bag = map1::<Text, Made>("parse_kv", key, TypeName::Dynamic, text, move |text| Some(Made(pairs(text, &pair, &assign, quote))));
        let cut = columns.iter().map(|declared| Computed {
            name: Some(declared.name.text.clone()),
            value: convert(bags::member(bag.clone(), &declared.name.text), declared.kind),
        });
        self.extended(relation, cut.collect(), span)
    }
}

/// The expression of a pattern. A text in it stands for itself (in regex mode: for an expression), `*` for anything.
fn compiled<'a>(pattern: &'a [ParsePart], kind: &str, flags: Option<&str>) -> Result<(Regex, Vec<Part<'a>>), String> {
    let mut source = String::from(if flags.is_some_and(|flags| flags.contains('i')) { "(?is)^" } else { "(?s)^" });
    let mut parts = Vec::new();
    for (index, part) in pattern.iter().enumerate() {
        match part {
            ParsePart::Star => source.push_str(".*?"),
            ParsePart::Text(text) if kind == "regex" => {
                // Writing to a string cannot fail.
                let _ = write!(source, "(?:{text})");
            }
            ParsePart::Text(text) => source.push_str(&regex::escape(text)),
            ParsePart::Column(name, typed) => {
                let typed = typed.unwrap_or(TypeName::String);
                parts.push((name, typed));
                source.push_str(group(typed, index + 1 == pattern.len()));
            }
        }
    }
    if !matches!(pattern.last(), Some(ParsePart::Star)) {
        source.push('$');
    }
    Ok((regexes::compile(&source)?, parts))
}

/// What a column of a type takes from the text.
fn group(kind: TypeName, last: bool) -> &'static str {
    match kind {
        TypeName::Int | TypeName::Long => r"\s*([+-]?\d+)",
        TypeName::Real | TypeName::Decimal => r"\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)",
        TypeName::Bool => r"\s*(true|false|True|False|[01])",
        _ if last => "(.*)",
        _ => "(.*?)",
    }
}

fn captured(regex: &Regex, text: &str, kinds: &[TypeName], strict: bool) -> Option<String> {
    let captures = regex.captures(text)?;
    let mut cells = Vec::with_capacity(kinds.len());
    for (index, kind) in kinds.iter().enumerate() {
        let found = captures.get(index + 1).map_or("", |found| found.as_str());
        if strict && !converts(found, *kind) {
            return None;
        }
        cells.push(json::quoted(found));
    }
    Some(json::array(cells))
}

fn converts(text: &str, kind: TypeName) -> bool {
    match kind {
        TypeName::Datetime => super::super::clock::parse_datetime(text).is_some(),
        TypeName::Timespan => super::super::clock::parse_timespan(text).is_some(),
        TypeName::Guid => uuid::Uuid::parse_str(text.trim()).is_ok(),
        _ => true,
    }
}

/// Reads `key=value` pairs; quotes hold delimiters.
fn pairs(text: &str, pair: &str, assign: &str, quote: Option<char>) -> String {
    let mut found = Vec::new();
    for piece in pieces(text, pair, quote) {
        if let Some((key, value)) = piece.split_once(assign) {
            let value = quote.map_or(value, |quote| value.trim_matches(quote));
            found.push((key.trim().to_owned(), json::quoted(value)));
        }
    }
    json::bag(found)
}

fn pieces<'t>(text: &'t str, delimiter: &str, quote: Option<char>) -> Vec<&'t str> {
    let mut pieces = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, c) in text.char_indices() {
        if Some(c) == quote {
            quoted = !quoted;
        }
        if !quoted && at >= start && !delimiter.is_empty() && text[at..].starts_with(delimiter) {
            pieces.push(&text[start..at]);
            start = at + delimiter.len();
        }
    }
    pieces.push(text.get(start..).unwrap_or_default());
    pieces
}

/// The texts that a found pattern holds, for tests.
#[cfg(test)]
fn cut(pattern: &[ParsePart], text: &str) -> Option<String> {
    let (regex, parts) = compiled(pattern, "simple", None).ok()?;
    captured(&regex, text, &parts.iter().map(|(_, kind)| *kind).collect::<Vec<_>>(), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name { text: text.to_owned(), span: Span::default() }
    }

    #[test]
    fn patterns_cut_texts() {
        let pattern = [
            ParsePart::Star,
            ParsePart::Text("user=".into()),
            ParsePart::Column(name("u"), None),
            ParsePart::Text(" n=".into()),
            ParsePart::Column(name("n"), Some(TypeName::Long)),
            ParsePart::Star,
        ];
        assert_eq!(cut(&pattern, "x user=bob (it) n=42 rest"), Some(r#"["bob (it)","42"]"#.into()));
        assert_eq!(cut(&pattern, "x user=bob n=many"), None);
    }

    #[test]
    fn quotes_hold_delimiters() {
        assert_eq!(pairs("a=1, b='x, y'", ", ", "=", Some('\'')), r#"{"a":"1","b":"x, y"}"#);
    }
}
