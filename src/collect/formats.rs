//! The formats of a job: every one that is asked for ends as one file with all rows, however they came.

use super::{
    hunt::{Desk, on_disk},
    pick_up,
    plan::{self, Piece},
    state::{State, Stored},
};
use crate::{
    error::{Error, Kind, Result},
    journal::{Column, FileStored, Held},
    store::{About, Day, Facts, Format, Place, Wanted, Written},
    time::{Window, parse_time, rfc3339},
};
use std::{mem, sync::Arc};

/// How the journal marks the files that parts were joined to.
pub(super) const JOINED: &str = "joined from slices";
/// How the journal marks the files that a job's rows were laid out in.
const BY_DAY: &str = "laid out by day";

/// The files of one answer: the rows as they were sent, or, where those are not kept, in the first format; and the other formats.
pub(super) type Files = (Written, Vec<Written>);

/// Parts the first of the files of an answer from the rest.
pub(super) fn parted(files: Vec<Written>) -> Result<Files> {
    let mut files = files.into_iter();
    let first = files.next().ok_or_else(|| Error::new(Kind::Failed, "rows were to be stored in no format"))?;
    Ok((first, files.collect()))
}

impl Desk<'_> {
    /// Returns what the rows of a piece are to become. Parts are NDJSON too, whatever was asked for: a resumed job goes on from that.
    pub(super) fn wanted(&self, piece: &Piece) -> Wanted {
        // Days are made of NDJSON alone.
        let formats = if self.job.by_day { vec![Format::Ndjson] } else { self.job.formats.clone() };
        Wanted { formats, keeps_ndjson: !self.is_whole(piece), about: self.about(piece.window, &self.text_of(piece)) }
    }

    fn about(&self, window: Window, query: &str) -> About {
        let job = &self.job.job;
        let (from, to) = (rfc3339(window.from), rfc3339(window.to));
        let facts = [("tenant", job.tenant.as_str()), ("api", &job.api), ("from", &from), ("to", &to), ("query", query)];
        About { name: job.name.clone(), facts: facts.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec() }
    }

    fn others(&self) -> impl Iterator<Item = Format> {
        self.job.formats.iter().copied().filter(|format| *format != Format::Ndjson)
    }

    /// Joins parts to one file a format. A job that is not whole keeps its NDJSON, asked for or not: it goes on from that.
    pub(super) async fn join(&self, state: &mut State) -> Result<()> {
        let mut parts = state.stored.clone();
        parts.sort_by_key(|part| part.holds.first().map(|held| (held.from, held.to, held.share, held.part)));
        let query = self.job.subject.piece(self.job.window, None);
        let mut facts = Facts {
            job: self.job.job.clone(),
            query: Some(query.clone()),
            cut: Some(JOINED.to_owned()),
            replaces: mem::take(&mut state.superseded),
            ..Facts::default()
        };
        for part in &parts {
            facts.replaces.extend(part.files().map(|file| file.path.clone()));
            facts.holds.extend(part.holds.iter().copied());
            facts.request_ids.extend(part.request_ids.iter().cloned());
            add_columns(&mut facts.schema, &part.schema);
        }
        let lacks = state.failure.is_some() || !state.gaps.is_empty();
        let wanted = Wanted { formats: self.job.formats.clone(), keeps_ndjson: lacks, about: self.about(self.job.window, &query) };
        let (case, place) = (Arc::clone(self.case), self.whole_place());
        let (holds, request_ids, schema) = (facts.holds.clone(), facts.request_ids.clone(), facts.schema.clone());
        let (file, others) = on_disk(move || {
            let parts: Vec<Vec<Written>> = parts.iter().map(|part| part.files().cloned().collect()).collect();
            let harvest = case.join(&place, &parts, &facts.schema, &wanted)?;
            parted(case.commit_all(harvest, facts)?)
        })
        .await?;
        state.stored = vec![Stored { file, others, holds, capped: false, request_ids, schema }];
        Ok(())
    }

    /// Lays the rows out day by day. Until the last file is there, the parts stay.
    pub(super) async fn scatter(&self, state: &mut State) -> Result<()> {
        let query = self.job.subject.piece(self.job.window, None);
        let wanted = Wanted { formats: self.job.formats.clone(), keeps_ndjson: false, about: self.about(self.job.window, &query) };
        let mut facts = Facts { job: self.job.job.clone(), query: Some(query), cut: Some(BY_DAY.to_owned()), ..Facts::default() };
        let mut replaces = mem::take(&mut state.superseded);
        for part in &state.stored {
            replaces.extend(part.files().map(|file| file.path.clone()));
            facts.request_ids.extend(part.request_ids.iter().cloned());
            add_columns(&mut facts.schema, &part.schema);
        }
        let parts: Vec<Written> = state.stored.iter().map(|part| part.file.clone()).collect();
        // Days that a killed run laid out keep their folder until these stand.
        let again = replaces.iter().any(|path| Place::is_of_dataset(path));
        let place = if again { self.case.reserve(&self.place) } else { self.place.clone() };
        let (case, job) = (Arc::clone(self.case), self.job.job.clone());
        let (window, schema, request_ids) = (self.job.window, facts.schema.clone(), facts.request_ids.clone());
        let days = on_disk(move || {
            let days = case.scatter(&place, [job.tenant.as_str(), job.name.as_str()], &parts, &facts.schema, &wanted)?;
            let last = days.len().saturating_sub(1);
            let commit = |(at, day): (usize, Day)| {
                let replaces = if at == last { mem::take(&mut replaces) } else { Vec::new() };
                let slice = day.date.as_deref().and_then(|date| within(window, date));
                case.commit_all(day.harvest, Facts { slice, replaces, ..facts.clone() }).and_then(parted)
            };
            days.into_iter().enumerate().map(commit).collect::<Result<Vec<Files>>>()
        })
        .await?;
        let stored = |(file, others)| {
            let (holds, request_ids, schema) = (Vec::new(), request_ids.clone(), schema.clone());
            Stored { file, others, holds, capped: false, request_ids, schema }
        };
        state.stored = days.into_iter().map(stored).collect();
        Ok(())
    }

    /// Writes the formats that are asked for and not there: of a job that was picked up, or whose parts stay apart.
    pub(super) async fn complete_formats(&self, state: &mut State) -> Result<()> {
        let unfit = |error: &Error| matches!(error.kind(), Kind::Interrupted | Kind::Disk);
        if state.failure.as_ref().is_some_and(unfit) {
            return Ok(());
        }
        for at in 0..state.stored.len() {
            let Some(stored) = state.stored.get(at).cloned() else { continue };
            let made = self.complete(&stored).await?;
            if let Some(stored) = state.stored.get_mut(at) {
                stored.others.extend(made);
            }
        }
        Ok(())
    }

    async fn complete(&self, stored: &Stored) -> Result<Vec<Written>> {
        let lacking: Vec<Format> = self.others().filter(|format| stored.files().all(|file| file.format != format.name())).collect();
        if lacking.is_empty() || stored.file.format != Format::Ndjson.name() {
            return Ok(Vec::new());
        }
        let no_path = || Error::new(Kind::Disk, format!("`{}` is no path of a case", stored.file.path));
        let place = Place::of(&stored.file.path).ok_or_else(no_path)?;
        let facts = Facts {
            job: self.job.job.clone(),
            holds: stored.holds.clone(),
            schema: stored.schema.clone(),
            request_ids: stored.request_ids.clone(),
            ..Facts::default()
        };
        let wanted = Wanted {
            formats: lacking,
            keeps_ndjson: false,
            about: self.about(self.job.window, &self.job.subject.piece(self.job.window, None)),
        };
        let (case, part) = (Arc::clone(self.case), vec![stored.file.clone()]);
        on_disk(move || {
            let harvest = case.join(&place, &[part], &facts.schema, &wanted)?;
            case.commit_all(harvest, facts)
        })
        .await
    }

    /// Takes over the files of an earlier run that are not NDJSON. Those beside NDJSON of the same rows are further formats of them; others
    /// count where they hold all of the window in every format asked for, and are made again where not.
    pub(super) fn take_over_formats(&self, state: &mut State, known: &[FileStored]) {
        let mut groups: Vec<(Vec<Held>, Vec<&FileStored>)> = Vec::new();
        for file in known.iter().filter(|file| file.format != Format::Ndjson.name()) {
            let holds = pick_up::holds(file, self.job.window);
            if let Some(beside) = state.stored.iter_mut().find(|stored| stored.holds == holds) {
                beside.others.push(file.into());
            } else if let Some((_, group)) = groups.iter_mut().find(|(held, _)| *held == holds) {
                group.push(file);
            } else {
                groups.push((holds, vec![file]));
            }
        }
        for (holds, group) in groups {
            self.take_over_group(state, &holds, &group);
        }
    }

    fn take_over_group(&self, state: &mut State, holds: &[Held], group: &[&FileStored]) {
        let is_there = |format: &Format| group.iter().any(|file| file.format == format.name());
        let is_whole = (0..self.job.subject.shares()).all(|share| plan::missing(self.job.window, share, holds).is_empty());
        let counts = is_whole
            && state.stored.is_empty()
            && self.job.formats.iter().all(is_there)
            && !group.iter().any(|file| pick_up::is_capped(file));
        match group {
            [first, rest @ ..] if counts || state.already.is_some() => {
                let others = rest.iter().map(|file| (*file).into()).collect();
                state.stored.push(Stored { others, ..pick_up::stored(first, self.job.window) });
            }
            _ => state.superseded.extend(group.iter().map(|file| file.path.clone())),
        }
    }
}

/// Returns what of a window lies in a day.
fn within(window: Window, date: &str) -> Option<Window> {
    let from = parse_time(date).ok()?;
    let to = from.checked_add(jiff::SignedDuration::from_hours(24)).ok()?;
    Window::new(from.max(window.from), to.min(window.to)).ok()
}

fn add_columns(schema: &mut Vec<Column>, more: &[Column]) {
    for column in more {
        if !schema.contains(column) {
            schema.push(column.clone());
        }
    }
}
