//! What is still to be asked of a job's window, and how finely.

use super::slices::{self, Slice};
use crate::time::Window;
use jiff::SignedDuration;
use std::collections::VecDeque;

/// How a window is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SliceMode {
    /// As the caps demand.
    #[default]
    Auto,
    /// Never.
    Off,
    /// Into slices of this length, and further as the caps demand.
    Every(SignedDuration),
}

/// A piece of a window: a slice of time, or one of `of` parts of it by the rows' hash; of one of the texts that are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) window: Window,
    /// Which of the texts that the query is parted into.
    pub(super) share: u32,
    /// Which part of how many; none for all rows.
    pub(super) part: Option<(u32, u32)>,
    /// Rows expected, where a histogram told.
    pub(super) expected: Option<u64>,
}

impl Piece {
    pub(super) fn whole(window: Window, share: u32) -> Self {
        Self { window, share, part: None, expected: None }
    }

    pub(super) fn of_slice(slice: &Slice, share: u32) -> Self {
        Self { window: slice.window, share, part: None, expected: Some(slice.expected) }
    }
}

/// The most parts that rows of one tick are cut into by hash. Past that the rows are equal, and no cut can part them.
const MOST_PARTS: u32 = 4_096;

/// Returns the first pieces of the windows that are left, each of one share.
pub(super) fn first(left: &[(u32, Window)], mode: SliceMode) -> VecDeque<Piece> {
    let cut = |window: Window| match mode {
        SliceMode::Every(length) => slices::every(window, length),
        SliceMode::Auto | SliceMode::Off => vec![window],
    };
    left.iter().flat_map(|(share, window)| cut(*window).into_iter().map(|window| Piece::whole(window, *share))).collect()
}

/// Returns the parts of `window` that none of `stored` holds.
pub(super) fn missing(window: Window, stored: &[Window]) -> Vec<Window> {
    let mut stored = stored.to_vec();
    stored.sort();
    let mut missing = Vec::new();
    let mut from = window.from;
    for held in stored {
        if held.from > from && from < window.to {
            missing.push(Window { from, to: held.from.min(window.to) });
        }
        from = from.max(held.to);
    }
    if from < window.to {
        missing.push(Window { from, to: window.to });
    }
    missing
}

/// Returns the pieces of a piece that no histogram can cut: two halves, or parts by hash where it is a single tick (or may be
/// cut by hash alone). None where nothing can part its rows.
pub(super) fn finer(piece: Piece, target: u64, by_time: bool) -> Option<Vec<Piece>> {
    if let Some(halves) = slices::halve(piece.window).filter(|_| by_time && piece.part.is_none()) {
        return Some(halves.map(|window| Piece::whole(window, piece.share)).to_vec());
    }
    let (index, of) = piece.part.unwrap_or((0, 1));
    let wanted = piece.expected.map_or(2, |rows| rows.div_ceil(target.max(1)).clamp(2, 64));
    let factor = u32::try_from(wanted).unwrap_or(64).next_power_of_two();
    let parts = of.checked_mul(factor).filter(|parts| *parts <= MOST_PARTS)?;
    // Rows whose hash modulo `of` is `index` are those whose hash modulo `of * factor` is `index + k * of`.
    Some((0..factor).map(|k| Piece { part: Some((index + k * of, parts)), expected: None, ..piece }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::parse_time;

    fn window(from: &str, to: &str) -> Window {
        Window::new(parse_time(from).unwrap(), parse_time(to).unwrap()).unwrap()
    }

    #[test]
    fn what_is_stored_is_not_asked_again() {
        let whole = window("2026-01-01", "2026-01-31");
        let stored = [window("2026-01-10", "2026-01-12"), window("2026-01-01", "2026-01-02"), window("2026-01-12", "2026-01-13")];
        assert_eq!(missing(whole, &stored), [window("2026-01-02", "2026-01-10"), window("2026-01-13", "2026-01-31")]);
        assert_eq!(missing(whole, &[]), [whole]);
        assert_eq!(missing(whole, &[whole]), []);
    }

    #[test]
    fn a_tick_is_cut_by_hash_and_each_part_again() {
        let from = parse_time("2026-01-01").unwrap();
        let tick = Piece { window: Window { from, to: from + slices::TICK }, share: 0, part: None, expected: Some(250_000) };
        let parts = finer(tick, 80_000, true).unwrap();
        assert_eq!(parts.iter().map(|piece| piece.part.unwrap()).collect::<Vec<_>>(), [(0, 4), (1, 4), (2, 4), (3, 4)]);
        let again = finer(parts[1], 80_000, true).unwrap();
        assert_eq!(again.iter().map(|piece| piece.part.unwrap()).collect::<Vec<_>>(), [(1, 8), (5, 8)]);
    }

    #[test]
    fn equal_rows_are_given_up_at_last() {
        let from = parse_time("2026-01-01").unwrap();
        let piece = Piece { window: Window { from, to: from + slices::TICK }, share: 0, part: Some((0, 4_096)), expected: None };
        assert_eq!(finer(piece, 10, true), None);
    }
}
