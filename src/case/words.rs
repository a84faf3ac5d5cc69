//! A case in words, for a terminal of any width: what it holds, how well each window is covered, what is missing and why.

use super::coverage::{Coverage, Span, coverage};
use crate::{
    console::{clipped, count, grouped, size, visible, wrapped},
    journal::{GapStatus, Status, Work},
    store::CaseView,
    time::{Window, rfc3339},
};
use jiff::Timestamp;
use std::fmt::Write;

/// Below this many columns every job is a block of lines, and no row of a table.
const NARROW: usize = 64;
/// From this many columns on coverage is drawn.
const WIDE: usize = 96;
/// Cells of a drawn window.
const CELLS: u16 = 20;

/// Renders a case for a terminal that is `width` columns wide.
pub fn words(case: &CaseView, status: &Status, width: usize) -> String {
    let mut text = head(case, status, width);
    let jobs = coverage(&status.jobs);
    let mut tenants: Vec<(&str, &str)> = Vec::new();
    for job in &jobs {
        if !tenants.contains(&(&job.tenant, &job.profile)) {
            tenants.push((&job.tenant, &job.profile));
        }
    }
    for (tenant, profile) in tenants {
        let own: Vec<&Coverage> = jobs.iter().filter(|job| job.tenant == tenant && job.profile == profile).collect();
        text.push('\n');
        text.push_str(&wrapped(&format!("tenant {} (profile {})", visible(tenant), visible(profile)), width, ""));
        text.push_str(&if width < NARROW { blocks(&own, width) } else { rows(&own, width) });
    }
    text.push_str(&not_collected(status, width));
    text
}

fn head(case: &CaseView, status: &Status, width: usize) -> String {
    let mut lines = vec![format!("case {}", visible(&case.dir().display().to_string()))];
    lines.push(format!(
        "id {}, created {} by ircollect {}",
        visible(&case.info.id),
        rfc3339(case.info.created),
        visible(&case.info.tool_version)
    ));
    if let Some(holder) = case.running() {
        lines.push(format!("a run is at work on it: process {} on {}", holder.pid, visible(&holder.host)));
    }
    if let Some(sealed) = &status.sealed {
        let by = sealed.signed_by.as_ref().map(|by| format!(", signed by {}", visible(&by.subject))).unwrap_or_default();
        lines.push(format!("sealed{by}: nothing is added to it any more"));
    }
    let stored = format!(
        "{}, {}, {}, {}",
        count(status.runs.len() as u64, "run"),
        count(status.files, "file"),
        count(status.rows, "row"),
        size(status.bytes)
    );
    let asked = format!(
        "{} ({} failed), {:.0} s waited",
        count(status.requests, "request"),
        grouped(status.failed_requests),
        status.waited_seconds
    );
    lines.push(format!("{stored}; {asked}"));
    lines.iter().map(|line| wrapped(line, width, "")).collect()
}

/// A job in words, cell by cell.
struct Cells {
    name: String,
    kind: &'static str,
    status: String,
    rows: String,
    counted: String,
    covered: String,
}

impl Cells {
    fn of(job: &Coverage) -> Self {
        let counted = job.counted.map_or_else(|| "-".to_owned(), grouped);
        let kind = if job.kind == Work::Hunt { "hunt" } else { "pull" };
        let status = if job.status == "complete" { job.status.clone() } else { job.status.to_uppercase() };
        Self { name: visible(&job.name), kind, status: visible(&status), rows: grouped(job.rows), counted, covered: percent(job.covered) }
    }
}

/// A share in words. Only what is whole is called 100 %, and only what is nothing 0 %.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if share <= 0.0 || share >= 1.0 { format!("{percent:.0} %") } else { format!("{:.1} %", percent.clamp(0.1, 99.9)) }
}

