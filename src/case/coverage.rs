//! How well windows are covered: for every query and source of a tenant what was asked, what the service counted, what is stored, and
//! each stretch that is missing. Told from the journal alone.

use crate::{
    journal::{GapStatus, JobStatus, Outcome, Work},
    time::Window,
};
use jiff::Timestamp;
use serde::Serialize;

/// A stretch of a window, as shares of it from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Span {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
}

/// What one job covers.
#[derive(Clone, Debug, Serialize)]
pub struct Coverage {
    /// Hunt or pull.
    pub kind: Work,
    /// Name of the query or source.
    pub name: String,
    /// Directory (tenant) id.
    pub tenant: String,
    /// Name of the profile.
    pub profile: String,
    /// `graph`, `xdr` or `mde`.
    pub api: String,
    /// The window asked for; none where the source was asked for whole.
    pub window: Option<Window>,
    /// When it began, or was last gone on with.
    pub started: Timestamp,
    /// `complete`, `partial`, `failed` or `interrupted`.
    pub status: String,
    /// Rows stored.
    pub rows: u64,
    /// Rows that the service counted; none where it was not asked.
    pub counted: Option<u64>,
    /// Share of the window that is stored, from 0 to 1.
    pub covered: f64,
    /// What is missing, as shares of the window.
    pub holes: Vec<Span>,
    /// What is missing, and why.
    pub gaps: Vec<GapStatus>,
    /// Why it failed.
    pub error: Option<String>,
}

/// Works out what each job covers, oldest first.
pub fn coverage(jobs: &[JobStatus]) -> Vec<Coverage> {
    jobs.iter().map(of).collect()
}

fn of(status: &JobStatus) -> Coverage {
    let known = &status.known;
    let job = known.job.clone();
    let holes = holes(status, job.window);
    let covered = 1.0 - holes.iter().map(|hole| hole.to - hole.from).sum::<f64>();
    Coverage {
        kind: job.kind,
        name: job.name,
        tenant: job.tenant,
        profile: job.profile,
        api: job.api,
        window: job.window,
        started: known.started,
        status: status.status.clone(),
        rows: status.rows,
        counted: status.counted,
        covered: covered.clamp(0.0, 1.0),
        holes,
        gaps: status.gaps.clone(),
        error: status.error.clone(),
    }
}

/// Returns the stretches that are not stored, in order, none touching another.
fn holes(status: &JobStatus, window: Option<Window>) -> Vec<Span> {
    let all = vec![Span { from: 0.0, to: 1.0 }];
    match (status.known.ended.as_ref().map(|ended| ended.status), window) {
        (Some(Outcome::Complete), _) => Vec::new(),
        (Some(Outcome::Failed), _) | (_, None) => all,
        // What a killed run, or one that was interrupted, had not stored yet, nobody has noted: the files tell.
        (None, Some(window)) => uncovered(status, window),
        (Some(Outcome::Partial), Some(window)) => merged(status.gaps.iter().filter_map(|gap| span(gap.from?, gap.to?, window)).collect()),
    }
}

fn uncovered(status: &JobStatus, window: Window) -> Vec<Span> {
    let files = &status.known.files;
    if files.iter().any(|file| file.slice.is_none() && file.holds.is_empty()) {
        return Vec::new();
    }
    let held = files.iter().flat_map(|file| file.holds.iter().map(|held| (held.from, held.to)));
    let slices = files.iter().filter_map(|file| file.slice).map(|slice| (slice.from, slice.to));
    let stored = merged(held.chain(slices).filter_map(|(from, to)| span(from, to, window)).collect());
    let mut holes = Vec::new();
    let mut at = 0.0;
    for span in stored {
        holes.push(Span { from: at, to: span.from });
        at = span.to;
    }
    holes.push(Span { from: at, to: 1.0 });
    holes.retain(|hole| hole.to > hole.from);
    holes
}

fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by(|a, b| a.from.total_cmp(&b.from));
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
            _ => merged.push(span),
        }
    }
    merged
}

fn span(from: Timestamp, to: Timestamp, window: Window) -> Option<Span> {
    let length = window.length().as_secs_f64();
    let share = |time: Timestamp| (time.duration_since(window.from).as_secs_f64() / length).clamp(0.0, 1.0);
    let span = Span { from: share(from), to: share(to) };
    (span.from < span.to).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{FileStored, Job, JobEnded, Known};

    fn window(from: &str, to: &str) -> Window {
        Window::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
    }

    fn job(outcome: Option<Outcome>, slices: &[Window], gaps: &[Window]) -> JobStatus {
        let job = Job { window: Some(window("2026-01-01T00:00:00Z", "2026-01-11T00:00:00Z")), ..Job::default() };
        let file = |slice: &Window| FileStored { slice: Some(*slice), ..FileStored::default() };
        let ended = outcome.map(|status| JobEnded { status, ..JobEnded::default() });
        let files = slices.iter().map(file).collect();
        let known = Known { job, started: Timestamp::UNIX_EPOCH, files, gaps: Vec::new(), ended, doubted: false };
        let gaps = gaps.iter().map(|gap| GapStatus { from: Some(gap.from), to: Some(gap.to), reason: "429".into() }).collect();
        JobStatus { known, label: String::new(), status: String::new(), rows: 0, counted: None, files: vec![], gaps, error: None }
    }

    fn covered(job: &JobStatus) -> f64 {
        (coverage(std::slice::from_ref(job))[0].covered * 1000.0).round() / 1000.0
    }

    #[test]
    fn gaps_are_taken_off_once() {
        let day = window("2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z");
        let both = window("2026-01-03T12:00:00Z", "2026-01-05T00:00:00Z");
        assert!((covered(&job(Some(Outcome::Partial), &[], &[day, both])) - 0.8).abs() < 1e-9);
        assert!((covered(&job(Some(Outcome::Complete), &[], &[])) - 1.0).abs() < 1e-9);
        assert!(covered(&job(Some(Outcome::Failed), &[], &[])).abs() < 1e-9);
    }

    #[test]
    fn what_a_killed_run_left_is_told_from_its_files() {
        let slices = [window("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), window("2026-01-06T00:00:00Z", "2026-01-08T00:00:00Z")];
        let killed = job(None, &slices, &[]);
        assert!((covered(&killed) - 0.3).abs() < 1e-9);
        assert_eq!(coverage(&[killed])[0].holes.len(), 2);
        assert!(covered(&job(None, &[], &[])).abs() < 1e-9);
    }
}
