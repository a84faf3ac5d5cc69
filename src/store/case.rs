//! The case directory: made, opened for one run at a time, or looked at.

use super::{
    commit::Names,
    draft::Draft,
    lock::{self, Holder, Lock},
    place::Place,
    recover,
    seal::{self, Seal},
};
use crate::{
    error::{Error, Kind, Result},
    journal::{self, Jobs, Journal, Ledger, Report, Status, disk, hash, layout},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The newest form of case that this version knows.
const FORMAT: u32 = 1;

/// What `case.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseInfo {
    /// Form of the case.
    pub format: u32,
    /// Tells one case from another.
    pub id: String,
    /// When it was made.
    pub created: Timestamp,
    /// Version of the tool that made it.
    pub tool_version: String,
}

/// A case that this process writes to, and no other, until the last handle on its journal is gone. Shared by all tasks of the run.
#[derive(Debug)]
pub struct Case {
    pub(super) dir: PathBuf,
    pub(super) journal: Arc<Journal>,
    pub(super) names: Names,
    info: CaseInfo,
    jobs: Jobs,
    calls: Vec<(String, Timestamp)>,
}

/// A case that is only looked at, while a run may work on it.
#[derive(Clone, Debug)]
pub struct CaseView {
    dir: PathBuf,
    /// What `case.json` says.
    pub info: CaseInfo,
}

impl Case {
    /// Opens the case in `dir`, made anew where `dir` is empty or missing, and puts in order what a killed run left.
    ///
    /// # Errors
    /// [`Kind::Disk`]: in use by another run, no case but not empty either, of a newer format, damaged, not writable.
    pub fn open(dir: &Path, tool_version: &str) -> Result<Self> {
        match CaseInfo::read(dir)? {
            Some(_) => {}
            None => make_room(dir)?,
        }
        let lock = Lock::take(dir)?;
        let info = match CaseInfo::read(dir)? {
            Some(info) => info,
            None => create(dir, tool_version)?,
        };
        let opened = recover::open(dir, lock)?;
        let names = Names::new(&opened.ledger);
        Ok(Self {
            dir: dir.to_owned(),
            journal: Arc::new(opened.journal),
            names,
            info,
            jobs: opened.ledger.jobs,
            calls: opened.ledger.calls.into(),
        })
    }

    /// Looks at the case in `dir` without locking or changing it.
    ///
    /// # Errors
    /// [`Kind::Disk`]: no case, of a newer format, damaged, not readable.
    pub fn read(dir: &Path) -> Result<CaseView> {
        let info = CaseInfo::read(dir)?.ok_or_else(|| no_case(dir))?;
        Ok(CaseView { dir: dir.to_owned(), info })
    }

    /// Returns the directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns what `case.json` says.
    pub fn info(&self) -> &CaseInfo {
        &self.info
    }

    /// Returns the journal.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Returns the jobs of earlier runs, as they stood when the case was opened.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Returns the lanes (`tenant/api`) of the calls that earlier runs made in their last hour, and when each ended: the services
    /// count them too.
    pub fn earlier_calls(&self) -> &[(String, Timestamp)] {
        &self.calls
    }

    /// Returns the absolute-or-as-given path of a file by its path in the case; none where that would lead out of the case's data.
    pub fn resolve(&self, relative: &str) -> Option<PathBuf> {
        layout::resolve(&self.dir, relative)
    }

    /// Gives `place` a number where its name is taken, in any format, by this or an earlier run. Nobody else gets it from then on.
    pub fn reserve(&self, place: &Place) -> Place {
        self.names.reserve(&self.dir, place)
    }

    /// Begins a file that is to stand at `place`.
    ///
    /// # Errors
    /// [`Kind::Disk`].
    pub fn draft(&self, place: &Place) -> Result<Draft> {
        Draft::create(&self.dir, place.clone())
    }
}

impl CaseView {
    /// Returns the directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns who writes to the case at this moment.
    pub fn running(&self) -> Option<Holder> {
        lock::running(&self.dir)
    }

    /// Sums up the journal.
    ///
    /// # Errors
    /// [`Kind::Disk`] where it cannot be read.
    pub fn status(&self) -> Result<Status> {
        journal::status(&self.dir)
    }

    /// Returns the path of a file by its path in the case; none where that would lead out of the case's data.
    pub fn resolve(&self, relative: &str) -> Option<PathBuf> {
        layout::resolve(&self.dir, relative)
    }

    /// Shows every event of the journal to `visit`, in order.
    ///
    /// # Errors
    /// [`Kind::Disk`] where it cannot be read.
    pub fn events(&self, visit: &mut dyn FnMut(journal::Line)) -> Result<()> {
        journal::events(&self.dir, visit)
    }

