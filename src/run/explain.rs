//! `hunt --explain`: what each query reads, whether it can be cut, and the text that would be sent. And the other side of it:
//! what the service says of a text that was sent, shown in the text that its author wrote.

use super::{
    Context,
    hunt::Plan,
    queries::{Fault, Given, Parameter},
};
use crate::{
    api::hunting,
    collect::{self, Subject, pack::Rule},
    console::{print_data, visible},
    error::{Error, Kind, Result},
    kql::{self, SyntaxError, ast::Span, reading::Reading},
    time::{Window, rfc3339},
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Write};

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
    /// The column that each is cut by; null where none is known.
    time_columns: BTreeMap<String, Option<&'static str>>,
    row_wise: bool,
    reason: Option<String>,
    /// Its result can be had in parts by the hash of its rows.
    hash_wise: bool,
    parameters: Vec<Parameter>,
    /// What it is asked over before any answer is known.
    windows: Vec<Window>,
    /// The text for the first of them.
    kql: String,
    /// How many texts like `kql` are sent, each with a part of the longest list.
    #[serde(skip_serializing_if = "Option::is_none")]
    texts: Option<usize>,
    /// Which block of the file it is, from 0, where the file has blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Rule>,
    #[serde(skip)]
    excerpt: Option<String>,
}

#[derive(Serialize)]
struct Refused {
    message: String,
    line: usize,
    column: usize,
}

