//! Where a window is cut: from a histogram of its rows to slices that fit under the API's caps. Pure arithmetic, no calls.

use crate::time::Window;
use jiff::{SignedDuration, Timestamp};

/// Rows in a bin that begins at `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bin {
    pub(super) start: Timestamp,
    pub(super) rows: u64,
}

/// The resolution of Kusto's datetime.
pub(super) const TICK: SignedDuration = SignedDuration::from_nanos(100);

/// Widths that bins are rounded up to, so that their edges fall on times that people know.
const WIDTHS: [SignedDuration; 13] = [
    SignedDuration::from_nanos(100),
    SignedDuration::from_micros(10),
    SignedDuration::from_millis(1),
    SignedDuration::from_millis(10),
    SignedDuration::from_millis(100),
    SignedDuration::from_secs(1),
    SignedDuration::from_secs(10),
    SignedDuration::from_secs(60),
    SignedDuration::from_secs(300),
    SignedDuration::from_secs(1_800),
    SignedDuration::from_hours(3),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(24 * 30),
];

/// Returns the narrowest bin width that cuts `window` into at most `bins` bins.
pub(super) fn bin_width(window: Window, bins: u64) -> SignedDuration {
    let length = window.length().as_nanos();
    let fits = |width: &&SignedDuration| length / width.as_nanos() < i128::from(bins.max(1));
    WIDTHS.iter().find(fits).copied().unwrap_or(SignedDuration::from_hours(24 * 365))
}

/// Returns the next coarser width, for a histogram that was itself too large.
pub(super) fn coarser(width: SignedDuration) -> Option<SignedDuration> {
    WIDTHS.iter().find(|candidate| **candidate > width).copied()
}

/// Cuts `window` at edges of bins of `width` so that each slice holds about `target` rows and none more, unless one bin alone
/// does: that bin is a slice of its own, with its own edges, so that it can be cut more finely. The slices are in order, do not
/// overlap and leave nothing out; bins outside the window are ignored.
pub(super) fn cut(window: Window, bins: &[Bin], width: SignedDuration, target: u64) -> Vec<Slice> {
    let mut bins: Vec<Bin> = bins.iter().copied().filter(|bin| bin.rows > 0 && bin.start < window.to).collect();
    bins.sort_by_key(|bin| bin.start);
    let mut slices = Slices { done: Vec::new(), from: window.from, rows: 0 };
    for bin in bins {
        if slices.rows + bin.rows > target {
            slices.close(bin.start.min(window.to));
        }
        slices.rows += bin.rows;
        if bin.rows > target {
            slices.close(bin.start.checked_add(width).unwrap_or(window.to).min(window.to));
        }
    }
    slices.close(window.to);
    slices.done
}

struct Slices {
    done: Vec<Slice>,
    from: Timestamp,
    rows: u64,
}

impl Slices {
    fn close(&mut self, to: Timestamp) {
        if to > self.from {
            self.done.push(Slice { window: Window { from: self.from, to }, expected: self.rows });
            self.from = to;
            self.rows = 0;
        }
    }
}

/// A part of a window and how many rows a histogram saw in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) window: Window,
    pub(super) expected: u64,
}

/// Cuts a window into two halves on a tick; none where it is a single tick.
pub(super) fn halve(window: Window) -> Option<[Window; 2]> {
    let ticks = window.length().as_nanos() / TICK.as_nanos();
    if ticks < 2 {
        return None;
    }
    let half = SignedDuration::from_nanos_i128(ticks / 2 * TICK.as_nanos());
    let middle = window.from.checked_add(half).ok()?;
    Some([Window { from: window.from, to: middle }, Window { from: middle, to: window.to }])
}

/// Cuts a window into slices of one length, the last shorter.
pub(super) fn every(window: Window, length: SignedDuration) -> Vec<Window> {
    let mut slices = Vec::new();
    let mut from = window.from;
    while from < window.to {
        let to = from.checked_add(length).unwrap_or(window.to).min(window.to);
        slices.push(Window { from, to });
        from = to;
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(seconds: i64) -> Window {
        let from = Timestamp::from_second(1_790_000_000).unwrap();
        Window::new(from, from + SignedDuration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn minutes_of_thirty_days_fit_under_the_cap() {
        assert_eq!(bin_width(window(30 * 86_400), 80_000), SignedDuration::from_secs(60));
        assert_eq!(bin_width(window(30 * 86_400), 1_000), SignedDuration::from_secs(1_800 * 6));
        assert_eq!(coarser(SignedDuration::from_secs(60)), Some(SignedDuration::from_secs(300)));
    }

    #[test]
    fn a_tick_is_not_halved() {
        let from = Timestamp::from_second(1).unwrap();
        assert_eq!(halve(Window { from, to: from + TICK }), None);
        let [a, b] = halve(Window { from, to: from + TICK * 3 }).unwrap();
        assert_eq!((a.length(), b.length()), (TICK, TICK * 2));
    }

    /// Several bins of one second count as one.
    fn has_one_busy_second(bins: &[Bin], slice: Slice, target: u64) -> bool {
        let inside: Vec<&Bin> =
            bins.iter().filter(|bin| slice.window.from <= bin.start && bin.start < slice.window.to && bin.rows > 0).collect();
        inside.iter().all(|bin| bin.start == inside[0].start) || inside.iter().map(|bin| bin.rows).sum::<u64>() <= target
    }

    proptest! {
        #[test]
        fn slices_tile_the_window(rows in proptest::collection::vec((0_i64..86_400, 0_u64..50_000), 0..200), target in 1_u64..100_000) {
            let whole = window(86_400);
            let bins: Vec<Bin> = rows.iter().map(|(second, rows)| Bin { start: whole.from + SignedDuration::from_secs(*second), rows: *rows }).collect();
            let slices = cut(whole, &bins, SignedDuration::from_secs(1), target);
            prop_assert_eq!(slices[0].window.from, whole.from);
            prop_assert_eq!(slices[slices.len() - 1].window.to, whole.to);
            prop_assert!(slices.windows(2).all(|pair| pair[0].window.to == pair[1].window.from));
            prop_assert!(slices.iter().all(|slice| slice.window.from < slice.window.to));
            let total: u64 = bins.iter().map(|bin| bin.rows).sum();
            prop_assert_eq!(slices.iter().map(|slice| slice.expected).sum::<u64>(), total);
            for slice in slices {
                let second = slice.window.length() <= SignedDuration::from_secs(1);
                prop_assert!(slice.expected <= target || second || has_one_busy_second(&bins, slice, target));
            }
        }

        #[test]
        fn equal_lengths_tile_the_window(seconds in 1_i64..100_000, length in 1_i64..10_000) {
            let slices = every(window(seconds), SignedDuration::from_secs(length));
            prop_assert_eq!(slices.iter().map(|slice| slice.length()).sum::<SignedDuration>(), window(seconds).length());
        }
    }
}
