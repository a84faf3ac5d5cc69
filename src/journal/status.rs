//! What a case holds, told from its journal alone.

use super::{
    event::{CaseSealed, Event, Gap, Line, RunOutcome, RunStarted},
    jobs::{Jobs, Known},
    ledger::Ledger,
};
use crate::{
    error::Result,
    journal::{chain, disk, head::Head, layout},
};
use jiff::Timestamp;
use serde::Serialize;
use std::path::Path;

/// A case at a glance.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Its runs, oldest first.
    pub runs: Vec<RunStatus>,
    /// Its jobs, oldest first.
    pub jobs: Vec<JobStatus>,
    /// Files that stand.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// Rows of the jobs, each row once however many formats hold it.
    pub rows: u64,
    /// HTTP exchanges.
    pub requests: u64,
    /// Of these, those that failed.
    pub failed_requests: u64,
    /// Seconds spent waiting.
    pub waited_seconds: f64,
    /// What was not collected, by permission or licence: `api/name (tenant): reason`.
    pub skipped: Vec<String>,
    /// How the case was ended; none where it may still grow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed: Option<CaseSealed>,
}

/// A run.
#[derive(Clone, Debug, Serialize)]
pub struct RunStatus {
    /// When it began.
    pub started: Timestamp,
    /// When its last event happened.
    pub last_event: Timestamp,
    /// How it ended; none where it was killed, or still runs.
    pub status: Option<RunOutcome>,
    /// Exit code of the process.
    pub exit: Option<u8>,
    /// Who, where and with what.
    #[serde(flatten)]
    pub run: RunStarted,
}

/// A job.
#[derive(Clone, Debug, Serialize)]
pub struct JobStatus {
    /// Everything that is known of it.
    #[serde(skip)]
    pub known: Known,
    /// `hunt` or `pull`, name, tenant, API.
    pub label: String,
    /// `complete`, `partial`, `failed` or `interrupted`.
    pub status: String,
    /// Rows stored.
    pub rows: u64,
    /// Rows the service counted.
    pub counted: Option<u64>,
    /// Files that hold them.
    pub files: Vec<String>,
    /// Parts that are missing, and why.
    pub gaps: Vec<GapStatus>,
    /// Why it failed.
    pub error: Option<String>,
}

/// A part of a window that is not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GapStatus {
    /// First instant that is missing; none where the job has no window.
    pub from: Option<Timestamp>,
    /// First instant after it.
    pub to: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// Reads the journal of the case in `dir` and sums it up.
///
/// # Errors
/// [`crate::error::Kind::Disk`] where it cannot be read. A broken chain is no error here: that is for [`super::verify()`] to say.
pub fn status(dir: &Path) -> Result<Status> {
    let (mut ledger, mut status) = (Ledger::default(), Status::empty());
    events(dir, &mut |line| {
        ledger.take(&line);
        status.take(&line);
    })?;
    status.sum_up(&ledger);
    Ok(status)
}

/// Shows every event of the journal of the case in `dir` to `visit`, in order.
///
/// # Errors
/// As for [`status`].
pub fn events(dir: &Path, visit: &mut dyn FnMut(Line)) -> Result<()> {
    let head_path = dir.join(layout::HEAD);
    let head = Head::read(&head_path).map_err(|error| disk::failed("reading", &head_path, error))?.unwrap_or_else(Head::start);
    chain::walk(&dir.join(layout::JOURNAL), &head, visit).map(drop)
}

impl Status {
    fn empty() -> Self {
        Self {
            runs: Vec::new(),
            jobs: Vec::new(),
            files: 0,
            bytes: 0,
            rows: 0,
            requests: 0,
            failed_requests: 0,
            waited_seconds: 0.0,
            skipped: Vec::new(),
            sealed: None,
        }
    }

    fn take(&mut self, line: &Line) {
        if let Event::RunStarted(run) = &line.event {
            let run = run.clone();
            self.runs.push(RunStatus { started: line.time, last_event: line.time, status: None, exit: None, run });
        }
        if let Some(run) = self.runs.last_mut() {
            run.take(line);
        }
        match &line.event {
            Event::Request(request) => {
                self.requests += 1;
                self.failed_requests += u64::from(request.failure.is_some());
            }
            Event::Wait(wait) => self.waited_seconds += wait.seconds,
            Event::Skipped(it) => self.skipped.push(format!("{}/{} ({}): {}", it.api, it.name, it.tenant, it.reason)),
            Event::Sealed(sealed) => self.sealed = Some(sealed.clone()),
            _ => {}
        }
    }

    fn sum_up(&mut self, ledger: &Ledger) {
        for file in ledger.standing() {
            self.files += 1;
            self.bytes += file.bytes;
        }
        self.jobs = jobs(&ledger.jobs);
        self.rows = self.jobs.iter().map(|job| job.rows).sum();
    }
}

impl RunStatus {
    fn take(&mut self, line: &Line) {
        self.last_event = self.last_event.max(line.time);
        match &line.event {
            Event::RunEnded(ended) => (self.status, self.exit) = (Some(ended.status), Some(ended.exit)),
            Event::Sealed(_) => (self.status, self.exit) = (Some(RunOutcome::Complete), Some(0)),
            _ => {}
        }
    }
}

impl GapStatus {
    fn of(gap: &Gap) -> Self {
        Self { from: gap.from, to: gap.to, reason: gap.reason.clone() }
    }
}

fn jobs(jobs: &Jobs) -> Vec<JobStatus> {
    jobs.iter().map(JobStatus::of).collect()
}

impl JobStatus {
    fn of(known: &Known) -> Self {
        let ended = known.ended.as_ref();
        let job = &known.job;
        let kind = serde_word(&job.kind);
        Self {
            label: format!("{kind} {} {} {}", job.name, job.tenant, job.api),
            status: ended.map_or_else(|| "interrupted".to_owned(), |ended| serde_word(&ended.status)),
            rows: known.rows(),
            counted: ended.and_then(|ended| ended.counted),
            files: known.files.iter().map(|file| file.path.clone()).collect(),
            gaps: known.gaps.iter().map(GapStatus::of).collect(),
            error: ended.and_then(|ended| ended.error.as_ref()).map(|error| error.message.clone()),
            known: known.clone(),
        }
    }
}

/// Writes a unit variant as it stands in the journal.
fn serde_word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(ToOwned::to_owned)).unwrap_or_default()
}
