//! How far a number, a string, an identifier reaches. Lengths in bytes, none where there is no such thing.
//!
//! Not for what it is worth: see `literal`.

/// The suffixes that make a number a timespan, longest first where one begins another.
const TIMESPAN_SUFFIXES: [&str; 34] = [
    "minutes",
    "minute",
    "min",
    "milliseconds",
    "millisecond",
    "millisec",
    "millis",
    "milli",
    "microseconds",
    "microsecond",
    "microsec",
    "micros",
    "micro",
    "ms",
    "m",
    "seconds",
    "second",
    "sec",
    "s",
    "days",
    "day",
    "d",
    "hours",
    "hour",
    "hrs",
    "hr",
    "h",
    "nanoseconds",
    "nanosecond",
    "nanosec",
    "nanos",
    "nano",
    "ticks",
    "tick",
];

/// The quote of multi-line strings, and its alternative.
pub(super) const LONG_QUOTES: [&str; 2] = ["```", "~~~"];

pub(super) fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b'$'
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn at(text: &[u8], index: usize) -> u8 {
    text.get(index).copied().unwrap_or_default()
}

fn run(text: &[u8], start: usize, belongs: impl Fn(u8) -> bool) -> usize {
    text.get(start..).map_or(0, |rest| rest.iter().take_while(|byte| belongs(**byte)).count())
}

fn digits(text: &[u8], start: usize) -> usize {
    run(text, start, |byte| byte.is_ascii_digit())
}

fn ends_word(text: &[u8], length: usize) -> Option<usize> {
    (length > 0 && !is_word(at(text, length))).then_some(length)
}

/// A name; one that starts with digits needs a letter or `_` after them.
pub(super) fn identifier(text: &[u8]) -> Option<usize> {
    if is_word_start(at(text, 0)) {
        return Some(1 + run(text, 1, is_word));
    }
    let number = digits(text, 0);
    let next = at(text, number);
    (number > 0 && (next.is_ascii_alphabetic() || next == b'_')).then(|| number + run(text, number, is_word))
}

/// `12`, `0x1f`.
pub(super) fn long(text: &[u8]) -> Option<usize> {
    if at(text, 0) == b'0' && matches!(at(text, 1), b'x' | b'X') {
        let hex = run(text, 2, |byte| byte.is_ascii_hexdigit());
        return if hex > 0 { ends_word(text, 2 + hex) } else { None };
    }
    ends_word(text, digits(text, 0))
}

/// `1.5`, `1.`, `1e5`; but not the `1.` of `1..5`.
pub(super) fn real(text: &[u8]) -> Option<usize> {
    let whole = digits(text, 0);
    if whole == 0 {
        return None;
    }
    if at(text, whole) == b'.' && (at(text, whole + 1) != b'.' || at(text, whole + 2) == b'.') {
        let mantissa = whole + 1 + digits(text, whole + 1);
        return ends_word(text, mantissa + exponent(text, mantissa));
    }
    match exponent(text, whole) {
        0 => None,
        length => ends_word(text, whole + length),
    }
}

fn exponent(text: &[u8], start: usize) -> usize {
    if !matches!(at(text, start), b'e' | b'E') {
        return 0;
    }
    let sign = usize::from(matches!(at(text, start + 1), b'+' | b'-'));
    match digits(text, start + 1 + sign) {
        0 => 0,
        length => 1 + sign + length,
    }
}

/// `1d`, `2.5h`, `10ticks`.
pub(super) fn timespan(text: &[u8]) -> Option<usize> {
    let mut number = digits(text, 0);
    if number == 0 {
        return None;
    }
    let fraction = digits(text, number + 1);
    if at(text, number) == b'.' && fraction > 0 {
        number += 1 + fraction;
    }
    let rest = text.get(number..)?;
    let suffix = TIMESPAN_SUFFIXES.iter().filter(|suffix| rest.starts_with(suffix.as_bytes())).map(|suffix| suffix.len()).max()?;
    ends_word(text, number + suffix)
}

/// `8-4-4-4-12` hexadecimal digits.
pub(super) fn raw_guid(text: &[u8]) -> Option<usize> {
    let shaped = (0..36).all(|index| match index {
        8 | 13 | 18 | 23 => at(text, index) == b'-',
        _ => at(text, index).is_ascii_hexdigit(),
    });
    shaped.then_some(36)
}

