//! What offline hunting can read: names of tables, and the files of the case that hold their rows.
//!
//! A hunt's rows are a table's rows where its query hands them on as they are: filtered, sorted or counted off, but with every column.
//! A pulled source is a table of its own name. Rows of different queries may overlap; work that was done again counts once.

use crate::{
    error::Result,
    journal::{Column, FileStored, Known, Outcome, Work},
    kql::{
        self,
        ast::{Expr, ExprKind, Literal, Operator, OperatorKind, Query, Statement},
    },
    store::CaseView,
    time::Window,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// The format that is read where there is a choice: every column and digit is in it.
const EVIDENCE: &str = "ndjson";
/// The format that is read else.
const ANALYSIS: &str = "parquet";

/// A table that queries can read.
#[derive(Clone, Debug, Serialize)]
pub struct CaseTable {
    /// Its name, as a query writes it: `DeviceInfo`, `sign_ins`, `mde_machines`.
    pub name: String,
    /// What its rows are from: the name of the table that was hunted in, or `api/name` of the source that was pulled.
    pub source: String,
    /// Rows of all its files.
    pub rows: u64,
    /// Whether a query let only some of the rows through, beyond the windows.
    pub filtered: bool,
    /// Whether more than one query or window is among the files of a tenant, so that a row may be in several.
    pub overlapping: bool,
    /// The files: of each job the NDJSON, which is what the service sent, or the Parquet where that was not kept.
    pub files: Vec<TableFile>,
}

/// A file of a table.
#[derive(Clone, Debug, Serialize)]
pub struct TableFile {
    /// Relative to the case.
    pub path: String,
    /// Where it lies.
    #[serde(skip)]
    pub location: PathBuf,
    /// How many rows.
    pub rows: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Directory (tenant) id.
    pub tenant: String,
    /// The API that it was asked of.
    pub api: String,
    /// The query or source that brought it.
    pub job: String,
    /// The window that was asked for; none where the source was pulled whole.
    pub window: Option<Window>,
    /// The answer's columns; empty where the service names none.
    pub schema: Vec<Column>,
}

/// Finds the tables of a case, by name.
///
/// # Errors
/// [`crate::error::Kind::Disk`] where the journal cannot be read.
pub fn tables(case: &CaseView) -> Result<Vec<CaseTable>> {
    let status = case.status()?;
    let mut found: BTreeMap<String, CaseTable> = BTreeMap::new();
    for known in current(status.jobs.iter().map(|job| &job.known)) {
        let Some(Named { name, source, filtered }) = named(known) else { continue };
        let table = found.entry(name.clone()).or_insert_with(|| CaseTable::new(name, source));
        table.filtered |= filtered;
        table.overlapping |= table.files.iter().any(|file| file.tenant == known.job.tenant && overlap(file.window, known.job.window));
        let of = |format: &str| known.files.iter().filter(|file| file.format == format).filter_map(|file| table_file(case, file)).collect();
        let files: Vec<TableFile> = of(EVIDENCE);
        table.files.extend(if files.is_empty() { of(ANALYSIS) } else { files });
    }
    for table in found.values_mut() {
        table.rows = table.files.iter().map(|file| file.rows).sum();
    }
    found.retain(|_, table| !table.files.is_empty());
    Ok(found.into_values().collect())
}

impl CaseTable {
    fn new(name: String, source: String) -> Self {
        Self { name, source, rows: 0, filtered: false, overlapping: false, files: Vec::new() }
    }
}

fn overlap(left: Option<Window>, right: Option<Window>) -> bool {
    left.zip(right).is_none_or(|(left, right)| left.from < right.to && right.from < left.to)
}

fn table_file(case: &CaseView, file: &FileStored) -> Option<TableFile> {
    let FileStored { path, rows, bytes, job, schema, .. } = file.clone();
    let location = case.resolve(&path)?;
    Some(TableFile { path, location, rows, bytes, tenant: job.tenant, api: job.api, job: job.name, window: job.window, schema })
}

/// Leaves out work that was done again: of several doings the last that is whole counts, else the last that stored anything.
pub(super) fn current<'a>(all: impl Iterator<Item = &'a Known>) -> Vec<&'a Known> {
    let mut current: Vec<&Known> = Vec::new();
    for known in all.filter(|known| !known.files.is_empty()) {
        match current.iter_mut().find(|older| older.job.is_same_work(&known.job)) {
            Some(older) if is_whole(known) || !is_whole(older) => *older = known,
            Some(_) => {}
            None => current.push(known),
        }
    }
    let whole = current.clone();
    current.retain(|known| !whole.iter().any(|other| contains(other, known)));
    current
}

