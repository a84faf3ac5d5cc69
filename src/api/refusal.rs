//! Why a hunting API refused, as far as that changes what to ask next. Known by the service's words (apis.md 4.7), since the
//! codes say `BadRequest` for all of them.

use super::hunting::{Answer, Api};
use crate::{
    error::{Error, Kind},
    transport::{Broken, Envelope, Head, ServiceFault},
};
use regex::Regex;
use serde::Deserialize;
use std::sync::LazyLock;

/// A refusal that a narrower or another question may avoid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The answer would pass the size limit (50 MB).
    TooLarge,
    /// The query was ended for its time, CPU or memory.
    Preempted,
    /// A gateway gave up on the answer, or none came in time.
    Gateway,
    /// A table or column is not there: misspelt, or its product not licensed or not onboarded.
    Unresolved,
    /// The API is not there: retired, or the wrong host.
    Gone,
}

/// The code of an answer that only a retired API gives.
const RETIRED: &str = "Retired";

const TOO_LARGE: &[&str] = &[
    "exceeded the allowed result size",
    "result size limit exceeded",
    "exceeds the allowed size limit",
    // The engine's own word, where no service puts another in its place.
    "e_query_result_set_too_large",
];
const PREEMPTED: &[&str] = &[
    "exceeded the allowed limits",
    "was preempted",
    "exceeded the timeout period",
    "excessive resource consumption",
    "e_runaway_query",
    "e_low_memory_condition",
];

impl Refusal {
    /// Tells what refusal an error of a call was, if it was one of these.
    pub fn of(error: &Error) -> Option<Self> {
        if error.explicit_code() == Some(RETIRED) {
            return Some(Self::Gone);
        }
        let fault = ServiceFault::of(error)?;
        match fault.status {
            // A gateway's word for an answer too large, or for a request too long (apis.md 4.7).
            Some(413) => Some(Self::Gateway),
            Some(400) => Self::in_words(&fault.envelope.message),
            Some(404 | 410) => Some(Self::Gone),
            _ => fault.gateway.then_some(Self::Gateway),
        }
    }

    /// Tells what refusal a message means, whatever it came in.
    fn in_words(message: &str) -> Option<Self> {
        let message = message.to_ascii_lowercase();
        let says = |wordings: &[&str]| wordings.iter().any(|words| message.contains(words));
        match () {
            () if says(TOO_LARGE) => Some(Self::TooLarge),
            () if says(PREEMPTED) => Some(Self::Preempted),
            () if says(&["failed to resolve"]) => Some(Self::Unresolved),
            () => None,
        }
    }

    /// Says whether a part of the window may fit where the whole did not.
    pub fn is_cap(self) -> bool {
        matches!(self, Self::TooLarge | Self::Preempted | Self::Gateway)
    }
}

/// Says whether the service answered that what a question takes is beyond it (501), which is no matter of size.
pub fn is_beyond(error: &Error) -> bool {
    ServiceFault::of(error).is_some_and(|fault| fault.status == Some(501))
}

/// Says whether a token was refused since the API's own application is not in the tenant: the product was never set up
/// (AADSTS500011, 650052, 50001; apis.md 1.6).
pub fn is_absent(error: &Error) -> bool {
    ["AADSTS500011", "AADSTS650052", "AADSTS50001"].contains(&error.code().as_str())
}

/// Says why an answer without rows is not that of a query that finds nothing: every query has columns, and an API has no data once
/// the day of its end has come.
pub(super) fn not_to_be_believed(api: Api, answer: &Answer, head: &Head) -> Option<&'static str> {
    let day = jiff::tz::TimeZone::UTC.to_timestamp(api.retires()?.at(0, 0, 0, 0)).ok()?;
    if answer.schema.is_empty() {
        return Some("with neither columns nor rows");
    }
    head.date().is_some_and(|date| date >= day).then_some("without rows, after the day on which it stops")
}

/// The error of an API that answers with nothing at all, as one does that is there no more: its wire behaviour after the day is not
/// documented (apis.md 4.11).
pub(super) fn retired(api: Api, how: &str) -> Error {
    let message = format!("hunting on {}: it answers 200 {how}, as an API does that is retired", api.title());
    Error::new(Kind::Failed, message).with_code(RETIRED)
}

pub(super) fn advised(api: Api, error: Error) -> Error {
    let retired = Refusal::of(&error) == Some(Refusal::Gone) || error.explicit_code() == Some("BrokenBody");
    match api.retires().filter(|_| retired) {
        Some(day) => {
            error.hint(format!("hunting on {} stops on {day}: use --api graph, permission {}", api.title(), Api::Graph.permission()))
        }
        None => error,
    }
}

