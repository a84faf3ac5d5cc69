//! Where a window is cut: from a histogram of its rows to slices that fit under the API's caps. Pure arithmetic, no calls.

use crate::time::Window;
use jiff::{SignedDuration, Timestamp};

/// Rows in a bin of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bin {
    /// Where the bin begins.
    pub(super) start: Timestamp,
    /// Time of its first row.
    pub(super) first: Timestamp,
    /// Time of its last row.
    pub(super) last: Timestamp,
    pub(super) rows: u64,
    /// What its rows take as JSON, about; 0 where that was not asked.
    pub(super) bytes: u64,
}

/// What a slice may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Slices are filled up to this.
    pub(super) rows: u64,
    /// And this.
    pub(super) bytes: u64,
    /// A bin of so many rows does not come whole: it is not worth asking for.
    pub(super) hopeless_rows: u64,
    /// And of so many bytes.
    pub(super) hopeless_bytes: u64,
}

/// A part of a window and what a histogram saw in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) window: Window,
    /// From the first of its rows to the last: within, it is cut further.
    pub(super) focus: Window,
    pub(super) rows: u64,
    /// It holds more than will come at once.
    pub(super) hopeless: bool,
}

/// The resolution of Kusto's datetime.
pub(super) const TICK: SignedDuration = SignedDuration::from_nanos(100);

/// Widths that bins are rounded up to, so that their edges fall on times that people know.
const WIDTHS: [SignedDuration; 33] = [
    SignedDuration::from_nanos(100),
    SignedDuration::from_nanos(200),
    SignedDuration::from_nanos(500),
    SignedDuration::from_micros(1),
    SignedDuration::from_micros(2),
    SignedDuration::from_micros(5),
    SignedDuration::from_micros(10),
    SignedDuration::from_micros(20),
    SignedDuration::from_micros(50),
    SignedDuration::from_micros(100),
    SignedDuration::from_micros(200),
    SignedDuration::from_micros(500),
    SignedDuration::from_millis(1),
    SignedDuration::from_millis(2),
    SignedDuration::from_millis(5),
    SignedDuration::from_millis(10),
    SignedDuration::from_millis(20),
    SignedDuration::from_millis(50),
    SignedDuration::from_millis(100),
    SignedDuration::from_millis(200),
    SignedDuration::from_millis(500),
    SignedDuration::from_secs(1),
    SignedDuration::from_secs(5),
    SignedDuration::from_secs(15),
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(15),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(6),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(24 * 7),
    SignedDuration::from_hours(24 * 30),
    SignedDuration::from_hours(24 * 365),
];

/// Returns the narrowest bin width that cuts `window` into at most `bins` bins.
pub(super) fn bin_width(window: Window, bins: u64) -> SignedDuration {
    let length = window.length().as_nanos();
    let fits = |width: &&SignedDuration| length / width.as_nanos() < i128::from(bins.max(1));
    WIDTHS.iter().find(fits).copied().unwrap_or(SignedDuration::from_hours(24 * 365))
}

/// Returns a width with a tenth of the bins or fewer, for a histogram that was itself too large.
pub(super) fn coarser(width: SignedDuration) -> Option<SignedDuration> {
    WIDTHS.iter().find(|candidate| **candidate >= width * 10).copied()
}

/// Cuts `window` where bins begin, so that each slice holds about as much as `limits` allow and none more, unless one bin alone does:
/// that bin is a slice of its own. Bins side by side that will not come whole are one slice, to be looked at more closely at once.
/// The slices are as few as can be, filled evenly, in order, do not overlap and leave nothing out.
pub(super) fn cut(window: Window, bins: &[Bin], limits: &Limits) -> Vec<Slice> {
    let mut bins: Vec<Bin> = bins.iter().copied().filter(|bin| bin.rows > 0 && bin.last >= window.from && bin.first < window.to).collect();
    bins.sort_by_key(|bin| bin.start);
    let mut best = pack(window, &bins, limits);
    let (mut low, mut high) = (0, EVEN);
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        let evened = pack(window, &bins, &limits.scaled(middle));
        if evened.len() > best.len() {
            low = middle;
        } else {
            high = middle;
            best = evened;
        }
    }
    best
}

