//! What is stored, stretch by stretch of the window, held against a histogram of what the service counts.

use super::{
    density::Bins,
    hunt::Desk,
    slices::{self, Bin},
    state::State,
};
use crate::{
    error::{Error, Kind, Result},
    journal::Held,
    time::Window,
};
use std::collections::BTreeMap;

/// A stretch of the window that one or several files hold rows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) window: Window,
    /// Which of the query's texts.
    pub(super) share: u32,
    pub(super) stored: u64,
    /// What the service counts there, where it was asked.
    pub(super) counted: Option<u64>,
}

impl Stretch {
    /// Says whether what a file holds lies in it.
    pub(super) fn has(&self, held: &Held) -> bool {
        held.share == self.share && self.window.from <= held.from && held.to <= self.window.to
    }
}

/// Returns the stretches that are held, by time, each with all rows that are held of it.
pub(super) fn stretches<'a>(held: impl Iterator<Item = &'a Held>) -> Vec<Stretch> {
    let mut rows: BTreeMap<(u32, Window), u64> = BTreeMap::new();
    for held in held {
        *rows.entry((held.share, Window { from: held.from, to: held.to })).or_default() += held.rows;
    }
    rows.into_iter().map(|((share, window), stored)| Stretch { window, share, stored, counted: None }).collect()
}

/// Sums a histogram's bins over the stretches. Those that a bin lies across become one.
fn summed(stretches: &[Stretch], bins: &[Bin]) -> Vec<Stretch> {
    let mut summed: Vec<Stretch> = stretches.iter().map(|stretch| Stretch { counted: Some(0), ..*stretch }).collect();
    for bin in bins {
        let from = summed.partition_point(|stretch| stretch.window.to <= bin.first);
        let to = summed.partition_point(|stretch| stretch.window.from <= bin.last);
        let Some(across) = summed.get(from..to).filter(|across| !across.is_empty()) else { continue };
        let one = across.iter().copied().reduce(joined);
        let one = one.map(|one| Stretch { counted: Some(one.counted.unwrap_or_default() + bin.rows), ..one });
        summed.splice(from..to, one);
    }
    summed
}

fn joined(a: Stretch, b: Stretch) -> Stretch {
    let counted = Some(a.counted.unwrap_or_default() + b.counted.unwrap_or_default());
    Stretch { window: Window { from: a.window.from, to: b.window.to }, stored: a.stored + b.stored, counted, ..a }
}

impl Desk<'_> {
    /// Has the service count all stretches by one histogram for each of the query's texts; uncounted where it would not.
    pub(super) async fn counted_by_time(&self, state: &State, all: Vec<Stretch>) -> Result<BTreeMap<u32, Vec<Stretch>>> {
        let mut counted = BTreeMap::new();
        for of_share in all.chunk_by(|a, b| a.share == b.share) {
            let share = of_share.first().map(|stretch| stretch.share).unwrap_or_default();
            let bins = if of_share.len() > 1 { self.recounted(state, share).await? } else { None };
            counted.insert(share, bins.map_or_else(|| of_share.to_vec(), |bins| summed(of_share, &bins)));
        }
        Ok(counted)
    }

    async fn recounted(&self, state: &State, share: u32) -> Result<Option<Vec<Bin>>> {
        let width = slices::bin_width(self.job.window, super::hunt::filled(self.job.rows_cap).min(10_000));
        let Some(form) = state.plain_form() else { return Ok(None) };
        let Some(text) = self.job.subject.share(share).histogram(self.job.window, width, form) else { return Ok(None) };
        let mut bins = Bins::of(width);
        match self.hunter.ask(&self.question(text, self.job.window), &mut bins).await {
            Ok(_) if bins.lines < self.job.rows_cap && !bins.timed.is_empty() => Ok(Some(bins.timed)),
            Err(error) if is_fatal(&error) => Err(error),
            _ => Ok(None),
        }
    }
}

fn is_fatal(error: &Error) -> bool {
    matches!(error.kind(), Kind::Interrupted | Kind::Disk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{SignedDuration, Timestamp};

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    fn held(from: i64, to: i64, part: Option<(u32, u32)>, rows: u64) -> Held {
        Held { from: at(from), to: at(to), part, share: 0, rows }
    }

    fn bin(first: i64, last: i64, rows: u64) -> Bin {
        Bin { start: at(first), first: at(first), last: at(last), rows, bytes: 0 }
    }

    #[test]
    fn parts_of_a_window_are_one_stretch() {
        let all = [held(10, 20, Some((0, 2)), 3), held(0, 10, None, 1), held(10, 20, Some((1, 2)), 4)];
        let found: Vec<(Timestamp, u64)> = stretches(all.iter()).iter().map(|stretch| (stretch.window.from, stretch.stored)).collect();
        assert_eq!(found, [(at(0), 1), (at(10), 7)]);
    }

    #[test]
    fn bins_are_summed_where_they_lie_and_join_what_they_lie_across() {
        let all = [held(0, 10, None, 5), held(10, 20, None, 5), held(20, 30, None, 5)];
        let counted = summed(&stretches(all.iter()), &[bin(0, 4, 3), bin(5, 9, 2), bin(18, 21, 6), bin(25, 29, 5), bin(40, 41, 9)]);
        let found: Vec<(Timestamp, u64, Option<u64>)> =
            counted.iter().map(|stretch| (stretch.window.to, stretch.stored, stretch.counted)).collect();
        assert_eq!(found, [(at(10), 5, Some(5)), (at(30), 10, Some(11))]);
    }
}
