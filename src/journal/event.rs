//! The events of a journal, as they stand in its lines. Readers pass over events and fields that they do not know.

use super::job::{Failure, Job, JobEnded, JobStarted, window};
use crate::time::{Window, rfc3339};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One line of a journal, as read.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its number, from 1.
    pub seq: u64,
    /// When the event happened.
    pub time: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What a line may tell.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// A run began: who, where, with what.
    RunStarted(RunStarted),
    /// One HTTP exchange.
    Request(Request),
    /// A wait for a quota or before a retry.
    Wait(Waited),
    /// A job began, or is gone on with.
    JobStarted(JobStarted),
    /// A file is whole on disk and about to get its name.
    File(FileStored),
    /// A file that was announced did not get its name.
    Withdrawn(Withdrawn),
    /// What an answer that no service gave was computed from.
    Offline(Offline),
    /// A part of a window that is not stored.
    Gap(Gap),
    /// Something that was not collected, by permission or licence, and is no gap.
    Skipped(Skipped),
    /// Which versions of objects a pull stored that keeps no NDJSON of them.
    Versions(Versions),
    /// A job ended.
    JobEnded(JobEnded),
    /// A run ended.
    RunEnded(RunEnded),
    /// What a killed run left was put in order.
    Repaired(Repaired),
    /// A step of setting an application up, or of taking it away.
    Setup(SetupStep),
    /// The case was ended: the last event of its journal, and of the run that wrote it.
    Sealed(CaseSealed),
    /// An event of a later version.
    #[serde(other)]
    Unknown,
}

impl Event {
    /// Tells whether the line must be on disk before work goes on. The others are carried along by the next that is.
    pub(super) fn is_durable(&self) -> bool {
        !matches!(self, Self::Request(_) | Self::Wait(_) | Self::JobStarted(_) | Self::Unknown)
    }
}

/// Who ran what, where and when: the first event of every run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunStarted {
    /// Version of the tool.
    pub tool_version: String,
    /// What was typed, word by word.
    pub command_line: Vec<String>,
    /// User of the operating system.
    pub user: String,
    /// Name of the machine.
    pub host: String,
    /// Operating system and processor.
    pub system: String,
    /// Process id.
    pub pid: u32,
    /// SHA-256 of the configuration file; none where there was none.
    pub configuration_sha256: Option<String>,
    /// SHA-256 of `case.json`, which the chain thereby covers. Set by the journal.
    pub case_sha256: Option<String>,
    /// How far this machine's clock is ahead of the services'; none where no answer told.
    pub clock_skew_seconds: Option<f64>,
}

impl RunStarted {
    /// Takes down this process: its user, host and id. The skew is said later, in [`crate::journal::Journal::begin`].
    pub fn here(tool_version: &str, command_line: Vec<String>, configuration_sha256: Option<String>) -> Self {
        Self {
            tool_version: tool_version.to_owned(),
            command_line,
            user: whoami::username().unwrap_or_else(|_| "unknown".to_owned()),
            host: whoami::hostname().unwrap_or_else(|_| "unknown".to_owned()),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            pid: std::process::id(),
            configuration_sha256,
            case_sha256: None,
            clock_skew_seconds: None,
        }
    }
}

/// One HTTP exchange. Its URL is one for eyes ([`crate::secret::SafeUrl`]).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// `GET`, `POST`.
    pub method: String,
    /// Where to, credentials masked.
    pub url: String,
    /// Whose quota it took from: `tenant/api`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lane: String,
    /// HTTP status; none where no answer came.
    pub status: Option<u16>,
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// Our id of the request.
    pub client_request_id: String,
    /// Which try of its call this was, from 1.
    pub attempt: u32,
    /// Body bytes received, after decompression.
    pub bytes: u64,
    /// How long it took.
    pub milliseconds: u64,
    /// Short words where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A wait for a quota or before a retry.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Waited {
    /// Whose lane: `tenant/api`.
    pub lane: String,
    /// How long, in seconds.
    pub seconds: f64,
    /// Why, in words for people.
    pub reason: String,
}

/// A column of an answer, as the service named it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A file of rows, whole on disk.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileStored {
    /// Where, relative to the case, with `/` between the parts.
    pub path: String,
    /// `ndjson`, `csv`, `json` or `parquet`.
    pub format: String,
    /// How many rows.
    pub rows: u64,
    /// How many bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes.
    pub sha256: String,
    /// Name that the file had beside its final place while it was written.
    pub temp: String,
    /// What it belongs to.
    #[serde(flatten)]
    pub job: Job,
    /// Which part of the job's window it holds; none where it holds all of it.
    #[serde(deserialize_with = "window", skip_serializing_if = "Option::is_none")]
    pub slice: Option<Window>,
    /// Which rows of it, where they were parted by hash: the how-manieth, from 0, of how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<(u32, u32)>,
    /// Which of the query's texts it answers, where a list was too long for one.
    #[serde(skip_serializing_if = "is_first")]
    pub share: u32,
    /// What it was joined from, in the order of its rows; empty where it holds one answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Held>,
    /// The query text as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The answer's columns.
    pub schema: Vec<Column>,
    /// Ids that the service gave the requests whose answers it holds.
    pub request_ids: Vec<String>,
    /// How the window was cut to get it, in words; none where it was asked for whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
    /// Files whose rows it holds, which go once it stands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference to the field")]
fn is_first(share: &u32) -> bool {
    *share == 0
}

/// What a file holds, or a stretch of the rows of a joined one: the rows of a window, or a part of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// First instant inside.
    pub from: Timestamp,
    /// First instant after.
    pub to: Timestamp,
    /// Which rows of the window, where they were parted by hash: the how-manieth, from 0, of how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<(u32, u32)>,
    /// Which of the query's texts.
    #[serde(default, skip_serializing_if = "is_first")]
    pub share: u32,
    /// How many rows.
    pub rows: u64,
}

