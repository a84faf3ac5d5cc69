//! Datetimes in 100 ns ticks since 0001-01-01: the forms that `datetime(...)` takes.
//!
//! ISO 8601 in whole or in part, RFC 822 and RFC 850 as HTTP writes them, month/day/year. Without a zone a time is UTC.

use super::TICKS_PER_SECOND;
use jiff::civil::Date;

const TICKS_PER_DAY: i64 = 86_400 * TICKS_PER_SECOND;

/// 9999-12-31T23:59:59.9999999Z.
const LAST: i64 = 3_155_378_975_999_999_999;

const DAYS_IN_400_YEARS: i64 = 146_097;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Parses a datetime as `datetime(...)` takes it. None where it is none.
pub fn parse_datetime(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, rest) = date(text)?;
    let (time, zone) = clock(rest)?;
    let ticks = days_of(date) * TICKS_PER_DAY + time - zone;
    (0..=LAST).contains(&ticks).then_some(ticks)
}

/// Days from 0001-01-01 to `date` by the proleptic Gregorian calendar, which jiff's timestamps do not reach to the end of.
fn days_of(date: Date) -> i64 {
    let years = i64::from(date.year()) - 1;
    years * 365 + years / 4 - years / 100 + years / 400 + i64::from(date.day_of_year()) - 1
}

fn date_of(days: i64) -> Option<Date> {
    let guess = days * 400 / DAYS_IN_400_YEARS + 1;
    let first = |year: i64| i16::try_from(year).ok().and_then(|year| Date::new(year, 1, 1).ok());
    let start = [guess + 1, guess, guess - 1].into_iter().filter_map(first).find(|start| days_of(*start) <= days)?;
    start.checked_add(jiff::Span::new().days(days - days_of(start))).ok()
}

fn day(year: i64, month: usize, day: i64) -> Option<Date> {
    let year = i16::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn number(text: &str) -> Option<i64> {
    let shaped = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    shaped.then(|| text.parse().ok())?
}

/// Cuts the date off, and returns what follows it.
fn date(text: &str) -> Option<(Date, &str)> {
    let end = text.find(['T', 't', ' ']).filter(|at| text.get(..*at).is_some_and(is_numeric_date)).unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    if is_numeric_date(head) {
        return Some((numeric_date(head)?, rest.trim_start_matches(['T', 't', ' '])));
    }
    worded_date(text)
}

fn is_numeric_date(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '/')) && text.len() != 2 && text.len() != 1
}

/// `2024-01-31`, `2024-01`, `2024`, `20240131`, `1/31/2024`.
fn numeric_date(text: &str) -> Option<Date> {
    if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return day(number(text.get(..4)?)?, usize::try_from(number(text.get(4..6)?)?).ok()?, number(text.get(6..)?)?);
    }
    let year_first = text.find(['-', '/']).unwrap_or(text.len()) == 4;
    let parts: Vec<i64> = text.split(['-', '/']).map(number).collect::<Option<_>>()?;
    let month = |number: i64| usize::try_from(number).ok();
    match parts[..] {
        [year, m, d] if year_first => day(year, month(m)?, d),
        [year, m] if year_first => day(year, month(m)?, 1),
        [year] if year_first => day(year, 1, 1),
        [m, d, year] if text.contains('/') => day(two_digit_year(year), month(m)?, d),
        [m, year] if text.contains('/') => day(year, month(m)?, 1),
        _ => None,
    }
}

/// `Sat, 8 Nov 2014 15:05:02 GMT`, `Saturday, 08-Nov-14 15:05:02`, `8 Nov 2014`, `Nov 8, 2014`.
fn worded_date(text: &str) -> Option<(Date, &str)> {
    let text = match text.split_once(',') {
        Some((weekday, rest)) if weekday.len() <= 9 && weekday.chars().all(|c| c.is_ascii_alphabetic()) => rest,
        _ => text,
    };
    let text = text.trim_start();
    let (first, rest) = word(text);
    let (second, rest) = word(rest);
    let (year, rest) = word(rest);
    let year = two_digit_year(number(year)?);
    let date = match (month(first), month(second)) {
        (None, Some(month)) => day(year, month, number(first)?),
        (Some(month), None) => day(year, month, number(second)?),
        _ => None,
    };
    Some((date?, rest.trim_start()))
}

/// Cuts the next run of letters or digits off.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches([' ', '-', ',', '/']);
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    text.split_at(end)
}

fn month(text: &str) -> Option<usize> {
    let start = text.get(..3)?.to_ascii_lowercase();
    let letters = text.chars().all(|c| c.is_ascii_alphabetic());
    MONTHS.iter().position(|name| letters && *name == start).map(|index| index + 1)
}

/// Two digits mean a year between 1950 and 2049, as .NET reads them.
fn two_digit_year(year: i64) -> i64 {
    match year {
        0..=49 => 2000 + year,
        50..=99 => 1900 + year,
        year => year,
    }
}