/// Reads an error that came in a 2xx answer: one that is about the question is the refusal that it says it is, whatever the status; any
/// other may heal.
pub(super) fn refused(api: Api, error: &[u8]) -> Broken {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Said {
        code: String,
        message: String,
    }
    let Said { code, message } = serde_json::from_slice(error).unwrap_or_default();
    if code != "BadRequest" && Refusal::in_words(&message).is_none() {
        return Broken::Body(format!("it holds an error: {}", excerpt(error)));
    }
    let words = format!("hunting on {}: the service answered 200 OK with an error in it: {}", api.title(), excerpt(error));
    let envelope = Envelope { code, message, ..Envelope::default() };
    let fault = ServiceFault { status: Some(400), envelope, ..ServiceFault::default() };
    Broken::Fatal(Error::new(Kind::Query, words).with_code("BadRequest").caused_by(fault))
}

fn excerpt(error: &[u8]) -> String {
    String::from_utf8_lossy(error).chars().take(400).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

static POSITIONS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let forms = [
        r"(?i)\bline(?:\s+number)?\W{0,3}(\d+)\W{1,3}(?:position|column|pos|col|char)\w*\W{0,3}(\d+)",
        r"(?i)\bline\W{0,2}\[?(\d+),\s*(\d+)\]?",
        r"(?i)line:position\W{0,2}(\d+):(\d+)",
        r"\[(\d+):(\d+)\]",
    ];
    forms.iter().filter_map(|form| Regex::new(form).ok()).collect()
});

/// Returns the line and the column, from 1, that the service's message on a query names.
pub fn position(message: &str) -> Option<(usize, usize)> {
    POSITIONS.iter().find_map(|form| {
        let found = form.captures(message)?;
        Some((found[1].parse().ok()?, found[2].parse().ok()?))
    })
}

/// Returns the name of the table or column that the service could not resolve.
pub fn unresolved(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("expression named '")?;
    rest.split_once('\'').map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wordings_of_the_services() {
        for (message, refusal) in [
            (
                "Query execution has exceeded the allowed result size. Optimize your query by limiting the amount of results and try again.",
                Refusal::TooLarge,
            ),
            ("Result size limit exceeded. Use \"summarize\" to aggregate", Refusal::TooLarge),
            (
                "Query execution has exceeded the allowed limits. The query execution was preempted. This could possibly be due to high CPU",
                Refusal::Preempted,
            ),
            ("Query exceeded the timeout period.", Refusal::Preempted),
            (
                "'where' operator: Failed to resolve table or column expression named 'X'. Fix semantic errors in your query.",
                Refusal::Unresolved,
            ),
        ] {
            assert_eq!(Refusal::in_words(message), Some(refusal), "{message}");
        }
        assert_eq!(Refusal::in_words("A recognition error occurred."), None);
    }

    #[test]
    fn an_error_in_an_answer_is_what_it_says() {
        let read = |error: &str| match refused(Api::Graph, error.as_bytes()) {
            Broken::Fatal(error) => Some((error.kind(), Refusal::of(&error))),
            Broken::Body(_) => None,
        };
        let of = |code: &str, message: &str| format!(r#"{{"code":"{code}","message":"{message}"}}"#);
        let size = "Query execution has exceeded the allowed result size.";
        assert_eq!(read(&of("", size)), Some((Kind::Query, Some(Refusal::TooLarge))));
        assert_eq!(read(&of("BadRequest", "A recognition error occurred.")), Some((Kind::Query, None)));
        for other in [of("InternalServerError", "").as_str(), r#""odd""#, "[1]"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn no_rows_are_no_answer_after_the_end() {
        let answer = |columns: usize| Answer {
            schema: vec![super::super::hunting::Column { name: "A".into(), kind: String::new() }; columns],
            rows: 0,
            bytes: 1,
            stated_rows: None,
            request_id: None,
            client_request_id: String::new(),
        };
        let head = |date: &str| Head {
            status: 200,
            headers: [(reqwest::header::DATE, date.parse().unwrap())].into_iter().collect(),
            request_id: None,
            client_request_id: String::new(),
        };
        let (before, after) = (head("Sun, 31 Jan 2027 23:59:59 GMT"), head("Mon, 01 Feb 2027 00:00:00 GMT"));
        for (api, columns, head, believed) in
            [(Api::Xdr, 1, &before, true), (Api::Xdr, 0, &before, false), (Api::Mde, 1, &after, false), (Api::Graph, 0, &after, true)]
        {
            assert_eq!(not_to_be_believed(api, &answer(columns), head).is_none(), believed, "{api} {columns}");
        }
    }

    #[test]
    fn positions() {
        assert_eq!(position("A recognition error occurred.\nToken: |\nLine: 3, Position: 20"), Some((3, 20)));
        assert_eq!(position("Query could not be parsed at '|' on line [2,17]"), Some((2, 17)));
        assert_eq!(position("SYN0002: Query could not be parsed: ... [line:position=3:12]"), Some((3, 12)));
        assert_eq!(position("error at line 4, column 9"), Some((4, 9)));
        assert_eq!(position("Fix semantic errors in your query."), None);
    }

    #[test]
    fn what_was_not_found() {
        assert_eq!(
            unresolved("'where' operator: Failed to resolve table or column expression named 'EmailEvents'. Fix"),
            Some("EmailEvents")
        );
        assert_eq!(unresolved("nothing"), None);
    }
}
