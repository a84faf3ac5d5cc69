//! Many needles at once, for `has_any` and `has_all`: a text is cut into terms once, however many needles there are.
//!
//! A needle that stands in a text as `has` asks has each of its own terms there as a whole term. So every needle is filed under one
//! of its terms, and only where that term comes is the needle compared.

use super::matcher::{Needle, Place, is_bounded};
use std::collections::{HashMap, HashSet};

/// Below this number of needles, searching for each is faster than cutting the text into terms.
const FEW: usize = 4;
/// Bits of the filter for each needle: one term in so many is looked up in vain.
const BITS_EACH: usize = 64;
/// An odd number with bits all over, the golden ratio's.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// ASCII letters and digits in lower case; what belongs to no term is 0.
const FOLDED: [u8; 256] = folded();

const fn folded() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            table[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    table
}

/// The needles of a list.
pub(crate) struct Needles {
    filed: Filed,
    /// Those without a term of ASCII letters and digits, with letters of other kinds, or all where they are few.
    others: Vec<Needle>,
    empty: bool,
}

impl Needles {
    pub(crate) fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let texts: HashSet<String> = texts.into_iter().map(str::to_lowercase).collect();
        let empty = texts.is_empty();
        let can_be_filed = |text: &String| text.is_ascii() && text.bytes().any(|byte| byte.is_ascii_alphanumeric());
        let (filed, others): (Vec<String>, Vec<String>) = texts.into_iter().partition(can_be_filed);
        let (filed, few) = if filed.len() < FEW { (Vec::new(), filed) } else { (filed, Vec::new()) };
        let others = others.iter().chain(&few).map(|text| Needle::new(text, Place::Term, false)).collect();
        Self { filed: Filed::new(filed), others, empty }
    }

    /// Whether any of them stands in `text` as a term.
    pub(crate) fn any(&self, text: &str) -> bool {
        self.filed.each(text.as_bytes(), |_| true) || self.others.iter().any(|needle| needle.matches(text))
    }

    /// Whether all of them stand in `text` as terms.
    pub(crate) fn all(&self, text: &str) -> bool {
        !self.empty && self.others.iter().all(|needle| needle.matches(text)) && self.filed.all(text.as_bytes())
    }
}

/// A needle and where in it the term stands that it is filed under.
struct Card {
    text: Box<[u8]>,
    at: usize,
}

impl Card {
    /// Files a needle under its longest term: the longer, the rarer.
    fn new(text: String) -> (u64, Self) {
        let text = text.into_bytes().into_boxed_slice();
        let (start, end) = terms(&text).max_by_key(|(start, end)| end - start).unwrap_or_default();
        (hashed(&text[start..end]), Self { text, at: start })
    }

    /// Whether the needle stands where its term does.
    fn stands(&self, text: &[u8], term: usize) -> bool {
        let Some(start) = term.checked_sub(self.at) else { return false };
        let end = start + self.text.len();
        text.get(start..end).is_some_and(|found| found.eq_ignore_ascii_case(&self.text)) && is_bounded(text, start, end)
    }
}

struct Filed {
    cards: Vec<Card>,
    /// The numbers of the cards by the hash of their term.
    drawers: HashMap<u64, Vec<usize>>,
    /// A bit for each hash that has a drawer.
    filter: Vec<u64>,
    /// What leaves a hash's place in the filter.
    shift: u32,
}

impl Filed {
    fn new(texts: Vec<String>) -> Self {
        let words = (texts.len() * BITS_EACH / 64).next_power_of_two().max(1);
        let shift = 64 - words.trailing_zeros() - 6;
        let mut made = Self { cards: Vec::with_capacity(texts.len()), drawers: HashMap::new(), filter: vec![0; words], shift };
        for text in texts {
            let (hash, card) = Card::new(text);
            made.drawers.entry(hash).or_default().push(made.cards.len());
            made.cards.push(card);
            let (word, bit) = made.place(hash);
            made.filter[word] |= bit;
        }
        made
    }

    fn place(&self, hash: u64) -> (usize, u64) {
        let place = hash.wrapping_mul(MIX) >> self.shift;
        (usize::try_from(place / 64).unwrap_or(0), 1 << (place % 64))
    }

    /// Calls `take` with the number of every needle that stands in the text, until it has had enough. True where it has.
    fn each(&self, text: &[u8], mut take: impl FnMut(usize) -> bool) -> bool {
        if self.cards.is_empty() {
            return false;
        }
        let mut at = 0;
        while let Some((start, end, hash)) = next_term(text, at) {
            at = end;
            let (word, bit) = self.place(hash);
            if self.filter[word] & bit != 0 && self.drawer(hash).any(|number| self.cards[number].stands(text, start) && take(number)) {
                return true;
            }
        }
        false
    }

    fn drawer(&self, hash: u64) -> impl Iterator<Item = usize> {
        self.drawers.get(&hash).into_iter().flatten().copied()
    }

    fn all(&self, text: &[u8]) -> bool {
        if self.cards.is_empty() {
            return true;
        }
        let mut found = vec![false; self.cards.len()];
        let mut missing = found.len();
        self.each(text, |number| {
            missing -= usize::from(!std::mem::replace(&mut found[number], true));
            missing == 0
        })
    }
}

/// The next term from a place on: its start, its end and its hash.
fn next_term(text: &[u8], from: usize) -> Option<(usize, usize, u64)> {
    let start = from + text.get(from..)?.iter().position(|byte| FOLDED[usize::from(*byte)] != 0)?;
    let mut hash = 0_u64;
    let mut end = start;
    while let Some(byte) = text.get(end) {
        let folded = FOLDED[usize::from(*byte)];
        if folded == 0 {
            break;
        }
        hash = hash.rotate_left(5) ^ u64::from(folded);
        end += 1;
    }
    Some((start, end, hash))
}

fn hashed(term: &[u8]) -> u64 {
    next_term(term, 0).map_or(0, |(_, _, hash)| hash)
}

fn terms(text: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (start, end, _) = next_term(text, at)?;
        at = end;
        Some((start, end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn has(text: &str, needle: &str) -> bool {
        Needle::new(needle, Place::Term, false).matches(text)
    }

    #[test]
    fn many_needles_give_what_single_ones_give() {
        let words = ["alpha", "Beta", "gamma", "delta", "epsilon", "zeta", "eta", "the-ta", ".exe"];
        let needles = Needles::new(words);
        for text in ["x beta y", "xbeta", "THE-TA", "a.exe", "a.exes", "", "zeta"] {
            assert_eq!(needles.any(text), words.iter().any(|word| has(text, word)), "{text}");
        }
        assert!(needles.all("eta zeta epsilon delta gamma beta alpha the-ta x.exe"));
        assert!(!needles.all("eta zeta epsilon delta gamma beta alpha the-ta"));
        assert!(!Needles::new([]).any("x") && !Needles::new([]).all("x"));
    }

    proptest! {
        #[test]
        fn whatever_they_are_made_of(text in "[aAbé1. \\-]{0,16}", words in prop::collection::vec("[aBé1.\\-]{0,4}", 1..9)) {
            let needles = Needles::new(words.iter().map(String::as_str));
            prop_assert_eq!(needles.any(&text), words.iter().any(|word| has(&text, word)));
            prop_assert_eq!(needles.all(&text), words.iter().all(|word| has(&text, word)));
        }
    }
}
