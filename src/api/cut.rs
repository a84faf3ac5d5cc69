//! Finds where a JSON value ends, and checks on the way that it is one, over any number of chunks, in one pass.
//!
//! It is as strict as RFC 8259, and as `serde_json` where that is asked to look without building anything: numbers of any
//! length and surrogate escapes that stand alone are let through. UTF-8 is left to the caller, who is told when there is
//! anything beyond ASCII. It keeps nothing of the value but the kinds of its open brackets.

/// How deep brackets may nest. The services' deepest rows nest a dozen; readers of the rows may recurse.
pub(super) const DEPTH: usize = 512;

/// Where in a value the scanner is, and what it met.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan {
    place: Place,
    depth: usize,
    /// One bit for each open bracket: set for objects.
    objects: [u64; DEPTH / 64],
    /// Whether line breaks stand between tokens.
    pub(super) lines: bool,
    /// Whether a string holds bytes beyond ASCII.
    pub(super) wide: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A value must begin.
    Value,
    /// After `[`: a value or `]`.
    FirstItem,
    /// After `{`: a key or `}`.
    FirstKey,
    /// After `,` of an object: a key.
    NextKey,
    /// After a key: `:`.
    Colon,
    /// After a value: `,` or a closing bracket.
    After,
    /// In a string, a key or not.
    Text { key: bool },
    /// After a backslash.
    Escape { key: bool },
    /// In a `\u` escape, so many digits to come.
    Hex { key: bool, left: u8 },
    /// In `true`, `false` or `null`: what is to come.
    Word(&'static [u8]),
    /// In a number.
    Number(Digits),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digits {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    Sign,
    Power,
}

/// What of the value lies in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// All that is left of the chunk.
    Open,
    /// Up to here.
    Closed(usize),
}

impl Default for Scan {
    fn default() -> Self {
        Self { place: Place::Value, depth: 0, objects: [0; DEPTH / 64], lines: false, wide: false }
    }
}

impl Scan {
    /// Goes on at `at`.
    pub(super) fn run(&mut self, chunk: &[u8], mut at: usize) -> Result<Span, String> {
        while let Some(&byte) = chunk.get(at) {
            match self.place {
                Place::Text { key } => {
                    at = self.text(chunk, at, key)?;
                    if self.depth == 0 && self.place == Place::After {
                        return Ok(Span::Closed(at));
                    }
                    continue;
                }
                Place::Number(digits) => match digits.next(byte) {
                    Some(digits) => self.place = Place::Number(digits),
                    None if !digits.may_end() => return Err(unexpected(byte)),
                    None if self.depth == 0 => return Ok(Span::Closed(at)),
                    None => {
                        self.place = Place::After;
                        continue;
                    }
                },
                _ => self.token(byte)?,
            }
            at += 1;
            if self.depth == 0 && self.place == Place::After {
                return Ok(Span::Closed(at));
            }
        }
        Ok(Span::Open)
    }

    /// Takes a byte that is neither of a string's text nor of a number.
    #[inline]
    fn token(&mut self, byte: u8) -> Result<(), String> {
        self.place = match (self.place, byte) {
            (Place::Colon, b':') => Place::Value,
            (Place::After, b',') => self.comma(),
            (Place::After | Place::FirstKey, b'}') => return self.close(true),
            (Place::After | Place::FirstItem, b']') => return self.close(false),
            (Place::FirstKey | Place::NextKey, b'"') => Place::Text { key: true },
            (Place::Escape { key }, _) => escape(byte, key).ok_or_else(|| unexpected(byte))?,
            (Place::Hex { key, left }, _) if byte.is_ascii_hexdigit() => hex(key, left),
            (Place::Word([next]), _) if *next == byte => Place::After,
            (Place::Word([next, rest @ ..]), _) if *next == byte => Place::Word(rest),
            (Place::Hex { .. } | Place::Word(_), _) => return Err(unexpected(byte)),
            (place, b' ' | b'\t') => place,
            (place, b'\n' | b'\r') => {
                self.lines = true;
                place
            }
            (Place::Value | Place::FirstItem, _) => return self.begin(byte),
            _ => return Err(unexpected(byte)),
        };
        Ok(())
    }

    fn begin(&mut self, byte: u8) -> Result<(), String> {
        self.place = match byte {
            b'{' => return self.open(true),
            b'[' => return self.open(false),
            b'"' => Place::Text { key: false },
            b'-' => Place::Number(Digits::Minus),
            b'0' => Place::Number(Digits::Zero),
            b'1'..=b'9' => Place::Number(Digits::Whole),
            b't' => Place::Word(b"rue"),
            b'f' => Place::Word(b"alse"),
            b'n' => Place::Word(b"ull"),
            _ => return Err(unexpected(byte)),
        };
        Ok(())
    }

    fn open(&mut self, object: bool) -> Result<(), String> {
        let Some(bits) = self.objects.get_mut(self.depth / 64) else { return Err(format!("it nests deeper than {DEPTH}")) };
        let bit = 1 << (self.depth % 64);
        *bits = if object { *bits | bit } else { *bits & !bit };
        self.depth += 1;
        self.place = if object { Place::FirstKey } else { Place::FirstItem };
        Ok(())
    }