/// Reads time and zone: ticks into the day, and ticks the zone is ahead of UTC.
fn clock(text: &str) -> Option<(i64, i64)> {
    let end = text.find(['Z', 'z', '+', '-', ' ', 'A', 'P', 'a', 'p', 'G', 'U']).unwrap_or(text.len());
    let (time, rest) = text.split_at(end);
    let rest = rest.trim();
    let (half, rest) = half_day(rest);
    let time = if time.is_empty() { 0 } else { time_of_day(time)? };
    Some((in_half(time, half)?, zone(rest)?))
}

fn half_day(rest: &str) -> (Option<bool>, &str) {
    let head = rest.get(..2).unwrap_or_default().to_ascii_lowercase();
    match head.as_str() {
        "am" => (Some(false), rest.get(2..).unwrap_or_default().trim_start()),
        "pm" => (Some(true), rest.get(2..).unwrap_or_default().trim_start()),
        _ => (None, rest),
    }
}

fn in_half(time: i64, afternoon: Option<bool>) -> Option<i64> {
    let half = 12 * 3_600 * TICKS_PER_SECOND;
    match afternoon {
        None => Some(time),
        Some(_) if time >= half + 3_600 * TICKS_PER_SECOND => None,
        Some(afternoon) => Some(time % half + if afternoon { half } else { 0 }),
    }
}

/// `hh:mm[:ss[.fffffff]]`, or the hour alone.
fn time_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let within = |part: &str, below: i64| number(part).filter(|number| *number < below);
    let hours = within(parts.next()?, 24)?;
    let minutes = parts.next().map_or(Some(0), |part| within(part, 60))?;
    let (whole, fraction) = parts.next().map_or(("0", ""), |part| part.split_once('.').unwrap_or((part, "")));
    let seconds = within(whole, 60)?;
    if parts.next().is_some() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let kept: String = fraction.chars().chain(std::iter::repeat('0')).take(7).collect();
    Some(((hours * 60 + minutes) * 60 + seconds) * TICKS_PER_SECOND + kept.parse::<i64>().ok()?)
}

fn zone(text: &str) -> Option<i64> {
    if matches!(text.to_ascii_uppercase().as_str(), "" | "Z" | "GMT" | "UTC") {
        return Some(0);
    }
    let (sign, rest) = (text.strip_prefix('+').map(|rest| (1, rest))).or_else(|| text.strip_prefix('-').map(|rest| (-1, rest)))?;
    let (hours, minutes) = rest.split_once(':').unwrap_or_else(|| rest.split_at_checked(2).unwrap_or((rest, "")));
    let minutes = if minutes.is_empty() { 0 } else { number(minutes)? };
    let ahead = number(hours)? * 60 + minutes;
    (ahead <= 14 * 60).then_some(sign * ahead * 60 * TICKS_PER_SECOND)
}

/// Formats ticks as Kusto shows a datetime: `2024-01-31T00:00:00.0000000Z`. Ticks outside the calendar are cut to its ends.
pub fn format_datetime(ticks: i64) -> String {
    let ticks = ticks.clamp(0, LAST);
    let date = date_of(ticks / TICKS_PER_DAY).unwrap_or(Date::MAX);
    let (seconds, fraction) = (ticks % TICKS_PER_DAY / TICKS_PER_SECOND, ticks % TICKS_PER_SECOND);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let (year, month, day) = (date.year(), date.month(), date.day());
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{fraction:07}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        parse_datetime(text).map(format_datetime)
    }

    #[test]
    fn reads_the_forms() {
        let cases = [
            ("2024-01-31", "2024-01-31T00:00:00.0000000Z"),
            ("2024-01", "2024-01-01T00:00:00.0000000Z"),
            ("2024", "2024-01-01T00:00:00.0000000Z"),
            ("2024-01-31T08:09", "2024-01-31T08:09:00.0000000Z"),
            ("2024-01-31 08:09:10.1234567", "2024-01-31T08:09:10.1234567Z"),
            ("2024-01-31T08:09:10.5Z", "2024-01-31T08:09:10.5000000Z"),
            ("2024-01-31T08:09:10+02:00", "2024-01-31T06:09:10.0000000Z"),
            ("2024-01-31T08:09:10 -0130", "2024-01-31T09:39:10.0000000Z"),
            ("Sat, 8 Nov 2014 15:05:02 GMT", "2014-11-08T15:05:02.0000000Z"),
            ("Saturday, 08-Nov-14 15:05:02 UTC", "2014-11-08T15:05:02.0000000Z"),
            ("8 Nov 2014 15:05", "2014-11-08T15:05:00.0000000Z"),
            ("Nov 8, 2014", "2014-11-08T00:00:00.0000000Z"),
            ("1/31/2024", "2024-01-31T00:00:00.0000000Z"),
            ("1/31/2024 3:04:05 PM", "2024-01-31T15:04:05.0000000Z"),
            ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.9999999Z"),
            ("0001-01-01", "0001-01-01T00:00:00.0000000Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_none() {
        for text in
            ["", "soon", "2024-13-01", "2024-02-30", "2024-01-01T25:00", "2024-01-01T00:00:00.x", "-", "1", "2024-01-01 +99:00", "é", "T"]
        {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
