//! What is still to be asked of a job's window, and how finely.

use super::{
    slices::{self, Bin, Slice},
    subject::Subject,
};
use crate::{journal::Held, time::Window};
use jiff::SignedDuration;
use std::{collections::VecDeque, sync::Arc};

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

/// A piece of a job: a slice of its window, or one of several parts of that by the rows' hash, under one of the query's texts.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) window: Window,
    /// Which part of how many; none for all rows.
    pub(super) part: Option<(u32, u32)>,
    /// Which text.
    pub(super) share: u32,
    /// Where in the window its rows lie, as far as a histogram told.
    pub(super) focus: Window,
    /// Rows expected, where a histogram told.
    pub(super) expected: Option<u64>,
    /// The histogram that it was cut by, if it can be cut again by that.
    pub(super) bins: Option<Arc<[Bin]>>,
    /// It will not come whole: it is cut without being asked for.
    pub(super) hopeless: bool,
    /// How often it was refused for what it costs rather than for its size.
    pub(super) refused: u32,
}

impl Piece {
    pub(super) fn new(window: Window, part: Option<(u32, u32)>, share: u32) -> Self {
        Self { window, part, share, focus: window, expected: None, bins: None, hopeless: false, refused: 0 }
    }

    /// Returns the piece of a slice of this one.
    pub(super) fn slice(&self, slice: &Slice, bins: &Arc<[Bin]>) -> Self {
        Self {
            window: slice.window,
            focus: slice.focus,
            expected: Some(slice.rows),
            bins: (!slice.hopeless).then(|| Arc::clone(bins)),
            hopeless: slice.hopeless,
            ..self.clone()
        }
    }

    /// Returns two halves; none where its rows are of a single tick, or a part of them by hash.
    pub(super) fn halves(&self) -> Option<Vec<Self>> {
        let halves = slices::halve(self.window, self.focus).filter(|_| self.part.is_none())?;
        let half = |(window, focus)| Self { focus, refused: self.refused, ..Self::new(window, None, self.share) };
        Some(halves.map(half).to_vec())
    }

    /// Returns `factor` parts of its rows by their hash; none where there would be so many that the rows must be equal.
    pub(super) fn parts(&self, factor: u64) -> Option<Vec<Self>> {
        let (index, of) = self.part.unwrap_or((0, 1));
        let factor = u32::try_from(factor.max(2)).ok()?;
        let parts = of.checked_mul(factor).filter(|parts| *parts <= MOST_PARTS)?;
        // Rows whose hash modulo `of` is `index` are those whose hash modulo `of * factor` is `index + k * of`.
        let part =
            |k| Self { focus: self.focus, refused: self.refused, ..Self::new(self.window, Some((index + k * of, parts)), self.share) };
        Some((0..factor).map(part).collect())
    }
}

/// The most parts that rows are cut into by hash. Past that the rows are equal, and no cut can part them.
const MOST_PARTS: u32 = 65_536;

/// Returns the windows that a query is asked over before any answer is known.
pub fn windows(subject: &Subject, window: Window, mode: SliceMode) -> Vec<Window> {
    match mode {
        SliceMode::Every(length) if subject.is_bounded() => slices::every(window, length),
        _ => vec![window],
    }
}

/// Returns the first pieces of what is left.
pub(super) fn first(left: Vec<Piece>, mode: SliceMode) -> VecDeque<Piece> {
    let cut = |piece: Piece| match mode {
        SliceMode::Every(length) if piece.part.is_none() => {
            slices::every(piece.window, length).into_iter().map(|window| Piece::new(window, None, piece.share)).collect()
        }
        _ => vec![piece],
    };
    left.into_iter().flat_map(cut).collect()
}

/// Returns what none of `held` holds of the rows of `window` under one of the query's texts.
pub(super) fn missing(window: Window, share: u32, held: &[Held]) -> Vec<Piece> {
    let mut held: Vec<&Held> = held.iter().filter(|held| held.share == share && held.from < held.to).collect();
    held.sort_by_key(|held| (held.from, held.to));
    let mut missing = Vec::new();
    let mut from = window.from;
    for same in held.chunk_by(|a, b| (a.from, a.to) == (b.from, b.to)) {
        let [first, ..] = same else { continue };
        if first.from > from && from < window.to {
            missing.push(Piece::new(Window { from, to: first.from.min(window.to) }, None, share));
        }
        let parts: Vec<(u32, u32)> = same.iter().map(|held| held.part.unwrap_or((0, 1))).collect();
        let lacking = lacking((0, 1), &parts).into_iter();
        let stretch = Window { from: first.from, to: first.to };
        missing.extend(lacking.map(|part| Piece::new(stretch, (part.1 > 1).then_some(part), share)));
        from = from.max(first.to);
    }
    if from < window.to {
        missing.push(Piece::new(Window { from, to: window.to }, None, share));
    }
    missing
}

