//! The few things asked of a file system: owner-only files and folders, folders made durable, failures worded for people.

use crate::error::{Error, Kind};
use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    path::Path,
};

/// Words a failure of the disk: `doing` is what was being done (`writing`), `path` to what.
pub(crate) fn failed(doing: &str, path: &Path, error: io::Error) -> Error {
    let message = format!("{doing} `{}` failed: {error}", path.display());
    Error::new(Kind::Disk, message).hint(advice(error.kind())).caused_by(error)
}

fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "the disk or the quota is full: make room, then run again with --resume; what was whole is stored"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "it cannot be written to: see to its permissions, or name another directory with --case"
        }
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::StaleNetworkFileHandle => {
            "it is not there: see whether the disk is still mounted and the path is right"
        }
        _ => "see whether the disk is still there and healthy, then run again with --resume; what was whole is stored",
    }
}

/// Options for a file that is created owner-only where it is missing, and left as it is where not.
pub(crate) fn private_or_existing() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    owner_only(&mut options);
    options
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

/// On Windows a file inherits the folder's access list, which the case's owner sets.
#[cfg(not(unix))]
fn owner_only(_options: &mut OpenOptions) {}

/// Creates the folders of `path` that are missing, owner-only, each durable in the one above it.
pub(crate) fn create_folders(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = parent(path);
    create_folders(above)?;
    match folder_builder().create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_folder(above),
    }
}

/// Returns the folder that `path` stands in, `.` where it says none.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    }
}

#[cfg(unix)]
fn folder_builder() -> DirBuilder {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(not(unix))]
fn folder_builder() -> DirBuilder {
    DirBuilder::new()
}

/// Makes the names in a folder durable. Windows has no such call, and journals them itself.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(windows) { Ok(()) } else { File::open(path)?.sync_all() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_where_and_what_next() {
        let error = failed("writing", Path::new("case/x"), io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(error.kind(), Kind::Disk);
        assert!(error.message().starts_with("writing `case/x` failed: "), "{error}");
        assert!(error.hints()[0].contains("--resume"));
    }

    #[cfg(unix)]
    #[test]
    fn folders_and_files_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("a/b");
        create_folders(&folder).unwrap();
        create_folders(&folder).unwrap();
        private_or_existing().open(folder.join("f")).unwrap();
        for (path, mode) in [("a", 0o700), ("a/b", 0o700), ("a/b/f", 0o600)] {
            let found = home.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "{path}");
        }
    }
}
