//! Bounds in the query text: a window or a part for every table it reads, and the clock stopped.
//!
//! A table is bounded where it is read, not where rows come out, so that queries of any shape can be: by a `let` of the table's own
//! name in front (`let T = T | where Timestamp >= ... and Timestamp < ...;`), which stands in for it everywhere after. Where the
//! query binds that name itself, the `let` gets another name and the places that read the table are changed.

use crate::error::{Error, Kind, Result};
use crate::kql::ast::{Query, Span, Statement};
use crate::kql::edit::{Edit, apply};
use crate::kql::reading::{ClockCall, How, Reading, TableRead};
use crate::kql::tables::{self, SENTINEL_TIME};
use crate::time::{Window, rfc3339};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// One of `of` parts that the rows are cut into by a hash of all they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which, from 0.
    pub index: u32,
    /// Of how many.
    pub of: u32,
}

/// What rows of a table are let through.
#[derive(Clone, Copy, Debug)]
struct Cut {
    window: Option<Window>,
    part: Option<Part>,
}

/// Bounds every table with a time column that `query` reads to `window`, half-open, at 100 ns.
///
/// Line numbers stay as they are. What [`Reading::unbound`] lists is not bounded.
///
/// # Errors
/// [`Kind::Query`] for a query without a statement that reads.
pub fn bound(text: &str, query: &Query, reading: &Reading, window: Window) -> Result<String> {
    cut(text, query, reading, Cut { window: Some(window), part: None })
}

/// Bounds as [`bound`] does, and lets one part of the rows through.
///
/// Exact where the query is row-wise, or [`Reading::hash_wise`] for tables without a time column.
///
/// # Errors
/// As for [`bound`].
pub fn bound_part(text: &str, query: &Query, reading: &Reading, window: Window, part: Part) -> Result<String> {
    cut(text, query, reading, Cut { window: Some(window), part: Some(part) })
}

fn cut(text: &str, query: &Query, reading: &Reading, cut: Cut) -> Result<String> {
    let start = first_reading_statement(query).ok_or_else(|| {
        Error::new(Kind::Query, "the query returns nothing").hint("end it with an expression, such as the name of a table")
    })?;
    let mut lets: BTreeMap<&str, String> = BTreeMap::new();
    let mut edits = Vec::new();
    for read in &reading.tables {
        match read.how {
            How::Name | How::Call => {
                let Some(condition) = condition(read, reading, cut) else { continue };
                let name = stand_in(&read.name, reading);
                lets.insert(&read.name, format!("let {} = {} | where {condition}; ", quoted(&name), quoted(&read.name)));
                edits.extend(renamed(read, &name));
            }
            How::Wildcard => edits.extend(wildcard(read, cut)),
            How::Qualified | How::FixedWildcard => {}
        }
    }
    edits.push(Edit { span: Span { start, end: start }, text: lets.into_values().collect() });
    Ok(apply(text, edits))
}

/// Where the first statement starts that may read a table. Those before it (`set`, `declare` ...) stay in front.
fn first_reading_statement(query: &Query) -> Option<usize> {
    query.statements.iter().find_map(|statement| match statement {
        Statement::Let { span, .. } => Some(span.start),
        Statement::Expression(expr) => Some(expr.span.start),
        _ => None,
    })
}

/// The condition for a table's rows; none where it is not cut.
fn condition(read: &TableRead, reading: &Reading, cut: Cut) -> Option<String> {
    let timed = read.time_column.zip(cut.window).map(|(column, window)| within(column, window));
    let parted = cut.part.filter(|_| read.time_column.is_some() || (reading.hash_wise && !reading.row_wise));
    let parted = parted.map(|part| format!("hash(tostring(pack_all()), {}) == {}", part.of, part.index));
    match (timed, parted) {
        (Some(timed), Some(parted)) => Some(format!("{timed} and {parted}")),
        (timed, parted) => timed.or(parted),
    }
}

fn within(column: &str, window: Window) -> String {
    format!("{column} >= datetime({}) and {column} < datetime({})", rfc3339(window.from), rfc3339(window.to))
}

