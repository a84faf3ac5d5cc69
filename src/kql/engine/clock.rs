//! Kusto's calendar over nanoseconds since 1970: days, weeks that begin on Sunday, parts, and texts read as times.
//!
//! Nanoseconds reach from 1677 to 2262. What lies outside (Kusto knows the years 1 to 9999) is held at that edge.

use jiff::civil;

pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
/// Ticks of 100 ns from 0001-01-01 to 1970-01-01.
const EPOCH_TICKS: i64 = 621_355_968_000_000_000;

/// Nanoseconds since 1970 of ticks since year 1, held at the edges of the range.
pub(crate) fn from_ticks(ticks: i64) -> i64 {
    ticks.saturating_sub(EPOCH_TICKS).saturating_mul(100)
}

/// Ticks since year 1 of nanoseconds since 1970.
pub(crate) fn to_ticks(nanos: i64) -> i64 {
    nanos.div_euclid(100) + EPOCH_TICKS
}

/// A moment taken apart.
pub(crate) struct Moment {
    pub(crate) date: civil::Date,
    /// Nanoseconds since midnight.
    pub(crate) time: i64,
}

/// The epoch as a civil date.
fn epoch() -> civil::Date {
    civil::Date::constant(1970, 1, 1)
}

/// Takes nanoseconds since 1970 apart.
pub(crate) fn moment(nanos: i64) -> Moment {
    let days = jiff::Span::new().days(nanos.div_euclid(DAY));
    let date = epoch().checked_add(days).unwrap_or_else(|_| epoch());
    Moment { date, time: nanos.rem_euclid(DAY) }
}

/// The midnight that begins a date, held at the edges of the range.
pub(crate) fn midnight(date: civil::Date) -> i64 {
    let days = date.since((jiff::Unit::Day, epoch())).map_or(0, |span| span.get_days());
    i64::from(days).saturating_mul(DAY)
}

/// What calendar parts begin and end by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Year,
    Quarter,
    Month,
    Week,
    Day,
    /// A fixed number of nanoseconds.
    Fixed(i64),
}

/// Reads the name of a part as `datetime_diff` and `datetime_add` take it.
pub(crate) fn part(name: &str) -> Option<Part> {
    Some(match name.to_ascii_lowercase().as_str() {
        "year" => Part::Year,
        "quarter" => Part::Quarter,
        "month" => Part::Month,
        "week" => Part::Week,
        "day" => Part::Day,
        "hour" => Part::Fixed(HOUR),
        "minute" => Part::Fixed(MINUTE),
        "second" => Part::Fixed(SECOND),
        "millisecond" => Part::Fixed(1_000_000),
        "microsecond" => Part::Fixed(1_000),
        "nanosecond" => Part::Fixed(1),
        _ => return None,
    })
}

/// How many beginnings of a part lie before a moment: the difference of two is `datetime_diff`.
pub(crate) fn ordinal(nanos: i64, part: Part) -> i64 {
    let date = moment(nanos).date;
    let months = i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
    match part {
        Part::Year => i64::from(date.year()),
        Part::Quarter => months.div_euclid(3),
        Part::Month => months,
        // 1970-01-01 was a Thursday, four days after a Sunday.
        Part::Week => (nanos.div_euclid(DAY) + 4).div_euclid(7),
        Part::Day => nanos.div_euclid(DAY),
        Part::Fixed(length) => nanos.div_euclid(length),
    }
}

/// The beginning of the part that a moment lies in, `offset` parts later.
pub(crate) fn start_of(nanos: i64, part: Part, offset: i64) -> Option<i64> {
    let number = ordinal(nanos, part).checked_add(offset)?;
    match part {
        Part::Year => month_start(number.checked_mul(12)?),
        Part::Quarter => month_start(number.checked_mul(3)?),
        Part::Month => month_start(number),
        Part::Week => number.checked_mul(7)?.checked_sub(4)?.checked_mul(DAY),
        Part::Day => number.checked_mul(DAY),
        Part::Fixed(length) => number.checked_mul(length),
    }
}

fn month_start(months: i64) -> Option<i64> {
    let year = i16::try_from(months.div_euclid(12)).ok()?;
    let month = i8::try_from(months.rem_euclid(12) + 1).ok()?;
    civil::Date::new(year, month, 1).ok().map(midnight)
}

/// A moment moved by a number of parts; days of the month that do not exist become the last one.
pub(crate) fn add(nanos: i64, part: Part, amount: i64) -> Option<i64> {
    let months = match part {
        Part::Year => amount.checked_mul(12)?,
        Part::Quarter => amount.checked_mul(3)?,
        Part::Month => amount,
        Part::Week => return nanos.checked_add(amount.checked_mul(7 * DAY)?),
        Part::Day => return nanos.checked_add(amount.checked_mul(DAY)?),
        Part::Fixed(length) => return nanos.checked_add(amount.checked_mul(length)?),
    };
    let moment = moment(nanos);
    let date = moment.date.checked_add(jiff::Span::new().try_months(months).ok()?).ok()?;
    midnight(date).checked_add(moment.time)
}

