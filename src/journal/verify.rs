//! Holds a case against its journal: the chain, and the hash of every file. Reads only, and needs no lock.
//!
//! Every difference is a problem, but what a kill at any moment may leave: a last line cut off, files still being written, and a file that
//! is whole and journalled but lacks its final name. These are notes; the next run puts them in order.

use super::{
    chain::{self, Flaw, Walk},
    disk,
    event::{FileStored, Signatory},
    hash,
    head::Head,
    layout,
    ledger::Ledger,
    sums::{Outer, sums},
};
use crate::error::Result;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// What is wrong with a part of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trouble {
    /// It was written and is gone.
    Missing,
    /// It is not what was written.
    Changed,
    /// No run wrote it.
    Extra,
    /// It stands elsewhere than where it was written.
    Reordered,
    /// It cannot be read.
    Unreadable,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::Extra => "extra",
            Self::Reordered => "reordered",
            Self::Unreadable => "unreadable",
        })
    }
}

/// One difference between a case and its journal.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// What kind.
    pub trouble: Trouble,
    /// Where, relative to the case.
    pub path: String,
    /// In words.
    pub detail: String,
}

/// What verifying a case found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether everything is as it was written.
    pub ok: bool,
    /// What is not.
    pub problems: Vec<Problem>,
    /// What a killed or running run left, and the next puts in order.
    pub notes: Vec<String>,
    /// Files hashed.
    pub files: u64,
    /// Bytes hashed.
    pub bytes: u64,
    /// Events of the journal.
    pub events: u64,
    /// Whether the case was ended.
    pub sealed: bool,
    /// Who signed `SHA256SUMS`, by the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<Signatory>,
}

impl Report {
    fn empty() -> Self {
        Self { ok: false, problems: vec![], notes: vec![], files: 0, bytes: 0, events: 0, sealed: false, signed_by: None }
    }

    /// Adds what was found elsewhere, such as a signature that is none.
    pub fn add(&mut self, trouble: Trouble, path: &str, detail: impl Into<String>) {
        self.problems.push(Problem { trouble, path: inert(path), detail: detail.into() });
        self.ok = false;
    }
}

/// Recomputes the chain and every hash of the case in `dir`, on all cores. `progress` is told the bytes as they are hashed.
///
/// # Errors
/// [`crate::error::Kind::Disk`] where the case cannot be read at all; what is wrong inside it stands in the report.
pub fn verify(dir: &Path, progress: &(dyn Fn(u64) + Sync)) -> Result<Report> {
    let mut check = Check { dir, report: Report::empty(), behind: None };
    let ledger = check.journal()?;
    check.case_file(&ledger);
    check.files(&ledger, progress);
    check.extras(&ledger)?;
    check.seal(&ledger)?;
    check.beside(&ledger)?;
    check.report.ok = check.report.problems.is_empty();
    Ok(check.report)
}

struct Check<'a> {
    dir: &'a Path,
    report: Report,
    /// What the head would be, had a run not been killed before it wrote it.
    behind: Option<Head>,
}

