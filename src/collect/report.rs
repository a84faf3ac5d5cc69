//! What came of each job, in the shape of the JSON summary, and the exit code that follows from all of them.

use super::pack::Rule;
use crate::{
    error::{Error, Kind},
    journal,
    time::{Window, rfc3339},
};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// The summary of one command: what `--json` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Version of the tool.
    pub ircollect: &'static str,
    /// Version of this shape; fields may be added without raising it.
    pub schema: u32,
    /// `hunt`, `pull`, `collect`.
    pub command: &'static str,
    /// How it all ended.
    pub status: RunStatus,
    /// When the command began.
    #[serde(serialize_with = "as_rfc3339")]
    pub started: Timestamp,
    /// When it ended.
    #[serde(serialize_with = "as_rfc3339")]
    pub ended: Timestamp,
    /// The case directory, as the user named it.
    pub case: String,
    /// What was left out for want of a permission or a licence.
    pub skipped: Vec<Skip>,
    /// The jobs, in the order planned.
    pub jobs: Vec<Job>,
    /// Set where the command failed before any job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Everything asked for was collected, whole.
    Complete,
    /// Something is missing; what could be had is stored.
    Partial,
    /// Nothing was stored.
    Failed,
    /// Stopped by a signal.
    Interrupted,
}

/// A source left out.
#[derive(Clone, Debug, Serialize)]
pub struct Skip {
    /// The source.
    pub name: String,
    /// Its API.
    pub api: String,
    /// The tenant.
    pub tenant: String,
    /// Why.
    pub reason: String,
    /// The permission it lacks, if that is why.
    pub permission: Option<String>,
}

/// One query in one tenant, or one source in one tenant.
#[derive(Clone, Debug, Serialize)]
pub struct Job {
    /// Hunt or pull.
    pub kind: JobKind,
    /// The query's or the source's name.
    pub name: String,
    /// The file the query came from, as it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What the Sentinel rule that the query is of says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// Directory id.
    pub tenant: String,
    /// The profile's name.
    pub profile: String,
    /// The API used.
    pub api: String,
    /// The window asked for.
    pub window: Window,
    /// How it ended.
    pub status: JobStatus,
    /// Rows stored.
    pub rows: u64,
    /// Rows the service counted, where it was asked.
    pub counted: Option<u64>,
    /// When it counted them.
    #[serde(serialize_with = "as_rfc3339_option")]
    pub counted_at: Option<Timestamp>,
    /// By how much that is more than the rows stored, where it was asked; negative where it is fewer.
    pub difference: Option<i64>,
    /// Calls answered or tried.
    pub calls: u32,
    /// Calls that were tries again.
    pub retries: u32,
    /// Time spent waiting for quotas, in seconds.
    pub throttled_seconds: f64,
    /// What is stored.
    pub files: Vec<StoredFile>,
    /// What is missing.
    pub gaps: Vec<Gap>,
    /// What a reader should know besides: a count that moved, a window fetched twice.
    pub notes: Vec<String>,
    /// The first rows, for people.
    #[serde(skip)]
    pub preview: Option<Preview>,
    /// Why it failed or is incomplete.
    pub error: Option<Failure>,
}

/// A few rows for people.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Cells by column, none for null. A row may be shorter than the head.
    pub rows: Vec<Vec<Option<String>>>,
}

/// Kind of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// A hunting query.
    Hunt,
    /// A source.
    Pull,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// Whole.
    Complete,
    /// Stored in part, or given up for want of quota.
    Partial,
    /// Nothing stored.
    Failed,
}

/// A file of the case.
#[derive(Clone, Debug, Serialize)]
pub struct StoredFile {
    /// Relative to the case.
    pub path: String,
    /// Its format.
    pub format: String,
    /// Rows in it.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

/// A part of a window that is not stored.
#[derive(Clone, Debug, Serialize)]
pub struct Gap {
    /// Its window.
    #[serde(flatten)]
    pub window: Window,
    /// Why it is missing.
    pub reason: String,
}

/// An error as data.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// `AADSTS7000222`, `Forbidden`, ...
    pub code: String,
    /// What went wrong.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// The exit code that this error alone would give.
    pub exit: u8,
    /// The advices one by one, for people.
    #[serde(skip)]
    pub hints: Vec<String>,
    /// The underlined lines of the query, for people.
    #[serde(skip)]
    pub excerpt: Option<String>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code(),
            message: message_with_causes(error),
            hint: error.hints().join("; "),
            exit: error.kind().exit_code(),
            hints: error.hints().to_vec(),
            excerpt: error.excerpt().map(str::to_owned),
        }
    }
}

impl From<&journal::FileStored> for StoredFile {
    fn from(file: &journal::FileStored) -> Self {
        let journal::FileStored { path, format, rows, bytes, sha256, .. } = file.clone();
        Self { path, format, rows, bytes, sha256 }
    }
}

fn message_with_causes(error: &Error) -> String {
    let mut message = error.message().to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        let words = current.to_string();
        // The service's answer is in the message already; its ids and diagnostics are in the journal and the log.
        if !message.contains(&words) && !current.is::<crate::transport::ServiceFault>() {
            message.push_str(": ");
            message.push_str(&words);
        }
        cause = current.source();
    }
    message
}

impl Job {
    /// The report of a job that failed before anything was asked.
    pub fn failed(kind: JobKind, name: &str, window: Window, error: &Error) -> Self {
        Self { status: JobStatus::Failed, error: Some(error.into()), ..Self::empty(kind, name, window) }
    }

