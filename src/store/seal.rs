//! Ends a case: `SHA256SUMS` over everything in it, signed if that was asked for, and a last event in the journal. Nothing is added to a
//! sealed case.
//!
//! What the last event will make of the journal is worked out first; the sums, and their signature, are written under temporary names;
//! then the event is written, durably; then the files get their names. Killed before the event the case is as it was, after it the
//! next [`Case::open`] gives the names. Either way it verifies.

use super::{
    case::{Case, case_sha256},
    recover,
};
use crate::{
    error::{Error, Kind, Result},
    journal::{self, CaseSealed, Closing, Event, Head, Ledger, Outer, Signatory, Walk, disk, layout},
};
use std::{fs, io, io::Write, path::Path};
use tempfile::TempPath;

/// A case about to be sealed.
#[derive(Debug)]
pub struct Sealing<'a> {
    case: &'a Case,
    closing: Closing,
    sums: String,
}

impl Case {
    /// Works out the seal of the case. Nothing may be stored or journalled until it is finished. That the files are what the journal
    /// says is not looked into here: see [`super::CaseView::verify`].
    ///
    /// # Errors
    /// [`Kind::Disk`].
    pub fn sealing(&self, signed_by: Option<Signatory>) -> Result<Sealing<'_>> {
        self.journal.begin(None)?;
        let mut ledger = Ledger::default();
        journal::events(&self.dir, &mut |line| ledger.take(&line))?;
        let (files, bytes) = ledger.standing().fold((0, 0), |(files, bytes), file| (files + 1, bytes + file.bytes));
        let closing = self.journal.closing(&Event::Sealed(CaseSealed { files, bytes, signed_by }))?;
        let outer = Outer { case: case_sha256(&self.dir)?, journal: closing.journal_sha256.clone(), head: closing.head_sha256.clone() };
        Ok(Sealing { case: self, sums: journal::sums(&ledger, &outer), closing })
    }
}

impl Sealing<'_> {
    /// Returns what `SHA256SUMS` will hold.
    pub fn sums(&self) -> &str {
        &self.sums
    }

    /// Seals the case.
    ///
    /// # Errors
    /// [`Kind::Disk`]. The case is then as it was, or, where only the names of the two files are lacking, sealed.
    pub fn finish(self, signature: Option<&[u8]>) -> Result<()> {
        let dir = self.case.dir();
        let mut temps = Vec::new();
        for (name, bytes) in [(layout::SUMS_SIGNATURE, signature), (layout::SUMS, Some(self.sums.as_bytes()))] {
            temps.extend(bytes.map(|bytes| put(dir, name, bytes)).transpose()?);
        }
        disk::sync_folder(dir).map_err(|error| disk::failed("writing", dir, error))?;
        self.case.journal.close(&self.closing)?;
        for temp in temps {
            drop(temp.keep());
        }
        give_names(dir).map_err(|error| disk::failed("naming the sums in", dir, error))
    }
}

/// Writes a file under its temporary name. It goes with what is returned, unless that is kept.
fn put(dir: &Path, name: &str, bytes: &[u8]) -> Result<TempPath> {
    let path = dir.join(layout::temp_of(name));
    let failed = |error| disk::failed("writing", &path, error);
    let mut file = disk::private_or_existing().open(&path).map_err(failed)?;
    let temp = TempPath::try_from_path(&path).map_err(failed)?;
    file.set_len(0).and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(temp)
}

/// Gives the files of a seal their names where they lack them. `SHA256SUMS` comes last: with it the seal is whole.
fn give_names(dir: &Path) -> io::Result<()> {
    for name in [layout::SUMS_SIGNATURE, layout::SUMS] {
        let (temp, path) = (dir.join(layout::temp_of(name)), dir.join(name));
        if temp.symlink_metadata().is_ok() && path.symlink_metadata().is_err() {
            recover::name(TempPath::try_from_path(temp)?, &path)?;
        }
    }
    Ok(())
}

/// Does the last steps of a sealing that was killed behind its event: the journal's head, then the names.
pub(super) fn complete(dir: &Path, walk: &Walk, head: &Head) -> io::Result<()> {
    if walk.is_ahead_of(head) {
        let mut file = fs::OpenOptions::new().write(true).open(dir.join(layout::HEAD))?;
        Head::at(walk.last.clone()).write(&mut file)?;
        file.sync_all()?;
    }
    give_names(dir)
}

/// The refusal to add to a sealed case.
pub(super) fn refused(dir: &Path) -> Error {
    Error::new(Kind::Disk, format!("the case `{}` is sealed: nothing is added to it", dir.display()))
        .with_code("CaseSealed")
        .hint("go on in another directory with --case")
}

/// What the files of a seal hold.
#[derive(Clone, Debug)]
pub struct Seal {
    /// `SHA256SUMS`.
    pub sums: Vec<u8>,
    /// `SHA256SUMS.p7s`, where there is one.
    pub signature: Option<Vec<u8>>,
}

/// Reads the files of a seal; none where there is no `SHA256SUMS`.
pub(super) fn read(dir: &Path) -> Result<Option<Seal>> {
    let Some(sums) = read_if_there(&dir.join(layout::SUMS))? else { return Ok(None) };
    Ok(Some(Seal { sums, signature: read_if_there(&dir.join(layout::SUMS_SIGNATURE))? }))
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(disk::failed("reading", path, error)),
    }
}
