//! Functions of datetimes and timespans.

use super::super::clock::{self, DAY, HOUR, MINUTE, Part, SECOND};
use super::super::numbers;
use super::super::value::Value;
use super::cells::{Instant, Long, Nanos, Real, Span, Text, Time, map1, map2};
use super::convert::convert;
use super::{Args, Entry, Outcome, entry, sure};
use crate::kql::ast::TypeName;

pub(super) const FUNCTIONS: &[Entry] = &[
    entry("startofday", 1, 2, |args| edge(args, Part::Day, false)),
    entry("startofweek", 1, 2, |args| edge(args, Part::Week, false)),
    entry("startofmonth", 1, 2, |args| edge(args, Part::Month, false)),
    entry("startofyear", 1, 2, |args| edge(args, Part::Year, false)),
    entry("endofday", 1, 2, |args| edge(args, Part::Day, true)),
    entry("endofweek", 1, 2, |args| edge(args, Part::Week, true)),
    entry("endofmonth", 1, 2, |args| edge(args, Part::Month, true)),
    entry("endofyear", 1, 2, |args| edge(args, Part::Year, true)),
    sure("dayofweek", 1, 1, day_of_week),
    sure("dayofmonth", 1, 1, |args| number("dayofmonth", args.time(0), |nanos| i32::from(clock::moment(nanos).date.day()))),
    sure("dayofyear", 1, 1, |args| number("dayofyear", args.time(0), |nanos| i32::from(clock::moment(nanos).date.day_of_year()))),
    sure("monthofyear", 1, 1, |args| number("monthofyear", args.time(0), month)),
    sure("getmonth", 1, 1, |args| number("monthofyear", args.time(0), month)),
    sure("getyear", 1, 1, |args| number("getyear", args.time(0), |nanos| i32::from(clock::moment(nanos).date.year()))),
    sure("hourofday", 1, 1, |args| number("hourofday", args.time(0), |nanos| unit(nanos, HOUR, 24))),
    sure("week_of_year", 1, 1, |args| number("week_of_year", args.time(0), week)),
    sure("weekofyear", 1, 1, |args| number("week_of_year", args.time(0), week)),
    entry("datetime_part", 2, 2, part_of),
    entry("datepart", 2, 2, part_of),
    entry("datetime_diff", 3, 3, difference),
    entry("datetime_add", 3, 3, add),
    sure("unixtime_seconds_todatetime", 1, 1, |args| unix(args, SECOND)),
    sure("unixtime_milliseconds_todatetime", 1, 1, |args| unix(args, 1_000_000)),
    sure("unixtime_microseconds_todatetime", 1, 1, |args| unix(args, 1_000)),
    sure("unixtime_nanoseconds_todatetime", 1, 1, |args| unix(args, 1)),
    sure("make_datetime", 1, 6, make_datetime),
    sure("make_timespan", 1, 4, make_timespan),
    entry("format_datetime", 2, 2, format_datetime),
    entry("format_timespan", 2, 2, format_timespan),
    sure("datetime_utc_to_local", 2, 2, |args| zoned("datetime_utc_to_local", args, to_local)),
    sure("datetime_local_to_utc", 2, 2, |args| zoned("datetime_local_to_utc", args, to_utc)),
];

fn edge(args: &Args, part: Part, end: bool) -> Outcome {
    let offset = args.constant_long(1, 0)?;
    let name = if end { "endof" } else { "startof" };
    // The last tick of a part is 100 ns before the next one.
    let (shift, back) = if end { (offset + 1, 100) } else { (offset, 0) };
    Ok(map1::<Time, Instant>(name, format!("{part:?} {offset}"), TypeName::Datetime, args.time(0), move |nanos| {
        clock::start_of(nanos, part, shift)?.checked_sub(back).map(Instant)
    }))
}

fn number(name: &'static str, value: Value, body: fn(i64) -> i32) -> Value {
    map1::<Time, i32>(name, "", TypeName::Int, value, move |nanos| Some(body(nanos)))
}

fn month(nanos: i64) -> i32 {
    i32::from(clock::moment(nanos).date.month())
}

fn week(nanos: i64) -> i32 {
    i32::from(clock::moment(nanos).date.iso_week_date().week())
}

