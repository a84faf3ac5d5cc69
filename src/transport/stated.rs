//! How long a service asks us to wait: by header, in words, or by the quota that it names.
//!
//! The order is that of apis.md 4.8. A wait in words is obeyed beside the header: the longer of the two counts.

use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use std::{sync::LazyLock, time::Duration};

/// A wait of a quota of more than ten minutes is tried in steps of ten: such windows slide, so places come free before.
const LONGEST_STEP: u64 = 600;

/// The CPU quota comes back with the quarter hour (apis.md 4.6); the rest is for clocks that differ.
const QUARTER: i64 = 900;
const AFTER_QUARTER: u64 = 5;

/// Returns the wait that an answer asks for. `now` counts where the answer has no `Date`.
pub(super) fn stated(headers: &HeaderMap, message: &str, now: Timestamp) -> Option<Duration> {
    let now = server_date(headers).unwrap_or(now);
    let said = header(headers, now).max(words(message));
    said.or_else(|| quota(message)).or_else(|| processing(message, now)).filter(|wait| !wait.is_zero())
}

/// Returns the time that the service has, where it says so.
pub(super) fn server_date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

/// Milliseconds, which Azure's services state beside or instead of the standard header.
const MILLISECONDS: [&str; 2] = ["retry-after-ms", "x-ms-retry-after-ms"];

/// The longest wait of all headers that state one: a gateway may add its own.
fn header(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let texts = |name: &str| headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned).collect::<Vec<_>>();
    let standard = texts(RETRY_AFTER.as_str()).into_iter().filter_map(|text| wait(text.trim().trim_matches('"'), now));
    let milliseconds = MILLISECONDS.iter().flat_map(|name| texts(name)).filter_map(|text| text.trim().parse().ok());
    standard.chain(milliseconds.map(Duration::from_millis)).filter(|wait| !wait.is_zero()).max()
}

/// Seconds or a date, as the standard has it; or the service's own `hh:mm:ss`.
fn wait(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = http_date(text).or_else(|| text.parse().ok());
    let until = date.map(|date| Duration::try_from(date.duration_since(now)).unwrap_or_default());
    until.or_else(|| clock(&LENGTH, text))
}

/// Parses the three forms of date that HTTP knows (RFC 9110, 5.6.7).
fn http_date(text: &str) -> Option<Timestamp> {
    let usual = jiff::fmt::rfc2822::parse(text).map(|zoned| zoned.timestamp()).ok();
    usual.or_else(|| ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"].iter().find_map(|form| civil(form, text)))
}

fn civil(form: &str, text: &str) -> Option<Timestamp> {
    let broken = jiff::fmt::strtime::parse(format!("{form} %z"), format!("{text} +0000")).ok()?;
    broken.to_timestamp().ok()
}

fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static UNITS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:again|retry|wait)\b[^.0-9]{0,24}?((?:\d+(?:\.\d+)?\s*(?:(?:day|hour|hr|minute|min|second|sec)s?|[dhms])\b[\s,]*(?:and\s+)?)+)",
    )
});
static UNIT: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"(?i)(\d+(?:\.\d+)?)\s*(d|h|m|s)"));
static CLOCK: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?i)\b(?:again|retry|wait)\b[^.0-9]{0,24}?(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})"));
static LENGTH: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"^(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})"));
static PER: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"(?i)\bper\s+(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})"));
static ISO: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"\b(?:again|retry|wait)\b[^.0-9]{0,24}?\b(P(?:\d+D)?(?:T(?:\d+(?:\.\d+)?[HMS])+)?)"));
static PROCESSING: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"(?i)processing resources|\bCPU\b|resource quota"));

/// `again in 52 seconds`, `again in 9 minutes and 30 seconds`, `again in 00:09:30`, `again in PT9M30S`.
fn words(message: &str) -> Option<Duration> {
    units(message).or_else(|| clock(&CLOCK, message)).or_else(|| iso(message))
}

fn units(message: &str) -> Option<Duration> {
    let found = UNITS.as_ref()?.captures(message)?;
    let seconds = UNIT.as_ref()?.captures_iter(&found[1]).filter_map(|part| {
        let number: f64 = part[1].parse().ok()?;
        let unit = match part[2].to_ascii_lowercase().as_str() {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            _ => 1.0,
        };
        Some(number * unit)
    });
    Duration::try_from_secs_f64(seconds.sum()).ok()
}

fn clock(pattern: &LazyLock<Option<Regex>>, message: &str) -> Option<Duration> {
    let found = pattern.as_ref()?.captures(message)?;
    let part = |at: usize| found.get(at).map_or(Some(0), |text| text.as_str().parse::<u64>().ok());
    let (days, hours, minutes, seconds) = (part(1)?, part(2)?, part(3)?, part(4)?);
    let hours = days.checked_mul(24)?.checked_add(hours)?;
    Some(Duration::from_secs(hours.checked_mul(3600)?.checked_add(minutes * 60 + seconds)?))
}

