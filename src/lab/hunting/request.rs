//! What a hunting call asks: the body's differences between the APIs, and Graph's `Timespan` (apis.md 4.1, 4.2).

use crate::lab::{
    refusal::Refusal,
    wire::{Call, Service},
};
use crate::time::{Window, parse_time};
use jiff::{Span, Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Map, Value};

/// Days that the service looks back (apis.md 4.6); what is older is not there.
const LOOK_BACK: i64 = 30;

/// A query and the window that its tables are cut to.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) query: String,
    pub(super) window: Window,
}

/// Reads a hunting call.
pub(super) fn read(call: &Call, now: Timestamp) -> Result<Question, Refusal> {
    check_media_type(call)?;
    let text = decoded(call)?;
    let body: Map<String, Value> = serde_json::from_str(&text).map_err(|_| unreadable(call.service))?;
    match call.service {
        Service::Graph => graph(&body, now),
        _ => defender(&body, now),
    }
}

fn check_media_type(call: &Call) -> Result<(), Refusal> {
    if call.media_type() == "application/json" {
        return Ok(());
    }
    Err(match call.service {
        Service::Graph => Refusal::bad_request("Write requests (excluding DELETE) must contain the Content-Type header declaration."),
        _ => Refusal::new(415, "UnsupportedMediaType", "The request's Content-Type is not supported. Expected: application/json."),
    })
}

fn unreadable(service: Service) -> Refusal {
    match service {
        Service::Graph => Refusal::bad_request(
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
        ),
        _ => Refusal::new(400, "InvalidRequestBody", "Request body is incorrect"),
    }
}

/// Graph's parameters are not Unicode by their declaration: without `charset=utf-8` what is not ASCII is lost (apis.md 4.2).
fn decoded(call: &Call) -> Result<String, Refusal> {
    let bytes = call.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&call.body);
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable(call.service))?;
    let declared = call.header("content-type").unwrap_or_default().to_ascii_lowercase().replace(['"', ' '], "");
    if call.service != Service::Graph || declared.contains("charset=utf-8") {
        return Ok(text.to_owned());
    }
    Ok(text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect())
}

fn graph(body: &Map<String, Value>, now: Timestamp) -> Result<Question, Refusal> {
    let known = ["query", "timespan", "workspaceid"];
    if let Some(unknown) = body.keys().find(|key| !known.contains(&key.to_ascii_lowercase().as_str())) {
        let message =
            format!("The parameter '{unknown}' in the request payload is not a valid parameter for the operation 'runHuntingQuery'.");
        return Err(Refusal::bad_request(message));
    }
    let get = |name: &str| body.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let query = get("query").and_then(Value::as_str).filter(|query| !query.trim().is_empty());
    let query = query.ok_or_else(|| Refusal::bad_request("Invalid request. The 'Query' parameter is missing or empty."))?;
    let window = match get("timespan") {
        None | Some(Value::Null) => default_window(now),
        Some(Value::String(span)) => timespan(span, now).ok_or_else(|| bad_timespan(span))?,
        Some(other) => return Err(bad_timespan(&other.to_string())),
    };
    Ok(Question { query: query.to_owned(), window: kept(window, now) })
}

fn bad_timespan(span: &str) -> Refusal {
    Refusal::bad_request(format!("Invalid value '{span}' for parameter 'Timespan'. Expected an ISO 8601 duration or interval."))
}

fn defender(body: &Map<String, Value>, now: Timestamp) -> Result<Question, Refusal> {
    // Names of body parameters are case-sensitive here (apis.md 4.7).
    match body.get("Query") {
        Some(Value::String(query)) if !query.trim().is_empty() => Ok(Question { query: query.clone(), window: default_window(now) }),
        Some(_) => Err(unreadable(Service::Mde)),
        None => Err(Refusal::new(400, "MissingRequiredParameter", "Required parameter 'Query' is missing.")),
    }
}