/// The name that stands in for a table: its own, unless the query binds that.
fn stand_in(table: &str, reading: &Reading) -> String {
    let taken = |name: &str| reading.bound_names.iter().any(|bound| bound == name) || (name != table && reading.reads(name));
    let mut name = table.to_owned();
    while taken(&name) {
        name.insert(0, '_');
    }
    name
}

/// Changes the places that read a table by another name than `name`.
fn renamed(read: &TableRead, name: &str) -> Vec<Edit> {
    if read.how == How::Name && read.name == name {
        return Vec::new();
    }
    read.places.iter().map(|span| Edit { span: *span, text: quoted(name) }).collect()
}

/// Puts a filter around a wildcard in a union. Tables that lack the time column pass whole.
fn wildcard(read: &TableRead, cut: Cut) -> Vec<Edit> {
    let Some(window) = cut.window else { return Vec::new() };
    let time =
        if tables::all().any(|table| table.time_column.is_some() && matches(&read.name, table.name)) { "Timestamp" } else { SENTINEL_TIME };
    let column = format!("column_ifexists(\"{time}\", datetime(null))");
    let text = format!("(union {} | where isnull({column}) or ({}))", read.name, within(&column, window));
    read.places.iter().map(|span| Edit { span: *span, text: text.clone() }).collect()
}

/// Whether `name` is of the form of `pattern`, where `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.is_empty()
}

/// A name as it is written: in brackets where it is no plain name.
fn quoted(name: &str) -> String {
    let plain =
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { name.to_owned() } else { format!("[{}]", crate::kql::literal::quote(name)) }
}

/// Replaces every `now()` and `ago(...)` by the time they stand for, so that a query asks the same thing each time.
pub fn pin_now(text: &str, reading: &Reading, now: Timestamp) -> String {
    apply(text, reading.clock.iter().flat_map(|call| pinned(call, now)).collect())
}

