//! A copy of a stored file for whoever asked with `--output`: a file that appears whole or not at all, or a stream.

use super::{case::Case, commit::Written};
use crate::{
    error::{Error, Kind, Result},
    journal::{disk, layout},
};
use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

/// Where a copy goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// `-`.
    Stdout,
    /// Anything else. A file of that name gives way to the new one; a pipe or device is written to.
    File(PathBuf),
}

impl Output {
    /// Reads what stands after `--output`.
    pub fn new(path: &Path) -> Self {
        if path.as_os_str() == "-" { Self::Stdout } else { Self::File(path.to_owned()) }
    }
}

impl Case {
    /// Copies a stored file to `output`. Someone who stops reading a pipe has had enough, and is no error.
    ///
    /// # Errors
    /// [`Kind::Disk`].
    pub fn output(&self, written: &Written, output: &Output) -> Result<()> {
        let outside = || Error::new(Kind::Failed, format!("`{}` is no path of a case", written.path));
        let path = layout::resolve(&self.dir, &written.path).ok_or_else(outside)?;
        let from = File::open(&path).map_err(|error| disk::failed("reading", &path, error))?;
        match output {
            Output::Stdout => {
                stream(from, io::stdout().lock()).map_err(|error| disk::failed("writing", Path::new("standard output"), error))
            }
            Output::File(to) => copy(from, to).map_err(|error| disk::failed("writing", to, error)),
        }
    }
}

fn copy(mut from: File, to: &Path) -> io::Result<()> {
    if to.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return stream(from, OpenOptions::new().write(true).open(to)?);
    }
    let folder = disk::parent(to);
    let mut temp = tempfile::Builder::new().prefix(layout::TEMP_PREFIX).suffix(layout::TEMP_SUFFIX).tempfile_in(folder)?;
    io::copy(&mut from, temp.as_file_mut())?;
    temp.as_file().sync_all()?;
    place(temp, to)
}

/// Gives a file its name, in place of what may be there.
pub(super) fn place(temp: tempfile::NamedTempFile, to: &Path) -> io::Result<()> {
    temp.persist(to).map_err(|error| error.error)?;
    disk::sync_folder(disk::parent(to))
}

fn stream(mut from: File, mut to: impl io::Write) -> io::Result<()> {
    match io::copy(&mut from, &mut to).and_then(|_| to.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
