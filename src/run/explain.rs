//! `hunt --explain`: what each query reads, whether it can be cut, and the text that would be sent. And the other side of it:
//! what the service says of a text that was sent, shown in the text that its author wrote.

use super::{Context, hunt::Plan, queries::Given};
use crate::{
    api::hunting,
    collect::Subject,
    console::{print_data, visible},
    error::{Error, Kind, Result},
    kql::{self, SyntaxError, ast::Span},
    time::{Window, rfc3339},
};
use serde::Serialize;
use std::fmt::Write;

#[derive(Serialize)]
struct Explained {
    queries: Vec<Query>,
}

#[derive(Serialize)]
struct Query {
    name: String,
    file: Option<String>,
    ok: bool,
    error: Option<Refused>,
    tables: Vec<String>,
    row_wise: bool,
    reason: Option<String>,
    parameters: Vec<Parameter>,
    windows: Vec<Window>,
    kql: String,
    #[serde(skip)]
    excerpt: Option<String>,
}

#[derive(Serialize)]
struct Parameter {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Serialize)]
struct Refused {
    message: String,
    line: usize,
    column: usize,
}

pub(super) fn run(context: &Context, plan: &Plan) -> Result<u8> {
    let queries: Vec<Query> = plan.queries.iter().map(|given| explain(given, plan.window)).collect();
    let all_ok = queries.iter().all(|query| query.ok);
    if context.global.json {
        let json = serde_json::to_string(&Explained { queries });
        print_data(&format!("{}\n", json.map_err(|error| Error::new(Kind::Failed, "writing the explanation").caused_by(error))?))?;
    } else {
        print_data(&queries.iter().map(words).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(if all_ok { 0 } else { Kind::Query.exit_code() })
}

fn explain(given: &Given, window: Window) -> Query {
    let subject = Subject::new(&given.text, window.to);
    let refused = kql::parse(&given.text).err();
    let cuttable = subject.cuttable();
    Query {
        name: given.name.clone(),
        file: given.file.clone(),
        ok: refused.is_none(),
        excerpt: refused.as_ref().map(|error| error.render(&given.text)),
        error: refused.map(|SyntaxError { message, line, column, .. }| Refused { message, line, column }),
        tables: subject.reading().map(|reading| reading.tables.iter().map(|table| table.name.clone()).collect()).unwrap_or_default(),
        row_wise: cuttable.is_ok(),
        reason: cuttable.err(),
        parameters: subject.reading().map(|reading| reading.parameters.iter().map(parameter).collect()).unwrap_or_default(),
        windows: vec![window],
        kql: subject.piece(window, None),
    }
}

fn parameter(declared: &kql::reading::QueryParameter) -> Parameter {
    Parameter { name: declared.name.clone(), kind: format!("{:?}", declared.kind).to_lowercase() }
}

fn words(query: &Query) -> String {
    let mut text = format!("{}\n", visible(&query.name));
    if let Some(excerpt) = &query.excerpt {
        let _ = writeln!(text, "  is not KQL:\n{}", visible(excerpt));
        return text;
    }
    let tables = if query.tables.is_empty() { "no table".to_owned() } else { query.tables.join(", ") };
    let _ = writeln!(text, "  reads       {}", visible(&tables));
    let cut = query.reason.as_ref().map_or_else(
        || "yes: its result is the union of its results over slices of time".to_owned(),
        |reason| format!("no: {}", visible(reason)),
    );
    let _ = writeln!(text, "  can be cut  {cut}");
    for parameter in &query.parameters {
        let _ = writeln!(text, "  parameter   {}", visible(&format!("{}: {}", parameter.name, parameter.kind)));
    }
    for window in &query.windows {
        let _ = writeln!(text, "  window      [{}, {})", rfc3339(window.from), rfc3339(window.to));
    }
    let _ = writeln!(text, "  sends");
    for line in query.kql.lines() {
        let _ = writeln!(text, "    {}", visible(line));
    }
    text
}

/// Adds to the service's refusal of `sent` the line of `text`, the author's, that it is about. Where the service names no
/// position but a name it does not know, the name's first place is shown.
pub(super) fn underlined(error: Error, text: &str, sent: &str) -> Error {
    if error.kind() != Kind::Query {
        return error;
    }
    let named = hunting::position(error.message()).and_then(|(line, column)| in_author_text(text, sent, line, column));
    let unresolved = || {
        let name = hunting::unresolved(error.message())?;
        let start = text.find(name)?;
        Some(Span { start, end: start + name.len() })
    };
    let Some(span) = named.or_else(unresolved) else { return error };
    let place = SyntaxError::new(text, span, "here");
    error.with_excerpt(place.render(text))
}

/// Maps a position of the text sent, which begins with our bounds, to the author's.
fn in_author_text(text: &str, sent: &str, line: usize, column: usize) -> Option<Span> {
    let sent_at = offset(sent, line, column)?;
    let head = text.trim().get(..text.trim().len().min(40))?;
    let shift = sent.find(head)?.checked_sub(text.find(head)?)?;
    let start = sent_at.checked_sub(shift).filter(|start| text.is_char_boundary(*start))?;
    let length = text.get(start..)?.chars().next().map_or(0, char::len_utf8);
    Some(Span { start, end: start + length })
}

fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let rest = text.get(start..)?;
    let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    Some(start + within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_of_the_text_sent_is_shown_in_the_author_s() {
        let text = "DeviceInfo\n| where Foo == 1";
        let sent = format!("let DeviceInfo = DeviceInfo | where true;\n{text}");
        let error = Error::new(Kind::Query, "Graph: bad. Line: 3, Position: 9");
        let error = underlined(error, text, &sent);
        assert_eq!(error.excerpt().unwrap(), "  2 | | where Foo == 1\n    |         ^ here");
    }

    #[test]
    fn a_name_the_service_does_not_know_is_found_in_the_text() {
        let error = Error::new(
            Kind::Query,
            "'where' operator: Failed to resolve table or column expression named 'Foo'. Fix semantic errors in your query.",
        );
        let error = underlined(error, "T\n| where Foo == 1", "T\n| where Foo == 1");
        assert_eq!(error.excerpt().unwrap(), "  2 | | where Foo == 1\n    |         ^^^ here");
    }
}
