//! What a file, a gap or an end belongs to: the job, and how it went. When two jobs are the same work is said here, and only here.

use crate::time::Window;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

/// Kinds of work, named as the commands are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// A query.
    #[default]
    Hunt,
    /// A source.
    Pull,
}

/// What a file, a gap or an end belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Tells one doing of the same work from another; a resumed one keeps it.
    #[serde(rename = "job")]
    pub id: String,
    /// What kind of work.
    pub kind: Work,
    /// Name of the query or source.
    pub name: String,
    /// Directory (tenant) id.
    pub tenant: String,
    /// What the tenant was named by, where not by its id: a domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_name: Option<String>,
    /// Name of the profile.
    pub profile: String,
    /// `graph`, `xdr` or `mde`.
    pub api: String,
    /// Hunts: SHA-256 of the query as its author wrote it, parameters filled in. Pulls: of the filter, if there is one.
    pub query_sha256: Option<String>,
    /// The whole window of the job; none for what is pulled whole.
    #[serde(deserialize_with = "window")]
    pub window: Option<Window>,
}

impl Job {
    /// Tells whether both are the same work: same tenant, API, query and window. Hunts are known by their text and not by their
    /// name, so that a file that was renamed is still gone on with.
    pub fn is_same_work(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.tenant == other.tenant
            && self.api == other.api
            && self.query_sha256 == other.query_sha256
            && self.window == other.window
            && (self.kind == Work::Hunt || self.name == other.name)
    }
}

/// Reads a window leniently: one that makes no sense is none.
pub(super) fn window<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Window>, D::Error> {
    #[derive(Deserialize)]
    struct Ends {
        from: Timestamp,
        to: Timestamp,
    }
    let ends = Option::<Ends>::deserialize(from)?;
    Ok(ends.and_then(|ends| Window::new(ends.from, ends.to).ok()))
}

/// A job began.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobStarted {
    /// Which.
    #[serde(flatten)]
    pub job: Job,
    /// Whether it goes on with what an earlier run left.
    pub resumed: bool,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything is stored.
    Complete,
    /// There are gaps.
    Partial,
    /// Nothing could be stored.
    #[default]
    Failed,
}

/// Why a job or a run failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Failure {
    /// The service's code or ours.
    pub code: String,
    /// What was being done and what went wrong.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Exit code of its kind.
    pub exit: u8,
}

/// A job ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobEnded {
    /// Which.
    #[serde(flatten)]
    pub job: Job,
    /// How.
    pub status: Outcome,
    /// Rows stored.
    pub rows: u64,
    /// Rows that the service counted; none where it was not asked.
    pub counted: Option<u64>,
    /// When it counted them.
    pub counted_at: Option<Timestamp>,
    /// By how much that is more than the rows stored; negative where it is fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<i64>,
    /// What a reader should know besides: rows that arrived late or aged out, a service that did not count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Calls that were answered.
    pub calls: u64,
    /// Tries beyond the first of each call.
    pub retries: u64,
    /// Time spent waiting for quotas.
    pub throttled_seconds: f64,
    /// Why it failed.
    pub error: Option<Failure>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        let window = Window::new("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-31T00:00:00Z".parse().unwrap()).unwrap();
        Job { id: "j".into(), name: "q".into(), window: Some(window), ..Job::default() }
    }

    #[test]
    fn hunts_are_known_by_text_and_pulls_by_name() {
        let renamed = Job { name: "other".into(), id: "k".into(), ..job() };
        assert!(job().is_same_work(&renamed));
        assert!(!Job { kind: Work::Pull, ..job() }.is_same_work(&Job { kind: Work::Pull, ..renamed.clone() }));
        assert!(!job().is_same_work(&Job { window: None, ..renamed }));
    }
}
