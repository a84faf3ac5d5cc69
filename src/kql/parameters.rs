//! Values for the parameters that a query declares.
//!
//! The hunting APIs take no parameters beside the query, so its `declare query_parameters(...)` becomes `let`s of constants. A value
//! is read by its parameter's type and written anew: no text can end its constant or add to the query.

use crate::error::{Error, Kind, Result};
use crate::kql::ast::{Literal, Query, Statement, TypeName};
use crate::kql::edit::{Edit, apply};
use crate::kql::literal;
use crate::kql::reading::{QueryParameter, Reading};

/// A value given for a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// One value, as typed.
    One(String),
    /// A list, for a parameter of type dynamic.
    List(Vec<String>),
}

/// Puts the given values, and the defaults of the others, in place of the declaration.
///
/// # Errors
/// [`Kind::Usage`] for a name that is not declared, a value that is not of the type, or a parameter that has neither value nor default.
pub fn fill(text: &str, query: &Query, reading: &Reading, given: &[(String, Given)]) -> Result<String> {
    if let Some((name, _)) = given.iter().find(|(name, _)| !reading.parameters.iter().any(|parameter| parameter.name == *name)) {
        return Err(not_declared(name, reading));
    }
    let mut edits = Vec::new();
    for statement in &query.statements {
        let Statement::DeclareParameters { span, parameters } = statement else { continue };
        let declared = reading.parameters.iter().filter(|parameter| parameters.iter().any(|one| one.span == parameter.span));
        let lets = declared.map(|parameter| definition(parameter, given)).collect::<Result<Vec<_>>>()?;
        edits.push(Edit { span: *span, text: lets.join("; ") });
    }
    Ok(apply(text, edits))
}

fn not_declared(name: &str, reading: &Reading) -> Error {
    let error = Error::new(Kind::Usage, format!("the query declares no parameter `{name}`"));
    let names: Vec<&str> = reading.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    match names[..] {
        [] => error.hint("declare it: declare query_parameters(name: string);"),
        _ => error.hint(format!("it declares: {}", names.join(", "))),
    }
}

fn definition(parameter: &QueryParameter, given: &[(String, Given)]) -> Result<String> {
    let value = match given.iter().rev().find(|(name, _)| *name == parameter.name) {
        Some((_, Given::One(value))) => constant(parameter.kind, value),
        Some((_, Given::List(values))) => list(parameter.kind, values),
        None => return default(parameter),
    };
    let value = value.ok_or_else(|| {
        Error::new(Kind::Usage, format!("the value of parameter `{}` is not of type {:?}", parameter.name, parameter.kind).to_lowercase())
            .hint(example(parameter.kind))
    })?;
    Ok(format!("let {} = {value}", parameter.name))
}

fn default(parameter: &QueryParameter) -> Result<String> {
    let missing = || {
        Error::new(Kind::Usage, format!("the query needs a value for its parameter `{}`", parameter.name))
            .hint(format!("give it: --param {}=VALUE", parameter.name))
    };
    let value = parameter.default.as_ref().ok_or_else(missing)?;
    Ok(format!("let {} = {}", parameter.name, written(value)))
}

fn example(kind: TypeName) -> &'static str {
    match kind {
        TypeName::Bool => "write true or false",
        TypeName::Int | TypeName::Long => "write a whole number",
        TypeName::Real | TypeName::Decimal => "write a number, such as 1.5",
        TypeName::Datetime => "write a time, such as 2026-01-31T08:00:00Z",
        TypeName::Timespan => "write a timespan, such as 1d or 00:10:00",
        TypeName::Guid => "write a GUID, such as 74be27de-1e4e-49d9-b579-fe0b331d3642",
        TypeName::Dynamic => "write JSON, or name a file of lines: NAME=@FILE",
        TypeName::String => "give one value; a list needs a parameter of type dynamic",
    }
}

fn constant(kind: TypeName, text: &str) -> Option<String> {
    let value = match kind {
        TypeName::String => Literal::String(text.to_owned()),
        TypeName::Bool => Literal::Bool(text.trim().to_ascii_lowercase().parse().ok()?),
        TypeName::Int => Literal::Int(text.trim().parse().ok()?),
        TypeName::Long => Literal::Long(literal::parse_long(text.trim())?),
        TypeName::Real => Literal::Real(text.trim().parse().ok()?),
        TypeName::Decimal => literal::parse_decimal(text.trim()).map(Literal::Decimal)?,
        TypeName::Datetime => Literal::Datetime(literal::parse_datetime(text)?),
        TypeName::Timespan => Literal::Timespan(literal::parse_timespan(text)?),
        TypeName::Guid => Literal::Guid(literal::parse_guid(text.trim())?),
        TypeName::Dynamic => Literal::Dynamic(serde_json::from_str::<serde_json::Value>(text).ok()?.to_string()),
    };
    Some(written(&value))
}

