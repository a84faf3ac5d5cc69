//! Everything that the page shows, in its order. Texts leave here as they are: the template makes them inert.

use super::{
    ReportOptions,
    alerts::Tactic,
    chart::{Chart, chart},
    coverage,
    lanes::{Lane, Lanes},
    row::Fields,
    scan::Scan,
    short,
};
use crate::{
    case::{Coverage, table_of, unread},
    console::{grouped, size},
    error::Result,
    journal::{Event, JobStatus, Known, RunStatus, Skipped, Status, Work},
    kql::{self, tables},
    store::CaseView,
    time::rfc3339,
};
use serde::Serialize;
use std::collections::BTreeSet;

/// Columns of first rows that are shown.
const COLUMNS: usize = 12;
/// Characters of a query that are shown.
const QUERY: usize = 6_000;
/// Tables of a query that are named.
const TABLES: usize = 6;
/// Gaps of a job that are listed; how many more there are is said.
const GAPS: usize = 100;

#[derive(Serialize)]
pub(super) struct Page {
    name: String,
    id: String,
    created: String,
    made_by: String,
    made: String,
    tool_version: &'static str,
    sealed: Option<String>,
    totals: Vec<(&'static str, String, bool)>,
    jobs: Vec<Job>,
    missing: Missing,
    runs: Vec<Run>,
    lanes: Vec<LaneRow>,
    files: Vec<FileRow>,
}

/// What was not collected, and why.
#[derive(Serialize)]
struct Missing {
    failed: Vec<(String, String, String)>,
    skipped: Vec<(String, String, String, String)>,
    tables: Vec<&'static str>,
    sources: Vec<String>,
}

#[derive(Serialize)]
struct Job {
    /// Where the page's own links lead.
    anchor: usize,
    kind: &'static str,
    name: String,
    reads: String,
    tenant: String,
    profile: String,
    api: String,
    from: String,
    to: String,
    status: String,
    whole: bool,
    stored: String,
    counted: Option<String>,
    differs: bool,
    covered: String,
    holes: Vec<(f64, f64)>,
    gaps: Vec<(String, String)>,
    more_gaps: usize,
    error: Option<String>,
    asked: String,
    query: Option<String>,
    chart: Option<Chart>,
    timeless: Option<String>,
    /// The formats of rows that are not read here: what is counted by day and shown are those of NDJSON.
    unread: Option<String>,
    columns: Vec<String>,
    more_columns: usize,
    rows: Vec<Vec<String>>,
    severities: Vec<(&'static str, u64)>,
    tactics: Vec<Tactic>,
}

#[derive(Serialize)]
struct Run {
    started: String,
    ended: String,
    how: String,
    exit: Option<u8>,
    who: String,
    system: String,
    version: String,
    command: String,
    configuration: Option<String>,
    skew: Option<String>,
}

#[derive(Serialize)]
struct LaneRow {
    name: String,
    requests: String,
    again: String,
    failed: String,
    bytes: String,
    waited: String,
    statuses: String,
}

#[derive(Serialize)]
struct FileRow {
    path: String,
    rows: String,
    bytes: String,
    sha256: String,
}

/// Reads the case, its rows once.
pub(super) fn page(case: &CaseView, options: &ReportOptions, progress: &dyn Fn(u64)) -> Result<Page> {
    let status = case.status()?;
    let (mut lanes, mut skipped) = (Lanes::default(), Vec::new());
    case.events(&mut |line| {
        lanes.take(&line);
        if let Event::Skipped(event) = line.event {
            skipped.push(event);
        }
    })?;
    let covered = coverage(&status.jobs);
    let mut jobs = Vec::new();
    for (anchor, (job, coverage)) in status.jobs.iter().zip(&covered).enumerate() {
        jobs.push(one_job(case, options, anchor, job, coverage, progress)?);
    }
    let dir = case.dir();
    Ok(Page {
        name: dir.file_name().map_or_else(|| dir.display().to_string(), |name| name.to_string_lossy().into_owned()),
        id: case.info.id.clone(),
        created: rfc3339(case.info.created),
        made_by: case.info.tool_version.clone(),
        made: rfc3339(options.now),
        tool_version: options.tool_version,
        sealed: status.sealed.as_ref().map(|sealed| sealed.signed_by.as_ref().map(|by| by.subject.clone()).unwrap_or_default()),
        totals: totals(&status, &covered),
        missing: missing(&status, &covered, skipped, options),
        jobs,
        runs: status.runs.iter().map(run).collect(),
        lanes: lanes.into_vec().into_iter().map(lane).collect(),
        files: files(&status),
    })
}

/// Head line, number, and whether it is one to worry about.
fn totals(status: &Status, jobs: &[Coverage]) -> Vec<(&'static str, String, bool)> {
    let whole = jobs.iter().filter(|job| job.status == "complete").count();
    let gaps: usize = jobs.iter().map(|job| job.gaps.len()).sum();
    let number = |number: usize| grouped(number as u64);
    vec![
        ("rows stored", grouped(status.rows), false),
        ("queries and sources whole", format!("{} of {}", number(whole), number(jobs.len())), whole < jobs.len()),
        ("gaps", number(gaps), gaps > 0),
        ("files", grouped(status.files), false),
        ("on disk", size(status.bytes), false),
        ("requests", grouped(status.requests), false),
        ("failed", grouped(status.failed_requests), false),
        ("waited", format!("{:.0} s", status.waited_seconds), false),
    ]
}

fn one_job(
    case: &CaseView,
    options: &ReportOptions,
    anchor: usize,
    status: &JobStatus,
    coverage: &Coverage,
    progress: &dyn Fn(u64),
) -> Result<Job> {
    let known = &status.known;
    let mut scan = Scan::new(options.rows, is_of_alerts(known));
    for file in &known.files {
        scan.file(case, file, progress)?;
    }
    let ends = coverage.window.map(|window| (rfc3339(window.from), rfc3339(window.to))).unwrap_or_default();
    let (columns, more_columns, rows) = table(&scan.first);
    Ok(Job {
        anchor,
        kind: if coverage.kind == Work::Hunt { "hunt" } else { "pull" },
        name: coverage.name.clone(),
        reads: reads(known),
        tenant: coverage.tenant.clone(),
        profile: coverage.profile.clone(),
        api: coverage.api.clone(),
        from: ends.0,
        to: ends.1,
        status: coverage.status.clone(),
        whole: coverage.status == "complete",
        stored: grouped(coverage.rows),
        counted: coverage.counted.map(grouped),
        differs: coverage.counted.is_some_and(|counted| counted != coverage.rows),
        covered: super::super::words::percent(coverage.covered),
        holes: coverage.holes.iter().map(|hole| (hole.from * 100.0, ((hole.to - hole.from) * 100.0).max(0.6))).collect(),
        gaps: coverage.gaps.iter().take(GAPS).map(|gap| (super::super::words::stretch(gap), short(&gap.reason, 400))).collect(),
        more_gaps: coverage.gaps.len().saturating_sub(GAPS),
        error: coverage.error.as_deref().map(|error| short(error, 600)),
        asked: rfc3339(coverage.started),
        query: known.files.iter().find_map(|file| file.query.as_deref()).map(|query| short(query, QUERY)),
        chart: chart(&scan.hours, coverage.window, &coverage.holes),
        timeless: (scan.timeless > 0).then(|| grouped(scan.timeless)),
        unread: unread(known).map(|formats| Vec::from_iter(formats).join(" and ")),
        columns,
        more_columns,
        rows,
        severities: scan.alerts.as_ref().map(super::alerts::Alerts::severities).unwrap_or_default(),
        tactics: scan.alerts.as_ref().map(super::alerts::Alerts::tactics).unwrap_or_default(),
    })
}

fn query_of(known: &Known) -> Option<&str> {
    known.files.iter().filter(|file| file.job.kind == Work::Hunt).find_map(|file| file.query.as_deref())
}

/// The tables that a query reads.
fn reads(known: &Known) -> String {
    let query = query_of(known).and_then(|query| kql::parse(query).ok());
    let names: Vec<String> = query.iter().flat_map(|query| kql::reading::read(query).tables).map(|table| table.name).take(TABLES).collect();
    names.join(", ")
}

/// Tells whether a job's rows are alerts.
fn is_of_alerts(known: &Known) -> bool {
    match known.job.kind {
        Work::Pull => known.job.name.rsplit('/').next() == Some("alerts"),
        Work::Hunt => query_of(known).and_then(table_of).is_some_and(|(table, _)| table == "AlertInfo"),
    }
}

/// First rows as a table: the columns of the first of them, and what each row has there.
fn table(first: &[Fields]) -> (Vec<String>, usize, Vec<Vec<String>>) {
    let mut columns: Vec<&String> = Vec::new();
    for (name, _) in first.iter().flat_map(|row| &row.0) {
        if !columns.contains(&name) && columns.len() < 500 {
            columns.push(name);
        }
    }
    // Columns that are empty in all of these rows say nothing.
    let value =
        |row: &Fields, column: &str| row.0.iter().find(|(name, _)| name == column).map(|(_, value)| value.clone()).unwrap_or_default();
    columns.retain(|column| first.iter().any(|row| !value(row, column).is_empty()));
    let more = columns.len().saturating_sub(COLUMNS);
    columns.truncate(COLUMNS);
    let rows = first.iter().map(|row| columns.iter().map(|column| value(row, column)).collect()).collect();
    (columns.into_iter().cloned().collect(), more, rows)
}

fn missing(status: &Status, jobs: &[Coverage], skipped: Vec<Skipped>, options: &ReportOptions) -> Missing {
    let failed = jobs.iter().filter(|job| job.status == "failed");
    let full_name = |job: &Coverage| if job.name.contains('/') { job.name.clone() } else { format!("{}/{}", job.api, job.name) };
    let pulled: BTreeSet<String> = jobs.iter().filter(|job| job.kind == Work::Pull).map(full_name).collect();
    let mut seen = BTreeSet::new();
    let skipped: Vec<_> = skipped
        .into_iter()
        .map(|skip| {
            let name = if skip.name.contains('/') { skip.name } else { format!("{}/{}", skip.api, skip.name) };
            (name, skip.tenant, skip.reason, skip.permission.unwrap_or_default())
        })
        .filter(|skip| seen.insert((skip.0.clone(), skip.1.clone())))
        .collect();
    let asked = asked(status);
    let not_pulled = |source: &&String| !pulled.contains(*source) && !skipped.iter().any(|skip| skip.0 == **source);
    Missing {
        failed: failed.map(|job| (job.name.clone(), job.tenant.clone(), job.error.clone().unwrap_or_default())).collect(),
        tables: tables::all().filter(|table| table.renamed_to.is_none() && !asked.contains(table.name)).map(|table| table.name).collect(),
        sources: options.sources.iter().filter(not_pulled).cloned().collect(),
        skipped,
    }
}

/// Every hunting table that some query read.
fn asked(status: &Status) -> BTreeSet<String> {
    let queries = status.jobs.iter().flat_map(|job| &job.known.files).filter_map(|file| file.query.as_deref());
    let parsed = queries.collect::<BTreeSet<_>>().into_iter().filter_map(|query| kql::parse(query).ok());
    parsed.flat_map(|query| kql::reading::read(&query).tables).map(|table| table.name).collect()
}

fn run(run: &RunStatus) -> Run {
    let RunStatus { started, last_event, status, exit, run } = run;
    let how = match status {
        Some(outcome) => format!("{outcome:?}").to_lowercase(),
        None => "killed, or still at work".to_owned(),
    };
    Run {
        started: rfc3339(*started),
        ended: rfc3339(*last_event),
        how,
        exit: *exit,
        who: format!("{} on {}", run.user, run.host),
        system: run.system.clone(),
        version: run.tool_version.clone(),
        command: short(&run.command_line.join(" "), 600),
        configuration: run.configuration_sha256.clone(),
        skew: run.clock_skew_seconds.map(|skew| format!("{skew:+.1} s")),
    }
}

fn lane(lane: Lane) -> LaneRow {
    let statuses: Vec<String> = lane.statuses.iter().map(|(status, count)| format!("{status} × {count}")).collect();
    LaneRow {
        name: lane.name,
        requests: grouped(lane.requests),
        again: grouped(lane.again),
        failed: grouped(lane.failed),
        bytes: size(lane.bytes),
        waited: format!("{:.1} s", lane.waited),
        statuses: statuses.join(", "),
    }
}

fn files(status: &Status) -> Vec<FileRow> {
    let files = status.jobs.iter().flat_map(|job| &job.known.files);
    files
        .map(|file| FileRow { path: file.path.clone(), rows: grouped(file.rows), bytes: size(file.bytes), sha256: file.sha256.clone() })
        .collect()
}
