//! Timespans in 100 ns ticks: `1d`, `2.5h`, `1.02:03:04.5`, `00:10`, a bare number of days.

use super::TICKS_PER_SECOND;

/// Ticks a unit: how many, and for the units below a tick the fraction of one (in thousandths).
const UNITS: [(&str, i128); 34] = [
    ("d", 86_400 * S),
    ("day", 86_400 * S),
    ("days", 86_400 * S),
    ("h", 3_600 * S),
    ("hr", 3_600 * S),
    ("hrs", 3_600 * S),
    ("hour", 3_600 * S),
    ("hours", 3_600 * S),
    ("m", 60 * S),
    ("min", 60 * S),
    ("minute", 60 * S),
    ("minutes", 60 * S),
    ("s", S),
    ("sec", S),
    ("second", S),
    ("seconds", S),
    ("ms", S / 1_000),
    ("milli", S / 1_000),
    ("millis", S / 1_000),
    ("millisec", S / 1_000),
    ("millisecond", S / 1_000),
    ("milliseconds", S / 1_000),
    ("micro", S / 1_000_000),
    ("micros", S / 1_000_000),
    ("microsec", S / 1_000_000),
    ("microsecond", S / 1_000_000),
    ("microseconds", S / 1_000_000),
    ("nano", S / 1_000_000_000),
    ("nanos", S / 1_000_000_000),
    ("nanosec", S / 1_000_000_000),
    ("nanosecond", S / 1_000_000_000),
    ("nanoseconds", S / 1_000_000_000),
    ("tick", S / 10_000_000),
    ("ticks", S / 10_000_000),
];

/// Picoseconds a second: fine enough for every unit times every digit that is kept.
const S: i128 = 1_000_000_000_000;

/// Picoseconds a tick.
const PER_TICK: i128 = S / 10_000_000;

/// Fraction digits that are kept.
const DIGITS: usize = 12;

/// Parses a timespan as `timespan(...)` and the short forms take it. None where it is none, or too long.
pub fn parse_timespan(text: &str) -> Option<i64> {
    let text = text.trim();
    match text.strip_prefix('-') {
        Some(rest) => unsigned(rest.trim_start())?.checked_neg(),
        None => unsigned(text.strip_prefix('+').unwrap_or(text)),
    }
}

fn unsigned(text: &str) -> Option<i64> {
    if text.contains(':') {
        return clock(text);
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = match unit.trim() {
        "" => "d",
        unit => unit,
    };
    let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
    scaled(number, *size)
}

/// `number` (digits, perhaps a point) times `size` picoseconds, in ticks, cut towards zero.
fn scaled(number: &str, size: i128) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: i128 = whole.parse().ok()?;
    let kept: String = fraction.chars().chain(std::iter::repeat('0')).take(DIGITS).collect();
    let fraction: i128 = kept.parse().ok()?;
    let picos = whole.checked_mul(size)?.checked_add(fraction.checked_mul(size)? / 10_i128.pow(12))?;
    i64::try_from(picos / PER_TICK).ok()
}

/// `[d.]hh:mm[:ss[.fffffff]]`.
fn clock(text: &str) -> Option<i64> {
    let (head, rest) = text.split_once(':')?;
    let (days, hours) = head.split_once('.').unwrap_or(("0", head));
    let (minutes, seconds) = rest.split_once(':').unwrap_or((rest, "0"));
    let whole = |digits: &str, below: i64| digits.parse::<i64>().ok().filter(|number| (0..below).contains(number));
    let minutes = (whole(days, 10_675_200)? * 24 + whole(hours, 24)?) * 60 + whole(minutes, 60)?;
    let seconds = scaled(seconds, S).filter(|ticks| *ticks < 60 * TICKS_PER_SECOND)?;
    minutes.checked_mul(60 * TICKS_PER_SECOND)?.checked_add(seconds)
}

/// Formats ticks as Kusto shows a timespan: `[-][d.]hh:mm:ss[.fffffff]`.
pub fn format_timespan(ticks: i64) -> String {
    let sign = if ticks < 0 { "-" } else { "" };
    let ticks = ticks.unsigned_abs();
    let per_second = TICKS_PER_SECOND.unsigned_abs();
    let seconds = ticks / per_second;
    let days = match seconds / 86_400 {
        0 => String::new(),
        days => format!("{days}."),
    };
    let fraction = match ticks % per_second {
        0 => String::new(),
        fraction => format!(".{fraction:07}"),
    };
    format!("{sign}{days}{:02}:{:02}:{:02}{fraction}", seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_forms() {
        let second = TICKS_PER_SECOND;
        assert_eq!(parse_timespan("1d"), Some(86_400 * second));
        assert_eq!(parse_timespan("2.5h"), Some(9_000 * second));
        assert_eq!(parse_timespan("1tick"), Some(1));
        assert_eq!(parse_timespan("150nanoseconds"), Some(1));
        assert_eq!(parse_timespan("15 seconds"), Some(15 * second));
        assert_eq!(parse_timespan("2"), Some(2 * 86_400 * second));
        assert_eq!(parse_timespan("00:10:00"), Some(600 * second));
        assert_eq!(parse_timespan("-1.02:03:04.5"), Some(-(93_784 * second + 5_000_000)));
        assert_eq!(parse_timespan("1x").or(parse_timespan("25:00")).or(parse_timespan("")).or(parse_timespan(":")), None);
        assert_eq!(parse_timespan("99999999999999999999999999999999999999999d"), None);
    }

    #[test]
    fn formats_as_kusto_does() {
        assert_eq!(format_timespan(0), "00:00:00");
        assert_eq!(format_timespan(-(93_784 * TICKS_PER_SECOND + 5)), "-1.02:03:04.0000005");
        assert_eq!(parse_timespan(&format_timespan(i64::MAX)), Some(i64::MAX));
    }
}