fn list(kind: TypeName, values: &[String]) -> Option<String> {
    (kind == TypeName::Dynamic).then(|| written(&Literal::Dynamic(serde_json::Value::from(values.to_vec()).to_string())))
}

/// A constant as text of the language.
fn written(value: &Literal) -> String {
    match value {
        Literal::Bool(value) => format!("bool({value})"),
        Literal::Int(value) => format!("int({value})"),
        Literal::Long(value) => format!("long({value})"),
        Literal::Real(value) if value.is_nan() => "real(nan)".to_owned(),
        Literal::Real(value) if value.is_infinite() => format!("real({}inf)", if *value < 0.0 { "-" } else { "+" }),
        Literal::Real(value) => format!("real({value})"),
        Literal::Decimal(text) => format!("decimal({text})"),
        Literal::String(text) => literal::quote(text),
        Literal::Datetime(ticks) => format!("datetime({})", literal::format_datetime(*ticks)),
        Literal::Timespan(ticks) => format!("time({})", literal::format_timespan(*ticks)),
        Literal::Guid(text) => format!("guid({text})"),
        Literal::Dynamic(json) => format!("dynamic({json})"),
        Literal::Null(kind) => null(*kind),
    }
}

fn null(kind: TypeName) -> String {
    match kind {
        TypeName::String => "\"\"".to_owned(),
        kind => format!("{kind:?}(null)").to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kql::{parse, reading};

    fn filled(text: &str, given: &[(&str, Given)]) -> Result<String> {
        let query = parse(text).unwrap();
        let given: Vec<_> = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let out = fill(text, &query, &reading::read(&query), &given)?;
        assert!(parse(&out).is_ok(), "{out}");
        Ok(out)
    }

    fn one(text: &str) -> Given {
        Given::One(text.to_owned())
    }

    #[test]
    fn writes_values_by_type() {
        let text = "declare query_parameters(s: string = 'a', d: datetime, l: dynamic = dynamic([1]), n: long = 5);\nT";
        let out = filled(text, &[("d", one("2026-01-02"))]).unwrap();
        assert_eq!(out, "let s = \"a\"; let d = datetime(2026-01-02T00:00:00.0000000Z); let l = dynamic([1]); let n = long(5);\nT");
        let list = Given::List(vec!["a\"]); drop".to_owned(), "b".to_owned()]);
        let out = filled(text, &[("d", one("2026")), ("l", list), ("n", one("-7"))]).unwrap();
        assert!(out.contains(r#"let l = dynamic(["a\"]); drop","b"]); let n = long(-7);"#), "{out}");
    }

    #[test]
    fn no_value_adds_to_the_query() {
        for evil in ["\"; T | take 1 //", "'", "\\", "\\\"", "a\nb", "```", "\u{2028}", "{x}", ")"] {
            let out = filled("declare query_parameters(s: string); print s", &[("s", one(evil))]).unwrap();
            let query = parse(&out).unwrap();
            assert_eq!(query.statements.len(), 2, "{out}");
            let Some(Statement::Let { value, .. }) = query.statements.first() else { panic!("{out}") };
            assert_eq!(value.kind, crate::kql::ast::ExprKind::Literal(Literal::String(evil.to_owned())));
        }
        for (kind, evil) in
            [("long", "1); T"), ("datetime", "2020) | take"), ("dynamic", "[1]) | take"), ("guid", "x)"), ("timespan", "1d)")]
        {
            assert!(filled(&format!("declare query_parameters(s: {kind}); print s"), &[("s", one(evil))]).is_err(), "{kind}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let text = "declare query_parameters(s: string, n: long = 1); T";
        assert!(filled(text, &[]).unwrap_err().message().contains("needs a value for its parameter `s`"));
        let unknown = filled(text, &[("x", one("1"))]).unwrap_err();
        assert_eq!((unknown.kind(), unknown.hints()), (Kind::Usage, ["it declares: s, n".to_owned()].as_slice()));
        assert!(filled(text, &[("s", one("a")), ("n", one("b"))]).unwrap_err().message().contains("`n` is not of type long"));
        assert_eq!(filled("T", &[]).unwrap(), "T");
    }
}
