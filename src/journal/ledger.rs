//! A journal folded into what it says of files: which stand, which gave way to others.

use super::{
    event::{CaseSealed, Event, FileStored, Line, Withdrawn},
    jobs::Jobs,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Calls longer ago than this count against no quota (apis.md 4.6).
const LONGEST_QUOTA: SignedDuration = SignedDuration::from_hours(1);

/// What a case should hold, by its journal.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Files by path, those that gave way included.
    pub(crate) files: BTreeMap<String, FileStored>,
    /// Paths whose rows another file holds.
    pub(crate) replaced: BTreeSet<String>,
    /// Every path that was ever announced; none is used again.
    pub(crate) paths: BTreeSet<String>,
    /// Paths announced twice, which no run does.
    pub(crate) doubled: Vec<String>,
    /// Hashes of `case.json` that runs took down.
    pub(crate) case_hashes: BTreeSet<String>,
    /// What was asked for, and what came of it.
    pub(crate) jobs: Jobs,
    /// Set once the case was sealed.
    pub(crate) sealed: Option<CaseSealed>,
    /// Events behind the seal, which no run writes.
    pub(crate) behind_seal: u64,
    /// The lanes of the calls of the last hour before the last of them, and when each ended.
    pub(crate) calls: VecDeque<(String, Timestamp)>,
}

impl Ledger {
    /// Adds a line.
    pub(crate) fn take(&mut self, line: &Line) {
        self.behind_seal += u64::from(self.sealed.is_some());
        match &line.event {
            Event::RunStarted(run) => self.case_hashes.extend(run.case_sha256.clone()),
            Event::File(file) => self.add(file),
            Event::Withdrawn(Withdrawn { path, .. }) => drop(self.files.remove(path)),
            Event::Sealed(sealed) => self.sealed = Some(sealed.clone()),
            Event::Request(request) if !request.lane.is_empty() => self.count(&request.lane, line.time),
            _ => {}
        }
        self.jobs.take(line);
    }

    fn count(&mut self, lane: &str, time: Timestamp) {
        while self.calls.front().is_some_and(|(_, before)| time.duration_since(*before) > LONGEST_QUOTA) {
            self.calls.pop_front();
        }
        self.calls.push_back((lane.to_owned(), time));
    }

    fn add(&mut self, file: &FileStored) {
        self.replaced.extend(file.replaces.iter().cloned());
        self.paths.insert(file.path.clone());
        if self.files.insert(file.path.clone(), file.clone()).is_some() {
            self.doubled.push(file.path.clone());
        }
    }

    /// Returns the files that should stand.
    pub(crate) fn standing(&self) -> impl Iterator<Item = &FileStored> {
        self.files.values().filter(|file| !self.replaced.contains(&file.path))
    }

    /// Returns the temporary file's path of an announced file, relative to the case.
    pub(crate) fn temp_of(file: &FileStored) -> String {
        match file.path.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{}", file.temp),
            None => file.temp.clone(),
        }
    }
}