/// Returns the formats of a job's rows where NDJSON, of which exports and reports are made, is not among them.
pub(super) fn unread(known: &Known) -> Option<BTreeSet<&str>> {
    let formats: BTreeSet<&str> = known.files.iter().map(|file| file.format.as_str()).collect();
    (!formats.is_empty() && !formats.contains(EVIDENCE)).then_some(formats)
}

fn is_whole(known: &Known) -> bool {
    known.gaps.is_empty() && known.ended.as_ref().is_some_and(|ended| ended.status == Outcome::Complete)
}

/// Tells whether one is whole and of the same work over a longer window.
fn contains(longer: &Known, shorter: &Known) -> bool {
    let Some((outer, inner)) = longer.job.window.zip(shorter.job.window) else { return false };
    let mut moved = shorter.job.clone();
    moved.window = longer.job.window;
    // A query that counts rows off does not bring those of the shorter window by the longer.
    let thinned = named(longer).is_none_or(|named| named.filtered);
    outer != inner && outer.from <= inner.from && inner.to <= outer.to && is_whole(longer) && longer.job.is_same_work(&moved) && !thinned
}

/// The table that a job's rows are of.
struct Named {
    name: String,
    source: String,
    filtered: bool,
}

fn named(known: &Known) -> Option<Named> {
    let job = &known.job;
    match job.kind {
        // What was computed from the case's own rows is no source of more of them.
        Work::Hunt if job.api == "offline" => None,
        Work::Hunt => {
            let (name, filtered) = table_of(known.files.iter().find_map(|file| file.query.as_deref())?)?;
            Some(Named { source: name.clone(), name, filtered })
        }
        Work::Pull => {
            let bare = job.name.strip_prefix(&format!("{}/", job.api)).unwrap_or(&job.name);
            Some(Named { name: pulled_name(&job.api, bare), source: format!("{}/{bare}", job.api), filtered: job.query_sha256.is_some() })
        }
    }
}

/// Returns the name of the table that a pulled source is: Graph's by their own names, those of other APIs behind the API's.
pub fn pulled_name(api: &str, source: &str) -> String {
    if api == "graph" { identifier(source) } else { identifier(&format!("{api}_{source}")) }
}

/// Makes a name that a query can write without brackets.
pub(super) fn identifier(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// Returns the table whose rows, with all their columns, are what a query returns, and whether only some of them. None where the
/// query makes other rows, or ones of several tables.
pub fn table_of(query: &str) -> Option<(String, bool)> {
    let query = kql::parse(query).ok()?;
    let (last, expr) = query.statements.iter().enumerate().rev().find_map(|(at, statement)| match statement {
        Statement::Expression(expr) => Some((at, expr)),
        _ => None,
    })?;
    source(&query, last, expr, None)
}

/// Follows an expression to the table that it reads, through names bound by a `let` before the statement number `before`. The filter
/// that sets the window stands in a `let` of the table's own name (`bound`), and counts for none.
fn source(query: &Query, before: usize, expr: &Expr, bound: Option<&str>) -> Option<(String, bool)> {
    match &expr.kind {
        ExprKind::Name(name) => match binding(query, before, &name.text) {
            Some((at, value)) => source(query, at, value, Some(&name.text)),
            None => Some((name.text.clone(), false)),
        },
        ExprKind::Call { name, arguments } if name.text == "table" => match arguments.as_slice() {
            [Expr { kind: ExprKind::Literal(Literal::String(table)), .. }] => Some((table.clone(), false)),
            _ => None,
        },
        ExprKind::Pipeline { source: Some(from), operators } => {
            let (table, filtered) = source(query, before, from, None)?;
            let hands_on = operators.iter().all(hands_on);
            let is_window = bound == Some(&table) && matches!(operators.as_slice(), [Operator { kind: OperatorKind::Where(_), .. }]);
            let thinned = !is_window && operators.iter().any(thins_out);
            hands_on.then_some((table, filtered || thinned))
        }
        _ => None,
    }
}

fn binding<'a>(query: &'a Query, before: usize, wanted: &str) -> Option<(usize, &'a Expr)> {
    let statements = query.statements.iter().enumerate().take(before);
    statements.rev().find_map(|(at, statement)| match statement {
        Statement::Let { name, value, .. } if name.text == wanted => Some((at, value)),
        _ => None,
    })
}

