//! JSON values read as values of Kusto's types, exactly or not at all.

use crate::kql::{ast::TypeName, engine};
use std::borrow::Cow;

/// 2^53: up to here a real holds every whole number.
pub(super) const EXACT: i64 = 1 << 53;
/// Digits of which a real holds every one.
const EXACT_DIGITS: usize = 15;

/// Returns the text that a JSON string holds; none where the value is no string.
pub(super) fn text(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    // A lone surrogate has no text; its escape is kept.
    Some(serde_json::from_str::<String>(raw).map_or(Cow::Borrowed(inner), Cow::Owned))
}

/// The text of a string, else the value as it is written.
fn bare(raw: &str) -> Cow<'_, str> {
    text(raw).unwrap_or(Cow::Borrowed(raw))
}

pub(super) fn boolean(raw: &str) -> Option<bool> {
    match bare(raw).as_ref() {
        "true" | "True" | "1" => Some(true),
        "false" | "False" | "0" => Some(false),
        _ => None,
    }
}

pub(super) fn long(raw: &str) -> Option<i64> {
    let written = bare(raw);
    match written.as_ref() {
        "true" => Some(1),
        "false" => Some(0),
        digits => digits.parse().ok().or_else(|| digits.strip_suffix(".0")?.parse().ok()),
    }
}

pub(super) fn int(raw: &str) -> Option<i32> {
    long(raw).and_then(|value| i32::try_from(value).ok())
}

pub(super) fn real(raw: &str) -> Option<f64> {
    match bare(raw).as_ref() {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        digits if is_number(digits) => digits.parse().ok(),
        _ => None,
    }
}

/// Tells whether a real holds every digit that is written.
pub(super) fn is_exact(raw: &str) -> bool {
    let mantissa = raw.split(['e', 'E']).next().unwrap_or_default();
    mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count() <= EXACT_DIGITS
}

pub(super) fn decimal(raw: &str) -> Option<Cow<'_, str>> {
    Some(bare(raw)).filter(|digits| is_number(digits))
}

fn is_number(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit()) && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
}

/// A time, in nanoseconds since 1970.
pub(super) fn datetime(raw: &str) -> Option<i64> {
    let text = text(raw)?;
    iso(text.as_bytes()).or_else(|| engine::parse_datetime(&text).filter(|_| looks_dated(&text)))
}

/// A timespan, in nanoseconds.
pub(super) fn timespan(raw: &str) -> Option<i64> {
    let text = text(raw)?;
    text.contains(':').then(|| engine::parse_timespan(&text)).flatten()
}

/// Tells whether a text is a time as services write it: `2026-01-31T08:00:00.1234567Z`, no finer than nanoseconds.
pub(super) fn is_iso(raw: &str) -> bool {
    text(raw).is_some_and(|text| iso(text.as_bytes()).is_some())
}

fn looks_dated(text: &str) -> bool {
    text.len() >= 8 && text.as_bytes().first().is_some_and(u8::is_ascii_digit) && text.contains(['-', '/'])
}

/// Reads `yyyy-mm-ddThh:mm:ss[.f]Z`, which nearly all times are, quickly.
fn iso(text: &[u8]) -> Option<i64> {
    let (body, rest) = text.split_at_checked(19)?;
    let ([y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2, b':', s1, s2], [fraction @ .., b'Z']) = (body, rest)
    else {
        return None;
    };
    let two = |tens: &u8, ones: &u8| Some(digit(*tens)? * 10 + digit(*ones)?);
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(mo1, mo2)?, two(d1, d2)?);
    let (hour, minute, second) = (two(h1, h2)?, two(mi1, mi2)?, two(s1, s2)?);
    if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let date = jiff::civil::Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let days = i64::from(date.since((jiff::Unit::Day, jiff::civil::Date::constant(1970, 1, 1))).ok()?.get_days());
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(fraction_nanos(fraction)?);
    // Where the range of nanoseconds ends, the engine's own reading holds times at its edges.
    i64::try_from(nanos).ok()
}

fn digit(byte: u8) -> Option<i64> {
    byte.is_ascii_digit().then(|| i64::from(byte - b'0'))
}

fn fraction_nanos(fraction: &[u8]) -> Option<i64> {
    let Some((b'.', digits)) = fraction.split_first() else { return fraction.is_empty().then_some(0) };
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let value = digits.iter().try_fold(0, |value, byte| Some(value * 10 + digit(*byte)?))?;
    let missing = u32::try_from(9 - digits.len()).unwrap_or(0);
    Some(value * 10_i64.pow(missing))
}

/// Tells whether a value fits a type without a loss.
pub(super) fn fits(kind: TypeName, raw: &str) -> bool {
    match kind {
        TypeName::String | TypeName::Dynamic => true,
        _ if raw == "\"\"" => matches!(kind, TypeName::Datetime | TypeName::Guid | TypeName::Timespan),
        TypeName::Bool => boolean(raw).is_some(),
        TypeName::Int => int(raw).is_some(),
        TypeName::Long => long(raw).is_some(),
        TypeName::Real => real(raw).is_some(),
        TypeName::Decimal => decimal(raw).is_some(),
        TypeName::Datetime => datetime(raw).is_some(),
        TypeName::Timespan => timespan(raw).is_some(),
        TypeName::Guid => text(raw).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly_or_not_at_all() {
        assert_eq!(long("9223372036854775807"), Some(i64::MAX));
        assert_eq!((long("9223372036854775808"), long("\"5\""), long("1.5"), long("5.0")), (None, Some(5), None, Some(5)));
        assert_eq!((int("2147483648"), boolean("0"), boolean("\"True\"")), (None, Some(false), Some(true)));
        assert!(is_exact("0.1") && is_exact("-123456789012345") && !is_exact("1234567890.1234567"));
        assert_eq!(decimal("12345678901234567890.1").as_deref(), Some("12345678901234567890.1"));
        assert!(real("\"NaN\"").is_some_and(f64::is_nan) && real("\"\"").is_none());
    }

    #[test]
    fn times_are_read_to_the_tick() {
        assert_eq!(datetime("\"2026-01-01T09:39:50.7688641Z\""), Some(1_767_260_390_768_864_100));
        assert_eq!(datetime("\"2026-02-30T00:00:00Z\""), None);
        assert_eq!(datetime("\"1969-12-31T23:59:59.9999999Z\""), Some(-100));
        assert_eq!(datetime("\"2026-01-01T10:39:50+01:00\""), datetime("\"2026-01-01T09:39:50Z\""));
        assert_eq!((datetime("\"7\""), datetime("5")), (None, None));
        assert!(is_iso("\"2026-01-01T00:00:00Z\"") && !is_iso("\"2026-01-01\""));
    }

    #[test]
    fn texts_are_those_of_the_json() {
        assert_eq!(text(r#""a\u00e9\"""#).as_deref(), Some("aé\""));
        assert_eq!(text(r#""\ud83d""#).as_deref(), Some(r"\ud83d"));
        assert_eq!(text("5"), None);
    }
}
