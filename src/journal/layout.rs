//! The names inside a case directory, and what a path of a journal may look like. No disk is touched here.

use std::path::{Path, PathBuf};

/// What the case is.
pub(crate) const CASE: &str = "case.json";
/// The record.
pub(crate) const JOURNAL: &str = "journal.jsonl";
/// Where the record ends.
pub(crate) const HEAD: &str = "journal.head";
/// Everything collected.
pub(crate) const DATA: &str = "data";
/// The hashes of a sealed case, as `sha256sum -c` reads them.
pub(crate) const SUMS: &str = "SHA256SUMS";
/// Their detached signature.
pub(crate) const SUMS_SIGNATURE: &str = "SHA256SUMS.p7s";
/// Held locked by the run that writes. Empty: where locks are mandatory (Windows), a locked file cannot be read.
pub(crate) const LOCK: &str = ".lock";
/// Who holds the lock, for the one who finds it held.
pub(crate) const HOLDER: &str = ".lock.holder";
/// Temporary files are `.<random>.part` beside their final place.
pub(crate) const TEMP_PREFIX: &str = ".";
/// See [`TEMP_PREFIX`].
pub(crate) const TEMP_SUFFIX: &str = ".part";

/// Tells whether a file of this name is one that was being written.
pub(crate) fn is_temp(name: &str) -> bool {
    name.len() > TEMP_PREFIX.len() + TEMP_SUFFIX.len() && name.starts_with(TEMP_PREFIX) && name.ends_with(TEMP_SUFFIX)
}

/// Returns the temporary name of a file of the case that is not data. It is no random one: a killed sealing is gone on with.
pub(crate) fn temp_of(name: &str) -> String {
    format!("{TEMP_PREFIX}{name}{TEMP_SUFFIX}")
}

/// Resolves a path that a journal names; none where it would lead out of the case's data.
pub(crate) fn resolve(case: &Path, relative: &str) -> Option<PathBuf> {
    let mut parts = relative.split('/');
    let inside = parts.next() == Some(DATA) && relative.len() > DATA.len() + 1 && parts.all(is_plain);
    inside.then(|| relative.split('/').fold(case.to_owned(), |path, part| path.join(part)))
}

/// Tells whether `name` is one component of a path on every system.
pub(crate) fn is_plain(name: &str) -> bool {
    let separators = ['/', '\\', ':', '\0'];
    !name.is_empty() && name != "." && name != ".." && !name.contains(separators)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_data_resolve() {
        let case = Path::new("c");
        assert_eq!(resolve(case, "data/t/hunt/q/a.ndjson"), Some(Path::new("c").join("data/t/hunt/q/a.ndjson")));
        for bad in
            ["", "data", "data/", "/data/x", "data/../x", "data//x", "data/./x", "case.json", "../data/x", "data/c:/x", "data/a\\..\\b"]
        {
            assert_eq!(resolve(case, bad), None, "{bad}");
        }
    }

    #[test]
    fn temporary_names_are_known_by_their_ends() {
        assert!(is_temp(".AbCd.part"));
        assert!(!is_temp(".part"));
        assert!(!is_temp("a.part"));
        assert!(!is_temp(".a.ndjson"));
    }
}
