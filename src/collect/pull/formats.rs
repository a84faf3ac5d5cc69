//! The formats of a pull: its parts become one file in every format that is asked for. Objects have no schema: their columns are learned.

use super::{Desk, State, Stored};
use crate::{
    collect::{
        formats::{JOINED, parted},
        hunt::on_disk,
    },
    error::{Error, Kind, Result},
    journal::{FileStored, Known},
    store::{About, Facts, Format, Place, Wanted, Written},
    time::rfc3339,
};
use std::{mem, sync::Arc};

/// Tells whether a file is what parts were joined to.
pub(super) fn is_joined(file: &FileStored) -> bool {
    file.cut.as_deref() == Some(JOINED)
}

/// Tells whether a format is that of objects as they were sent.
pub(super) fn is_ndjson(format: &str) -> bool {
    format == Format::Ndjson.name()
}

impl Stored {
    /// Returns all files that hold the objects.
    pub(super) fn files(&self) -> impl Iterator<Item = &Written> {
        std::iter::once(&self.file).chain(&self.others)
    }
}

impl State {
    /// Takes over what an earlier run stored. Other formats count where all is there; else they are made again.
    pub(super) fn take_over(&mut self, known: &Known) {
        let (ndjson, others): (Vec<&FileStored>, Vec<&FileStored>) = known.files.iter().partition(|file| is_ndjson(&file.format));
        for file in ndjson {
            take(self, file);
        }
        if self.already.is_none() {
            self.superseded.extend(others.iter().map(|file| file.path.clone()));
            return;
        }
        let mut others = others.into_iter();
        if self.stored.is_empty() {
            others.by_ref().take(1).for_each(|file| take(self, file));
        }
        if let Some(stored) = self.stored.first_mut() {
            stored.others.extend(others.map(Into::into));
        }
    }
}

impl Desk<'_> {
    /// Brings the objects to one file a format. A pull that is not whole keeps its NDJSON, asked for or not: it goes on from that.
    pub(super) async fn put_together(&self, state: &mut State) -> Result<()> {
        let unfit = |error: &Error| matches!(error.kind(), Kind::Interrupted | Kind::Disk);
        if state.stored.is_empty() || state.failure.as_ref().is_some_and(unfit) {
            return Ok(());
        }
        let parted = state.stored.len() > 1 || state.stored.iter().any(|stored| stored.slice.is_some());
        if state.already.is_none() && parted { self.join(state).await } else { self.complete(state).await }
    }

    async fn join(&self, state: &mut State) -> Result<()> {
        let lacks = state.failure.is_some() || !state.gaps.is_empty();
        if !lacks && !self.job.formats.contains(&Format::Ndjson) {
            self.remember(state).await?;
        }
        let mut parts = mem::take(&mut state.stored);
        parts.sort_by_key(|part| part.slice);
        let mut facts = self.facts(state);
        facts.cut = Some(JOINED.to_owned());
        for part in &parts {
            facts.replaces.extend(part.files().map(|file| file.path.clone()));
            facts.request_ids.extend(part.request_ids.iter().cloned());
        }
        let taken = parts.iter().any(|part| self.place.is_at(&part.file.path));
        let place = if taken { self.case.reserve(&self.place) } else { self.place.clone() };
        let request_ids = facts.request_ids.clone();
        let files = parts.iter().map(|part| part.files().cloned().collect()).collect();
        state.stored = parts;
        let (file, others) = self.write(place, files, self.wanted(self.job.formats.clone(), lacks), facts).await?;
        state.stored = vec![Stored { slice: None, file, others, request_ids }];
        Ok(())
    }

    /// Writes the formats that are lacking beside a file that holds everything, which goes where it was not asked for.
    async fn complete(&self, state: &mut State) -> Result<()> {
        let lacks = state.failure.is_some() || !state.gaps.is_empty() || state.already.is_some();
        let Some(stored) = state.stored.first().cloned().filter(|stored| is_ndjson(&stored.file.format)) else { return Ok(()) };
        let is_there = |format: &Format| stored.files().any(|file| file.format == format.name());
        let lacking: Vec<Format> = self.job.formats.iter().copied().filter(|format| !is_there(format)).collect();
        let Some(place) = Place::of(&stored.file.path).filter(|_| !lacking.is_empty()) else { return Ok(()) };
        let stays = lacks || self.job.formats.contains(&Format::Ndjson);
        let mut facts = Facts { request_ids: stored.request_ids.clone(), ..self.facts(state) };
        if !stays {
            self.remember(state).await?;
            facts.replaces.push(stored.file.path.clone());
        }
        let (first, rest) = self.write(place, vec![vec![stored.file.clone()]], self.wanted(lacking, false), facts).await?;
        let Some(kept) = state.stored.first_mut() else { return Ok(()) };
        if stays {
            kept.others.push(first);
        } else {
            kept.file = first;
        }
        kept.others.extend(rest);
        Ok(())
    }

    async fn write(&self, place: Place, parts: Vec<Vec<Written>>, wanted: Wanted, facts: Facts) -> Result<(Written, Vec<Written>)> {
        let case = Arc::clone(self.case);
        on_disk(move || {
            let harvest = case.join(&place, &parts, &[], &wanted)?;
            parted(case.commit_all(harvest, facts)?)
        })
        .await
    }

    fn facts(&self, state: &mut State) -> Facts {
        let replaces = mem::take(&mut state.superseded);
        Facts { job: self.job.job.clone(), query: self.job.filter.clone(), replaces, ..Facts::default() }
    }

    fn wanted(&self, formats: Vec<Format>, keeps_ndjson: bool) -> Wanted {
        let job = &self.job.job;
        let (from, to) = (rfc3339(self.job.window.from), rfc3339(self.job.window.to));
        let mut facts = vec![("tenant", job.tenant.as_str()), ("api", &job.api), ("from", &from), ("to", &to)];
        facts.extend(self.job.filter.as_deref().map(|filter| ("filter", filter)));
        let facts = facts.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Wanted { formats, keeps_ndjson, about: About { name: self.name.clone(), facts } }
    }
}

fn take(state: &mut State, file: &FileStored) {
    state.rows += file.rows;
    state.bytes += file.bytes;
    state.stored.push(Stored { slice: file.slice, file: file.into(), others: Vec::new(), request_ids: file.request_ids.clone() });
}