    fn close(&mut self, object: bool) -> Result<(), String> {
        if self.in_object() != object {
            return Err(unexpected(if object { b'}' } else { b']' }));
        }
        self.depth -= 1;
        self.place = Place::After;
        Ok(())
    }

    fn comma(&self) -> Place {
        if self.in_object() { Place::NextKey } else { Place::Value }
    }

    fn in_object(&self) -> bool {
        self.depth.checked_sub(1).is_some_and(|top| self.objects[top / 64] >> (top % 64) & 1 == 1)
    }

    /// Runs through a string's text to its end, to a backslash, or to the end of the chunk.
    #[inline]
    fn text(&mut self, chunk: &[u8], mut at: usize, key: bool) -> Result<usize, String> {
        while let Some(word) = chunk.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_le_bytes(*word);
            self.wide |= word & HIGH != 0;
            let found = special(word);
            if found != 0 {
                return self.text_ends(chunk, at + (found.trailing_zeros() / 8) as usize, key);
            }
            at += 8;
        }
        while let Some(&byte) = chunk.get(at) {
            self.wide |= byte >= 0x80;
            if matches!(byte, b'"' | b'\\' | 0..0x20) {
                return self.text_ends(chunk, at, key);
            }
            at += 1;
        }
        Ok(at)
    }

    fn text_ends(&mut self, chunk: &[u8], at: usize, key: bool) -> Result<usize, String> {
        self.place = match chunk[at] {
            b'"' if key => Place::Colon,
            b'"' => Place::After,
            b'\\' => Place::Escape { key },
            byte => return Err(unexpected(byte)),
        };
        Ok(at + 1)
    }
}

/// What follows a backslash and this byte.
fn escape(byte: u8, key: bool) -> Option<Place> {
    match byte {
        b'u' => Some(Place::Hex { key, left: 4 }),
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(Place::Text { key }),
        _ => None,
    }
}

fn hex(key: bool, left: u8) -> Place {
    if left > 1 { Place::Hex { key, left: left - 1 } } else { Place::Text { key } }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Marks, by their high bit, the bytes of a word that are a quote, a backslash or a control character. Only the lowest mark is
/// sure: a borrow may mark a byte above it.
#[inline]
fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    ((quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash) | control) & HIGH
}

impl Digits {
    #[inline]
    fn next(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Minus, b'0') => Some(Self::Zero),
            (Self::Minus, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Some(Self::Whole),
            (Self::Zero | Self::Whole, b'.') => Some(Self::Point),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Some(Self::Exponent),
            (Self::Exponent, b'+' | b'-') => Some(Self::Sign),
            (Self::Exponent | Self::Sign | Self::Power, b'0'..=b'9') => Some(Self::Power),
            _ => None,
        }
    }

    fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Whole | Self::Fraction | Self::Power)
    }
}

fn unexpected(byte: u8) -> String {
    format!("`{}` where it may not stand", byte.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    /// Says whether a text is one value, as the scanner sees it; a comma ends values that have no end of their own.
    fn accepts(text: &str, size: usize) -> bool {
        let (mut scan, ended) = (Scan::default(), format!("{text},"));
        let mut before = 0;
        for chunk in ended.as_bytes().chunks(size) {
            match scan.run(chunk, 0) {
                Err(_) => return false,
                Ok(Span::Open) => before += chunk.len(),
                Ok(Span::Closed(end)) => return text.get(before + end..).is_some_and(|rest| rest.trim_ascii().is_empty()),
            }
        }
        false
    }

    #[test]
    fn marks_what_ends_a_text() {
        for at in 0..8 {
            for byte in [b'"', b'\\', 0, 0x1f, b'\n'] {
                let mut word = *b"ab\x7f\x80\xff !#";
                word[at] = byte;
                assert_eq!(special(u64::from_le_bytes(word)).trailing_zeros() as usize / 8, at);
            }
        }
        assert_eq!(special(u64::from_le_bytes(*b"ab\x7f\x80\xff !#")), 0);
    }

    #[test]
    fn nests_to_the_bound_and_no_further() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(accepts(&nested(DEPTH), 100));
        assert!(!accepts(&nested(DEPTH + 1), 100));
    }

    proptest! {
        /// The scanner and `serde_json` are of one mind on what is JSON, also on what is nearly so.
        #[test]
        fn agrees_with_serde_json(
            text in proptest::collection::vec(proptest::sample::select(TOKENS.to_vec()), 0..14).prop_map(|tokens| tokens.concat()),
            size in 1_usize..9,
        ) {
            prop_assert_eq!(accepts(&text, size), serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
        }
    }

    const TOKENS: &[&str] = &[
        "{", "}", "[", "]", ",", ":", "\"a\":", "\"", "a", "\\", "\\n", "\\u12aF", "\\ud800", "\\u12", "0", "-", "12", ".", ".5", "e",
        "E+3", "true", "false", "null", "nul", " ", "\n", "\t", "é", "\u{1}", "\u{7f}", "{}", "[]", "\"x\"", "[1,", "{\"k\":1", "]}",
    ];
}