/// The last instant is part of it: rows of this very moment are there.
fn default_window(now: Timestamp) -> Window {
    let from = back(now, &LOOK_BACK.days()).unwrap_or(now);
    Window { from, to: now.checked_add(100.nanoseconds()).unwrap_or(now) }
}

/// Cuts away what is older than the retention. A window wholly before it holds nothing, which an empty one says.
fn kept(window: Window, now: Timestamp) -> Window {
    let oldest = default_window(now).from;
    let from = window.from.max(oldest);
    Window { from, to: window.to.max(from) }
}

/// Reads the five forms: start/end, duration/end, start/duration, duration, start.
fn timespan(text: &str, now: Timestamp) -> Option<Window> {
    let (from, to) = match text.trim().split_once('/') {
        Some((first, second)) => interval(first, second)?,
        None => match duration(text.trim()) {
            Some(length) => (back(now, &length)?, default_window(now).to),
            None => (parse_time(text).ok()?, default_window(now).to),
        },
    };
    (from < to).then_some(Window { from, to })
}

fn interval(first: &str, second: &str) -> Option<(Timestamp, Timestamp)> {
    match (duration(first), duration(second)) {
        (None, None) => Some((parse_time(first).ok()?, parse_time(second).ok()?)),
        (Some(length), None) => {
            let end = parse_time(second).ok()?;
            Some((back(end, &length)?, end))
        }
        (None, Some(length)) => {
            let start = parse_time(first).ok()?;
            Some((start, moved(start, &length)?))
        }
        (Some(_), Some(_)) => None,
    }
}

fn duration(text: &str) -> Option<Span> {
    text.trim().starts_with('P').then(|| text.trim().parse().ok()).flatten()
}

fn back(time: Timestamp, length: &Span) -> Option<Timestamp> {
    moved(time, &length.negate())
}

/// Months and years are the calendar's, days are 24 hours in UTC.
fn moved(time: Timestamp, length: &Span) -> Option<Timestamp> {
    time.to_zoned_datetime(TimeZone::UTC).checked_add(*length).ok().map(|moved| moved.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, String)> {
        let now = parse_time("2026-01-31T00:00:00Z").unwrap();
        timespan(text, now).map(|window| (crate::time::rfc3339(window.from), crate::time::rfc3339(window.to)))
    }

    fn pair(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn timespans_of_all_five_forms_are_read() {
        let end = "2026-01-31T00:00:00.0000001Z";
        assert_eq!(read("2026-01-01T08:00:00Z/2026-01-15T08:00:00Z").unwrap(), pair("2026-01-01T08:00:00Z", "2026-01-15T08:00:00Z"));
        assert_eq!(read("P30D/2026-02-15T08:00:00Z").unwrap(), pair("2026-01-16T08:00:00Z", "2026-02-15T08:00:00Z"));
        assert_eq!(read("2026-01-01T08:00:00Z/PT6H").unwrap(), pair("2026-01-01T08:00:00Z", "2026-01-01T14:00:00Z"));
        assert_eq!(read("P1DT12H").unwrap(), pair("2026-01-29T12:00:00Z", end));
        assert_eq!(read("2026-01-30T00:00:00Z").unwrap(), pair("2026-01-30T00:00:00Z", end));
    }

    #[test]
    fn what_is_no_timespan_is_refused() {
        for bad in ["", "30 days", "P", "P1D/P1D", "2026-02-01/2026-01-01", "yesterday", "2027-01-01T00:00:00Z"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn nothing_older_than_thirty_days_is_kept() {
        let now = parse_time("2026-01-31T00:00:00Z").unwrap();
        let body = serde_json::json!({"query": "T", "TimeSpan": "P90D"});
        let question = graph(body.as_object().unwrap(), now).unwrap();
        assert_eq!(crate::time::rfc3339(question.window.from), "2026-01-01T00:00:00Z");
    }
}