/// Tells whether rows come out of an operator as they went in.
fn hands_on(operator: &Operator) -> bool {
    use OperatorKind::{As, ProjectReorder, Sample, Sort, Take, Top, Where};
    match &operator.kind {
        Where(_) | Take(_) | Sort(_) | Top { .. } | Sample(_) | As { .. } | ProjectReorder(_) => true,
        OperatorKind::Serialize(added) => added.is_empty(),
        _ => false,
    }
}

fn thins_out(operator: &Operator) -> bool {
    use OperatorKind::{Sample, Take, Top, Where};
    matches!(&operator.kind, Where(_) | Take(_) | Top { .. } | Sample(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Option<(String, bool)> {
        table_of(query)
    }

    #[test]
    fn rows_handed_on_are_the_tables() {
        let window = "let DeviceInfo = DeviceInfo | where Timestamp >= datetime(2026-01-01) and Timestamp < datetime(2026-01-31); ";
        assert_eq!(of(&format!("{window}DeviceInfo")), Some(("DeviceInfo".into(), false)));
        assert_eq!(of(&format!("{window}DeviceInfo | sort by Timestamp asc")), Some(("DeviceInfo".into(), false)));
        assert_eq!(of(&format!("{window}DeviceInfo | where OSPlatform == 'Linux' | take 5")), Some(("DeviceInfo".into(), true)));
        let list = "let ips = dynamic(['10.0.0.1']); let E = DeviceNetworkEvents | where RemoteIP in (ips); E | take 3";
        assert_eq!(of(list), Some(("DeviceNetworkEvents".into(), true)));
        assert_eq!(of("let E = AlertInfo | where Severity == 'High'; E"), Some(("AlertInfo".into(), true)));
        assert_eq!(of("table('AlertInfo') | serialize"), Some(("AlertInfo".into(), false)));
    }

    #[test]
    fn rows_made_otherwise_are_nobodys() {
        for query in [
            "DeviceInfo | project DeviceId",
            "DeviceInfo | summarize count() by DeviceId",
            "DeviceInfo | join (DeviceEvents) on DeviceId",
            "union DeviceInfo, DeviceEvents",
            "DeviceInfo | extend a = 1",
            "print 1",
            "this is | no query |",
            "let f = (x: long) { DeviceInfo }; f(1)",
        ] {
            assert_eq!(of(query), None, "{query}");
        }
    }

    fn known(id: &str, window: (&str, &str), outcome: Option<Outcome>, query: &str) -> Known {
        let window = Window::new(window.0.parse().unwrap(), window.1.parse().unwrap()).unwrap();
        let job = crate::journal::Job { id: id.into(), window: Some(window), ..Default::default() };
        let file = FileStored { query: Some(query.into()), ..FileStored::default() };
        let ended = outcome.map(|status| crate::journal::JobEnded { status, ..Default::default() });
        Known { job, started: jiff::Timestamp::UNIX_EPOCH, files: vec![file], gaps: Vec::new(), ended, doubted: false }
    }

    fn kept(all: &[Known]) -> Vec<&str> {
        current(all.iter()).into_iter().map(|known| known.job.id.as_str()).collect()
    }

    #[test]
    fn work_that_was_done_again_counts_once() {
        let (january, day) = (("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"), ("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z"));
        let whole = |id: &str, window, query: &str| known(id, window, Some(Outcome::Complete), query);
        assert_eq!(kept(&[whole("1", january, "T"), whole("2", january, "T")]), ["2"]);
        assert_eq!(kept(&[whole("1", january, "T"), known("2", january, None, "T")]), ["1"], "what was cut short does not win");
        assert_eq!(kept(&[known("1", january, None, "T"), known("2", january, None, "T")]), ["2"]);
        assert_eq!(kept(&[whole("1", day, "T"), whole("2", january, "T")]), ["2"], "the month has the day's rows");
        assert_eq!(
            kept(&[whole("1", day, "T | take 5"), whole("2", january, "T | take 5")]),
            ["1", "2"],
            "five of a month are not five of a day"
        );
    }

    #[test]
    fn names_can_be_written_in_a_query() {
        assert_eq!(identifier("sign-ins"), "sign_ins");
        assert_eq!(identifier("mde_machines"), "mde_machines");
        assert_eq!(identifier("1; drop"), "_1__drop");
    }
}