/// Returns which parts of `part` none of `held` holds. Parts are cut into parts, so that those held of one never overlap.
fn lacking(part: (u32, u32), held: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let (index, of) = part;
    let inside: Vec<(u32, u32)> = held.iter().copied().filter(|held| held.1 % of == 0 && held.0 % of == index).collect();
    if inside.contains(&part) {
        return Vec::new();
    }
    let common = inside.iter().fold(0, |common, held| greatest_common_divisor(common, held.1));
    if common <= of {
        return vec![part];
    }
    (0..common / of).flat_map(|k| lacking((index + k * of, common), &inside)).collect()
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::parse_time;
    use proptest::prelude::*;

    fn window(from: &str, to: &str) -> Window {
        Window::new(parse_time(from).unwrap(), parse_time(to).unwrap()).unwrap()
    }

    fn held(window: Window, part: Option<(u32, u32)>) -> Held {
        Held { from: window.from, to: window.to, part, share: 0, rows: 1 }
    }

    fn left(window: Window, held: &[Held]) -> Vec<(Window, Option<(u32, u32)>)> {
        missing(window, 0, held).into_iter().map(|piece| (piece.window, piece.part)).collect()
    }

    #[test]
    fn what_is_stored_is_not_asked_again() {
        let whole = window("2026-01-01", "2026-01-31");
        let stored = [window("2026-01-10", "2026-01-12"), window("2026-01-01", "2026-01-02"), window("2026-01-12", "2026-01-13")];
        let stored = stored.map(|window| held(window, None));
        assert_eq!(left(whole, &stored), [(window("2026-01-02", "2026-01-10"), None), (window("2026-01-13", "2026-01-31"), None)]);
        assert_eq!(left(whole, &[]), [(whole, None)]);
        assert_eq!(left(whole, &[held(whole, None)]), []);
        assert_eq!(missing(whole, 1, &stored).len(), 1, "another text has stored nothing");
    }

    #[test]
    fn nor_are_parts_by_hash() {
        let whole = window("2026-01-01", "2026-01-31");
        let tick = window("2026-01-10", "2026-01-11");
        let stored = [(0, 4), (1, 8), (3, 12), (7, 12)].map(|part| held(tick, Some(part)));
        let expected = [
            (window("2026-01-01", "2026-01-10"), None),
            (tick, Some((5, 8))),
            (tick, Some((2, 4))),
            (tick, Some((11, 12))),
            (window("2026-01-11", "2026-01-31"), None),
        ];
        assert_eq!(left(whole, &stored), expected);
    }

    #[test]
    fn a_tick_is_cut_by_hash_and_each_part_again() {
        let from = parse_time("2026-01-01").unwrap();
        let tick = Piece::new(Window { from, to: from + slices::TICK }, None, 0);
        assert!(tick.halves().is_none());
        let parts = tick.parts(3).unwrap();
        assert_eq!(parts.iter().map(|piece| piece.part.unwrap()).collect::<Vec<_>>(), [(0, 3), (1, 3), (2, 3)]);
        let again = parts[1].parts(0).unwrap();
        assert_eq!(again.iter().map(|piece| piece.part.unwrap()).collect::<Vec<_>>(), [(1, 6), (4, 6)]);
    }

    #[test]
    fn equal_rows_are_given_up_at_last() {
        let from = parse_time("2026-01-01").unwrap();
        let piece = Piece::new(Window { from, to: from + slices::TICK }, Some((0, MOST_PARTS)), 0);
        assert!(piece.parts(2).is_none());
    }

    proptest! {
        /// However rows are parted and whichever parts are stored, those stored and those left hold every hash once.
        #[test]
        fn parts_stored_and_left_make_a_whole(cuts in proptest::collection::vec((0_usize..64, 2_u32..6), 0..6), keep in any::<u64>()) {
            let mut parts = vec![(0_u32, 1_u32)];
            for (which, factor) in cuts {
                let (index, of) = parts.remove(which % parts.len());
                parts.extend((0..factor).map(|k| (index + k * of, of * factor)));
            }
            let stored: Vec<(u32, u32)> = parts.into_iter().enumerate().filter(|(at, _)| keep >> (at % 64) & 1 == 1).map(|(_, part)| part).collect();
            let left = lacking((0, 1), &stored);
            for hash in 0..2_000_u32 {
                let holders = stored.iter().chain(&left).filter(|(index, of)| hash % of == *index).count();
                prop_assert_eq!(holders, 1, "hash {} of {:?} and {:?}", hash, stored, left);
            }
        }
    }
}
