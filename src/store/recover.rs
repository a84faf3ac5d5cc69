//! Puts in order what a killed run left, under the lock: names that were announced and not given, temporary files, replaced parts.

use super::{
    case::{Opened, case_sha256},
    lock::Lock,
    seal,
};
use crate::{
    error::{Error, Kind, Result},
    journal::{self, Event, FileStored, Found, Head, Journal, Ledger, Repaired, Walk, disk, layout},
};
use std::{collections::BTreeSet, fs, io, path::Path};
use tempfile::TempPath;

/// Opens the journal of the case in `dir`. One whose chain does not hold is refused: nothing is added to evidence that was changed.
pub(super) fn open(dir: &Path, lock: Lock) -> Result<Opened> {
    let mut ledger = Ledger::default();
    let head = head(dir)?;
    let mut walk = journal::walk(&dir.join(layout::JOURNAL), &head, &mut |line| ledger.take(&line))?;
    walk.no_further_than(&head);
    if let Some(flaw) = walk.breaks.first() {
        return Err(damaged(dir, &flaw.detail));
    }
    if ledger.sealed.is_some() {
        let _read_only_perhaps = seal::complete(dir, &walk, &head);
        return Err(seal::refused(dir));
    }
    let mut actions = ends(&walk, &head);
    let journal = Journal::open(dir, &walk, case_sha256(dir)?, Box::new(lock))?;
    files(dir, &ledger, &mut actions)?;
    if !actions.is_empty() {
        journal.append(Event::Repaired(Repaired { actions }))?;
    }
    Ok(Opened { ledger, journal })
}

fn head(dir: &Path) -> Result<Head> {
    let path = dir.join(layout::HEAD);
    let read = Head::read(&path).map_err(|error| disk::failed("reading", &path, error))?;
    read.ok_or_else(|| damaged(dir, "journal.head does not read as the end of a journal"))
}

fn damaged(dir: &Path, detail: &str) -> Error {
    Error::new(Kind::Disk, format!("the journal of the case `{}` is not what was written: {detail}", dir.display()))
        .with_code("CaseDamaged")
        .hint("see what `ircollect case verify` says, and go on in another directory with --case; nothing was changed here")
}

fn ends(walk: &Walk, head: &Head) -> Vec<String> {
    let torn = (walk.torn > 0).then(|| format!("cut a torn line of {} bytes off the journal", walk.torn));
    let lost = walk.lost(head);
    let lost = (lost > 0).then(|| format!("went on without the last {lost} events, which never reached the disk"));
    torn.into_iter().chain(lost).collect()
}

fn files(dir: &Path, ledger: &Ledger, actions: &mut Vec<String>) -> Result<()> {
    let mut keep = BTreeSet::new();
    for file in ledger.standing() {
        if !finish(dir, file, actions)? {
            keep.insert(Ledger::temp_of(file));
        }
    }
    // Where a file is lost, parts that it replaced may be all that is left of its rows.
    if keep.is_empty() {
        let replaced: Vec<String> = ledger.replaced.iter().filter(|path| ledger.files.contains_key(*path)).cloned().collect();
        let removed = remove_replaced(dir, &replaced)?;
        actions.extend(removed.iter().map(|path| format!("{path}: removed, its rows being in another file")));
    }
    for name in [layout::SUMS, layout::SUMS_SIGNATURE].map(layout::temp_of) {
        if removed(&dir.join(&name))? {
            actions.push(format!("{name}: removed, left by a sealing that was killed"));
        }
    }
    for path in leftovers(dir)?.into_iter().filter(|path| !keep.contains(path)) {
        if remove(dir, &path)? {
            actions.push(format!("{path}: removed, left by a run that was killed"));
        }
    }
    Ok(())
}

/// Removes files whose rows are in another, and the folder of parts with the last of them. Returns those that were there.
pub(super) fn remove_replaced(dir: &Path, replaced: &[String]) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for relative in replaced {
        if remove(dir, relative)? {
            removed.push(relative.clone());
        }
        if let Some(path) = layout::resolve(dir, relative) {
            // It refuses, rightly, while the folder holds anything.
            drop(fs::remove_dir(disk::parent(&path)));
        }
    }
    Ok(removed)
}

/// Gives an announced file its name where that was not done. False where it can be neither found nor finished: what is left of it
/// then stays where it is, for `case verify` to name.
fn finish(dir: &Path, file: &FileStored, actions: &mut Vec<String>) -> Result<bool> {
    let Some(path) = layout::resolve(dir, &file.path) else { return Ok(false) };
    if path.symlink_metadata().is_ok() {
        return Ok(true);
    }
    if !journal::is_pending(dir, file, &|_| ()) {
        return Ok(false);
    }
    let Some(temp) = layout::resolve(dir, &Ledger::temp_of(file)) else { return Ok(false) };
    TempPath::try_from_path(temp).and_then(|temp| name(temp, &path)).map_err(|error| disk::failed("naming", &path, error))?;
    actions.push(format!("{}: given its name", file.path));
    Ok(true)
}

/// Gives a temporary file its name, never over another. On failure the temporary file stays.
pub(super) fn name(temp: TempPath, path: &Path) -> io::Result<()> {
    let mut temp = temp;
    // Virus scanners of Windows hold a fresh file for a moment.
    let mut tries = if cfg!(windows) { 20 } else { 1 };
    loop {
        tries -= 1;
        let Err(failed) = temp.persist_noclobber(path) else { break };
        if tries == 0 || failed.error.kind() != io::ErrorKind::PermissionDenied {
            drop(failed.path.keep());
            return Err(failed.error);
        }
        temp = failed.path;
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    disk::sync_folder(disk::parent(path))
}

fn leftovers(dir: &Path) -> Result<Vec<String>> {
    let data = dir.join(layout::DATA);
    let mut found = Found::default();
    match found.walk(&data, layout::DATA) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(disk::failed("listing", &data, error)),
    }
    let is_left = |path: &String| path.rsplit('/').next().is_some_and(layout::is_temp);
    Ok(found.files.into_iter().filter(is_left).collect())
}

fn remove(dir: &Path, relative: &str) -> Result<bool> {
    layout::resolve(dir, relative).map_or(Ok(false), |path| removed(&path))
}

/// Removes a file. False where there was none.
fn removed(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(disk::failed("removing", path, error)),
    }
}