impl Check<'_> {
    fn problem(&mut self, trouble: Trouble, path: &str, detail: impl Into<String>) {
        self.report.add(trouble, path, detail);
    }

    /// Reads the head, the journal, and the head again: a run that still writes moves it meanwhile.
    fn journal(&mut self) -> Result<Ledger> {
        let head = self.head();
        let mut ledger = Ledger::default();
        let path = self.dir.join(layout::JOURNAL);
        if !path.is_file() {
            self.problem(Trouble::Missing, layout::JOURNAL, "the journal is missing");
            return Ok(ledger);
        }
        let mut walk = chain::walk(&path, head.as_ref().unwrap_or(&Head::start()), &mut |line| ledger.take(&line))?;
        if let (Some(head), Ok(Some(later))) = (&head, Head::read(&self.dir.join(layout::HEAD))) {
            walk.no_further_than(&later);
            if walk.is_ahead_of(&later) {
                self.note(&format!("{}: the last event is not in {}: a run was killed right then", layout::JOURNAL, layout::HEAD));
                self.behind = Some(Head::at(walk.last.clone()));
            }
            self.note_end(&walk, head);
        }
        self.report.events = walk.lines;
        for flaw in walk.breaks {
            self.problem(flaw.flaw.into(), layout::JOURNAL, flaw.detail);
        }
        Ok(ledger)
    }

    fn head(&mut self) -> Option<Head> {
        match Head::read(&self.dir.join(layout::HEAD)) {
            Ok(Some(head)) => return Some(head),
            Ok(None) => self.problem(Trouble::Changed, layout::HEAD, "it does not read as the end of a journal"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.problem(Trouble::Missing, layout::HEAD, "it is missing, and with it the proof that the journal is not cut short");
            }
            Err(error) => self.problem(Trouble::Unreadable, layout::HEAD, error.to_string()),
        }
        None
    }

    fn note_end(&mut self, walk: &Walk, head: &Head) {
        if walk.torn > 0 {
            self.note(&format!("{}: the last {} bytes are a line whose writing was cut off", layout::JOURNAL, walk.torn));
        }
        let lost = walk.lost(head);
        if lost > 0 && walk.breaks.is_empty() {
            self.note(&format!("{}: the last {lost} events never reached the disk; no file is among them", layout::JOURNAL));
        }
    }

    fn note(&mut self, note: &str) {
        self.report.notes.push(inert(note));
    }

    fn case_file(&mut self, ledger: &Ledger) {
        match hash::of_file(&self.dir.join(layout::CASE), &|_| ()) {
            Err(error) => self.problem(trouble(&error), layout::CASE, error.to_string()),
            Ok((_, sha256)) if ledger.case_hashes.iter().any(|hash| *hash != sha256) => {
                self.problem(Trouble::Changed, layout::CASE, "it is not what it was when a run began");
            }
            Ok(_) => {}
        }
    }

    fn files(&mut self, ledger: &Ledger, progress: &(dyn Fn(u64) + Sync)) {
        for path in &ledger.doubled {
            self.problem(Trouble::Changed, path, "the journal announces it twice");
        }
        let mut files: Vec<&FileStored> = ledger.standing().collect();
        // The big ones first, so that no core is left with one at the end.
        files.sort_by_key(|file| std::cmp::Reverse(file.bytes));
        for (file, verdict) in in_parallel(&files, |file| judge(self.dir, file, progress)) {
            self.report.files += 1;
            self.report.bytes += file.bytes;
            match verdict {
                Verdict::Whole => {}
                Verdict::Pending => self.note(&format!("{}: whole, but still without its final name", file.path)),
                Verdict::Bad(trouble, detail) => self.problem(trouble, &file.path, detail),
            }
        }
    }

    /// Looks for what no run wrote. A file that a running run commits meanwhile is known after a second look at the journal.
    fn extras(&mut self, ledger: &Ledger) -> Result<()> {
        let data = self.dir.join(layout::DATA);
        let mut found = Found::default();
        found
            .walk(&data, layout::DATA)
            .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
            .map_err(|error| disk::failed("listing", &data, error))?;
        let unknown: Vec<String> = found.files.into_iter().filter(|path| !ledger.files.contains_key(path)).collect();
        let later = if unknown.is_empty() { BTreeMap::new() } else { self.files_now() };
        let temps: BTreeSet<String> = ledger.standing().map(Ledger::temp_of).collect();
        for path in unknown.into_iter().filter(|path| !later.contains_key(path) && !temps.contains(path)) {
            self.extra(&path);
        }
        for path in ledger.files.keys().filter(|path| self.is_left(path, ledger)).cloned().collect::<Vec<_>>() {
            self.note(&format!("{path}: its rows are in another file since, and it is still there"));
        }
        Ok(())
    }

    /// Holds the files of a seal against what follows from the journal. Whether the signature is one is for others to say.
    fn seal(&mut self, ledger: &Ledger) -> Result<()> {
        let Some(sealed) = &ledger.sealed else { return Ok(()) };
        (self.report.sealed, self.report.signed_by) = (true, sealed.signed_by.clone());
        if ledger.behind_seal > 0 {
            self.problem(Trouble::Extra, layout::JOURNAL, format!("{} events stand behind the seal", ledger.behind_seal));
        }
        let hash = |name: &str| {
            let path = self.dir.join(name);
            match hash::of_file(&path, &|_| ()) {
                Ok((_, sha256)) => Ok(sha256),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
                Err(error) => Err(disk::failed("reading", &path, error)),
            }
        };
        let outer = Outer { case: hash(layout::CASE)?, journal: hash(layout::JOURNAL)?, head: hash(layout::HEAD)? };
        let due = sums(ledger, &outer);
        // A sealing that was killed before it wrote the head has not given the sums their name either.
        let head = self.behind.take().map(|head| hash::of_bytes(head.text().as_bytes()));
        let pending = head.map_or_else(|| due.clone(), |head| sums(ledger, &Outer { head, ..outer }));
        self.seal_file(layout::SUMS, |found| found == due.as_bytes(), |found| found == pending.as_bytes());
        if sealed.signed_by.is_some() {
            self.seal_file(layout::SUMS_SIGNATURE, |_| true, |_| true);
        }
        Ok(())
    }

    fn seal_file(&mut self, name: &str, is_due: impl Fn(&[u8]) -> bool, is_pending: impl Fn(&[u8]) -> bool) {
        match fs::read(self.dir.join(name)) {
            Ok(found) if is_due(&found) => {}
            Ok(_) => self.problem(Trouble::Changed, name, "it does not hold the hashes that the journal has"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let pending = fs::read(self.dir.join(layout::temp_of(name))).is_ok_and(|found| is_pending(&found));
                if pending {
                    self.note(&format!("{name}: whole, but still without its final name"));
                } else {
                    self.problem(Trouble::Missing, name, "it is missing, and the journal says that the case was sealed");
                }
            }
            Err(error) => self.problem(trouble(&error), name, error.to_string()),
        }
    }

    /// Looks at what lies beside the data. What does not belong to an open case is left to whoever put it there.
    fn beside(&mut self, ledger: &Ledger) -> Result<()> {
        let failed = |error| disk::failed("listing", self.dir, error);
        let entries: io::Result<Vec<_>> = fs::read_dir(self.dir).map_err(failed)?.collect();
        let mut names: Vec<String> =
            entries.map_err(failed)?.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        for name in names.iter().filter(|name| !belongs(name, ledger)) {
            if ledger.sealed.is_some() {
                self.problem(Trouble::Extra, name, "it was not there when the case was sealed");
            } else {
                self.note(&format!("{name}: no part of the case"));
            }
        }
        Ok(())
    }

    fn extra(&mut self, path: &str) {
        let name = path.rsplit('/').next().unwrap_or(path);
        if layout::is_temp(name) {
            self.note(&format!("{path}: left by a run that was killed, or still being written"));
        } else {
            self.problem(Trouble::Extra, path, "no run wrote it");
        }
    }

    fn is_left(&self, path: &str, ledger: &Ledger) -> bool {
        ledger.replaced.contains(path) && layout::resolve(self.dir, path).is_some_and(|path| path.exists())
    }

    fn files_now(&self) -> BTreeMap<String, FileStored> {
        let mut ledger = Ledger::default();
        let walked = chain::walk(&self.dir.join(layout::JOURNAL), &Head::start(), &mut |line| ledger.take(&line));
        if walked.is_ok() { ledger.files } else { BTreeMap::new() }
    }
}