fn iso(message: &str) -> Option<Duration> {
    let found = ISO.as_ref()?.captures(message)?;
    found[1].parse::<SignedDuration>().ok().and_then(|wait| Duration::try_from(wait).ok())
}

/// `maximum allowed 45 per 00:01:00`.
fn quota(message: &str) -> Option<Duration> {
    clock(&PER, message).map(|window| window.min(Duration::from_secs(LONGEST_STEP)))
}

/// The tenant's CPU is used up until the next quarter hour.
fn processing(message: &str, now: Timestamp) -> Option<Duration> {
    PROCESSING.as_ref().filter(|pattern| pattern.is_match(message))?;
    let left = u64::try_from(QUARTER - now.as_second().rem_euclid(QUARTER)).ok()?;
    Some(Duration::from_secs(left + AFTER_QUARTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(retry_after: Option<&str>, message: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, value.parse().unwrap());
        }
        stated(&headers, message, "2026-01-02T12:51:51Z".parse().unwrap()).map(|wait| wait.as_secs())
    }

    #[test]
    fn headers() {
        assert_eq!(wait(Some("10"), ""), Some(10));
        assert_eq!(wait(Some(" 2.5 "), ""), Some(2));
        assert_eq!(wait(Some("Fri, 02 Jan 2026 12:52:51 GMT"), ""), Some(60));
        assert_eq!(wait(Some("Friday, 02-Jan-26 12:52:51 GMT"), ""), Some(60));
        assert_eq!(wait(Some("Fri Jan  2 12:52:51 2026"), ""), Some(60));
        assert_eq!(wait(Some("2026-01-02T12:52:51Z"), ""), Some(60));
        assert_eq!(wait(Some("00:01:30"), ""), Some(90));
        assert_eq!(wait(Some("\"30\""), ""), Some(30));
        for nothing in ["0", "-5", "soon", "Fri, 02 Jan 2026 12:00:00 GMT", "NaN", "inf"] {
            assert_eq!(wait(Some(nothing), ""), None, "{nothing}");
        }
    }

    #[test]
    fn the_longest_of_several_headers() {
        let mut headers = HeaderMap::new();
        headers.insert("x-ms-retry-after-ms", "1500".parse().unwrap());
        assert_eq!(stated(&headers, "", Timestamp::UNIX_EPOCH), Some(Duration::from_millis(1_500)));
        headers.append(RETRY_AFTER, "7".parse().unwrap());
        headers.append(RETRY_AFTER, "12".parse().unwrap());
        assert_eq!(stated(&headers, "", Timestamp::UNIX_EPOCH), Some(Duration::from_secs(12)));
    }

    #[test]
    fn the_clock_of_the_service_counts() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Fri, 02 Jan 2026 10:00:00 GMT".parse().unwrap());
        headers.insert(RETRY_AFTER, "Fri, 02 Jan 2026 10:00:20 GMT".parse().unwrap());
        let now = "2026-01-02T12:51:51Z".parse().unwrap();
        assert_eq!(stated(&headers, "", now), Some(Duration::from_secs(20)));
    }

    #[test]
    fn words_of_the_services() {
        for (message, seconds) in [
            ("Calls quota exceeded. You can send requests again in 52 seconds.", 52),
            ("You can run queries again in 14 minutes.", 840),
            (
                "You have exceeded processing resources allocated to this tenant. You can run queries again in 9 minutes and 30 seconds.",
                570,
            ),
            ("... You can run queries again in 00:09:30.", 570),
            ("You can run queries again in 1.00:00:01", 86_401),
            ("You can run queries again in 1 hour, 2 minutes", 3720),
            ("You can run queries again in PT9M30S.", 570),
            ("Please retry after 30 seconds", 30),
            ("Try again in 45s", 45),
            ("You can run queries again in 7m 30s.", 450),
            ("API calls quota exceeded! maximum allowed 45 per 00:01:00", 60),
            ("API calls quota exceeded! maximum allowed 1500 per 01:00:00", 600),
            ("You have exceeded processing resources allocated to this tenant.", 489 + 5),
        ] {
            assert_eq!(wait(None, message), Some(seconds), "{message}");
        }
    }

    #[test]
    fn the_longer_of_header_and_words() {
        assert_eq!(wait(Some("10"), "again in 52 seconds"), Some(52));
        assert_eq!(wait(Some("70"), "again in 52 seconds"), Some(70));
        assert_eq!(wait(Some("7"), "maximum allowed 45 per 00:01:00"), Some(7));
    }

    #[test]
    fn no_wait_in_other_words() {
        for message in [
            "",
            "Please retry again later.",
            "try again in 500 ms",
            "Too many requests.",
            "at 2026-01-02T12:51:51 something failed",
            "Please retry after",
        ] {
            assert_eq!(wait(None, message), None, "{message}");
        }
    }
}
