//! What the engine says of a query, as an error with the place in the text and what to do next.

use super::brings::brings;
use crate::{
    api::hunting,
    console::visible,
    error::{Error, Kind},
    kql::{
        SyntaxError,
        ast::Span,
        engine::{QueryError, QueryErrorKind},
    },
    offline::Opened,
};

/// Words a refusal.
pub(super) fn refused(error: &QueryError, text: &str, opened: &Opened, known: &[String]) -> Error {
    let table = hunting::unresolved(&error.message).filter(|name| error.is_about_a_table() && !opened.inputs.contains_key(*name));
    let refusal = match table.and_then(|table| brings(table).map(|brings| (table, brings))) {
        Some((table, brings)) => not_collected(table, brings, known),
        None => Error::new(Kind::Query, error.message.clone()).with_code(code(error.kind)).hint(advice(error, known)),
    };
    if error.span == Span::default() {
        return refusal;
    }
    refusal.with_excerpt(SyntaxError::new(text, error.span, "here").render(text))
}

fn code(kind: QueryErrorKind) -> &'static str {
    match kind {
        QueryErrorKind::Syntax => "SyntaxError",
        QueryErrorKind::Semantic => "SemanticError",
        QueryErrorKind::Unsupported => "NotSupported",
        QueryErrorKind::Runtime => "QueryFailed",
    }
}

fn not_collected(table: &str, brings: String, known: &[String]) -> Error {
    Error::new(Kind::Query, format!("the table `{table}` was not collected: there are {}", listed(known)))
        .with_code("TableNotCollected")
        .hint(brings)
}

fn listed(known: &[String]) -> String {
    if known.is_empty() { "no tables".to_owned() } else { known.iter().map(|name| visible(name)).collect::<Vec<_>>().join(", ") }
}

fn advice(error: &QueryError, known: &[String]) -> String {
    if error.kind == QueryErrorKind::Unsupported && error.message.contains("'externaldata'") {
        return "with --allow-external it reads the https addresses that it names".to_owned();
    }
    let Some(name) = hunting::unresolved(&error.message) else {
        return "correct the query and run it again".to_owned();
    };
    let near = known.iter().map(|table| (strsim::jaro_winkler(&table.to_lowercase(), &name.to_lowercase()), table));
    match near.filter(|(score, _)| *score > 0.85).max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((_, table)) => format!("did you mean the table `{table}`?"),
        None => format!("the tables that are there: {}", listed(known)),
    }
}
