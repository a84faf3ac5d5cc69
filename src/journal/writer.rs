//! Appends to a journal. Shared by all tasks of a run; one line is one write.
//!
//! Events that come before the run's own first event (token requests, made to measure the skew of the clock) are kept until it is written.

use super::{
    chain::Walk,
    disk,
    event::{self, Event, RunStarted},
    hash,
    head::{Head, Mark},
    layout,
};
use crate::error::{Error, Kind, Result};
use jiff::Timestamp;
use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    mem,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Events kept back at most; then the run's first event is written without waiting for the skew.
const KEPT: usize = 256;

/// The journal of a case that this process holds the lock of.
#[derive(Debug)]
pub struct Journal {
    state: Mutex<State>,
    /// What must be held as long as anything may be written: the lock of the case. Dropped last.
    _guard: Box<dyn fmt::Debug + Send + Sync>,
}

#[derive(Debug)]
struct State {
    path: PathBuf,
    file: File,
    head_file: File,
    head: Head,
    /// Length of the whole lines. A longer file ends in a torn line, which goes with the first write.
    length: u64,
    torn: bool,
    stopped: Option<Stop>,
    case_sha256: String,
    run: Option<(Timestamp, RunStarted)>,
    begun: bool,
    kept: Vec<(Timestamp, Event)>,
}

/// Why nothing is written any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// Nobody knows what of the last event is on the disk.
    Broken,
    /// The last event there will be was written.
    Closed,
}

impl Journal {
    /// Opens the journal of the case in `dir` for appending, after [`super::walk`] found it sound. `guard` lives as long as the journal.
    pub(crate) fn open(dir: &Path, walk: &Walk, case_sha256: String, guard: Box<dyn fmt::Debug + Send + Sync>) -> Result<Self> {
        let path = dir.join(layout::JOURNAL);
        let file = OpenOptions::new().append(true).open(&path).map_err(|error| disk::failed("opening", &path, error))?;
        file.sync_data().map_err(|error| disk::failed("syncing", &path, error))?;
        let head_path = dir.join(layout::HEAD);
        let head_failed = |error| disk::failed("writing", &head_path, error);
        let mut head_file = OpenOptions::new().write(true).open(&head_path).map_err(head_failed)?;
        let head = Head::at(walk.last.clone());
        head.write(&mut head_file).map_err(head_failed)?;
        let state = Mutex::new(State {
            path,
            file,
            head_file,
            head,
            length: walk.whole,
            torn: walk.torn > 0,
            stopped: None,
            case_sha256,
            run: None,
            begun: false,
            kept: Vec::new(),
        });
        Ok(Self { state, _guard: guard })
    }

    /// Takes down who runs what, as of now. It is written by [`Self::begin`], or by the first event that cannot wait.
    pub fn prepare(&self, run: RunStarted) {
        self.state().run = Some((Timestamp::now(), run));
    }

    /// Writes the run's first event, with the measured skew of the clock, and then what was kept back. Later calls do nothing.
    ///
    /// # Errors
    /// [`Kind::Disk`], and [`Kind::Failed`] where [`Self::prepare`] was not called.
    pub fn begin(&self, clock_skew_seconds: Option<f64>) -> Result<()> {
        self.state().begin(clock_skew_seconds)
    }

    /// Appends an event; what must not be lost is on disk when this returns.
    ///
    /// # Errors
    /// [`Kind::Disk`]; nothing of the event is then left. [`Kind::Failed`] for a URL that holds user-info, and before
    /// [`Self::prepare`] for an event that cannot wait.
    pub fn append(&self, event: Event) -> Result<()> {
        refuse_user_info(&event)?;
        self.state().append(Timestamp::now(), event)
    }

    /// Works out the last event of the journal, and what the journal and its head will be with it, before it is written.
    ///
    /// # Errors
    /// [`Kind::Disk`] where the journal cannot be read; [`Kind::Failed`] before [`Self::begin`].
    pub(crate) fn closing(&self, event: &Event) -> Result<Closing> {
        self.state().closing(Timestamp::now(), event)
    }

    /// Writes the last event. Nothing is taken after it.
    ///
    /// # Errors
    /// [`Kind::Disk`]; nothing of the event is then left. [`Kind::Failed`] where anything was written since it was worked out.
    pub(crate) fn close(&self, closing: &Closing) -> Result<()> {
        self.state().close(closing)
    }

