//! Cutting a piece that did not fit under the API's caps: by a histogram of its rows, else in halves, else by hash.

use super::{
    density::{Bins, Form},
    hunt::{Desk, filled},
    plan::Piece,
    slices::{self, Bin, Limits, Slice, TICK},
};
use crate::{
    api::hunting::{Refusal, is_beyond},
    error::{Error, Kind, Result},
};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// Why a piece did not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cap {
    /// It has as many rows as the API gives, or more.
    Rows,
    /// It has more bytes than the API gives.
    Bytes,
    /// It took the service too long, or too much.
    Cost,
}

/// What cutting goes by: what the job has learnt so far.
#[derive(Clone, Debug)]
pub(super) struct Knowledge {
    pub(super) limits: Limits,
    /// Ways to ask for a histogram that the service did not refuse, the best first.
    pub(super) forms: Vec<Form>,
}

/// What came of cutting a piece.
pub(super) struct CutUp {
    /// None where nothing can part its rows.
    pub(super) pieces: Option<Vec<Piece>>,
    /// Ways to ask for a histogram that the service refused.
    pub(super) refused: Vec<Form>,
}

/// Bins of a histogram at most; its answer is then small and quick.
const MOST_BINS: u64 = 50_000;
/// What a bin takes in the answer, at most.
const BYTES_A_BIN: u64 = 256;
/// Cuts of a window for what it costs, after which it is not size that makes it costly: the tenant's processing quota is used up, and
/// is given anew every quarter of an hour (apis.md 4.6, 4.7).
const MOST_REFUSED: u32 = 3;
const QUARTER: i64 = 15 * 60;
/// After the quarter of an hour has begun, by a clock that may be ahead.
const MARGIN: SignedDuration = SignedDuration::from_secs(5);
/// How often a histogram that was at a cap itself is asked for with fewer bins.
const MOST_COARSER: u32 = 3;

impl Piece {
    /// Says whether a smaller piece may come where this did not.
    pub(super) fn may_be_smaller(&self) -> bool {
        self.refused < MOST_REFUSED
    }
}

