//! One run at a time: an operating-system lock, which ends with its process however that dies, and a note of who holds it.

use crate::{
    error::{Error, Kind, Result},
    journal::{disk, layout},
    time::rfc3339,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Who works on a case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Name of the machine.
    pub host: String,
    /// What was typed.
    pub command: String,
    /// Since when.
    pub since: Timestamp,
}

/// The lock of a case, held until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
    holder: PathBuf,
}

impl Lock {
    /// Takes the lock of the case in `dir`.
    pub(super) fn take(dir: &Path) -> Result<Self> {
        let path = dir.join(layout::LOCK);
        let file = disk::private_or_existing().open(&path).map_err(|error| disk::failed("opening", &path, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(dir)),
            Err(TryLockError::Error(error)) => {
                return Err(disk::failed("locking", &path, error).hint("the file system must know locks: keep the case on a local disk"));
            }
        }
        let holder = dir.join(layout::HOLDER);
        Holder::here().write(&holder).map_err(|error| disk::failed("writing", &holder, error))?;
        Ok(Self { _file: file, holder })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.holder));
    }
}

fn in_use(dir: &Path) -> Error {
    let by = match holder(dir) {
        Some(holder) => {
            let Holder { pid, host, command, since } = holder;
            format!("process {pid} on {host} since {}: `{command}`", rfc3339(since))
        }
        None => "another process".to_owned(),
    };
    Error::new(Kind::Disk, format!("the case `{}` is in use by {by}", dir.display()))
        .with_code("CaseInUse")
        .hint("wait for it to end, or name another directory with --case")
}

/// Returns who runs on the case in `dir` now; none where nobody does. Writes nothing.
pub(super) fn running(dir: &Path) -> Option<Holder> {
    let file = OpenOptions::new().read(true).open(dir.join(layout::LOCK)).ok()?;
    let held = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    if held { holder(dir) } else { None }
}

/// Reads the note, which the holder may be just about to write.
fn holder(dir: &Path) -> Option<Holder> {
    (0..10).find_map(|_| {
        let read = fs::read(dir.join(layout::HOLDER)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if read.is_none() {
            thread::sleep(Duration::from_millis(20));
        }
        read.map(Holder::shown)
    })
}

impl Holder {
    fn here() -> Self {
        let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        Self {
            pid: std::process::id(),
            host: whoami::hostname().unwrap_or_else(|_| "unknown".to_owned()),
            command: words.join(" "),
            since: Timestamp::now(),
        }
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut file = disk::private_or_existing().open(path)?;
        file.set_len(0)?;
        file.write_all(&serde_json::to_vec(self)?)
    }

    /// Makes the note harmless on a terminal: a case may come from anywhere.
    fn shown(self) -> Self {
        let plain = |text: String| -> String { text.chars().filter(|c| !c.is_control()).take(300).collect() };
        Self { host: plain(self.host), command: plain(self.command), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_told_who_was_first() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        assert_eq!(running(dir.path()).unwrap().pid, std::process::id());
        let error = Lock::take(dir.path()).unwrap_err();
        assert_eq!(error.kind(), Kind::Disk);
        assert!(error.message().contains(&format!("process {} on ", std::process::id())), "{error}");
        drop(lock);
        assert!(running(dir.path()).is_none());
        Lock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_note_without_a_lock_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join(layout::HOLDER), "{\"pid\":1,\"host\":\"h\",\"command\":\"c\",\"since\":\"2026-01-01T00:00:00Z\"}")
            .unwrap();
        fs_err::write(dir.path().join(layout::LOCK), "").unwrap();
        assert!(running(dir.path()).is_none());
        Lock::take(dir.path()).unwrap();
    }
}