fn unit(nanos: i64, length: i64, modulus: i64) -> i32 {
    i32::try_from(nanos.div_euclid(length).rem_euclid(modulus)).unwrap_or(0)
}

fn day_of_week(args: &Args) -> Value {
    map1::<Time, Nanos>("dayofweek", "", TypeName::Timespan, args.time(0), |nanos| {
        Some(Nanos((nanos.div_euclid(DAY) + 4).rem_euclid(7) * DAY))
    })
}

fn part_of(args: &Args) -> Outcome {
    let name = args.constant_text(0)?.to_ascii_lowercase();
    let body: fn(i64) -> i32 = match name.as_str() {
        "year" => |nanos| i32::from(clock::moment(nanos).date.year()),
        "quarter" => |nanos| (month(nanos) + 2) / 3,
        "month" => month,
        "weekofyear" | "week_of_year" => week,
        "day" => |nanos| i32::from(clock::moment(nanos).date.day()),
        "dayofyear" => |nanos| i32::from(clock::moment(nanos).date.day_of_year()),
        "hour" => |nanos| unit(nanos, HOUR, 24),
        "minute" => |nanos| unit(nanos, MINUTE, 60),
        "second" => |nanos| unit(nanos, SECOND, 60),
        "millisecond" => |nanos| unit(nanos, 1_000_000, 1_000),
        "microsecond" => |nanos| unit(nanos, 1_000, 1_000_000),
        "nanosecond" => |nanos| unit(nanos, 1, SECOND),
        _ => return Err(format!("'{name}' is not a part of a datetime")),
    };
    let value = args.time(1);
    Ok(map1::<Time, i32>("datetime_part", name, TypeName::Int, value, move |nanos| Some(body(nanos))))
}

fn named_part(args: &Args) -> Result<(String, Part), String> {
    let name = args.constant_text(0)?;
    let part = clock::part(&name).ok_or_else(|| format!("'{name}' is not a part of a datetime"))?;
    Ok((name, part))
}

fn difference(args: &Args) -> Outcome {
    let (name, part) = named_part(args)?;
    Ok(map2::<Time, Time, i64>("datetime_diff", name, TypeName::Long, (args.time(1), args.time(2)), move |a, b| {
        Some(clock::ordinal(a, part).wrapping_sub(clock::ordinal(b, part)))
    }))
}

fn add(args: &Args) -> Outcome {
    let (name, part) = named_part(args)?;
    Ok(map2::<Time, Long, Instant>("datetime_add", name, TypeName::Datetime, (args.time(2), args.long(1)), move |nanos, amount| {
        clock::add(nanos, part, amount).map(Instant)
    }))
}

fn unix(args: &Args, length: i64) -> Value {
    const NAME: &str = "unixtime_todatetime";
    let value = args.get(0);
    if value.kind == TypeName::Real {
        return map1::<Real, Instant>(NAME, format!("real {length}"), TypeName::Datetime, value, move |number| {
            numbers::to_i64(number * numbers::to_f64(length)).map(Instant)
        });
    }
    map1::<Long, Instant>(NAME, length.to_string(), TypeName::Datetime, args.long(0), move |number| number.checked_mul(length).map(Instant))
}

fn make_datetime(args: &Args) -> Value {
    if args.len() == 1 {
        return convert(args.get(0), TypeName::Datetime);
    }
    let text =
        |index: usize, width: usize| padded(if index < args.len() { args.long(index) } else { Value::long(i64::from(index < 3)) }, width);
    let parts = vec![
        text(0, 4),
        Value::text("-"),
        text(1, 2),
        Value::text("-"),
        text(2, 2),
        Value::text(" "),
        text(3, 2),
        Value::text(":"),
        text(4, 2),
    ];
    let clock = super::texts::concat(parts, "");
    let start = convert(clock, TypeName::Datetime);
    let seconds = if args.len() > 5 { args.real(5) } else { Value::real(0.0) };
    map2::<Time, Real, Instant>("make_datetime", "", TypeName::Datetime, (start, seconds), |nanos, seconds| {
        nanos.checked_add(numbers::to_i64(seconds * numbers::to_f64(SECOND))?).map(Instant)
    })
}

fn padded(value: Value, width: usize) -> Value {
    map1::<Long, String>("padded", width.to_string(), TypeName::String, value, move |number| Some(format!("{number:0width$}")))
}

