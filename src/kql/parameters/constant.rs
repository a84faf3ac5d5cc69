//! Values as they are typed, to constants of the language: written anew from what they mean, so that no value can add to a query.

use super::type_name;
use crate::kql::{
    ast::{Literal, TypeName},
    literal::{self, format_datetime, format_timespan, quote},
    token::Form,
};
use serde_json::Value;

/// Returns `value` as a constant of `kind`. A string is taken as it stands; a dynamic value is JSON; the other types take what stands
/// between the parentheses of their constants, or the whole of one (`30m`, `timespan(30m)`, `null`).
///
/// # Errors
/// How values of that type are written.
pub fn constant(kind: TypeName, value: &str) -> Result<String, String> {
    match kind {
        TypeName::String => Ok(quote(value)),
        TypeName::Dynamic => {
            let value = serde_json::from_str(bare(kind, value.trim())).map_err(|_| forms(kind).to_owned())?;
            let mut text = String::from("dynamic(");
            push_json(&mut text, &value);
            Ok(text + ")")
        }
        _ => {
            let inner = bare(kind, value.trim());
            let read = form(kind).filter(|_| !inner.is_empty() && !inner.contains('(')).and_then(|form| literal::value(form, inner));
            read.and_then(|read| shown(&read)).ok_or_else(|| forms(kind).to_owned())
        }
    }
}

/// Returns a `dynamic` constant of strings.
pub fn list<S: AsRef<str>>(values: &[S]) -> String {
    let values: Vec<String> = values.iter().map(|value| quote(value.as_ref())).collect();
    format!("dynamic([{}])", values.join(","))
}

/// Takes `type(...)` off.
fn bare(kind: TypeName, value: &str) -> &str {
    let inner = value.strip_prefix(&type_name(kind)).and_then(|rest| rest.trim_start().strip_prefix('(')?.strip_suffix(')'));
    inner.map_or(value, str::trim)
}

fn form(kind: TypeName) -> Option<Form> {
    Some(match kind {
        TypeName::Bool => Form::Bool,
        TypeName::Int => Form::Int,
        TypeName::Long => Form::Long,
        TypeName::Real => Form::Real,
        TypeName::Decimal => Form::Decimal,
        TypeName::Datetime => Form::Datetime,
        TypeName::Timespan => Form::Timespan,
        TypeName::Guid => Form::Guid,
        TypeName::String | TypeName::Dynamic => return None,
    })
}

fn forms(kind: TypeName) -> &'static str {
    match kind {
        TypeName::Bool => "true or false",
        TypeName::Int => "a whole number of 32 bits",
        TypeName::Long => "a whole number, such as 42 or 0x2a",
        TypeName::Real => "a number, such as 1.5 or 1e3",
        TypeName::Decimal => "a decimal number, such as 1.50",
        TypeName::Datetime => "a time, such as 2026-01-31T08:00:00Z or 2026-01-31",
        TypeName::Timespan => "a duration, such as 7d, 90m or 1.02:03:04",
        TypeName::Guid => "a GUID, such as 74be27de-1e4e-49d9-b579-fe0b331d3642",
        TypeName::String => "a text",
        TypeName::Dynamic => "JSON, such as [\"a\", \"b\"], or @FILE with one value a line",
    }
}

fn shown(value: &Literal) -> Option<String> {
    Some(match value {
        Literal::Bool(value) => value.to_string(),
        Literal::Int(number) => format!("int({number})"),
        Literal::Long(number) => format!("long({number})"),
        Literal::Real(number) => format!("real({})", real(*number)),
        Literal::Decimal(digits) => format!("decimal({digits})"),
        Literal::Datetime(ticks) => format!("datetime({})", format_datetime(*ticks)),
        Literal::Timespan(ticks) => format!("timespan({})", format_timespan(*ticks)),
        Literal::Guid(guid) => format!("guid({guid})"),
        Literal::Null(kind) => format!("{}(null)", type_name(*kind)),
        Literal::String(_) | Literal::Dynamic(_) => return None,
    })
}

fn real(number: f64) -> String {
    match number {
        number if number.is_nan() => "nan".to_owned(),
        f64::INFINITY => "+inf".to_owned(),
        f64::NEG_INFINITY => "-inf".to_owned(),
        number => format!("{number:?}"),
    }
}

