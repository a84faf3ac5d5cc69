//! A file outside of any case, which appears whole or not at all: a report, an export.

use super::output;
use crate::{
    error::Result,
    journal::{disk, hash, layout},
};
use sha2::{Digest, Sha256};
use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// A file that is being written, hashed on the way. Dropped, it leaves nothing.
#[derive(Debug)]
pub struct Outside {
    path: PathBuf,
    temp: BufWriter<NamedTempFile>,
    hasher: Sha256,
    bytes: u64,
}

impl Outside {
    /// Begins a file that is to stand at `path`, in place of what may be there.
    ///
    /// # Errors
    /// [`crate::error::Kind::Disk`].
    pub fn create(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), temp: BufWriter::with_capacity(1 << 18, temporary(path)?), hasher: Sha256::new(), bytes: 0 })
    }

    /// Ends the file and gives it its name. Returns its length and SHA-256.
    ///
    /// # Errors
    /// [`crate::error::Kind::Disk`].
    pub fn keep(self) -> Result<(u64, String)> {
        let failed = |error| disk::failed("writing", &self.path, error);
        let temp = self.temp.into_inner().map_err(|error| failed(error.into_error()))?;
        temp.as_file().sync_all().map_err(failed)?;
        output::place(temp, &self.path).map_err(failed)?;
        Ok((self.bytes, hex::encode(self.hasher.finalize())))
    }
}

/// A file that something else writes, by its temporary path. Dropped, it leaves nothing.
#[derive(Debug)]
pub struct ByPath {
    path: PathBuf,
    temp: NamedTempFile,
}

impl ByPath {
    /// Begins a file that is to stand at `path`, in place of what may be there.
    ///
    /// # Errors
    /// [`crate::error::Kind::Disk`].
    pub fn create(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), temp: temporary(path)? })
    }

    /// Returns where it is to be written.
    pub fn temporary(&self) -> &Path {
        self.temp.path()
    }

    /// Ends the file and gives it its name. Returns its length and SHA-256.
    ///
    /// # Errors
    /// [`crate::error::Kind::Disk`].
    pub fn keep(self) -> Result<(u64, String)> {
        let failed = |error| disk::failed("writing", &self.path, error);
        self.temp.as_file().sync_all().map_err(failed)?;
        let hashed = hash::of_file(self.temp.path(), &|_| ()).map_err(failed)?;
        output::place(self.temp, &self.path).map_err(failed)?;
        Ok(hashed)
    }
}

fn temporary(path: &Path) -> Result<NamedTempFile> {
    let folder = disk::parent(path);
    let temp = tempfile::Builder::new().prefix(layout::TEMP_PREFIX).suffix(layout::TEMP_SUFFIX).tempfile_in(folder);
    temp.map_err(|error| disk::failed("creating a file in", folder, error))
}

impl Write for Outside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.temp.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temp.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_appears_whole_or_not_at_all() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.html");
        let mut file = Outside::create(&path).unwrap();
        file.write_all(b"abc").unwrap();
        drop(file);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
        let mut file = Outside::create(&path).unwrap();
        file.write_all(b"abc").unwrap();
        assert_eq!(file.keep().unwrap(), (3, hash::of_bytes(b"abc")));
        let file = ByPath::create(&path).unwrap();
        std::fs::OpenOptions::new().write(true).open(file.temporary()).unwrap().write_all(b"other").unwrap();
        assert_eq!(file.keep().unwrap().1, hash::of_bytes(b"other"));
    }
}