fn make_timespan(args: &Args) -> Value {
    if args.len() == 1 {
        return convert(args.get(0), TypeName::Timespan);
    }
    let lengths: &[i64] = match args.len() {
        2 => &[HOUR, MINUTE],
        3 => &[HOUR, MINUTE, SECOND],
        _ => &[DAY, HOUR, MINUTE, SECOND],
    };
    let zero = Value::timespan(0);
    lengths.iter().enumerate().fold(zero, |sum, (index, &length)| {
        map2::<Span, Real, Nanos>("make_timespan", length.to_string(), TypeName::Timespan, (sum, args.real(index)), move |sum, number| {
            sum.checked_add(numbers::to_i64(number * numbers::to_f64(length))?).map(Nanos)
        })
    })
}

fn format_datetime(args: &Args) -> Outcome {
    let format = args.constant_text(1)?;
    Ok(map1::<Time, String>("format_datetime", format.clone(), TypeName::String, args.time(0), move |nanos| {
        Some(formatted(nanos, &format, true))
    }))
}

fn format_timespan(args: &Args) -> Outcome {
    let format = args.constant_text(1)?;
    let value = convert(args.get(0), TypeName::Timespan);
    Ok(map1::<Span, String>("format_timespan", format.clone(), TypeName::String, value, move |nanos| {
        Some(formatted(nanos, &format, false))
    }))
}

/// Writes a moment by a format of runs of letters; other characters stand for themselves.
fn formatted(nanos: i64, format: &str, calendar: bool) -> String {
    let nanos = if calendar { nanos } else { nanos.saturating_abs() };
    let chars: Vec<char> = format.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let run = chars[at..].iter().take_while(|&&c| c == chars[at]).count();
        match piece(nanos, chars[at], run, calendar) {
            Some(text) => out.push_str(&text),
            None => out.extend(&chars[at..at + run]),
        }
        at += run;
    }
    out
}

fn piece(nanos: i64, letter: char, run: usize, calendar: bool) -> Option<String> {
    let date = clock::moment(nanos).date;
    let clock = |length: i64, modulus: i64| i64::from(unit(nanos, length, modulus));
    let number = match letter {
        'y' if calendar && run <= 2 => i64::from(date.year()) % 100,
        'y' if calendar => i64::from(date.year()),
        'M' if calendar => i64::from(date.month()),
        'd' if calendar => i64::from(date.day()),
        'd' => nanos.div_euclid(DAY),
        'h' if calendar => (clock(HOUR, 24) + 11) % 12 + 1,
        'h' | 'H' => clock(HOUR, 24),
        'm' => clock(MINUTE, 60),
        's' => clock(SECOND, 60),
        't' if calendar => return Some(if clock(HOUR, 24) < 12 { "AM" } else { "PM" }.to_owned()),
        'f' | 'F' => return Some(fraction(nanos, run, letter == 'F')),
        _ => return None,
    };
    Some(format!("{number:0run$}"))
}

fn fraction(nanos: i64, digits: usize, trimmed: bool) -> String {
    let all = format!("{:09}", nanos.rem_euclid(SECOND));
    let text = &all[..digits.min(7)];
    if trimmed { text.trim_end_matches('0').to_owned() } else { text.to_owned() }
}

fn zoned(name: &'static str, args: &Args, body: fn(i64, &str) -> Option<i64>) -> Value {
    map2::<Time, Text, Instant>(name, "", TypeName::Datetime, (args.time(0), args.text(1)), move |nanos, zone| {
        body(nanos, zone).map(Instant)
    })
}

fn to_local(nanos: i64, zone: &str) -> Option<i64> {
    let zone = jiff::tz::TimeZone::get(zone).ok()?;
    let offset = zone.to_offset(jiff::Timestamp::from_nanosecond(i128::from(nanos)).ok()?);
    nanos.checked_add(i64::from(offset.seconds()) * SECOND)
}

fn to_utc(nanos: i64, zone: &str) -> Option<i64> {
    let zone = jiff::tz::TimeZone::get(zone).ok()?;
    let local = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_nanosecond(i128::from(nanos)).ok()?);
    i64::try_from(zone.to_timestamp(local).ok()?.as_nanosecond()).ok()
}