/// Steps of evening out.
const EVEN: u64 = 256;

impl Limits {
    fn scaled(&self, steps: u64) -> Self {
        let part = |limit: u64| u64::try_from(u128::from(limit) * u128::from(steps) / u128::from(EVEN)).unwrap_or(limit).max(1);
        Self { rows: part(self.rows), bytes: part(self.bytes), ..*self }
    }

    fn is_hopeless(&self, bin: &Bin) -> bool {
        bin.rows >= self.hopeless_rows || bin.bytes >= self.hopeless_bytes
    }
}

fn pack(window: Window, bins: &[Bin], limits: &Limits) -> Vec<Slice> {
    let mut packer = Packer { limits, to: window.to, from: window.from, done: Vec::new(), open: None };
    for bin in bins {
        packer.add(bin);
    }
    packer.close(window.to);
    packer.done
}

struct Packer<'a> {
    limits: &'a Limits,
    to: Timestamp,
    from: Timestamp,
    done: Vec<Slice>,
    open: Option<Open>,
}

/// What lies in the slice that is being filled.
struct Open {
    first: Timestamp,
    last: Timestamp,
    rows: u64,
    bytes: u64,
    hopeless: bool,
}

impl Packer<'_> {
    fn add(&mut self, bin: &Bin) {
        let hopeless = self.limits.is_hopeless(bin);
        let fits = self.open.as_ref().is_none_or(|open| match (open.hopeless, hopeless) {
            (true, true) => true,
            (false, false) => open.rows + bin.rows <= self.limits.rows && open.bytes + bin.bytes <= self.limits.bytes,
            _ => false,
        });
        if !fits {
            self.close(bin.start);
        }
        let open = self.open.get_or_insert(Open { first: bin.first, last: bin.last, rows: 0, bytes: 0, hopeless });
        open.rows += bin.rows;
        open.bytes += bin.bytes;
        open.last = open.last.max(bin.last);
    }

    fn close(&mut self, at: Timestamp) {
        let at = at.clamp(self.from, self.to);
        if at == self.from {
            return;
        }
        let window = Window { from: self.from, to: at };
        let slice = match self.open.take() {
            None => Slice { window, focus: window, rows: 0, hopeless: false },
            Some(open) => {
                let end = open.last.checked_add(TICK).unwrap_or(at);
                let focus = within(window, open.first, end);
                Slice { window, focus, rows: open.rows, hopeless: open.hopeless }
            }
        };
        self.done.push(slice);
        self.from = at;
    }
}

fn within(window: Window, from: Timestamp, to: Timestamp) -> Window {
    let focus = Window { from: from.max(window.from), to: to.min(window.to) };
    if focus.from < focus.to { focus } else { window }
}

/// Cuts a window into two on the tick in the middle of its `focus`; none where that is a single tick.
pub(super) fn halve(window: Window, focus: Window) -> Option<[(Window, Window); 2]> {
    let ticks = focus.length().as_nanos() / TICK.as_nanos();
    if ticks < 2 {
        return None;
    }
    let half = SignedDuration::from_nanos_i128(ticks / 2 * TICK.as_nanos());
    let middle = focus.from.checked_add(half).ok()?;
    let before = (Window { to: middle, ..window }, Window { to: middle, ..focus });
    let after = (Window { from: middle, ..window }, Window { from: middle, ..focus });
    Some([before, after])
}

