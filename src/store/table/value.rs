//! What a value of a row means to a table: its type, whether it fits a type without loss, and its text.

use super::scan;

/// Types of columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text, and JSON text for what is nested.
    #[default]
    Text,
    /// 64-bit integers.
    Int,
    /// Double-precision numbers.
    Double,
    /// Booleans.
    Bool,
    /// UTC times, in nanoseconds: the only unit of Arrow that 100 ns ticks are whole numbers of.
    Time,
}

impl Kind {
    /// Returns the type that a schema's word stands for (apis.md 4.5); words that are not known are text.
    pub(crate) fn of(word: &str) -> Self {
        let word = word.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        match word.as_str() {
            "datetime" | "date" | "datetimeoffset" => Self::Time,
            "int64" | "long" | "int32" | "int" | "int16" | "short" | "byte" | "uint8" | "uint16" | "uint32" | "uint64" => Self::Int,
            "boolean" | "bool" | "sbyte" => Self::Bool,
            "double" | "real" | "float" | "single" => Self::Double,
            _ => Self::Text,
        }
    }

    /// Says whether a value other than null is held without loss.
    pub(super) fn holds(self, value: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Int => int(value).is_some(),
            Self::Double => double(value).is_some(),
            Self::Bool => truth(value).is_some(),
            Self::Time => time(value).is_some(),
        }
    }
}

