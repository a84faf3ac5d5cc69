//! A sealed file becomes part of the case: announced in the journal, durably, then given its name, never over another.

use super::{case::Case, draft::Sealed, place::Place, recover};
use crate::{
    error::{Error, Kind, Result},
    journal::{Column, Event, FileStored, Held, Job, Ledger, Withdrawn, disk, layout},
    time::Window,
};
use serde::Serialize;
use std::{
    collections::BTreeSet,
    fs, io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What the journal says of a file beyond its bytes.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What it belongs to.
    pub job: Job,
    /// Which part of the job's window it holds; none where all of it.
    pub slice: Option<Window>,
    /// Which rows of it, where they were parted by hash: the how-manieth, from 0, of how many.
    pub part: Option<(u32, u32)>,
    /// Which of the query's texts it answers.
    pub share: u32,
    /// What it was joined from.
    pub holds: Vec<Held>,
    /// The query text as it was sent.
    pub query: Option<String>,
    /// The answer's columns.
    pub schema: Vec<Column>,
    /// Ids that the service gave the requests.
    pub request_ids: Vec<String>,
    /// How the window was cut to get it, in words.
    pub cut: Option<String>,
    /// Paths of files whose rows it holds; they are removed once it stands.
    pub replaces: Vec<String>,
}

/// A file of the case, as the summary names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Relative to the case, with `/` between the parts.
    pub path: String,
    /// `ndjson`, `csv`, `json` or `parquet`.
    pub format: String,
    /// How many rows.
    pub rows: u64,
    /// How many bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes.
    pub sha256: String,
}

impl From<&FileStored> for Written {
    fn from(file: &FileStored) -> Self {
        let FileStored { path, format, rows, bytes, sha256, .. } = file;
        Self { path: path.clone(), format: format.clone(), rows: *rows, bytes: *bytes, sha256: sha256.clone() }
    }
}

impl Case {
    /// Makes a sealed file part of the case. Once this returns it is there for good. It waits for the disk a few times, as
    /// [`super::Draft::seal`] does: milliseconds, more where the disk is slow.
    ///
    /// # Errors
    /// [`Kind::Disk`]. Where the journal has the file already and only its name is lacking, the next [`Case::open`] gives it.
    pub fn commit(&self, sealed: Sealed, facts: Facts) -> Result<Written> {
        let file = announce(&sealed, facts)?;
        self.names.announce(&file.path)?;
        let written = Written::from(&file);
        let replaces = file.replaces.clone();
        if let Err(error) = self.journal.append(Event::File(file)) {
            return Err(self.not_announced(sealed, error));
        }
        self.give_name(sealed, &written.path)?;
        recover::remove_replaced(&self.dir, &replaces)?;
        Ok(written)
    }

    /// Drops the file, unless the journal may hold its event after all.
    fn not_announced(&self, sealed: Sealed, error: Error) -> Error {
        if self.journal.is_broken() {
            drop(sealed.temp.keep());
        }
        error
    }

    fn give_name(&self, sealed: Sealed, relative: &str) -> Result<()> {
        let path =
            layout::resolve(&self.dir, relative).ok_or_else(|| Error::new(Kind::Failed, format!("`{relative}` is no path of a case")))?;
        let temp = sealed.temp.to_path_buf();
        let Err(error) = recover::name(sealed.temp, &path) else { return Ok(()) };
        if error.kind() == io::ErrorKind::AlreadyExists {
            self.withdraw(relative, "a file of that name was there already");
            drop(fs::remove_file(temp));
        }
        Err(disk::failed("naming", &path, error))
    }

    fn withdraw(&self, path: &str, reason: &str) {
        let withdrawn = Withdrawn { path: path.to_owned(), reason: reason.to_owned() };
        // Where the disk refuses this too, `case verify` will name the file: its hash is not that of the one in its place.
        drop(self.journal.append(Event::Withdrawn(withdrawn)));
    }
}

fn announce(sealed: &Sealed, facts: Facts) -> Result<FileStored> {
    let name = sealed.temp.file_name().and_then(|name| name.to_str());
    let temp = name.ok_or_else(|| Error::new(Kind::Failed, "a temporary file lacks a name"))?.to_owned();
    let Facts { job, slice, part, share, holds, query, schema, request_ids, cut, replaces } = facts;
    Ok(FileStored {
        path: sealed.place.path(),
        format: sealed.place.format_name().to_owned(),
        rows: sealed.rows,
        bytes: sealed.bytes,
        sha256: sealed.sha256.clone(),
        temp,
        job,
        slice,
        part,
        share,
        holds,
        query,
        schema,
        request_ids,
        cut,
        replaces,
    })
}

/// The names that are taken, folded to lower case as many file systems do.
#[derive(Debug)]
pub(super) struct Names(Mutex<Taken>);

#[derive(Debug)]
struct Taken {
    /// Paths without their formats.
    keys: BTreeSet<String>,
    /// Paths that the journal has.
    paths: BTreeSet<String>,
}

impl Names {
    pub(super) fn new(ledger: &Ledger) -> Self {
        let folded = |path: &str| path.to_lowercase();
        let keys = ledger.paths.iter().flat_map(|path| Place::keys_of(path)).map(folded).collect();
        let paths = ledger.paths.iter().map(|path| folded(path)).collect();
        Self(Mutex::new(Taken { keys, paths }))
    }

    /// Takes down a path that the journal is about to have. None is announced twice, whatever became of the first.
    fn announce(&self, path: &str) -> Result<()> {
        let is_new = self.taken().paths.insert(path.to_lowercase());
        let twice = || Error::new(Kind::Failed, format!("`{path}` was about to be stored a second time; it was not"));
        is_new.then_some(()).ok_or_else(twice)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reserve(&self, dir: &Path, place: &Place) -> Place {
        let on_disk = on_disk(&place.folder_in(dir));
        let mut taken = self.taken();
        let free = |place: &Place| !taken.keys.contains(&place.key().to_lowercase()) && !on_disk.contains(&place.stem().to_lowercase());
        let mut number = 1;
        while !free(&place.numbered(number)) {
            number += 1;
        }
        let place = place.numbered(number);
        taken.keys.insert(place.key().to_lowercase());
        place
    }
}

/// The stems in a folder, whoever put them there.
fn on_disk(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.map(|name| name.to_string_lossy().split('.').next().unwrap_or_default().to_lowercase()).collect()
}
