//! Going on with what an earlier run left: what is stored is not asked for again.

use super::{
    finish::JOINED,
    hunt::{AT_CAP, BY_HASH, Desk, State, Stored},
    plan,
};
use crate::{journal, time::Window};

impl Desk<'_> {
    /// Takes over what an earlier run stored, and returns the windows that are left.
    pub(super) fn pick_up(&self, state: &mut State) -> Vec<Window> {
        let whole = self.job.window;
        let Some(known) = self.case.jobs().latest(&self.job.job).filter(|_| self.job.resume) else { return vec![whole] };
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
            let window = file.slice.unwrap_or(whole);
            state.stored.push(Stored { window, file: file.into(), request_ids: file.request_ids.clone(), schema: file.schema.clone() });
            held.push(window);
        }
        if known.files.iter().any(|file| file.cut.as_deref() == Some(AT_CAP)) && state.already.is_none() {
            // A whole answer that was at a cap is asked for again: which of its rows are missing, nobody knows.
            state.superseded.extend(state.stored.drain(..).map(|stored| stored.file.path));
            return vec![whole];
        }
        let gaps: Vec<Window> = known.gaps.iter().filter_map(|gap| Window::new(gap.from?, gap.to?).ok()).collect();
        let joined = known.files.iter().any(|file| file.cut.as_deref() == Some(JOINED));
        if joined && state.already.is_none() { gaps } else { plan::missing(whole, &held) }
    }
}