/// `bin` over every type that it takes.
pub(crate) fn bin(value: Value, size: Value) -> Outcome {
    match (value.kind, size.kind) {
        (TypeName::Datetime, TypeName::Timespan) => {
            Ok(map2::<Time, Span, Instant>("bin", "time", TypeName::Datetime, (value, size), |nanos, size| {
                floor_time(nanos, size).map(Instant)
            }))
        }
        (TypeName::Timespan, TypeName::Timespan) => {
            Ok(map2::<Span, Span, Nanos>("bin", "span", TypeName::Timespan, (value, size), |nanos, size| floor(nanos, size).map(Nanos)))
        }
        (TypeName::Int, TypeName::Int | TypeName::Long) => {
            let binned = bin(value.cast(TypeName::Long), convert(size, TypeName::Long))?;
            Ok(convert(binned, TypeName::Int))
        }
        (TypeName::Long, TypeName::Int | TypeName::Long) => {
            let size = convert(size, TypeName::Long);
            Ok(map2::<Long, Long, i64>("bin", "long", TypeName::Long, (value, size), floor))
        }
        (TypeName::Dynamic, TypeName::Timespan) => bin(convert(value, TypeName::Datetime), size),
        _ if value.is_numeric() || value.kind == TypeName::Dynamic => {
            let pair = (super::convert::to_real(value), super::convert::to_real(size));
            Ok(map2::<Real, Real, f64>("bin", "real", TypeName::Real, pair, |value, size| {
                (size != 0.0).then(|| (value / size).floor() * size)
            }))
        }
        (kind, _) => Err(format!("cannot bin a {}", super::super::types::type_name(kind))),
    }
}

fn floor(value: i64, size: i64) -> Option<i64> {
    (size > 0).then(|| value.checked_sub(value.rem_euclid(size)))?
}

/// Bins of time begin at year 1, which matters where a bin is no divisor of a week or a day.
fn floor_time(nanos: i64, size: i64) -> Option<i64> {
    let (ticks, size) = (clock::to_ticks(nanos), size / 100);
    floor(ticks, size).map(clock::from_ticks)
}

/// `bin_at`: bins that begin at a fixed point.
pub(crate) fn bin_at(value: Value, size: Value, fixed: Value) -> Outcome {
    if value.kind == TypeName::Datetime {
        let (Some(size), Some(fixed)) = (size.as_i64(), fixed.as_i64()) else {
            return Err("bin size and fixed point must be constants".to_owned());
        };
        return Ok(map1::<Time, Instant>("bin_at", format!("{size} {fixed}"), TypeName::Datetime, value, move |nanos| {
            floor(nanos.checked_sub(fixed)?, size)?.checked_add(fixed).map(Instant)
        }));
    }
    let values = (super::convert::to_real(value), super::convert::to_real(size), super::convert::to_real(fixed));
    Ok(super::cells::map3::<Real, Real, Real, f64>("bin_at", "", TypeName::Real, values, |value, size, fixed| {
        (size > 0.0).then(|| ((value - fixed) / size).floor() * size + fixed)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_of_negative_values_are_floored() {
        let bin = |value: i64| bin(Value::long(value), Value::long(5)).unwrap().as_i64();
        assert_eq!([bin(-1), bin(-5), bin(4)], [Some(-5), Some(-5), Some(0)]);
        let span = super::bin(Value::timespan(-HOUR), Value::timespan(DAY)).unwrap();
        assert_eq!(span.as_i64(), Some(-DAY));
    }

    #[test]
    fn weekly_bins_begin_where_year_one_began() {
        let time = clock::parse_datetime("2024-01-31T08:00:00Z").unwrap();
        let monday = clock::parse_datetime("2024-01-29").unwrap();
        assert_eq!(floor_time(time, 7 * DAY), Some(monday), "0001-01-01 was a Monday");
    }

    #[test]
    fn formats_follow_their_letters() {
        let time = clock::parse_datetime("2024-01-31T08:05:09.1234567Z").unwrap();
        assert_eq!(formatted(time, "yyyy-MM-dd HH:mm:ss.fff", true), "2024-01-31 08:05:09.123");
        assert_eq!(formatted(time, "M/d/yy h:mm tt", true), "1/31/24 8:05 AM");
        assert_eq!(formatted(DAY + HOUR, "d.hh:mm", false), "1.01:00");
    }
}