/// A string in any of its forms, and the closing quote it lacks.
pub(super) fn string(text: &[u8]) -> Option<(usize, Option<&'static str>)> {
    let hidden = usize::from(matches!(at(text, 0), b'h' | b'H'));
    let verbatim = at(text, hidden) == b'@';
    let start = hidden + usize::from(verbatim);
    match at(text, start) {
        b'\'' => Some(quoted(text, start + 1, "'", verbatim)),
        b'"' => Some(quoted(text, start + 1, "\"", verbatim)),
        _ => LONG_QUOTES.into_iter().find_map(|quote| long_quoted(text, start, quote)),
    }
}

fn long_quoted(text: &[u8], start: usize, quote: &'static str) -> Option<(usize, Option<&'static str>)> {
    let content = text.get(start..)?.strip_prefix(quote.as_bytes())?;
    let found = memchr::memmem::find(content, quote.as_bytes());
    Some(match found {
        Some(length) => (start + 2 * quote.len() + length, None),
        None => (text.len(), Some(quote)),
    })
}

fn quoted(text: &[u8], start: usize, quote: &'static str, verbatim: bool) -> (usize, Option<&'static str>) {
    let mark = at(quote.as_bytes(), 0);
    let mut end = start;
    while let Some(byte) = text.get(end) {
        match *byte {
            byte if byte == mark && verbatim && at(text, end + 1) == mark => end += 2,
            byte if byte == mark => return (end + 1, None),
            b'\r' | b'\n' => break,
            b'\\' if !verbatim => match escape(text.get(end..).unwrap_or_default()) {
                0 => break,
                length => end += length,
            },
            _ => end += 1,
        }
    }
    (end, Some(quote))
}

/// The length of an escape, backslash included; 0 where it is none.
pub(super) fn escape(text: &[u8]) -> usize {
    let hex = |count: usize| if (2..2 + count).all(|index| at(text, index).is_ascii_hexdigit()) { 2 + count } else { 0 };
    match at(text, 1) {
        b'\\' | b'\'' | b'"' | b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' => 2,
        b'u' => hex(4),
        b'U' => hex(8),
        b'x' => hex(2),
        b'0'..=b'7' => 1 + octal(text),
        _ => 0,
    }
}

/// One to three octal digits, three only where the value fits a byte.
fn octal(text: &[u8]) -> usize {
    let is_octal = |index: usize| matches!(at(text, index), b'0'..=b'7');
    match (is_octal(2), is_octal(3) && at(text, 1) <= b'3') {
        (true, true) => 3,
        (true, false) => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!((long(b"12,"), long(b"0x1F "), long(b"12a"), long(b"0x")), (Some(2), Some(4), None, None));
        assert_eq!((real(b"1.5"), real(b"1."), real(b"1..5"), real(b"1e5"), real(b"1.5h")), (Some(3), Some(2), None, Some(3), None));
        assert_eq!((timespan(b"1d"), timespan(b"2.5hours)"), timespan(b"1d2h"), timespan(b"1x")), (Some(2), Some(8), None, None));
        assert_eq!((identifier(b"1abc"), identifier(b"12"), identifier(b"$left.")), (Some(4), None, Some(5)));
    }

    #[test]
    fn strings() {
        assert_eq!(string(b"'a\\'b' c"), Some((6, None)));
        assert_eq!(string(b"@'a''b\\' c"), Some((8, None)));
        assert_eq!(string(b"h\"x\""), Some((4, None)));
        assert_eq!(string(b"```a\n'b```"), Some((10, None)));
        assert_eq!(string(b"'a\n'"), Some((2, Some("'"))));
        assert_eq!(string(b"'a\\q'"), Some((2, Some("'"))));
        assert_eq!(string(b"~~"), None);
    }

    #[test]
    fn guids() {
        assert_eq!(raw_guid(b"74be27de-1e4e-49d9-b579-fe0b331d3642"), Some(36));
        assert_eq!(raw_guid(b"74be27de-1e4e-49d9-b579-fe0b331d364"), None);
    }
}