/// A constant where the argument is one, as some plugins ask for; else a sum around the argument.
fn pinned(call: &ClockCall, now: Timestamp) -> Vec<Edit> {
    let sum = |argument: Span| {
        let sign = if call.backwards { '-' } else { '+' };
        let before = Span { start: call.span.start, end: argument.start };
        let after = Span { start: argument.end, end: call.span.end };
        let text = format!("(datetime({}) {sign} (", rfc3339(now));
        vec![Edit { span: before, text }, Edit { span: after, text: "))".to_owned() }]
    };
    let constant = |ticks: i64| {
        let ticks = if call.backwards { ticks.checked_neg()? } else { ticks };
        now.checked_add(SignedDuration::from_nanos_i128(i128::from(ticks) * 100)).ok()
    };
    let time = match (call.argument, call.ticks) {
        (None, _) => Some(now),
        (_, Some(ticks)) => constant(ticks),
        _ => None,
    };
    match (time, call.argument) {
        (None, Some(argument)) => sum(argument),
        (time, _) => vec![Edit { span: call.span, text: format!("datetime({})", rfc3339(time.unwrap_or(now))) }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kql::{parse, reading};

    fn window() -> Window {
        Window::new("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-02T00:00:00.0000001Z".parse().unwrap()).unwrap()
    }

    const WHERE: &str = "where Timestamp >= datetime(2026-01-01T00:00:00Z) and Timestamp < datetime(2026-01-02T00:00:00.0000001Z)";

    fn bounded(text: &str) -> String {
        let query = parse(text).unwrap();
        let out = bound(text, &query, &reading::read(&query), window()).unwrap();
        assert!(parse(&out).is_ok(), "{out}");
        out.replace(WHERE, "W")
    }

    #[test]
    fn puts_a_let_in_front() {
        assert_eq!(bounded("DeviceEvents | take 1"), "let DeviceEvents = DeviceEvents | W; DeviceEvents | take 1");
        assert_eq!(bounded("// a;\nDeviceEvents"), "// a;\nlet DeviceEvents = DeviceEvents | W; DeviceEvents");
        assert_eq!(
            bounded("set notruncation;\ndeclare query_parameters(a: string);\nlet x = DeviceEvents; x"),
            "set notruncation;\ndeclare query_parameters(a: string);\nlet DeviceEvents = DeviceEvents | W; let x = DeviceEvents; x"
        );
        assert_eq!(bounded("DeviceTvmSoftwareInventory"), "DeviceTvmSoftwareInventory");
        assert_eq!(bounded("[DeviceEvents]"), "let DeviceEvents = DeviceEvents | W; [DeviceEvents]");
        assert_eq!(bounded("\u{feff}DeviceEvents"), "\u{feff}let DeviceEvents = DeviceEvents | W; DeviceEvents");
        let sentinel = bounded("SigninLogs");
        assert!(sentinel.starts_with("let SigninLogs = SigninLogs | where TimeGenerated >= datetime(2026-01-01T00:00:00Z)"), "{sentinel}");
    }

    #[test]
    fn minds_names_that_the_query_binds() {
        assert_eq!(
            bounded("let DeviceEvents = DeviceEvents | where a == 1; DeviceEvents | count"),
            "let _DeviceEvents = DeviceEvents | W; let DeviceEvents = _DeviceEvents | where a == 1; DeviceEvents | count"
        );
        assert_eq!(
            bounded("let f = (DeviceEvents: (*)) { DeviceEvents | count }; f(DeviceEvents)"),
            "let DeviceEvents = DeviceEvents | W; let f = (DeviceEvents: (*)) { DeviceEvents | count }; f(DeviceEvents)"
        );
    }

    #[test]
    fn reaches_calls_and_wildcards() {
        assert_eq!(bounded("table('DeviceEvents') | count"), "let DeviceEvents = DeviceEvents | W; DeviceEvents | count");
        let wild = bounded("union Device*Events, EmailEvents | count");
        assert!(wild.contains("union (union Device*Events | where isnull(column_ifexists(\"Timestamp\", datetime(null))) or ("), "{wild}");
        assert!(wild.starts_with("let EmailEvents = EmailEvents | W; union "), "{wild}");
        let query = parse("union withsource=S Device*; search 'x'").unwrap();
        assert_eq!(reading::read(&query).unbound(), ["Device*", "*"]);
    }

    #[test]
    fn cuts_by_hash() {
        let text = "DeviceTvmSoftwareInventory | where a == 1";
        let query = parse(text).unwrap();
        let out = bound_part(text, &query, &reading::read(&query), window(), Part { index: 1, of: 4 }).unwrap();
        assert_eq!(
            out,
            format!("let DeviceTvmSoftwareInventory = DeviceTvmSoftwareInventory | where hash(tostring(pack_all()), 4) == 1; {text}")
        );
    }

    #[test]
    fn stops_the_clock() {
        let pinned = |text: &str| pin_now(text, &reading::read(&parse(text).unwrap()), "2026-01-02T00:00:00Z".parse().unwrap());
        assert_eq!(pinned("print now()"), "print datetime(2026-01-02T00:00:00Z)");
        assert_eq!(
            pinned("T | where a > ago( 1d ) and b < now(-1h)"),
            "T | where a > datetime(2026-01-01T00:00:00Z) and b < datetime(2026-01-01T23:00:00Z)"
        );
        assert_eq!(
            pinned("let f = () { ago(2 * (now() - datetime(2025))) }; print f()"),
            "let f = () { (datetime(2026-01-02T00:00:00Z) - (2 * (datetime(2026-01-02T00:00:00Z) - datetime(2025)))) }; print f()"
        );
    }

    #[test]
    fn patterns() {
        assert!(
            matches("Device*", "DeviceInfo") && matches("*Events", "DeviceEvents") && matches("*", "a") && matches("D*I*o", "DeviceInfo")
        );
        assert!(!matches("Device*", "EmailEvents") && !matches("a*b", "a") && !matches("ab*b", "ab"));
    }
}