    /// The report of a job of which nothing is known yet.
    pub fn empty(kind: JobKind, name: &str, window: Window) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            file: None,
            rule: None,
            tenant: String::new(),
            profile: String::new(),
            api: String::new(),
            window,
            status: JobStatus::Complete,
            rows: 0,
            counted: None,
            counted_at: None,
            difference: None,
            calls: 0,
            retries: 0,
            throttled_seconds: 0.0,
            files: Vec::new(),
            gaps: Vec::new(),
            notes: Vec::new(),
            preview: None,
            error: None,
        }
    }

    /// Tells the same to the journal.
    pub(super) fn ended(&self, job: journal::Job) -> journal::JobEnded {
        journal::JobEnded {
            job,
            status: match self.status {
                JobStatus::Complete => journal::Outcome::Complete,
                JobStatus::Partial => journal::Outcome::Partial,
                JobStatus::Failed => journal::Outcome::Failed,
            },
            rows: self.rows,
            counted: self.counted,
            counted_at: self.counted_at,
            difference: self.difference,
            notes: self.notes.clone(),
            calls: self.calls.into(),
            retries: self.retries.into(),
            throttled_seconds: self.throttled_seconds,
            error: self.error.as_ref().map(|error| journal::Failure {
                code: error.code.clone(),
                message: error.message.clone(),
                hint: Some(error.hint.clone()).filter(|hint| !hint.is_empty()),
                exit: error.exit,
            }),
        }
    }

    /// Returns the exit code of this job alone.
    pub fn exit_code(&self) -> u8 {
        match (self.status, &self.error) {
            (JobStatus::Complete, _) => 0,
            (JobStatus::Partial, Some(error)) if is_overriding(error.exit) => error.exit,
            (JobStatus::Partial, _) => Kind::Incomplete.exit_code(),
            (JobStatus::Failed, Some(error)) => error.exit,
            (JobStatus::Failed, None) => Kind::Failed.exit_code(),
        }
    }

    fn stored_anything(&self) -> bool {
        !self.files.is_empty()
    }
}

/// Returns by how much the service counts more rows than are stored.
pub fn difference(rows: u64, counted: Option<u64>) -> Option<i64> {
    i64::try_from(i128::from(counted?) - i128::from(rows)).ok()
}

/// 7 (disk) and 130 (interrupted) win over everything else.
fn is_overriding(code: u8) -> bool {
    code == Kind::Disk.exit_code() || code == Kind::Interrupted.exit_code()
}

/// Returns the exit code of a command whose jobs ended so: one job's own code; several: 0 if all are whole, the common code
/// where none stored anything, else 6.
pub fn exit_code(jobs: &[Job]) -> u8 {
    let codes: Vec<u8> = jobs.iter().map(Job::exit_code).collect();
    if let Some(code) = [Kind::Interrupted, Kind::Disk].map(Kind::exit_code).into_iter().find(|code| codes.contains(code)) {
        return code;
    }
    let first = codes.first().copied().unwrap_or(0);
    let same = codes.iter().all(|code| *code == first);
    if codes.iter().all(|code| *code == 0) || (same && (jobs.len() == 1 || !jobs.iter().any(Job::stored_anything))) {
        return first;
    }
    Kind::Incomplete.exit_code()
}

/// Returns the status of a command whose jobs ended so.
pub fn run_status(jobs: &[Job], code: u8) -> RunStatus {
    if code == Kind::Interrupted.exit_code() {
        RunStatus::Interrupted
    } else if code == 0 {
        RunStatus::Complete
    } else if jobs.iter().any(|job| job.stored_anything() || job.status != JobStatus::Failed) {
        RunStatus::Partial
    } else {
        RunStatus::Failed
    }
}

fn as_rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

#[allow(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn as_rfc3339_option<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => as_rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(status: JobStatus, exit: Option<u8>, files: usize) -> Job {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let file = StoredFile { path: "a".into(), format: "ndjson".into(), rows: 1, bytes: 1, sha256: String::new() };
        let error = exit.map(|exit| Failure { exit, ..(&Error::new(Kind::Failed, "x")).into() });
        let window = Window::new(now, now + jiff::SignedDuration::from_hours(1)).unwrap();
        Job { status, files: vec![file; files], error, ..Job::failed(JobKind::Hunt, "q", window, &Error::new(Kind::Failed, "x")) }
    }

    #[test]
    fn one_job_gives_its_own_code() {
        assert_eq!(exit_code(&[job(JobStatus::Complete, None, 1)]), 0);
        assert_eq!(exit_code(&[job(JobStatus::Failed, Some(5), 0)]), 5);
        assert_eq!(exit_code(&[job(JobStatus::Partial, Some(1), 1)]), 6);
    }

    #[test]
    fn several_jobs_agree_or_are_incomplete() {
        let (whole, refused, denied) =
            (job(JobStatus::Complete, None, 1), job(JobStatus::Failed, Some(5), 0), job(JobStatus::Failed, Some(4), 0));
        assert_eq!(exit_code(&[whole.clone(), whole.clone()]), 0);
        assert_eq!(exit_code(&[refused.clone(), refused.clone()]), 5);
        assert_eq!(exit_code(&[refused.clone(), denied]), 6);
        assert_eq!(exit_code(&[whole, refused]), 6);
    }

    #[test]
    fn disk_and_interruption_win() {
        let whole = job(JobStatus::Complete, None, 1);
        assert_eq!(exit_code(&[whole.clone(), job(JobStatus::Failed, Some(7), 0)]), 7);
        assert_eq!(exit_code(&[whole, job(JobStatus::Failed, Some(7), 0), job(JobStatus::Partial, Some(130), 1)]), 130);
    }
}
