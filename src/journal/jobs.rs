//! What was asked for and what came of it, job by job: all that a resumed run goes by.

use super::{
    event::{Event, FileStored, Gap, Line},
    job::{Job, JobEnded, Outcome},
};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// A job as the journal knows it.
#[derive(Clone, Debug)]
pub struct Known {
    /// Which.
    pub job: Job,
    /// When it began, or was last gone on with.
    pub started: Timestamp,
    /// The files that hold its rows, oldest first; one that gave way to another is left out.
    pub files: Vec<FileStored>,
    /// What the last doing of it left open.
    pub gaps: Vec<Gap>,
    /// How the last doing of it ended; none where it was killed.
    pub ended: Option<JobEnded>,
    /// The service once counted more rows than were stored, and nothing has shown since that all are.
    pub doubted: bool,
}

/// The jobs of a case, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    known: Vec<Known>,
    /// By the id of the pull.
    versions: BTreeMap<String, Vec<String>>,
}

impl Jobs {
    /// Adds a line.
    pub fn take(&mut self, line: &Line) {
        match &line.event {
            Event::JobStarted(started) => self.known(&started.job, line.time).begin(line.time),
            Event::File(file) => self.known(&file.job, line.time).store(file),
            Event::Gap(gap) => self.known(&gap.job, line.time).gaps.push(gap.clone()),
            Event::JobEnded(ended) => self.known(&ended.job, line.time).end(ended),
            Event::Versions(stored) => drop(self.versions.insert(stored.job.id.clone(), stored.versions.clone())),
            Event::Withdrawn(withdrawn) => self.withdraw(&withdrawn.path),
            _ => {}
        }
    }

    fn known(&mut self, job: &Job, time: Timestamp) -> &mut Known {
        let at = self.known.iter().rposition(|known| known.job.id == job.id).unwrap_or_else(|| {
            self.known.push(Known { job: job.clone(), started: time, files: Vec::new(), gaps: Vec::new(), ended: None, doubted: false });
            self.known.len() - 1
        });
        &mut self.known[at]
    }

    fn withdraw(&mut self, path: &str) {
        for known in &mut self.known {
            known.files.retain(|file| file.path != path);
        }
    }

    /// Returns the latest doing of the same work as `wanted`; among several of one query text, the one of its name.
    pub fn latest(&self, wanted: &Job) -> Option<&Known> {
        let same = || self.known.iter().rev().filter(|known| known.job.is_same_work(wanted));
        same().find(|known| known.job.name == wanted.name).or_else(|| same().next())
    }

    /// Returns the doing of that id.
    pub fn of(&self, id: &str) -> Option<&Known> {
        self.known.iter().rfind(|known| known.job.id == id)
    }

    /// Goes through all, oldest first.
    pub fn iter(&self) -> std::slice::Iter<'_, Known> {
        self.known.iter()
    }

    /// Returns the versions of objects that a pull told of which keeps no NDJSON.
    pub fn versions(&self, id: &str) -> &[String] {
        self.versions.get(id).map_or(&[], Vec::as_slice)
    }
}

impl<'a> IntoIterator for &'a Jobs {
    type Item = &'a Known;
    type IntoIter = std::slice::Iter<'a, Known>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Known {
    /// Returns the rows stored: those of the format that holds most, since each format holds all rows again.
    pub fn rows(&self) -> u64 {
        let mut formats: BTreeMap<&str, u64> = BTreeMap::new();
        for file in &self.files {
            *formats.entry(&file.format).or_default() += file.rows;
        }
        formats.into_values().max().unwrap_or_default()
    }

    fn begin(&mut self, time: Timestamp) {
        self.started = time;
        self.gaps.clear();
        self.ended = None;
    }

    fn end(&mut self, ended: &JobEnded) {
        self.doubted = ended.counted.map_or(self.doubted && ended.status != Outcome::Complete, |counted| counted > ended.rows);
        self.ended = Some(ended.clone());
    }

    fn store(&mut self, file: &FileStored) {
        self.files.retain(|older| !file.replaces.contains(&older.path));
        self.files.push(file.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{JobStarted, Withdrawn};

    fn line(event: Event) -> Line {
        Line { seq: 1, time: Timestamp::UNIX_EPOCH, event }
    }

    fn job(id: &str, name: &str) -> Job {
        Job { id: id.into(), name: name.into(), query_sha256: Some("q".into()), ..Job::default() }
    }

    fn file(id: &str, path: &str, replaces: &[&str]) -> Event {
        let replaces = replaces.iter().map(|&path| path.to_owned()).collect();
        Event::File(FileStored { path: path.into(), job: job(id, "n"), replaces, ..FileStored::default() })
    }

    fn started(id: &str, name: &str) -> Event {
        Event::JobStarted(JobStarted { job: job(id, name), resumed: false })
    }

    fn jobs(events: Vec<Event>) -> Jobs {
        let mut jobs = Jobs::default();
        for event in events {
            jobs.take(&line(event));
        }
        jobs
    }

    #[test]
    fn the_latest_doing_counts_and_a_resumed_one_starts_with_no_gaps() {
        let gap = Event::Gap(Gap::new(job("1", "n"), None, "429"));
        let ended = Event::JobEnded(JobEnded { job: job("1", "n"), status: Outcome::Partial, ..JobEnded::default() });
        let found = jobs(vec![started("1", "n"), file("1", "a", &[]), gap, ended, started("1", "n")]);
        let known = found.latest(&job("", "n")).unwrap();
        assert_eq!((known.files.len(), known.gaps.len(), known.ended.is_none()), (1, 0, true));
        let anew = jobs(vec![started("1", "n"), file("1", "a", &[]), started("2", "n")]);
        assert_eq!(anew.latest(&job("", "n")).unwrap().job.id, "2");
    }

    #[test]
    fn the_same_text_under_two_names_is_two_jobs() {
        let found = jobs(vec![started("1", "a"), started("2", "b")]);
        assert_eq!(found.latest(&job("", "a")).unwrap().job.id, "1");
        assert_eq!(found.latest(&job("", "renamed")).unwrap().job.id, "2");
    }

    #[test]
    fn files_that_gave_way_or_were_withdrawn_are_left_out() {
        let withdrawn = Event::Withdrawn(Withdrawn { path: "c".into(), reason: String::new() });
        let found = jobs(vec![started("1", "n"), file("1", "a", &[]), file("1", "b", &["a"]), file("1", "c", &[]), withdrawn]);
        let paths: Vec<_> = found.latest(&job("", "n")).unwrap().files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["b"]);
    }
}
