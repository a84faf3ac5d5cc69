//! Going on with what an earlier run left: what is stored is not asked for again.

use super::{
    finish::JOINED,
    hunt::{AT_CAP, BY_HASH, Desk, State, Stored},
    plan,
};
use crate::{journal, time::Window};

impl Desk<'_> {
    /// Takes over what an earlier run stored, and returns the windows that are left, each of one share.
    pub(super) fn pick_up(&self, state: &mut State) -> Vec<(u32, Window)> {
        let (whole, shares) = (self.job.window, 0..self.job.subject.shares());
        let all = || shares.clone().map(|share| (share, whole)).collect();
        let Some(known) = self.case.jobs().latest(&self.job.job).filter(|_| self.job.resume) else { return all() };
        let ended = known.ended.as_ref();
        if ended.is_some_and(|ended| ended.status == journal::Outcome::Complete) {
            state.already = ended.cloned();
        }
        let mut held = Vec::new();
        for file in &known.files {
            if file.cut.as_deref().is_some_and(|cut| cut.starts_with(BY_HASH)) {
                state.superseded.push(file.path.clone());
                continue;
            }
            let (window, share) = (file.slice.unwrap_or(whole), self.job.subject.share_marked(file.cut.as_deref()));
            state.stored.push(Stored {
                window,
                share,
                file: file.into(),
                request_ids: file.request_ids.clone(),
                schema: file.schema.clone(),
            });
            held.push((share, window));
        }
        if known.files.iter().any(|file| file.cut.as_deref().is_some_and(|cut| cut.starts_with(AT_CAP))) && state.already.is_none() {
            // A whole answer that was at a cap is asked for again: which of its rows are missing, nobody knows.
            state.superseded.extend(state.stored.drain(..).map(|stored| stored.file.path));
            return all();
        }
        let joined = known.files.iter().any(|file| file.cut.as_deref() == Some(JOINED));
        if joined && state.already.is_none() {
            // Shares are joined only where nothing is missing, so that gaps are those of a query that has one.
            return known.gaps.iter().filter_map(|gap| Some((0, Window::new(gap.from?, gap.to?).ok()?))).collect();
        }
        let of = |share| held.iter().filter(move |held| held.0 == share).map(|held| held.1).collect::<Vec<_>>();
        shares.flat_map(|share| plan::missing(whole, &of(share)).into_iter().map(move |window| (share, window))).collect()
    }
}
