//! Going on with what an earlier run left: what is stored is not asked for again. The journal's files tell what that is, each by
//! itself; nothing else is gone by, so that it does not matter when a run died.

use super::{
    hunt::{AT_CAP, Desk},
    plan::{self, Piece},
    state::{State, Stored},
};
use crate::{
    journal::{FileStored, Held, Outcome},
    store::{Format, Place},
    time::Window,
};

impl Desk<'_> {
    /// Takes over what an earlier run stored, and returns what is left.
    pub(super) fn pick_up(&self, state: &mut State) -> Vec<Piece> {
        self.take_over(state);
        self.tally.start(state.rows(), state.stored.iter().map(|stored| stored.file.bytes).sum());
        let held: Vec<Held> = state.stored.iter().flat_map(|stored| stored.holds.iter().copied()).collect();
        state.was_cut = held.iter().any(|held| held.part.is_some() || Window { from: held.from, to: held.to } != self.job.window);
        (0..self.job.subject.shares()).flat_map(|share| plan::missing(self.job.window, share, &held)).collect()
    }

    fn take_over(&self, state: &mut State) {
        let Some(known) = self.case.jobs().of(&self.job.job.id).filter(|_| self.job.resume) else { return };
        let ended = known.ended.as_ref();
        state.already = ended.filter(|ended| ended.status == Outcome::Complete).cloned();
        state.doubted = known.doubted;
        for file in known.files.iter().filter(|file| file.format == Format::Ndjson.name()) {
            if (is_capped(file) || Place::is_of_dataset(&file.path)) && state.already.is_none() {
                // An answer that was at a cap is asked for again: which of its rows are missing, nobody knows.
                state.superseded.push(file.path.clone());
            } else {
                state.stored.push(stored(file, self.job.window));
            }
        }
        self.take_over_formats(state, &known.files);
    }
}

/// Returns what a file of the journal holds.
pub(super) fn stored(file: &FileStored, whole: Window) -> Stored {
    Stored {
        holds: holds(file, whole),
        file: file.into(),
        others: Vec::new(),
        capped: false,
        request_ids: file.request_ids.clone(),
        schema: file.schema.clone(),
    }
}

pub(super) fn is_capped(file: &FileStored) -> bool {
    file.cut.as_deref().is_some_and(|cut| cut.contains(AT_CAP))
}

pub(super) fn holds(file: &FileStored, whole: Window) -> Vec<Held> {
    if !file.holds.is_empty() {
        return file.holds.clone();
    }
    let Window { from, to } = file.slice.unwrap_or(whole);
    vec![Held { from, to, part: file.part, share: file.share, rows: file.rows }]
}

/// Returns where the rows of a job go that is gone on with: beside the parts that are there.
pub(super) fn place_of(known: &[FileStored]) -> Option<Place> {
    let whole = known.iter().rev().find_map(|file| Place::whole_of(&file.path, Format::Ndjson))?;
    known.iter().all(|file| !whole.is_at(&file.path)).then_some(whole)
}