    /// Returns what the files of the seal hold; none where the case has none.
    ///
    /// # Errors
    /// [`Kind::Disk`] where they cannot be read.
    pub fn seal(&self) -> Result<Option<Seal>> {
        seal::read(&self.dir)
    }

    /// Recomputes every hash and the journal's chain. `progress` is told the bytes as they are hashed.
    ///
    /// # Errors
    /// [`Kind::Disk`] where the case cannot be read at all.
    pub fn verify(&self, progress: &(dyn Fn(u64) + Sync)) -> Result<Report> {
        let mut report = journal::verify(&self.dir, progress)?;
        if let Some(Holder { pid, host, .. }) = self.running() {
            report.notes.push(format!("a run is at work on it: process {pid} on {host}"));
        }
        Ok(report)
    }
}

impl CaseInfo {
    /// Reads `case.json`; none where there is none.
    fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(layout::CASE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(disk::failed("reading", &path, error)),
        };
        Self::parse(&text, &path).map(Some)
    }

    /// The format is read first, since a newer one may have other fields.
    fn parse(text: &[u8], path: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Form {
            format: u64,
        }
        let damaged = |error: serde_json::Error| {
            Error::new(Kind::Disk, format!("`{}` does not describe a case: {error}", path.display()))
                .hint("name another directory with --case; this one was left as it is")
                .caused_by(error)
        };
        let form: Form = serde_json::from_slice(text).map_err(damaged)?;
        if form.format > u64::from(FORMAT) {
            let message = format!("`{}` is of format {}, and this version knows up to {FORMAT}", path.display(), form.format);
            return Err(Error::new(Kind::Disk, message).with_code("NewerCase").hint("use the version that made the case, or a later one"));
        }
        serde_json::from_slice(text).map_err(damaged)
    }

    /// Writes `case.json`, whole or not at all: with it, the directory is a case.
    fn write(&self, dir: &Path) -> io::Result<()> {
        let mut temp = tempfile::Builder::new().prefix(layout::TEMP_PREFIX).suffix(layout::TEMP_SUFFIX).tempfile_in(dir)?;
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        temp.write_all(&text)?;
        temp.as_file().sync_all()?;
        temp.persist_noclobber(dir.join(layout::CASE)).map_err(|error| error.error)?;
        disk::sync_folder(dir)
    }
}

fn no_case(dir: &Path) -> Error {
    let what = if dir.exists() { "is not a case: it has no case.json" } else { "does not exist" };
    Error::new(Kind::Disk, format!("`{}` {what}", dir.display())).with_code("NotACase").hint("name the case's directory with --case")
}

/// Creates the directory, or makes sure that it holds nothing but what a creation left that was killed.
fn make_room(dir: &Path) -> Result<()> {
    match is_foreign(dir) {
        Ok(false) => Ok(()),
        Ok(true) => Err(no_case(dir).hint("an empty or new directory would be made one; this one was left as it is")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            disk::create_folders(dir).map_err(|error| disk::failed("creating the case", dir, error))
        }
        Err(error) => Err(disk::failed("opening the case", dir, error)),
    }
}

fn is_foreign(dir: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = match name.as_ref() {
            layout::LOCK | layout::HOLDER | layout::HEAD => true,
            layout::JOURNAL => entry.metadata()?.len() == 0,
            layout::DATA => entry.file_type()?.is_dir() && fs::read_dir(entry.path())?.next().is_none(),
            temp => layout::is_temp(temp),
        };
        if !ours {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes the case, with `case.json` last.
fn create(dir: &Path, tool_version: &str) -> Result<CaseInfo> {
    make_room(dir)?;
    let id = uuid::Uuid::new_v4().to_string();
    let created = crate::time::on_tick(Timestamp::now());
    let info = CaseInfo { format: FORMAT, id, created, tool_version: tool_version.to_owned() };
    let made = disk::create_folders(&dir.join(layout::DATA))
        .and_then(|()| put(&dir.join(layout::JOURNAL), b""))
        .and_then(|()| put(&dir.join(layout::HEAD), journal::empty_head().as_bytes()))
        .and_then(|()| info.write(dir));
    made.map_err(|error| disk::failed("creating the case", dir, error))?;
    Ok(info)
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = disk::private_or_existing().open(path)?;
    file.set_len(0)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Returns the SHA-256 of the case's `case.json`.
pub(super) fn case_sha256(dir: &Path) -> Result<String> {
    let path = dir.join(layout::CASE);
    hash::of_file(&path, &|_| ()).map(|(_, sha256)| sha256).map_err(|error| disk::failed("reading", &path, error))
}

/// What opening a case found.
pub(super) struct Opened {
    pub(super) ledger: Ledger,
    pub(super) journal: Journal,
}