/// Cuts a window into slices of one length, the last shorter.
pub(super) fn every(window: Window, length: SignedDuration) -> Vec<Window> {
    let mut slices = Vec::new();
    let mut from = window.from;
    while from < window.to {
        let to = from.checked_add(length.max(TICK)).unwrap_or(window.to).min(window.to);
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

    fn limits(rows: u64, cap: u64) -> Limits {
        Limits { rows, bytes: u64::MAX, hopeless_rows: cap, hopeless_bytes: u64::MAX }
    }

    fn bins(whole: Window, rows: &[(i64, u64)]) -> Vec<Bin> {
        let bin = |&(second, rows): &(i64, u64)| {
            let start = whole.from + SignedDuration::from_secs(second);
            Bin { start, first: start, last: start, rows, bytes: 0 }
        };
        rows.iter().map(bin).collect()
    }

    #[test]
    fn minutes_of_thirty_days_fit_under_the_cap() {
        assert_eq!(bin_width(window(30 * 86_400), 80_000), SignedDuration::from_mins(1));
        assert_eq!(bin_width(window(30 * 86_400), 1_000), SignedDuration::from_hours(1));
        assert_eq!(coarser(SignedDuration::from_mins(1)), Some(SignedDuration::from_mins(15)));
        assert!(WIDTHS.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_tick_is_not_halved() {
        let from = Timestamp::from_second(1).unwrap();
        let ticks = |count| Window { from, to: from + TICK * count };
        assert_eq!(halve(ticks(3), ticks(1)), None);
        let [(a, _), (b, focus)] = halve(ticks(3), ticks(3)).unwrap();
        assert_eq!((a.length(), b.length(), focus), (TICK, TICK * 2, b));
    }

    #[test]
    fn few_slices_are_filled_evenly() {
        let whole = window(1_000);
        let even: Vec<(i64, u64)> = (0..1_000).map(|second| (second, 250)).collect();
        let rows: Vec<u64> = cut(whole, &bins(whole, &even), &limits(85_000, 100_000)).iter().map(|slice| slice.rows).collect();
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|rows| (82_000..85_000).contains(rows)), "{rows:?}");
    }

    #[test]
    fn what_will_not_come_whole_is_looked_at_together_and_closely() {
        let whole = window(1_000);
        let slices = cut(whole, &bins(whole, &[(10, 5), (500, 120), (502, 130), (700, 5), (800, 95)]), &limits(85, 100));
        let seen: Vec<(u64, bool)> = slices.iter().map(|slice| (slice.rows, slice.hopeless)).collect();
        assert_eq!(seen, [(5, false), (250, true), (5, false), (95, false)]);
        assert_eq!(slices[1].window.length(), SignedDuration::from_secs(200), "what lies empty costs no call");
        assert_eq!(slices[1].focus.length(), SignedDuration::from_secs(2) + TICK);
    }

    #[test]
    fn bytes_count_as_rows_do() {
        let whole = window(100);
        let heavy: Vec<Bin> = bins(whole, &[(1, 1), (2, 1), (3, 1)]).into_iter().map(|bin| Bin { bytes: 60, ..bin }).collect();
        let limits = Limits { rows: 10, bytes: 100, hopeless_rows: 10, hopeless_bytes: 200 };
        assert_eq!(cut(whole, &heavy, &limits).len(), 3);
    }

    proptest! {
        #[test]
        fn slices_tile_the_window(rows in proptest::collection::btree_map(0_i64..86_400, 0_u64..50_000, 0..200), target in 1_u64..100_000) {
            let whole = window(86_400);
            let bins = bins(whole, &rows.into_iter().collect::<Vec<_>>());
            let slices = cut(whole, &bins, &limits(target, target + target / 5));
            prop_assert_eq!(slices[0].window.from, whole.from);
            prop_assert_eq!(slices[slices.len() - 1].window.to, whole.to);
            prop_assert!(slices.windows(2).all(|pair| pair[0].window.to == pair[1].window.from));
            prop_assert!(slices.iter().all(|slice| slice.window.from < slice.window.to));
            prop_assert!(slices.iter().all(|slice| slice.window.from <= slice.focus.from && slice.focus.to <= slice.window.to));
            prop_assert_eq!(slices.iter().map(|slice| slice.rows).sum::<u64>(), bins.iter().map(|bin| bin.rows).sum::<u64>());
            for slice in slices {
                let of_slice = bins.iter().filter(|bin| slice.window.from <= bin.start && bin.start < slice.window.to && bin.rows > 0);
                prop_assert!(slice.rows <= target || slice.hopeless || of_slice.count() == 1);
            }
        }

        #[test]
        fn equal_lengths_tile_the_window(seconds in 1_i64..100_000, length in 1_i64..10_000) {
            let slices = every(window(seconds), SignedDuration::from_secs(length));
            prop_assert_eq!(slices.iter().map(|slice| slice.length()).sum::<SignedDuration>(), window(seconds).length());
        }
    }
}