/// A file that was announced did not get its name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Withdrawn {
    /// The path that was announced.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// An answer was computed on this machine: from which files.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Offline {
    /// The job whose files hold the answer.
    #[serde(flatten)]
    pub job: Job,
    /// What `now()` answered.
    pub now: Option<Timestamp>,
    /// The files whose rows it was computed from.
    pub inputs: Vec<Input>,
}

/// A file that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Input {
    /// The table whose rows it holds.
    pub table: String,
    /// Where it lay.
    pub path: String,
    /// How many bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes.
    pub sha256: String,
}

/// A part of a window that is not stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Gap {
    /// Of which job.
    #[serde(flatten)]
    pub job: Job,
    /// First instant that is missing; none where the job has no window.
    pub from: Option<Timestamp>,
    /// First instant after it.
    pub to: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// Something that was not collected, and is no gap.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Skipped {
    /// Name of the source.
    pub name: String,
    /// `graph`, `xdr` or `mde`.
    pub api: String,
    /// Directory (tenant) id.
    pub tenant: String,
    /// Why.
    pub reason: String,
    /// The permission that would help.
    pub permission: Option<String>,
}

/// Which versions of objects a pull stored, of those that a later one may be sent again: known by their hash, whatever the format that
/// the objects are stored in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Versions {
    /// Which pull.
    #[serde(flatten)]
    pub job: Job,
    /// The first 128 bits of the SHA-256 of id and last update each, in hexadecimal.
    pub versions: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunOutcome {
    /// Every job is whole.
    Complete,
    /// Some is missing.
    Partial,
    /// Nothing was stored.
    #[default]
    Failed,
    /// Ctrl-C, SIGTERM.
    Interrupted,
}

/// A run ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunEnded {
    /// How.
    pub status: RunOutcome,
    /// Exit code of the process.
    pub exit: u8,
    /// Why it failed, where that was before any job.
    pub error: Option<Failure>,
}

/// What a killed run left was put in order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Repaired {
    /// What was done, one thing an entry.
    pub actions: Vec<String>,
}

/// A step of setting an application up: one change of a directory or a vault. Holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SetupStep {
    /// `application-create`, `role-assign`, ...
    pub action: String,
    /// `begun`, `done` or `failed`.
    pub phase: String,
    /// Directory (tenant) id.
    pub tenant: String,
    /// Name of the registration.
    pub name: String,
    /// Ids and names of what it is about.
    pub facts: BTreeMap<String, String>,
    /// Why it failed: the code, then the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl SetupStep {
    /// Says whether it is a phase of an action.
    pub fn is(&self, action: &str, phase: &str) -> bool {
        self.action == action && self.phase == phase
    }

    /// Returns a fact.
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.get(name).map(String::as_str)
    }

    /// Says whether it failed by a refusal, so that nothing was done.
    pub fn is_refused(&self) -> bool {
        let open = ["ConnectionLost", "Timeout", "BrokenBody", "InternalServerError", "UnknownError", "BadGateway", "GatewayTimeout"];
        self.error.as_deref().is_some_and(|error| !open.iter().any(|code| error.starts_with(code)))
    }
}

/// The case was ended. What `SHA256SUMS` holds from then on follows from the journal and `case.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CaseSealed {
    /// Files of rows that stand.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// Who signed `SHA256SUMS`; none where nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<Signatory>,
}

/// Whose signature a sealed case has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Signatory {
    /// Subject of the certificate.
    pub subject: String,
    /// SHA-256 of the certificate's DER.
    pub certificate_sha256: String,
}

impl Gap {
    /// Creates the gap of a whole window, or of all of a job without one.
    pub fn new(job: Job, window: Option<Window>, reason: impl Into<String>) -> Self {
        Self { job, from: window.map(|window| window.from), to: window.map(|window| window.to), reason: reason.into() }
    }
}

/// The part of a line that every event has.
#[derive(Deserialize)]
pub(super) struct Frame {
    pub(super) seq: u64,
    pub(super) time: Timestamp,
    pub(super) prev: String,
}

/// Builds the bytes of a line, without its line break.
pub(super) fn line(seq: u64, time: Timestamp, event: &Event, prev: &str) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Whole<'a> {
        seq: u64,
        time: &'a str,
        #[serde(flatten)]
        event: &'a Event,
        prev: &'a str,
    }
    serde_json::to_vec(&Whole { seq, time: &rfc3339(time), event, prev })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        let window = Window::new("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-31T00:00:00.1234567Z".parse().unwrap()).unwrap();
        Job { id: "j".into(), name: "q".into(), window: Some(window), ..Job::default() }
    }

    #[test]
    fn events_read_back_as_written() {
        let file = FileStored { path: "data/x".into(), job: job(), slice: job().window, rows: u64::MAX, ..FileStored::default() };
        let bytes = line(7, Timestamp::UNIX_EPOCH, &Event::File(file), "p").unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with(r#"{"seq":7,"time":"1970-01-01T00:00:00Z","event":"file","path":"data/x""#), "{text}");
        let Event::File(read) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
        assert_eq!((read.job, read.slice, read.rows), (job(), job().window, u64::MAX));
    }

    #[test]
    fn unknown_events_and_fields_are_passed_over() {
        assert!(matches!(serde_json::from_str(r#"{"event":"from-the-future","x":1}"#).unwrap(), Event::Unknown));
        let text = r#"{"event":"gap","reason":"r","new":[1],"window":{"from":"2026-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z"}}"#;
        let Event::Gap(gap) = serde_json::from_str(text).unwrap() else { panic!() };
        assert_eq!((gap.reason.as_str(), gap.job.window), ("r", None));
    }
}