/// Reads a datetime, in nanoseconds since 1970: RFC 3339 and its relatives, dates, and the American `1/31/2024 8:00:00 AM`. Without a
/// zone it is UTC.
pub fn parse_datetime(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(held(time.as_nanosecond()));
    }
    if let Ok(civil) = text.parse::<civil::DateTime>() {
        return Some(civil_nanos(civil));
    }
    parse_american(text).map(civil_nanos)
}

fn held(nanos: i128) -> i64 {
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

fn civil_nanos(civil: civil::DateTime) -> i64 {
    let time = civil.time();
    let seconds = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    midnight(civil.date()).saturating_add(seconds * SECOND + i64::from(time.subsec_nanosecond()))
}

fn parse_american(text: &str) -> Option<civil::DateTime> {
    const FORMS: [&str; 4] = ["%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S%.f", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M %p"];
    if !text.starts_with(|c: char| c.is_ascii_digit()) || !text.contains('/') {
        return None;
    }
    let whole = FORMS.iter().find_map(|form| civil::DateTime::strptime(form, text).ok());
    whole.or_else(|| civil::Date::strptime("%m/%d/%Y", text).ok().map(civil::Date::into))
}

/// Reads a timespan, in nanoseconds: `[-][d.]hh:mm[:ss[.fffffff]]`, or a number with a unit as in the language.
pub fn parse_timespan(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let nanos = if text.contains(':') { clock_nanos(text)? } else { unit_nanos(text)? };
    Some(if negative { -nanos } else { nanos })
}

fn clock_nanos(text: &str) -> Option<i64> {
    let (days, clock) = match text.split_once('.') {
        Some((days, rest)) if rest.contains(':') => (days.parse::<i64>().ok()?, rest),
        _ => (0, text),
    };
    let mut parts = clock.split(':');
    let (hours, minutes) = (parts.next()?.parse::<i64>().ok()?, parts.next()?.parse::<i64>().ok()?);
    let (seconds, fraction) = parts.next().map_or(Some((0, 0)), seconds_nanos)?;
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    days.checked_mul(DAY)?.checked_add(hours * HOUR + minutes * MINUTE + seconds * SECOND + fraction)
}

fn seconds_nanos(text: &str) -> Option<(i64, i64)> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = format!("{fraction:0<9}").chars().take(9).collect();
    Some((seconds.parse().ok()?, digits.parse().ok()?))
}

fn unit_nanos(text: &str) -> Option<i64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let length = match unit {
        "" | "d" | "day" | "days" => DAY,
        "h" | "hr" | "hrs" | "hour" | "hours" => HOUR,
        "m" | "min" | "minute" | "minutes" => MINUTE,
        "s" | "sec" | "second" | "seconds" => SECOND,
        "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1_000_000,
        "micro" | "micros" | "microsecond" | "microseconds" => 1_000,
        "tick" | "ticks" => 100,
        _ => return None,
    };
    let number = number.trim();
    match number.parse::<i64>() {
        Ok(whole) => whole.checked_mul(length),
        Err(_) => super::numbers::to_i64(number.parse::<f64>().ok()? * super::numbers::to_f64(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        parse_datetime(text).unwrap()
    }

    #[test]
    fn times_are_read_in_the_forms_that_logs_use() {
        let expected = at("2024-01-31T08:00:00Z");
        for text in ["2024-01-31 08:00", "2024-01-31T10:00:00+02:00", "1/31/2024 8:00:00 AM", "01/31/2024 08:00:00"] {
            assert_eq!(parse_datetime(text), Some(expected), "{text}");
        }
        assert_eq!(at("0001-01-01"), i64::MIN);
        assert_eq!(parse_datetime("soon"), None);
    }

    #[test]
    fn weeks_begin_on_sunday_also_before_1970() {
        assert_eq!(start_of(at("2024-02-03T12:00:00Z"), Part::Week, 0), Some(at("2024-01-28")));
        assert_eq!(start_of(at("1969-12-31T23:00:00Z"), Part::Week, 0), Some(at("1969-12-28")));
        assert_eq!(start_of(at("2024-05-17"), Part::Quarter, 1), Some(at("2024-07-01")));
    }

    #[test]
    fn months_end_where_they_end() {
        assert_eq!(add(at("2024-01-31T01:00:00Z"), Part::Month, 1), Some(at("2024-02-29T01:00:00Z")));
        assert_eq!(ordinal(at("2024-01-01"), Part::Year) - ordinal(at("2023-12-31T23:59:59Z"), Part::Year), 1);
    }

    #[test]
    fn timespans_are_read_in_both_forms() {
        assert_eq!(parse_timespan("-1.02:03:04.5"), Some(-(DAY + 2 * HOUR + 3 * MINUTE + 4 * SECOND + SECOND / 2)));
        assert_eq!(parse_timespan("90m"), Some(90 * MINUTE));
        assert_eq!(parse_timespan("25:00"), None);
    }
}