impl Desk<'_> {
    /// Cuts a piece that did not fit.
    pub(super) async fn cut(&self, mut piece: Piece, cap: Cap, mut knowledge: Knowledge) -> Result<CutUp> {
        let forms = knowledge.forms.clone();
        let pieces = if cap == Cap::Cost && !piece.may_be_smaller() {
            self.hunter.rest(next_quarter(Timestamp::now()), "the query was preempted time and again").await?;
            Some(vec![piece])
        } else {
            piece.refused += u32::from(cap == Cap::Cost);
            self.smaller(&piece, cap, &mut knowledge).await?
        };
        let refused = forms.into_iter().filter(|form| !knowledge.forms.contains(form)).collect();
        Ok(CutUp { pieces, refused })
    }

    async fn smaller(&self, piece: &Piece, cap: Cap, knowledge: &mut Knowledge) -> Result<Option<Vec<Piece>>> {
        if self.job.subject.has_time() && piece.part.is_none() && piece.focus.length() > TICK {
            if let Some(pieces) = self.in_time(piece, cap, knowledge).await? {
                return Ok(Some(pieces));
            }
            if let Some(halves) = piece.halves() {
                return Ok(Some(halves));
            }
        }
        self.by_hash(piece, cap, &knowledge.limits).await
    }

    /// Cuts by the histogram that the piece was cut by, or by one of its own.
    async fn in_time(&self, piece: &Piece, cap: Cap, knowledge: &mut Knowledge) -> Result<Option<Vec<Piece>>> {
        if let Some(bins) = &piece.bins {
            let slices = slices::cut(piece.window, bins, &knowledge.limits);
            if slices.len() > 1 {
                return Ok(Some(of_slices(piece, &slices, bins)));
            }
        }
        let Some(bins) = self.histogram(piece, cap, knowledge).await? else { return Ok(None) };
        let limits = lowered(knowledge.limits, &bins);
        let slices = slices::cut(piece.window, &bins, &limits);
        let closer = slices.iter().all(|slice| if slice.hopeless { slice.focus.length() < piece.focus.length() } else { piece.hopeless });
        Ok((slices.len() > 1 || closer).then(|| of_slices(piece, &slices, &bins.into())))
    }

    /// Counts a piece's rows by time, in one or a few queries; none where the service would not count.
    async fn histogram(&self, piece: &Piece, cap: Cap, knowledge: &mut Knowledge) -> Result<Option<Vec<Bin>>> {
        let most = MOST_BINS.min(filled(self.job.rows_cap)).min(self.job.bytes_cap / BYTES_A_BIN);
        for form in knowledge.forms.clone().into_iter().filter(|form| cap == Cap::Bytes || !form.weighed) {
            match self.bins(piece, form, slices::bin_width(piece.focus, most)).await? {
                Counted::Bins(bins) => return Ok(Some(bins)),
                // Weighing costs; what is too much without it is too much in any form.
                Counted::Refused if form.weighed => {}
                Counted::Refused => break,
                Counted::Impossible => knowledge.forms.retain(|other| *other != form),
            }
        }
        Ok(None)
    }

    /// Asks for a histogram in one form, again with coarser bins where it is at a cap itself.
    async fn bins(&self, piece: &Piece, form: Form, mut width: SignedDuration) -> Result<Counted> {
        for _ in 0..MOST_COARSER {
            if width >= piece.focus.length() {
                break;
            }
            let Some(text) = self.job.subject.share(piece.share).histogram(piece.focus, width, form) else {
                return Ok(Counted::Impossible);
            };
            let mut bins = Bins::of(width);
            let question = self.question(text, piece.focus);
            match self.hunter.ask(&question, &mut bins).await {
                Ok(_) if bins.lines >= self.job.rows_cap => self.answered(),
                Ok(_) => {
                    self.answered();
                    let is_timeless = bins.timed.is_empty() && bins.rows > 0;
                    return Ok(if is_timeless { Counted::Impossible } else { Counted::Bins(bins.timed) });
                }
                Err(error) if is_not_understood(&error) => {
                    self.answered();
                    tracing::info!(query = %self.job.job.name, ?form, "the service cannot count so: {error}");
                    return Ok(Counted::Impossible);
                }
                Err(error) if Refusal::of(&error) == Some(Refusal::Gateway) && question.can_be_cut => {
                    // It is no matter of how many bins there are.
                    self.may_fit_smaller(Refusal::Gateway);
                    break;
                }
                Err(error) if Refusal::of(&error).is_some_and(|refusal| self.may_fit_smaller(refusal)) => {
                    tracing::info!(query = %self.job.job.name, "counting failed: {error}");
                }
                Err(error) => return Err(error),
            }
            let Some(coarser) = slices::coarser(width) else { break };
            width = coarser;
        }
        Ok(Counted::Refused)
    }

    /// Cuts the rows of a tick, or of tables that have no time, or a part of them, by their hash.
    async fn by_hash(&self, piece: &Piece, cap: Cap, limits: &Limits) -> Result<Option<Vec<Piece>>> {
        let rows = match piece.expected {
            None if piece.part.is_none() && cap == Cap::Rows => self.counted(piece).await?,
            expected => expected,
        };
        Ok(piece.parts(rows.map_or(2, |rows| rows.div_ceil(limits.rows.max(1)))))
    }

    async fn counted(&self, piece: &Piece) -> Result<Option<u64>> {
        let Some(text) = self.job.subject.share(piece.share).count(piece.window) else { return Ok(None) };
        let mut bins = Bins::default();
        match self.hunter.ask(&self.question(text, piece.window), &mut bins).await {
            Ok(_) => Ok(Some(bins.rows)),
            Err(error) if Refusal::of(&error).is_some_and(Refusal::is_cap) || error.kind() == Kind::Query => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What came of asking for a histogram.
enum Counted {
    Bins(Vec<Bin>),
    /// Not of this window, at this time.
    Refused,
    /// Never.
    Impossible,
}

/// Says whether the service will never answer a question of this form.
fn is_not_understood(error: &Error) -> bool {
    let is_cap = Refusal::of(error).is_some_and(Refusal::is_cap);
    is_beyond(error) || (error.kind() == Kind::Query && !is_cap)
}

fn of_slices(piece: &Piece, slices: &[Slice], bins: &Arc<[Bin]>) -> Vec<Piece> {
    slices.iter().map(|slice| piece.slice(slice, bins)).collect()
}

/// Lowers limits that would let everything pass that did not.
fn lowered(limits: Limits, bins: &[Bin]) -> Limits {
    let (rows, bytes) = bins.iter().fold((0, 0), |(rows, bytes), bin| (rows + bin.rows, bytes + bin.bytes));
    if rows > limits.rows || bytes > limits.bytes {
        return limits;
    }
    let half = |all: u64, limit: u64| if all == 0 { limit } else { all.div_ceil(2) };
    Limits { rows: half(rows, limits.rows), bytes: half(bytes, limits.bytes), ..limits }
}

fn next_quarter(now: Timestamp) -> Timestamp {
    let next = Timestamp::from_second((now.as_second() / QUARTER + 1) * QUARTER).unwrap_or(now);
    next.checked_add(MARGIN).unwrap_or(next)
}

impl Cap {
    /// Tells what cap a refusal means.
    pub(super) fn of(refusal: Refusal) -> Self {
        if refusal == Refusal::TooLarge { Self::Bytes } else { Self::Cost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quarter_of_an_hour_begins_with_a_margin() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(next_quarter(at("2026-01-01T10:14:59.9Z")), at("2026-01-01T10:15:05Z"));
        assert_eq!(next_quarter(at("2026-01-01T10:15:00Z")), at("2026-01-01T10:30:05Z"));
    }

    #[test]
    fn what_was_refused_is_not_asked_for_again_as_it_was() {
        let start = Timestamp::UNIX_EPOCH;
        let bin = |rows, bytes| Bin { start, first: start, last: start, rows, bytes };
        let limits = Limits { rows: 100, bytes: 1_000, hopeless_rows: 120, hopeless_bytes: 1_200 };
        let low = lowered(limits, &[bin(50, 0), bin(20, 0)]);
        assert_eq!((low.rows, low.bytes), (35, 1_000));
        let low = lowered(limits, &[bin(50, 300)]);
        assert_eq!((low.rows, low.bytes), (25, 150));
        assert_eq!(lowered(limits, &[bin(101, 0)]).rows, 100);
    }
}