/// Returns what stands between the quotes of a string; none for other values.
pub(super) fn quoted(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

/// Returns an integer whose digits are those of the value, bare or as a string.
#[inline]
pub(super) fn int(value: &str) -> Option<i64> {
    let digits = quoted(value).unwrap_or(value);
    let bare = digits.strip_prefix('-').unwrap_or(digits);
    let canonical = bare.bytes().all(|byte| byte.is_ascii_digit()) && (!bare.starts_with('0') || digits == "0");
    if canonical { digits.parse().ok() } else { None }
}

/// Returns a boolean. The older convention writes 1 and 0.
#[inline]
pub(super) fn truth(value: &str) -> Option<bool> {
    match value {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Returns a double that has all the digits of the value.
#[inline]
pub(super) fn double(value: &str) -> Option<f64> {
    match value {
        "\"NaN\"" => return Some(f64::NAN),
        "\"Infinity\"" => return Some(f64::INFINITY),
        "\"-Infinity\"" => return Some(f64::NEG_INFINITY),
        _ if is_short(value) => return value.parse().ok(),
        _ => {}
    }
    let (digits, exponent) = significant(value)?;
    let number: f64 = value.parse().ok()?;
    // Any 15 digits survive a double in its normal range; of 16 and 17 some do, which printing them tells.
    let normal = digits.is_empty() || (-290..290).contains(&exponent);
    let holds = digits.len() <= 15 && normal || digits.len() <= 17 && number.is_finite() && prints(number, &digits, exponent);
    holds.then_some(number)
}

/// Tells whether a number has no exponent and at most 15 digits: any such survives a double.
#[inline]
fn is_short(value: &str) -> bool {
    let bare = value.strip_prefix('-').unwrap_or(value).as_bytes();
    let most = if bare.contains(&b'.') { 16 } else { 15 };
    bare.len() <= most && bare.first().is_some_and(u8::is_ascii_digit) && bare.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.'))
}

/// Returns the digits of a JSON number without zeros at either end, and the power of ten of the first; none for other values.
fn significant(value: &str) -> Option<(String, i32)> {
    let bare = value.strip_prefix('-').unwrap_or(value);
    let (mantissa, power) = bare.split_once(['e', 'E']).unwrap_or((bare, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let power: i32 = power.parse().ok()?;
    let all = [whole, fraction].concat();
    let leading = all.len() - all.trim_start_matches('0').len();
    let digits = all.trim_matches('0').to_owned();
    let first = i32::try_from(whole.len()).ok()?.checked_sub(1)?.checked_sub(i32::try_from(leading).ok()?)?;
    Some((digits, first.checked_add(power)?))
}

/// Says whether a double prints these digits: rounded to as many, or in its shortest form, which differ where two are equally near.
fn prints(number: f64, digits: &str, exponent: i32) -> bool {
    let is = |printed: String| {
        printed.split_once('e').is_some_and(|(mantissa, power)| mantissa.replace('.', "") == digits && power.parse() == Ok(exponent))
    };
    is(format!("{:.*e}", digits.len().max(1) - 1, number.abs())) || is(format!("{:e}", number.abs()))
}

/// Returns a UTC time as nanoseconds since 1970; none where it has another zone, or lies beyond what 64 bits hold (1677 to 2262).
#[inline]
pub(super) fn time(value: &str) -> Option<i64> {
    let text = quoted(value)?.as_bytes();
    let (stamp, rest) = text.split_first_chunk::<19>()?;
    let number = |from: usize, to: usize| stamp.get(from..to)?.iter().try_fold(0_i64, |number, byte| Some(number * 10 + digit(*byte)?));
    let marks = [stamp[4], stamp[7], stamp[10], stamp[13], stamp[16]];
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let valid = marks == *b"--T::" && (1..=12).contains(&month) && day >= 1 && day <= days_of(year, month);
    if !valid || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    seconds.checked_mul(1_000_000_000)?.checked_add(fraction(rest)?)
}

/// Reads what follows the seconds, to nanoseconds. A time without a zone is UTC, as all times of the services are.
fn fraction(rest: &[u8]) -> Option<i64> {
    let zoneless = [&b"Z"[..], b"+00:00", b"-00:00"].iter().find_map(|zone| rest.strip_suffix(*zone)).unwrap_or(rest);
    let Some(digits) = zoneless.strip_prefix(b".") else { return zoneless.is_empty().then_some(0) };
    let (counted, beyond) = digits.split_at(digits.len().min(9));
    if counted.is_empty() || beyond.iter().any(|byte| *byte != b'0') {
        return None;
    }
    let nanos = counted.iter().try_fold(0_i64, |number, byte| Some(number * 10 + digit(*byte)?))?;
    Some(nanos * 10_i64.pow(9 - u32::try_from(counted.len()).ok()?))
}

fn digit(byte: u8) -> Option<i64> {
    byte.is_ascii_digit().then(|| i64::from(byte - b'0'))
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a day of the Gregorian calendar.
/// Source: "chrono-Compatible Low-Level Date Algorithms", Howard Hinnant.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Returns the text of a value: a string without quotes and escapes, anything else as JSON. A surrogate that stands alone is no
/// character; its escape stays as it was sent.
#[inline]
pub(super) fn text<'a>(value: &'a str, room: &'a mut String) -> &'a str {
    let Some(text) = quoted(value) else { return value };
    plain(text, room)
}

/// Returns what stands between two quotes without its escapes.
#[inline]
pub(super) fn plain<'a>(text: &'a str, room: &'a mut String) -> &'a str {
    let Some(at) = scan::escape(text.as_bytes()) else { return text };
    room.clear();
    unescape(text, at, room);
    room
}

/// Writes a text whose first escape stands at `at`.
fn unescape(text: &str, at: usize, to: &mut String) {
    let (mut rest, mut next) = (text, Some(at));
    while let Some(at) = next {
        to.push_str(&rest[..at]);
        let escape = &rest[at..];
        let (c, length) = escaped(escape);
        match c {
            Some(c) => to.push(c),
            None => to.push_str(escape.get(..length).unwrap_or(escape)),
        }
        rest = escape.get(length..).unwrap_or_default();
        next = scan::escape(rest.as_bytes());
    }
    to.push_str(rest);
}

/// Returns the character of the escape that a text begins with, if it is one, and the escape's length.
fn escaped(text: &str) -> (Option<char>, usize) {
    let c = match text.as_bytes().get(1) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => return unit(text),
        Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
        _ => return (None, 1),
    };
    (Some(c), 2)
}

fn unit(text: &str) -> (Option<char>, usize) {
    let at = |from: usize| u32::from_str_radix(text.get(from..from + 4)?, 16).ok();
    let Some(high) = at(2) else { return (None, 2) };
    if let Some(c) = char::from_u32(high) {
        return (Some(c), 6);
    }
    let low = at(8).filter(|low| high < 0xdc00 && (0xdc00..0xe000).contains(low) && text.get(6..8) == Some("\\u"));
    match low {
        Some(low) => (char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)), 12),
        None => (None, 6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_of_schemas_are_known() {
        for (word, kind) in [
            ("DateTime", Kind::Time),
            ("System.Int64", Kind::Int),
            ("long", Kind::Int),
            ("SByte", Kind::Bool),
            ("Boolean", Kind::Bool),
            ("real", Kind::Double),
            ("Object", Kind::Text),
            ("SqlDecimal", Kind::Text),
            ("TimeSpan", Kind::Text),
            ("", Kind::Text),
            ("new", Kind::Text),
        ] {
            assert_eq!(Kind::of(word), kind, "{word}");
        }
    }

    #[test]
    fn integers_keep_every_digit_or_do_not_fit() {
        for fits in ["0", "-1", "9223372036854775807", "-9223372036854775808", "\"42\""] {
            assert_eq!(int(fits).unwrap().to_string(), fits.trim_matches('"'));
        }
        for not in
            ["9223372036854775808", "12345678901234567890123", "-0", "007", "1.0", "1e3", "\"\"", "\"+1\"", "-", "", "true", "\"a\"", "[1]"]
        {
            assert_eq!(int(not), None, "{not}");
        }
    }

    #[test]
    fn doubles_keep_every_digit_or_do_not_fit() {
        for fits in [
            "0",
            "-0.0",
            "0.1",
            "0.10",
            "1e300",
            "0.30000000000000004",
            "0.10000000000000001",
            "5e-324",
            "123456789012345",
            "1912231004282495.3",
            "1912231004282495.2",
            "1E+2",
            "1000000000000000000000000",
        ] {
            assert!(double(fits).is_some(), "{fits}");
        }
        for not in [
            "12345678901234567890123",
            "0.1234567890123456789",
            "1e999",
            "1e-999",
            "9007199254740993",
            "\"1\"",
            "true",
            "null",
            "\"nan\"",
            "-",
            "",
        ] {
            assert_eq!(double(not), None, "{not}");
        }
        assert!(double("\"NaN\"").unwrap().is_nan());
        assert_eq!(double("\"-Infinity\""), Some(f64::NEG_INFINITY));
        assert!(double("-0.0").unwrap().is_sign_negative());
    }

    #[test]
    fn times_are_exact_to_the_tick() {
        for (text, nanos) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00", 0),
            ("2026-01-31T12:34:56.7890123Z", 1_769_862_896_789_012_300),
            ("2026-01-31T12:34:56.789012300000+00:00", 1_769_862_896_789_012_300),
            ("1969-12-31T23:59:59.9999999Z", -100),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000_000_000),
        ] {
            assert_eq!(time(&format!("\"{text}\"")), Some(nanos), "{text}");
        }
        for text in [
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.9999999Z",
            "2026-02-29T00:00:00Z",
            "2026-01-31T12:34:56.78901234567Z",
            "2026-01-31T12:34:56+02:00",
            "2026-01-31 12:34:56Z",
            "2026-01-31",
            "2026-01-31T12:34:60Z",
            "2026-01-31T12:34:56.Z",
            "2026-01-31T12:34:56Zx",
            "",
        ] {
            assert_eq!(time(&format!("\"{text}\"")), None, "{text}");
        }
        assert_eq!(time("20260131"), None);
    }

    #[test]
    fn text_loses_its_escapes_and_keeps_lone_surrogates() {
        let mut room = String::new();
        assert_eq!(text(r#""a\"\\\/\b\f\n\r\té\uD83D\uDE00""#, &mut room), "a\"\\/\u{8}\u{c}\n\r\té😀");
        assert_eq!(text(r#""x\ud800y\uDC00\ud800\u0041""#, &mut room), r"x\ud800y\uDC00\ud800A");
        assert_eq!(text(r#"{"a":"\n"}"#, &mut room), r#"{"a":"\n"}"#);
        assert_eq!(text("\"\"", &mut room), "");
    }

    proptest! {
        #[test]
        fn text_is_that_of_serde_json(expected in "(?s).{0,20}") {
            let (value, mut room) = (serde_json::to_string(&expected).unwrap(), String::new());
            prop_assert_eq!(text(&value, &mut room), expected);
        }

        #[test]
        fn nothing_makes_it_panic(value in "\"?[0-9a-fuT:eE.+\\\\Zé-]{0,30}\"?") {
            let mut room = String::new();
            let _ = (int(&value), double(&value), time(&value), text(&value, &mut room).len());
        }

        #[test]
        fn every_time_is_that_of_jiff(nanos in (i64::MIN / 100 + 1)..(i64::MAX / 100 - 1)) {
            let stamp = jiff::Timestamp::from_nanosecond(i128::from(nanos) * 100).unwrap();
            prop_assert_eq!(time(&format!("\"{}\"", crate::time::rfc3339(stamp))), Some(nanos * 100));
        }

        #[test]
        fn every_double_fits_as_it_prints(bits: u64) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            prop_assert_eq!(double(&format!("{number:e}")).map(f64::to_bits), Some(bits));
        }
    }
}
