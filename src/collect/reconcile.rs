//! Proof of completeness: the service counts the window's rows, and what it counts is held against what is stored.

use super::{
    density::Bins,
    hunt::Desk,
    plan::Piece,
    state::{Counted, State, Stored},
    stretches::{Stretch, stretches},
};
use crate::{
    api::hunting::Refusal,
    error::{Error, Kind, Result},
    time::{Window, rfc3339},
};
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::cmp::Ordering;

/// How often a window is halved that the service will not count whole.
const MOST_HALVINGS: u32 = 3;

/// The look-back of the hunting APIs (apis.md 4.6): what is older goes, and a count of it falls.
const RETENTION: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

impl Desk<'_> {
    /// Has the service count, where the job was cut or the user asked for it. Where it counts more than is stored, the windows
    /// that lack rows are fetched once more; what still lacks is a gap. A service that will not count is no gap: its words are noted.
    pub(super) async fn reconcile(&self, state: &mut State) -> Result<()> {
        let wanted = self.job.reconcile || ((state.was_cut || state.doubted) && state.capped.is_none());
        if state.failure.is_some() || !wanted {
            return Ok(());
        }
        if state.was_cut && self.may_cut().is_err() {
            state.notes.push("the service was not asked to count: each slice has its own result, and they are not parts of one".into());
            return Ok(());
        }
        let Some(counted) = self.count(state).await? else { return Ok(()) };
        if counted.rows <= state.rows() || state.capped.is_some() {
            self.judge(state, counted, &[]);
            return Ok(());
        }
        let lacking = self.lacking(state).await?;
        self.fetch_again(state, counted, &lacking).await?;
        if state.failure.is_none()
            && let Some(counted) = self.count(state).await?
        {
            self.judge(state, counted, &lacking);
        }
        Ok(())
    }

    /// Counts the whole window.
    async fn count(&self, state: &mut State) -> Result<Option<Counted>> {
        match self.count_in(self.job.window, MOST_HALVINGS).await {
            Ok(Some(rows)) => {
                let counted = Counted { rows, at: Timestamp::now() };
                state.counted = Some(counted);
                Ok(Some(counted))
            }
            Ok(None) => {
                state.notes.push("the service was not asked to count: the query could not be read here".into());
                Ok(None)
            }
            Err(error) if matches!(error.kind(), Kind::Interrupted | Kind::Disk) => Err(error),
            Err(error) => {
                state.notes.push(format!("the service did not count: {}", error.message()));
                Ok(None)
            }
        }
    }

    /// Counts a window under all of the query's texts; in halves where it is too much at once.
    fn count_in(&self, window: Window, halvings: u32) -> BoxFuture<'_, Result<Option<u64>>> {
        Box::pin(async move {
            let mut rows = 0;
            for share in 0..self.job.subject.shares() {
                let Some(text) = self.job.subject.share(share).count(window) else { return Ok(None) };
                match self.sum(text, window).await {
                    Ok(more) => rows += more,
                    Err(error) if halvings > 0 && self.may_halve(&error) => return self.count_halves(window, halvings - 1, error).await,
                    Err(error) => return Err(error),
                }
            }
            Ok(Some(rows))
        })
    }

    fn may_halve(&self, error: &Error) -> bool {
        self.job.subject.has_time() && Refusal::of(error).is_some_and(Refusal::is_cap)
    }

    async fn count_halves(&self, window: Window, halvings: u32, error: Error) -> Result<Option<u64>> {
        let Some(halves) = super::slices::halve(window, window) else { return Err(error) };
        let mut rows = 0;
        for (half, _) in halves {
            let Some(more) = self.count_in(half, halvings).await? else { return Ok(None) };
            rows += more;
        }
        Ok(Some(rows))
    }

    async fn sum(&self, text: String, window: Window) -> Result<u64> {
        let mut bins = Bins::default();
        self.hunter.ask(&self.question(text, window), &mut bins).await?;
        if bins.lines == 1 { Ok(bins.rows) } else { Err(Error::new(Kind::Query, "the count is not one number")) }
    }

    /// Finds the stretches of the window in which the service counts more than is stored: by one histogram, else one by one.
    async fn lacking(&self, state: &State) -> Result<Vec<Stretch>> {
        let all = stretches(state.stored.iter().flat_map(|stored| &stored.holds));
        let whole = all.len() == 1;
        let mut lacking = Vec::new();
        for (share, stretches) in self.counted_by_time(state, all).await? {
            for stretch in stretches {
                let counted = match stretch.counted {
                    Some(counted) => counted,
                    None if whole => u64::MAX,
                    None => self.count_in(stretch.window, MOST_HALVINGS).await?.unwrap_or_default(),
                };
                if counted > stretch.stored {
                    lacking.push(Stretch { share, counted: Some(counted), ..stretch });
                }
            }
        }
        Ok(lacking)
    }

    /// Fetches again what lacks rows.
    async fn fetch_again(&self, state: &mut State, counted: Counted, lacking: &[Stretch]) -> Result<()> {
        let before = state.rows();
        let is_lacking = |stored: &Stored| stored.holds.iter().any(|held| lacking.iter().any(|stretch| stretch.has(held)));
        let (again, kept): (Vec<Stored>, Vec<Stored>) = state.stored.drain(..).partition(is_lacking);
        state.stored = kept;
        let mut pieces: Vec<(Window, u32)> =
            again.iter().flat_map(|stored| &stored.holds).map(|held| (Window { from: held.from, to: held.to }, held.share)).collect();
        pieces.sort_unstable();
        pieces.dedup();
        state.superseded.extend(again.iter().flat_map(Stored::files).map(|file| file.path.clone()));
        state.queue.extend(pieces.iter().map(|(window, share)| Piece::new(*window, None, *share)));
        let (rows, at, times) = (counted.rows, rfc3339(counted.at), pieces.len());
        state.notes.push(format!(
            "the service counted {rows} rows at {at} where {before} had come: {times} window(s) were fetched once more, for rows that arrived late"
        ));
        self.work_off(state).await
    }

    fn judge(&self, state: &mut State, counted: Counted, fetched_again: &[Stretch]) {
        let stored = state.rows();
        let (rows, at) = (counted.rows, rfc3339(counted.at));
        match rows.cmp(&stored) {
            Ordering::Equal => {}
            Ordering::Greater => {
                let reason = format!("the service counted {rows} rows at {at}, {} more than are stored", rows - stored);
                let window = match fetched_again {
                    [only] => only.window,
                    _ => self.job.window,
                };
                state.gap(window, reason);
            }
            Ordering::Less => state.notes.push(format!(
                "the service counted {rows} rows at {at}, {} fewer than are stored: {}",
                stored - rows,
                why_fewer(self.job.window, counted.at)
            )),
        }
    }
}

fn why_fewer(window: Window, at: Timestamp) -> &'static str {
    if at.duration_since(window.from) >= RETENTION {
        "the window reaches to the edge of what the service keeps, where rows age out"
    } else {
        "rows that had come are not there any more"
    }
}