pub(super) fn run(context: &Context, plan: &Plan) -> Result<u8> {
    let queries: Vec<Query> = plan.queries.iter().map(|given| explain(given, plan)).collect();
    let code = exit_code(&plan.queries, &queries);
    if context.global.json {
        let json = serde_json::to_string(&Explained { queries });
        print_data(&format!("{}\n", json.map_err(|error| Error::new(Kind::Failed, "writing the explanation").caused_by(error))?))?;
    } else {
        print_data(&queries.iter().map(words).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(code)
}

/// A query that is refused, then a file that is none, then all is well.
fn exit_code(given: &[Given], queries: &[Query]) -> u8 {
    let refused = given.iter().zip(queries).any(|(given, query)| given.fault.is_none() && !query.ok);
    let faulty = given.iter().any(|given| given.fault.is_some());
    match (refused, faulty) {
        (true, _) => Kind::Query.exit_code(),
        (false, true) => Kind::Usage.exit_code(),
        (false, false) => 0,
    }
}

fn explain(given: &Given, plan: &Plan) -> Query {
    let subject = Subject::filled(&given.filled, plan.window.to);
    let windows = collect::windows(&subject, plan.window, plan.mode);
    let first = windows.first().copied().unwrap_or(plan.window);
    let refused = kql::parse(&given.text).err();
    let in_slices = subject.in_slices();
    let query = Query {
        name: given.name.clone(),
        file: given.file.clone(),
        ok: refused.is_none(),
        excerpt: refused.as_ref().map(|error| error.render(&given.text)),
        error: refused.map(|SyntaxError { message, line, column, .. }| Refused { message, line, column }),
        tables: subject.reading().map(|reading| reading.tables.iter().map(|table| table.name.clone()).collect()).unwrap_or_default(),
        time_columns: subject.reading().map(time_columns).unwrap_or_default(),
        row_wise: in_slices.is_ok(),
        reason: in_slices.err(),
        hash_wise: subject.cuttable().is_ok(),
        parameters: given.parameters.clone(),
        windows,
        kql: subject.share(0).piece(first, None),
        texts: Some(given.filled.parts.len()).filter(|texts| *texts > 0),
        block: given.block,
        rule: given.rule.clone(),
    };
    match &given.fault {
        Some(fault) => faulty(query, fault),
        None => query,
    }
}

fn time_columns(reading: &Reading) -> BTreeMap<String, Option<&'static str>> {
    reading.tables.iter().map(|table| (table.name.clone(), table.time_column)).collect()
}

/// What a file of a pack that holds no query comes to.
fn faulty(query: Query, fault: &Fault) -> Query {
    let Fault { message, line, column } = fault.clone();
    Query { ok: false, error: Some(Refused { message, line, column }), row_wise: false, reason: None, hash_wise: false, ..query }
}

fn words(query: &Query) -> String {
    let mut text = format!("{}\n", visible(&query.name));
    if let Some(excerpt) = &query.excerpt {
        let _ = writeln!(text, "  is not KQL:\n{}", visible(excerpt));
        return text;
    }
    if let Some(refused) = &query.error {
        let _ = writeln!(text, "  is no query: {}", visible(&refused.message));
        return text;
    }
    let _ = writeln!(text, "  reads       {}", visible(&reads(query)));
    let cut = query.reason.as_ref().map_or_else(
        || "yes: its result is the union of its results over slices of time".to_owned(),
        |reason| {
            let else_by_hash = if query.hash_wise { "; by the hash of its rows it can" } else { "" };
            format!("not in time: {}{else_by_hash}", visible(reason))
        },
    );
    let _ = writeln!(text, "  can be cut  {cut}");
    for parameter in &query.parameters {
        let _ = writeln!(text, "  parameter   {}", visible(&of_parameter(parameter)));
    }
    for window in &query.windows {
        let _ = writeln!(text, "  window      [{}, {})", rfc3339(window.from), rfc3339(window.to));
    }
    let times = query.texts.map(|texts| format!(", the first of {texts} texts over parts of a list")).unwrap_or_default();
    let _ = writeln!(text, "  sends{times}");
    for line in query.kql.lines() {
        let _ = writeln!(text, "    {}", visible(line));
    }
    text
}

fn reads(query: &Query) -> String {
    if query.tables.is_empty() {
        return "no table".to_owned();
    }
    let one = |table: &String| match query.time_columns.get(table).copied().flatten() {
        Some(column) => format!("{table} by {column}"),
        None => format!("{table}, whose time column is not known or not there"),
    };
    query.tables.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn of_parameter(parameter: &Parameter) -> String {
    let Parameter { name, kind, default, value, values } = parameter;
    let said = match (value, values, default) {
        (Some(value), Some(values), _) => format!(" = {value}, {values} values"),
        (Some(value), None, _) => format!(" = {value}"),
        (None, _, Some(default)) => format!(" = {default}, by default"),
        (None, _, None) => format!(", which needs a value: --param {name}=VALUE"),
    };
    format!("{name}: {kind}{said}")
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
    let hint = hint(&error);
    let error = match named.or_else(unresolved) {
        Some(span) => error.with_excerpt(SyntaxError::new(text, span, "here").render(text)),
        None => error,
    };
    error.hint(hint)
}

fn hint(error: &Error) -> String {
    let shown = "`--explain` shows the text that is sent";
    let Some(name) = hunting::unresolved(error.message()) else { return format!("correct the query and run it again; {shown}") };
    match kql::tables::nearest(name).filter(|near| *near != name) {
        Some(near) => format!("did you mean the table `{near}`? {shown}"),
        None => format!("check the spelling of `{name}`, and that this tenant has the product whose data it names; {shown}"),
    }
}

/// Maps a position of the text sent to the author's. What we change keeps every line's number, and stands before or behind the place
/// as a rule: one of the line's ends is as it was.
fn in_author_text(text: &str, sent: &str, line: usize, column: usize) -> Option<Span> {
    let (start, written) = nth_line(text, line)?;
    let (_, sent) = nth_line(sent, line)?;
    let at = sent.char_indices().nth(column.saturating_sub(1)).map_or(sent.len(), |(at, _)| at);
    let behind = sent.get(at..)?;
    let at = if written.starts_with(sent.get(..=at).unwrap_or(sent)) { at } else { written.strip_suffix(behind)?.len() };
    let length = written.get(at..)?.chars().next().map_or(0, char::len_utf8);
    Some(Span { start: start + at, end: start + at + length })
}

/// Returns a line, numbered from 1, and where it begins.
fn nth_line(text: &str, number: usize) -> Option<(usize, &str)> {
    let before: usize = text.split_inclusive('\n').take(number.checked_sub(1)?).map(str::len).sum();
    let line = text.get(before..)?.split('\n').next()?;
    Some((before, line.trim_end_matches('\r')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_of_the_text_sent_is_shown_in_the_author_s() {
        let text = "DeviceInfo\n| where Foo == 1";
        let sent = format!("let DeviceInfo = DeviceInfo | where true; {text}");
        let error = Error::new(Kind::Query, "Graph: bad. Line: 2, Position: 9");
        let error = underlined(error, text, &sent);
        assert_eq!(error.excerpt().unwrap(), "  2 | | where Foo == 1\n    |         ^ here");
    }

    #[test]
    fn a_place_is_found_before_and_behind_what_was_added() {
        let shown = |sent: &str, column: usize| {
            let text = "T | where Foo > ago(1d)";
            in_author_text(text, sent, 1, column).and_then(|span| text.get(span.start..span.end)).map(str::to_owned)
        };
        assert_eq!(shown("let T = T | where true; T | where Foo > ago(1d)", 35).as_deref(), Some("F"));
        assert_eq!(shown("T | where Foo > (datetime(2026) - (1d))", 11).as_deref(), Some("F"));
        assert_eq!(shown("let T = T | where true; T | where Foo > (datetime(2026) - (1d))", 35), None);
        assert_eq!(shown("T | where Foo > ago(1d)", 99).as_deref(), Some(""));
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
