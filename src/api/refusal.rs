//! Why a hunting API refused, as far as that changes what to ask next. Known by the service's words (apis.md 4.7), since the
//! codes say `BadRequest` for all of them.

use crate::{error::Error, transport::ServiceFault};
use regex::Regex;
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
pub(super) const RETIRED: &str = "Retired";

const TOO_LARGE: &[&str] = &["exceeded the allowed result size", "result size limit exceeded", "exceeds the allowed size limit"];
const PREEMPTED: &[&str] =
    &["exceeded the allowed limits", "was preempted", "exceeded the timeout period", "excessive resource consumption"];

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

/// Says whether a token was refused since the API's own application is not in the tenant: the product was never set up
/// (AADSTS500011, 650052, 50001; apis.md 1.6).
pub fn is_absent(error: &Error) -> bool {
    ["AADSTS500011", "AADSTS650052", "AADSTS50001"].contains(&error.code().as_str())
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