    /// Tells whether a failure left the journal such that nobody knows what of the last event is on the disk.
    pub(crate) fn is_broken(&self) -> bool {
        self.state().stopped == Some(Stop::Broken)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last event of a journal, not yet written, and the hashes of the files that it ends.
#[derive(Debug)]
pub(crate) struct Closing {
    line: Vec<u8>,
    mark: Mark,
    /// SHA-256 of the whole journal.
    pub(crate) journal_sha256: String,
    /// SHA-256 of the head.
    pub(crate) head_sha256: String,
}

impl Drop for Journal {
    /// A run that ends before its first event could be written still says that it was.
    fn drop(&mut self) {
        let mut state = self.state();
        if state.run.is_some() && !state.begun {
            drop(state.begin(None));
        }
        if state.begun {
            drop(state.file.sync_data());
        }
    }
}

impl State {
    fn append(&mut self, time: Timestamp, event: Event) -> Result<()> {
        if !self.begun && (event.is_durable() || self.kept.len() >= KEPT) && !matches!(event, Event::Repaired(_)) {
            self.begin(None)?;
        }
        if self.begun {
            return self.write(time, &event);
        }
        self.kept.push((time, event));
        Ok(())
    }

    fn begin(&mut self, clock_skew_seconds: Option<f64>) -> Result<()> {
        if self.begun {
            return Ok(());
        }
        let Some((time, run)) = self.run.clone() else {
            return Err(Error::new(Kind::Failed, "the journal was asked for before the run was announced to it"));
        };
        let case_sha256 = Some(self.case_sha256.clone());
        self.write(time, &Event::RunStarted(RunStarted { case_sha256, clock_skew_seconds, ..run }))?;
        self.begun = true;
        mem::take(&mut self.kept).into_iter().try_for_each(|(time, event)| self.write(time, &event))
    }

    fn write(&mut self, time: Timestamp, event: &Event) -> Result<()> {
        match self.stopped {
            Some(Stop::Broken) => {
                return Err(Error::new(Kind::Disk, format!("the journal `{}` could not be written to earlier", self.path.display())));
            }
            Some(Stop::Closed) => return Err(Error::new(Kind::Disk, "the case was sealed: its journal takes no more events")),
            None => {}
        }
        let (line, mark) = self.line(time, event)?;
        self.put_or_undo(&line, mark, event.is_durable())
    }

    /// Builds the line of an event that comes next, with its line break.
    fn line(&self, time: Timestamp, event: &Event) -> Result<(Vec<u8>, Mark)> {
        let latest = &self.head.latest;
        let mut line = event::line(latest.seq + 1, time, event, &latest.sha256)
            .map_err(|error| Error::new(Kind::Failed, format!("an event could not be put into words: {error}")).caused_by(error))?;
        let mark = Mark { seq: latest.seq + 1, sha256: hash::of_bytes(&line) };
        line.push(b'\n');
        Ok((line, mark))
    }

    fn put_or_undo(&mut self, line: &[u8], mark: Mark, durable: bool) -> Result<()> {
        self.put(line, mark, durable).map_err(|error| {
            self.roll_back();
            disk::failed("writing", &self.path, error)
        })
    }

    fn closing(&self, time: Timestamp, event: &Event) -> Result<Closing> {
        if !self.begun {
            return Err(Error::new(Kind::Failed, "the journal was about to be closed by a run that had not begun"));
        }
        let (line, mark) = self.line(time, event)?;
        let read = File::open(&self.path).map(|file| file.take(self.length).chain(line.as_slice()));
        let hashed = read.and_then(|whole| hash::of_reader(whole, &|_| ()));
        let (_, journal_sha256) = hashed.map_err(|error| disk::failed("reading", &self.path, error))?;
        let head = Head::at(mark.clone());
        Ok(Closing { head_sha256: hash::of_bytes(head.text().as_bytes()), line, mark, journal_sha256 })
    }

    fn close(&mut self, closing: &Closing) -> Result<()> {
        if self.stopped.is_some() || closing.mark.seq != self.head.latest.seq + 1 {
            return Err(
                Error::new(Kind::Failed, "the journal changed while the case was being sealed; it was not sealed").hint("seal it again")
            );
        }
        self.put_or_undo(&closing.line, closing.mark.clone(), true)?;
        self.stopped = Some(Stop::Closed);
        self.head_file.sync_all().map_err(|error| disk::failed("writing", &self.path, error))
    }

    fn put(&mut self, line: &[u8], mark: Mark, durable: bool) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.length)?;
            self.torn = false;
        }
        self.file.write_all(line)?;
        let durable_mark = if durable {
            // After a failed sync nobody knows what is on the disk: nothing more is written.
            self.file.sync_data().inspect_err(|_| self.stopped = Some(Stop::Broken))?;
            mark.clone()
        } else {
            self.head.durable.clone()
        };
        let head = Head { durable: durable_mark, latest: mark };
        head.write(&mut self.head_file)?;
        self.head = head;
        self.length += line.len() as u64;
        Ok(())
    }

    /// Takes back what a failed write left. Where even that fails, nothing is written any more: a line in the middle of another
    /// would look like tampering.
    fn roll_back(&mut self) {
        let undone = self.file.set_len(self.length).and_then(|()| self.head.write(&mut self.head_file));
        if undone.is_err() {
            self.stopped = Some(Stop::Broken);
        }
    }
}

