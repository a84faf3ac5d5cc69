//! What a later `--since-last` needs of a pull whose objects are not kept as they were sent: which versions it stored, told by a hash in
//! the journal. Of a file in another format neither the text of an object nor the writing of its times can be had back.

use super::{Desk, State, fields::Fields, formats::is_ndjson};
use crate::{
    collect::hunt::on_disk,
    error::Result,
    journal::{Event, Versions},
    time::parse_time,
};
use sha2::{Digest, Sha256};
use std::{collections::HashSet, sync::Arc};

/// Versions that are stored where they cannot be read back.
#[derive(Debug, Default)]
pub(super) struct Remembered(HashSet<u128>);

impl Remembered {
    /// Reads what the journal tells. What is no hash is none.
    pub(super) fn read(told: &[String]) -> Self {
        Self(told.iter().filter_map(|text| u128::from_str_radix(text, 16).ok()).collect())
    }

    /// Says whether an object is stored.
    pub(super) fn has(&self, fields: &Fields, object: &[u8]) -> bool {
        !self.0.is_empty() && version(fields, object).is_some_and(|version| self.0.contains(&version))
    }
}

/// Tells a version by its id and last update, or by its whole text where it has none; what has no id is none.
fn version(fields: &Fields, object: &[u8]) -> Option<u128> {
    let id = fields.id.as_deref()?;
    let updated = fields.updated.as_deref().map_or(object, str::as_bytes);
    let digest = Sha256::new().chain_update((id.len() as u64).to_be_bytes()).chain_update(id).chain_update(updated).finalize();
    digest.first_chunk().map(|first| u128::from_be_bytes(*first))
}

impl Desk<'_> {
    /// Tells the journal which versions the NDJSON holds that is about to go, as far as a later pull may be sent them again: those of the
    /// window's end, as far back as objects may be late.
    pub(super) async fn remember(&self, state: &State) -> Result<()> {
        let Some(window) = self.job.slice() else { return Ok(()) };
        let since = window.to.checked_sub(self.job.source.lateness).unwrap_or(window.from);
        let parts =
            state.stored.iter().filter(|stored| stored.slice.is_none_or(|slice| slice.to > since) && is_ndjson(&stored.file.format));
        let paths: Vec<String> = parts.map(|stored| stored.file.path.clone()).collect();
        let (case, names) = (Arc::clone(self.case), self.names());
        let job = self.job.job.clone();
        on_disk(move || {
            let mut versions = Vec::new();
            for path in &paths {
                case.each_row(path, &mut |object| {
                    let fields = names.read(object);
                    let time = fields.time.as_deref().and_then(|text| parse_time(text).ok());
                    let version = version(&fields, object).filter(|_| time.is_none_or(|time| time >= since));
                    versions.extend(version.map(|version| format!("{version:032x}")));
                })?;
            }
            if versions.is_empty() {
                return Ok(());
            }
            case.journal().append(Event::Versions(Versions { job, versions }))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(id: Option<&str>, updated: Option<&str>) -> Fields {
        Fields { id: id.map(str::to_owned), updated: updated.map(str::to_owned), time: None }
    }

    #[test]
    fn a_version_is_told_by_id_and_last_update_or_by_its_text() {
        let told = |fields: &Fields, object: &[u8]| format!("{:032x}", version(fields, object).unwrap());
        let stored = [told(&fields(Some("a"), Some("1")), b"{}"), told(&fields(Some("b"), None), b"{\"id\":\"b\"}"), "no hash".to_owned()];
        let remembered = Remembered::read(&stored);
        assert!(remembered.has(&fields(Some("a"), Some("1")), b"whatever"));
        assert!(!remembered.has(&fields(Some("a"), Some("2")), b"{}"));
        assert!(!remembered.has(&fields(Some("a1"), Some("")), b"{}"));
        assert!(remembered.has(&fields(Some("b"), None), b"{\"id\":\"b\"}") && !remembered.has(&fields(Some("b"), None), b"{}"));
        assert!(!remembered.has(&fields(None, Some("1")), b"{}"));
    }
}