fn rows(jobs: &[&Coverage], width: usize) -> String {
    let cells: Vec<Cells> = jobs.iter().map(|job| Cells::of(job)).collect();
    let widest =
        |cell: fn(&Cells) -> &str, head: &str| cells.iter().map(|cells| cell(cells).chars().count()).max().unwrap_or(0).max(head.len());
    let (stored, counted) = (widest(|cells| &cells.rows, "stored"), widest(|cells| &cells.counted, "counted"));
    let drawn = if width >= WIDE { usize::from(CELLS) + 2 } else { 0 };
    // `hunt  graph  ` in front, two blanks between columns, `INTERRUPTED` and `100.0 %` behind.
    let name = width.saturating_sub(6 + 7 + 2 + stored + 2 + counted + 2 + 7 + drawn + 2 + 11).max(10);
    let longest = widest(|cells| &cells.name, "name").min(name);
    let mut text = String::new();
    let bar = if drawn > 0 { format!("  {:w$}", "window", w = usize::from(CELLS)) } else { String::new() };
    let _ = writeln!(text, "kind  api    {:longest$}  {:>stored$}  {:>counted$}  covered{bar}  status", "name", "stored", "counted");
    let common = common_window(jobs);
    for (job, cells) in jobs.iter().zip(&cells) {
        let Cells { kind, rows, counted: by_service, covered, status, .. } = cells;
        let bar = if drawn > 0 { format!("  {}", drawing(&job.holes)) } else { String::new() };
        let name = clipped(&cells.name, longest);
        let api = clipped(&visible(&job.api), 5);
        let _ = writeln!(text, "{kind:4}  {api:5}  {name:longest$}  {rows:>stored$}  {by_service:>counted$}  {covered:>7}{bar}  {status}");
        text.push_str(&details(job, common, width, "        "));
    }
    match common {
        Some(window) => wrapped(&format!("window {}", words_of(window)), width, "") + &text,
        None => text,
    }
}

fn blocks(jobs: &[&Coverage], width: usize) -> String {
    let mut text = String::new();
    for job in jobs {
        let Cells { name, kind, status, rows, counted, covered } = Cells::of(job);
        text.push_str(&wrapped(&format!("{name} ({kind}, {})", visible(&job.api)), width, ""));
        let counted = if counted == "-" { "not counted by the service".to_owned() } else { format!("{counted} counted") };
        text.push_str(&wrapped(&format!("{status}, covered {covered}: {rows} stored, {counted}"), width, "  "));
        text.push_str(&details(job, None, width, "  "));
    }
    text
}

/// The window that most jobs share, to be said once.
fn common_window(jobs: &[&Coverage]) -> Option<Window> {
    let windows: Vec<Window> = jobs.iter().filter_map(|job| job.window).collect();
    windows.iter().copied().max_by_key(|window| windows.iter().filter(|other| *other == window).count())
}

fn details(job: &Coverage, common: Option<Window>, width: usize, indent: &str) -> String {
    let window = match job.window {
        window if window == common => None,
        Some(window) => Some(format!("window {}", words_of(window))),
        None => Some("asked for whole".to_owned()),
    };
    let gaps = job.gaps.iter().map(missing);
    let error = job.error.iter().filter(|_| job.gaps.is_empty()).map(|error| format!("failed: {error}"));
    let unnoted = job.covered < 1.0 && job.gaps.is_empty() && job.error.is_none();
    let unnoted = unnoted.then(|| "missing: what the run had not stored when it ended; --resume goes on".to_owned());
    window.into_iter().chain(gaps).chain(error).chain(unnoted).map(|line| wrapped(&visible(&line), width, indent)).collect()
}

fn words_of(window: Window) -> String {
    format!("[{}, {})", rfc3339(window.from), rfc3339(window.to))
}

fn missing(gap: &GapStatus) -> String {
    format!("missing {}: {}", stretch(gap), gap.reason)
}

/// The stretch of time that is missing, in words.
pub(super) fn stretch(gap: &GapStatus) -> String {
    let end = |time: Option<Timestamp>| time.map(rfc3339).unwrap_or_default();
    gap.from.map_or_else(|| "all of it".to_owned(), |_| format!("[{}, {})", end(gap.from), end(gap.to)))
}

/// Draws a window: what is stored is filled. A cell of which anything is missing is empty.
fn drawing(holes: &[Span]) -> String {
    let share = |cell: u16| f64::from(cell) / f64::from(CELLS);
    let missing_in = |cell: u16| holes.iter().any(|hole| hole.from < share(cell + 1) && hole.to > share(cell));
    (0..CELLS).map(|cell| if missing_in(cell) { '░' } else { '█' }).collect()
}

fn not_collected(status: &Status, width: usize) -> String {
    if status.skipped.is_empty() {
        return String::new();
    }
    let lines = status.skipped.iter().map(|skipped| wrapped(&visible(skipped), width, "  "));
    let head = wrapped("not collected, and no gap (permission, licence):", width, "");
    std::iter::once(format!("\n{head}")).chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_whole_is_not_whole() {
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.999_99), "99.9 %");
        assert_eq!(percent(0.000_01), "0.1 %");
        assert_eq!(percent(0.0), "0 %");
    }

    #[test]
    fn a_small_hole_is_seen() {
        let drawn = drawing(&[Span { from: 0.5001, to: 0.5002 }]);
        assert_eq!(drawn.chars().filter(|c| *c == '░').count(), 1);
        assert_eq!(drawing(&[]).chars().count(), usize::from(CELLS));
    }
}