/// Refuses what would put a password into the case. Said of the authority alone: an `@` further on is an ordinary character.
fn refuse_user_info(event: &Event) -> Result<()> {
    let Event::Request(request) = event else { return Ok(()) };
    let authority = request.url.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    if authority.contains('@') {
        return Err(Error::new(Kind::Failed, "a URL with user-info was about to be journalled; it was not"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Repaired, Request, Walk, chain, empty_head};

    fn open(dir: &Path) -> Journal {
        Journal::open(dir, &walk(dir), "c".into(), Box::new(())).unwrap()
    }

    fn new_dir() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join(layout::JOURNAL), "").unwrap();
        fs_err::write(dir.path().join(layout::HEAD), empty_head()).unwrap();
        dir
    }

    fn walk(dir: &Path) -> Walk {
        let head = Head::read(&dir.join(layout::HEAD)).unwrap().unwrap();
        let mut walk = chain::walk(&dir.join(layout::JOURNAL), &head, &mut |_| ()).unwrap();
        walk.no_further_than(&head);
        walk
    }

    fn request(url: &str) -> Event {
        Event::Request(Request { url: url.into(), ..Request::default() })
    }

    fn events(dir: &Path) -> Vec<String> {
        let text = fs_err::read_to_string(dir.join(layout::JOURNAL)).unwrap();
        let of = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].as_str().unwrap().to_owned();
        text.lines().map(of).collect()
    }

    #[test]
    fn what_comes_before_the_run_is_kept_until_it_began() {
        let dir = new_dir();
        let journal = open(dir.path());
        journal.append(Event::Repaired(Repaired::default())).unwrap();
        journal.append(request("https://login.test/token")).unwrap();
        assert!(events(dir.path()).is_empty());
        journal.prepare(RunStarted::here("0", vec![], None));
        journal.begin(Some(1.5)).unwrap();
        journal.begin(None).unwrap();
        assert_eq!(events(dir.path()), ["run-started", "repaired", "request"]);
        let text = fs_err::read_to_string(dir.path().join(layout::JOURNAL)).unwrap();
        assert!(text.contains(r#""clock_skew_seconds":1.5"#), "{text}");
        assert!(walk(dir.path()).breaks.is_empty());
    }

    #[test]
    fn a_run_that_ends_early_still_says_that_it_was() {
        let dir = new_dir();
        let journal = open(dir.path());
        journal.prepare(RunStarted::here("0", vec![], None));
        journal.append(request("https://login.test/token")).unwrap();
        drop(journal);
        assert_eq!(events(dir.path()), ["run-started", "request"]);
    }

    #[test]
    fn nothing_that_must_last_is_taken_before_a_run() {
        let dir = new_dir();
        let journal = open(dir.path());
        let error = journal.append(Event::RunEnded(event::RunEnded::default())).unwrap_err();
        assert_eq!(error.kind(), Kind::Failed);
    }

    #[test]
    fn a_url_with_user_info_is_refused() {
        let dir = new_dir();
        let journal = open(dir.path());
        assert!(journal.append(request("https://user:pw@host/x")).is_err());
        assert!(journal.append(request("https://host/v1.0/users/a@b.test")).is_ok());
    }

    #[test]
    fn a_torn_line_goes_with_the_next_write() {
        let dir = new_dir();
        let journal = open(dir.path());
        journal.prepare(RunStarted::here("0", vec![], None));
        drop(journal);
        let path = dir.path().join(layout::JOURNAL);
        let whole = fs_err::read(&path).unwrap();
        fs_err::write(&path, [&whole[..], b"{\"seq\":2,\"ti"].concat()).unwrap();
        assert_eq!((walk(dir.path()).torn, walk(dir.path()).breaks.len()), (12, 0));
        let journal = open(dir.path());
        journal.prepare(RunStarted::here("0", vec![], None));
        drop(journal);
        assert_eq!(events(dir.path()), ["run-started", "run-started"]);
        assert!(walk(dir.path()).breaks.is_empty());
    }
}
