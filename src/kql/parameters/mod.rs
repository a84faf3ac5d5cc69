//! `declare query_parameters(...)`: what a query asks to be told, and its text with the answers in it.
//!
//! The hunting APIs take a text and nothing beside it, so the values travel in the text: each declaration gives way to `let`
//! statements that bind the same names. They stand where it stood and take as many lines, so that every later line keeps its number.

mod constant;
mod parts;

pub use constant::{constant, list};
pub use parts::{Equality, parts_of};

use crate::kql::ast::{self, ExprKind, Literal, ParameterKind, Span, Statement, TypeName};
use std::collections::BTreeMap;

/// A parameter that a query declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Its type; none for a table, which no value can be given for.
    pub kind: Option<TypeName>,
    /// Its default, as a constant of its type where it is one, else as written.
    pub default: Option<String>,
}

/// Returns the name of a type, as declarations write it.
pub fn type_name(kind: TypeName) -> String {
    format!("{kind:?}").to_ascii_lowercase()
}

/// Returns the parameters that `query`, the tree of `text`, declares.
pub fn declared(text: &str, query: &ast::Query) -> Vec<Declared> {
    declarations(query).flat_map(|(parameters, _)| parameters).map(|parameter| read(text, parameter)).collect()
}

fn declarations(query: &ast::Query) -> impl Iterator<Item = (&[ast::Parameter], Span)> {
    query.statements.iter().filter_map(|statement| match statement {
        Statement::DeclareParameters { parameters, span } => Some((parameters.as_slice(), *span)),
        _ => None,
    })
}

fn read(text: &str, parameter: &ast::Parameter) -> Declared {
    let kind = match parameter.kind {
        ParameterKind::Scalar(kind) => Some(kind),
        ParameterKind::Tabular(_) => None,
    };
    let default = parameter.default.as_ref().map(|default| typed(kind, default, written(text, default.span)));
    Declared { name: parameter.name.text.clone(), kind, default }
}

fn written(text: &str, span: Span) -> &str {
    text.get(span.start..span.end).unwrap_or_default()
}

/// A whole number is a `long`; as the default of another type of number it must say so, since a `let` infers its type.
fn typed(kind: Option<TypeName>, default: &ast::Expr, written: &str) -> String {
    match (kind, &default.kind) {
        (Some(kind @ (TypeName::Int | TypeName::Real | TypeName::Decimal)), ExprKind::Literal(Literal::Long(number))) => {
            format!("{}({number})", type_name(kind))
        }
        _ => written.to_owned(),
    }
}

/// Returns `text` with every declaration replaced by `let` statements: of the constants in `values`, else of the defaults.
///
/// # Errors
/// The names of the parameters that have neither.
pub fn fill(text: &str, query: &ast::Query, values: &BTreeMap<String, String>) -> Result<String, Vec<String>> {
    let (mut filled, mut missing, mut done) = (String::with_capacity(text.len()), Vec::new(), 0);
    for (parameters, span) in declarations(query) {
        filled.push_str(text.get(done..span.start).unwrap_or_default());
        filled.push_str(&bindings(text, parameters, span, values, &mut missing));
        done = span.end;
    }
    filled.push_str(text.get(done..).unwrap_or_default());
    if missing.is_empty() { Ok(filled) } else { Err(missing) }
}

fn bindings(text: &str, parameters: &[ast::Parameter], span: Span, values: &BTreeMap<String, String>, missing: &mut Vec<String>) -> String {
    let mut lets = Vec::new();
    for parameter in parameters {
        let declared = read(text, parameter);
        match values.get(&declared.name).or(declared.default.as_ref()) {
            Some(value) => lets.push(format!("let {} = {value}", written(text, parameter.name.span))),
            None => missing.push(declared.name),
        }
    }
    let lets = lets.join("; ");
    let lines = written(text, span).matches('\n').count().saturating_sub(lets.matches('\n').count());
    format!("{lets}{}", "\n".repeat(lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kql::parse;

    fn filled(text: &str, values: &[(&str, &str)]) -> Result<String, Vec<String>> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        fill(text, &parse(text).unwrap(), &values)
    }

    #[test]
    fn values_and_defaults_stand_where_the_declaration_stood() {
        let text = "// c\ndeclare query_parameters(\n  User: string,\n  n: real = 5, // five\n  since: timespan = 1d);\nT | where U == User and x > n";
        let sent = filled(text, &[("User", "\"a\"")]).unwrap();
        assert_eq!(sent, "// c\nlet User = \"a\"; let n = real(5); let since = 1d\n\n\n;\nT | where U == User and x > n");
        assert!(parse(&sent).is_ok());
        assert_eq!(filled(text, &[]), Err(vec!["User".to_owned()]));
    }

    #[test]
    fn a_text_without_declarations_stays_as_it_is() {
        assert_eq!(filled("T | take 1", &[("x", "1")]).unwrap(), "T | take 1");
    }

    #[test]
    fn tells_types_and_defaults() {
        let text = "declare query_parameters(a: string, ['b c']: long = 5, d: dynamic, e: datetime = datetime(2026-01-01)); print 1";
        let found = declared(text, &parse(text).unwrap());
        let shown: Vec<_> =
            found.iter().map(|found| (found.name.as_str(), found.kind.map(type_name).unwrap(), found.default.as_deref())).collect();
        let expected = [("a", None), ("b c", Some("5")), ("d", None), ("e", Some("datetime(2026-01-01)"))];
        assert_eq!(shown.iter().map(|(name, _, default)| (*name, *default)).collect::<Vec<_>>(), expected);
        assert_eq!(shown.iter().map(|(_, kind, _)| kind.as_str()).collect::<Vec<_>>(), ["string", "long", "dynamic", "datetime"]);
    }
}
