//! Proof of completeness: the service counts the window's rows, and what it counts is held against what is stored.

use super::{
    hunt::{Counted, Desk, State, Stored},
    plan::Piece,
    slices::Bin,
    subject::Bins,
};
use crate::{
    error::{Error, Kind, Result},
    time::{Window, rfc3339},
};
use jiff::Timestamp;

impl Desk<'_> {
    /// Has the service count, where the job was cut or the user asked for it. Where it counts more than is stored, the windows
    /// that lack rows are fetched once more; what still lacks is a gap. A service that will not count is no gap: its words are noted.
    pub(super) async fn reconcile(&self, state: &mut State) -> Result<()> {
        if state.failure.is_some() || !(state.was_cut || self.job.reconcile) {
            return Ok(());
        }
        let Some(counted) = self.count(state).await? else { return Ok(()) };
        if counted.rows > stored_rows(state) {
            self.fetch_again(state).await?;
        }
        self.judge(state, counted);
        Ok(())
    }

    async fn count(&self, state: &mut State) -> Result<Option<Counted>> {
        let texts = (0..self.job.subject.shares()).map(|share| self.job.subject.share(share).count(self.job.window));
        let Some(texts) = texts.collect::<Option<Vec<_>>>() else {
            state.notes.push("the service was not asked to count: the query could not be read here".into());
            return Ok(None);
        };
        match self.sum_of_all(texts).await {
            Ok(rows) => {
                let counted = Counted { rows, at: Timestamp::now() };
                state.counted = Some(counted);
                Ok(Some(counted))
            }
            Err(error) if matches!(error.kind(), Kind::Interrupted | Kind::Disk) => Err(error),
            Err(error) => {
                state.notes.push(format!("the service did not count: {}", error.message()));
                Ok(None)
            }
        }
    }

    async fn sum_of_all(&self, texts: Vec<String>) -> Result<u64> {
        let mut rows = 0;
        for text in texts {
            rows += self.sum(text, self.job.window).await?;
        }
        Ok(rows)
    }

    async fn sum(&self, text: String, window: Window) -> Result<u64> {
        let mut bins = Bins::default();
        self.hunter.ask(&self.question(text, window), &mut bins).await?;
        match bins.0.as_slice() {
            [Bin { rows, .. }] => Ok(*rows),
            _ => Err(Error::new(Kind::Query, "the count is not one number")),
        }
    }

    /// Fetches the windows again in which the service counts more than is stored.
    async fn fetch_again(&self, state: &mut State) -> Result<()> {
        let mut lacking = Vec::new();
        for stored in &state.stored {
            let Some(text) = self.job.subject.share(stored.share).count(stored.window) else { continue };
            if state.stored.len() == 1 || self.sum(text, stored.window).await? > rows_in(state, stored) {
                lacking.push((stored.share, stored.window));
            }
        }
        lacking.dedup();
        for (share, window) in &lacking {
            let (again, kept): (Vec<Stored>, Vec<Stored>) =
                state.stored.drain(..).partition(|stored| stored.window == *window && stored.share == *share);
            state.stored = kept;
            state.superseded.extend(again.into_iter().map(|stored| stored.file.path));
            state.queue.push_back(Piece::whole(*window, *share));
        }
        state.notes.push(format!("{} windows were fetched once more: the service counted more rows than came", lacking.len()));
        self.work_off(state).await
    }

    fn judge(&self, state: &mut State, counted: Counted) {
        let stored = stored_rows(state);
        let (rows, at) = (counted.rows, rfc3339(counted.at));
        match rows.cmp(&stored) {
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Greater => {
                let lacking = rows - stored;
                state.gap(self.job.window, format!("the service counted {rows} rows at {at}, {lacking} more than are stored"));
            }
            std::cmp::Ordering::Less => state.notes.push(format!(
                "the service counted {rows} rows at {at}, fewer than the {stored} stored: rows arrived in between, or aged out at the edge of retention"
            )),
        }
    }
}

fn stored_rows(state: &State) -> u64 {
    state.stored.iter().map(|stored| stored.file.rows).sum()
}

/// Several files hold one window where its rows were parted by hash.
fn rows_in(state: &State, of: &Stored) -> u64 {
    let same = |stored: &&Stored| stored.window == of.window && stored.share == of.share;
    state.stored.iter().filter(same).map(|stored| stored.file.rows).sum()
}