/// Writes JSON with strings as the language quotes them: its escapes are those of JSON, fewer.
fn push_json(text: &mut String, value: &Value) {
    match value {
        Value::String(string) => text.push_str(&quote(string)),
        Value::Array(values) => enclosed(text, ['[', ']'], values, push_json),
        Value::Object(entries) => enclosed(text, ['{', '}'], entries, |text, (key, value)| {
            text.push_str(&quote(key));
            text.push(':');
            push_json(text, value);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
    }
}

fn enclosed<T>(text: &mut String, [open, close]: [char; 2], parts: impl IntoIterator<Item = T>, push: fn(&mut String, T)) {
    text.push(open);
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        push(text, part);
    }
    text.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kql::{
        ast::{ExprKind, OperatorKind, Statement},
        lexer::tokenize,
        parse,
        token::Kind,
    };
    use proptest::prelude::*;

    #[test]
    fn each_type_is_written_anew() {
        let cases = [
            (TypeName::Long, "0x10", "long(16)"),
            (TypeName::Long, "-5", "long(-5)"),
            (TypeName::Int, " 7 ", "int(7)"),
            (TypeName::Bool, "True", "true"),
            (TypeName::Real, "1e300", "real(1e300)"),
            (TypeName::Real, "-inf", "real(-inf)"),
            (TypeName::Decimal, "1.50", "decimal(1.50)"),
            (TypeName::Datetime, "2026-01-31", "datetime(2026-01-31T00:00:00.0000000Z)"),
            (TypeName::Datetime, "datetime(2026-01-31 08:00)", "datetime(2026-01-31T08:00:00.0000000Z)"),
            (TypeName::Timespan, "90m", "timespan(01:30:00)"),
            (TypeName::Timespan, "null", "timespan(null)"),
            (TypeName::Guid, "{74BE27DE-1E4E-49D9-B579-FE0B331D3642}", "guid(74be27de-1e4e-49d9-b579-fe0b331d3642)"),
            (TypeName::Dynamic, r#" {"a": [1, "b'\"", null], "c": 1.5} "#, r#"dynamic({"a":[1,"b'\"",null],"c":1.5})"#),
            (TypeName::String, "a'b\"c\\", r#""a'b\"c\\""#),
        ];
        for (kind, value, expected) in cases {
            assert_eq!(constant(kind, value).as_deref(), Ok(expected), "{value}");
        }
    }

    #[test]
    fn what_is_of_another_type_is_refused() {
        let cases = [
            (TypeName::Long, "1) | take (1"),
            (TypeName::Long, "five"),
            (TypeName::Long, ""),
            (TypeName::Int, "3000000000"),
            (TypeName::Datetime, "ago(7d)"),
            (TypeName::Datetime, "long(5)"),
            (TypeName::Timespan, "soon"),
            (TypeName::Guid, "x"),
            (TypeName::Bool, "yes"),
            (TypeName::Dynamic, "a,b"),
            (TypeName::Dynamic, "[1]) | take (1"),
        ];
        for (kind, value) in cases {
            assert_eq!(constant(kind, value), Err(forms(kind).to_owned()), "{value}");
        }
    }

    fn literal_of(constant: &str) -> Option<Literal> {
        let query = parse(&format!("print {constant}")).ok()?;
        let [Statement::Expression(expression)] = query.statements.as_slice() else { return None };
        let ExprKind::Pipeline { operators, .. } = &expression.kind else { return None };
        let OperatorKind::Print(columns) = &operators.first()?.kind else { return None };
        match &columns.first()?.kind {
            ExprKind::Literal(literal) if columns.len() == 1 => Some(literal.clone()),
            _ => None,
        }
    }

    proptest! {
        #[test]
        fn any_text_is_one_string_constant(text in "(?s).{0,60}|[\\\\'\"`@h\n\r\t/*;|) ]{0,20}") {
            let constant = constant(TypeName::String, &text).unwrap();
            let tokens: Vec<_> = tokenize(&constant);
            prop_assert_eq!(tokens.iter().map(|token| token.kind).collect::<Vec<_>>(), [Kind::Literal(Form::String), Kind::End]);
            prop_assert_eq!(literal_of(&constant), Some(Literal::String(text)));
        }

        #[test]
        fn any_list_is_one_constant_on_one_line(values in proptest::collection::vec("(?s).{0,20}|[\\\\'\"\\[\\](){},; ]{0,8}", 0..6)) {
            let constant = list(&values);
            prop_assert!(!constant.contains(['\n', '\r']));
            let Some(Literal::Dynamic(json)) = literal_of(&constant) else { return Err(TestCaseError::fail(constant)) };
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), values);
        }

        #[test]
        fn any_value_of_any_type_is_one_constant_or_refused(value in "(?s).{0,30}|[-+0-9.eE:dhmsx() ]{0,12}|[\\[\\]{}\"0-9,:a ]{0,12}") {
            for kind in [TypeName::Bool, TypeName::Int, TypeName::Long, TypeName::Real, TypeName::Decimal, TypeName::Datetime, TypeName::Timespan, TypeName::Guid, TypeName::Dynamic] {
                if let Ok(constant) = constant(kind, &value) {
                    prop_assert!(literal_of(&constant).is_some(), "{value:?} became {constant}");
                }
            }
        }
    }
}
