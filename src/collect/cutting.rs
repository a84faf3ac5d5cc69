//! Cutting a piece of a window that did not fit under the API's caps: by a histogram of its rows, else in halves, else by hash.

use super::{
    hunt::{Desk, State, filled},
    plan::{self, Piece},
    slices,
    subject::Bins,
};
use crate::{
    api::hunting::Refusal,
    error::{Error, Kind, Result},
};

/// Bins of a histogram at most; its answer is then small and quick.
const MOST_BINS: u64 = 50_000;

impl Desk<'_> {
    /// Cuts a piece that did not fit: by a histogram of its rows, else in halves, else by hash.
    pub(super) async fn cut(&self, state: &mut State, piece: Piece, reason: &str) -> Result<()> {
        state.was_cut = true;
        tracing::info!(query = %self.job.job.name, from = %piece.window.from, to = %piece.window.to, reason, "cutting a window");
        let by_time = self.job.subject.has_time();
        let mut pieces = None;
        if by_time && piece.part.is_none() && piece.window.length() > slices::TICK {
            pieces = self.by_histogram(state, piece).await?;
        }
        match pieces.or_else(|| plan::finer(piece, state.target, by_time)) {
            Some(pieces) => pieces.into_iter().rev().for_each(|piece| state.queue.push_front(piece)),
            None => {
                let error = Error::new(Kind::Incomplete, format!("{reason}, and nothing can part its rows"));
                state.fail(piece.window, error.hint("ask for less: a stricter where, or fewer columns"));
            }
        }
        Ok(())
    }

    /// Cuts a window by one or a few counting queries; none where the service would not count.
    async fn by_histogram(&self, state: &State, piece: Piece) -> Result<Option<Vec<Piece>>> {
        let window = piece.window;
        let bins = MOST_BINS.min(filled(self.job.rows_cap));
        let mut width = slices::bin_width(window, bins);
        while width < window.length() {
            match self.histogram(piece, width).await {
                Ok(bins) => {
                    let slices = slices::cut(window, &bins, width, state.target);
                    let progress = slices.len() > 1 || slices.iter().any(|slice| slice.window != window);
                    return Ok(progress.then(|| slices.iter().map(|slice| Piece::of_slice(slice, piece.share)).collect()));
                }
                Err(error) if !self.may_be_counted_otherwise(&error) => return Err(error),
                Err(error) => tracing::info!(query = %self.job.job.name, "counting failed: {error}"),
            }
            let Some(coarser) = slices::coarser(width) else { break };
            width = coarser;
        }
        Ok(None)
    }

    async fn histogram(&self, piece: Piece, width: jiff::SignedDuration) -> Result<Vec<slices::Bin>> {
        let text = self.job.subject.share(piece.share).histogram(piece.window, width);
        let text = text.ok_or_else(|| Error::new(Kind::Query, "the query's rows have no time to count them by"))?;
        let mut rows = Bins::default();
        let answer = self.hunter.ask(&self.question(text, piece.window), &mut rows).await?;
        self.answered();
        if answer.rows >= self.job.rows_cap {
            return Err(Error::new(Kind::Incomplete, "the histogram itself is at the cap").with_code("RowCap"));
        }
        Ok(rows.0)
    }

    /// A histogram that was refused may still be had with fewer bins.
    fn may_be_counted_otherwise(&self, error: &Error) -> bool {
        let smaller = Refusal::of(error).is_some_and(|refusal| self.may_fit_smaller(refusal));
        smaller || error.kind() == Kind::Query || error.explicit_code() == Some("RowCap")
    }
}