/// Tells whether a name in the case's folder is one of the case.
fn belongs(name: &str, ledger: &Ledger) -> bool {
    let seal = match &ledger.sealed {
        Some(sealed) => name == layout::SUMS || (name == layout::SUMS_SIGNATURE && sealed.signed_by.is_some()),
        None => false,
    };
    let own = [layout::CASE, layout::JOURNAL, layout::HEAD, layout::DATA, layout::LOCK, layout::HOLDER];
    seal || own.contains(&name) || layout::is_temp(name)
}

impl From<Flaw> for Trouble {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Changed => Self::Changed,
            Flaw::Missing => Self::Missing,
            Flaw::Reordered => Self::Reordered,
            Flaw::Extra => Self::Extra,
        }
    }
}

/// Makes a name harmless on a terminal: those in a case may come from anywhere.
fn inert(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = |c: char| if c.is_control() || turns(c) { c.escape_unicode().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

fn trouble(error: &io::Error) -> Trouble {
    if error.kind() == io::ErrorKind::NotFound { Trouble::Missing } else { Trouble::Unreadable }
}

enum Verdict {
    Whole,
    Pending,
    Bad(Trouble, String),
}

fn judge(dir: &Path, file: &FileStored, progress: &(dyn Fn(u64) + Sync)) -> Verdict {
    let Some(path) = layout::resolve(dir, &file.path) else {
        return Verdict::Bad(Trouble::Changed, "the journal names a path outside the case".into());
    };
    let verdict = compare(&path, file, progress);
    let is_missing = matches!(verdict, Verdict::Bad(Trouble::Missing, _));
    if is_missing && is_pending(dir, file, progress) { Verdict::Pending } else { verdict }
}

/// Tells whether a file that lacks its final name is whole under its temporary one.
pub(crate) fn is_pending(dir: &Path, file: &FileStored, progress: &(dyn Fn(u64) + Sync)) -> bool {
    let temp = layout::is_temp(&file.temp).then(|| layout::resolve(dir, &Ledger::temp_of(file))).flatten();
    temp.is_some_and(|temp| matches!(compare(&temp, file, progress), Verdict::Whole))
}

fn compare(path: &Path, file: &FileStored, progress: &(dyn Fn(u64) + Sync)) -> Verdict {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Verdict::Bad(Trouble::Missing, "it is missing".into()),
        Err(error) => return Verdict::Bad(Trouble::Unreadable, error.to_string()),
        Ok(found) => found,
    };
    if !found.is_file() {
        return Verdict::Bad(Trouble::Changed, "it is no ordinary file any more".into());
    }
    if found.len() != file.bytes {
        return Verdict::Bad(Trouble::Changed, format!("it has {} bytes, and {} were written", found.len(), file.bytes));
    }
    match hash::of_file(path, &|bytes| progress(bytes)) {
        Err(error) => Verdict::Bad(Trouble::Unreadable, error.to_string()),
        Ok((_, sha256)) if sha256 == file.sha256 => Verdict::Whole,
        Ok((_, sha256)) => Verdict::Bad(Trouble::Changed, format!("its SHA-256 is {sha256}, and was {}", file.sha256)),
    }
}

/// Does `work` for all of `items` on all cores, in the order given. The results come in any order.
fn in_parallel<'a, T: Sync + ?Sized, R: Send>(items: &[&'a T], work: impl Fn(&'a T) -> R + Sync) -> Vec<(&'a T, R)> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let cores = thread::available_parallelism().map_or(1, usize::from).min(items.len());
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(&item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = work(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((item, result));
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Every file below a folder, by its path relative to the case. Links are not followed, and count as files.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) files: Vec<String>,
}

impl Found {
    pub(crate) fn walk(&mut self, folder: &Path, relative: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = format!("{relative}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.walk(&entry.path(), &path)?;
            } else {
                self.files.push(path);
            }
        }
        Ok(())
    }
}
