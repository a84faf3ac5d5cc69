//! What came of a try, and what that means: each case that may be tried again says why.
//!
//! All data calls are reads (hunting's POST is one too), so that a try whose fate is unknown may be repeated (apis.md 8.6).

use super::{
    Head,
    envelope::{self, Envelope},
    retry::{Class, Fault},
    stated::stated,
};
use crate::{error::Error, secret::Secret};
use reqwest::StatusCode;
use std::time::Duration;

/// What came of a try.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The answer is whole.
    Whole(Head),
    /// An answer that is none of 2xx.
    Answered(Answered),
    /// A 2xx answer whose body is not what was asked for.
    Broken { head: Head, words: String },
    /// The connection failed.
    Lost { stage: Stage, words: String },
    /// Nothing came for so long.
    Late { after: Duration, head: Option<Head> },
    /// The receiver cannot go on, or the process is to end.
    Fatal(Error),
}

/// A refusal, read.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) head: Head,
    pub(super) envelope: Envelope,
    pub(super) stated: Option<Duration>,
}

/// When a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The other side's certificate is not to be trusted.
    Certificate,
    /// It did not come about.
    Connecting,
    /// It broke.
    Underway,
}

impl Answered {
    /// Reads a refusal. Whatever happens, the bearer does not get into its texts.
    pub(super) fn read(head: Head, body: &[u8], bearer: Option<&Secret>) -> Self {
        let mut envelope = envelope::read(&head.headers, body);
        if let Some(bearer) = bearer.map(Secret::expose).filter(|bearer| envelope.message.contains(*bearer)) {
            envelope.message = envelope.message.replace(bearer, "[redacted]");
        }
        let stated = stated(&head.headers, &envelope.message, jiff::Timestamp::now());
        Self { head, envelope, stated }
    }
}

impl Outcome {
    /// Says what the outcome means for the next try. `reached`: whether the host answered before.
    pub(super) fn fault(&self, reached: bool) -> Fault {
        let (class, stated) = match self {
            Self::Answered(answered) => (answered.class(), answered.stated),
            Self::Lost { stage: Stage::Certificate, .. } | Self::Whole(_) | Self::Fatal(_) => (Class::Refused, None),
            Self::Lost { stage: Stage::Connecting, .. } if !reached => (Class::Unreachable, None),
            Self::Lost { .. } | Self::Broken { .. } | Self::Late { .. } => (Class::Transient, None),
        };
        Fault { class, stated }
    }

    /// Says whether nobody knows if the service did what was asked: it was sent, and no answer tells. 429 and 503 tell that nothing
    /// was done.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Answered(answered) => matches!(answered.head.status, 408 | 500..=502 | 504..=599),
            Self::Lost { stage, .. } => *stage == Stage::Underway,
            Self::Broken { .. } | Self::Late { .. } => true,
            Self::Whole(_) | Self::Fatal(_) => false,
        }
    }

    /// Says whether a gateway answered as it does where a result is too large or a query too slow (apis.md 4.7).
    pub(super) fn is_gateway(&self) -> bool {
        match self {
            Self::Answered(answered) => matches!(answered.head.status, 502 | 504),
            Self::Late { head, .. } => head.is_none(),
            _ => false,
        }
    }

    /// Says whether the service failed, and not the way to it or the question.
    pub(super) fn is_service_fault(&self) -> bool {
        match self {
            Self::Answered(answered) => answered.head.status >= 500,
            Self::Late { .. } => true,
            _ => false,
        }
    }

    /// Says whether the service failed as it does when a query is too heavy for it, or for a moment: tried again twice, the query is
    /// made smaller (apis.md 4.7).
    pub(super) fn is_heavy(&self) -> bool {
        matches!(self, Self::Answered(answered) if answered.is_heavy())
    }

    /// Short words for the journal; none where all is well.
    pub(super) fn words(&self) -> Option<String> {
        match self {
            Self::Whole(_) => None,
            Self::Answered(answered) => Some(answered.words()),
            Self::Broken { words, .. } | Self::Lost { words, .. } => Some(words.clone()),
            Self::Late { after, .. } => Some(format!("nothing came for {} s", after.as_secs())),
            Self::Fatal(error) => Some(error.to_string()),
        }
    }
}

impl Answered {
    pub(super) fn is_heavy(&self) -> bool {
        matches!(self.head.status, 500 | 501 | 503) && self.stated.is_none()
    }

    fn class(&self) -> Class {
        match self.head.status {
            429 => Class::Throttled,
            // With a stated wait these are throttling too (apis.md 8.1).
            503 | 504 | 509 if self.stated.is_some() => Class::Throttled,
            401 if self.is_licence() => Class::Refused,
            401 => Class::Unauthorized,
            408 | 500..=599 => Class::Transient,
            // "An unexpected error occurred during query execution. Please try again in a few minutes."
            400 if self.envelope.message.contains("try again in a few minutes") => Class::Transient,
            _ => Class::Refused,
        }
    }

    /// MDE answers 401 where the tenant lacks a licence or is not set up: no token helps (apis.md 4.7).
    pub(super) fn is_licence(&self) -> bool {
        let message = self.envelope.message.to_ascii_lowercase();
        ["account mode is inactive", "tvm license", "is not provisioned"].iter().any(|words| message.contains(words))
    }

    /// `429 TooManyRequests`.
    pub(super) fn words(&self) -> String {
        format!("{} {}", self.head.status, self.code())
    }

    /// The service's code, else the name of the status.
    pub(super) fn code(&self) -> String {
        let code = &self.envelope.code;
        if !code.is_empty() && code.parse::<u16>().is_err() { code.clone() } else { name(self.head.status).replace([' ', '-', '\''], "") }
    }
}

/// The name of a status: `Bad Gateway`.
pub(super) fn name(status: u16) -> String {
    StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Unknown status").to_owned()
}

/// Reads an error of the HTTP library. Its own texts may hold URLs, so only the innermost cause is taken.
pub(super) fn lost(error: &reqwest::Error) -> Outcome {
    let chain: Vec<String> = causes(error).map(ToString::to_string).collect();
    let words = envelope::clean(chain.last().map_or("the connection failed", String::as_str));
    let stage = match () {
        () if chain.iter().any(|text| text.contains("invalid peer certificate") || text.contains("UnknownIssuer")) => Stage::Certificate,
        () if error.is_connect() || error.is_dns() => Stage::Connecting,
        () => Stage::Underway,
    };
    Outcome::Lost { stage, words }
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |cause| cause.source())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

    fn answered(status: u16, retry_after: Option<&'static str>, body: &str) -> Outcome {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        }
        let head = Head { status, headers, request_id: None, client_request_id: String::new() };
        Outcome::Answered(Answered::read(head, body.as_bytes(), Some(&Secret::new("eyJ0.secret"))))
    }

    #[test]
    fn each_status_has_its_class() {
        for (status, class) in [
            (400, Class::Refused),
            (401, Class::Unauthorized),
            (403, Class::Refused),
            (404, Class::Refused),
            (408, Class::Transient),
            (413, Class::Refused),
            (429, Class::Throttled),
            (500, Class::Transient),
            (503, Class::Transient),
            (509, Class::Transient),
            (302, Class::Refused),
        ] {
            assert_eq!(answered(status, None, "").fault(true).class, class, "{status}");
        }
        assert_eq!(answered(503, Some("7"), "").fault(true).class, Class::Throttled);
    }

    #[test]
    fn licences_and_unexpected_errors() {
        let licence = r#"{"error":{"code":"Unauthorized","message":"Unauthorized request - reason of failure: No Tvm license"}}"#;
        assert_eq!(answered(401, None, licence).fault(true).class, Class::Refused);
        let unexpected = r#"{"error":{"code":"BadRequest","message":"An unexpected error occurred during query execution. Please try again in a few minutes."}}"#;
        assert_eq!(answered(400, None, unexpected).fault(true).class, Class::Transient);
    }

    #[test]
    fn words_name_the_code() {
        assert_eq!(answered(429, None, r#"{"error":{"code":"429","message":""}}"#).words().unwrap(), "429 TooManyRequests");
        assert_eq!(answered(502, None, "<html></html>").words().unwrap(), "502 BadGateway");
        assert_eq!(answered(418, None, "").words().unwrap(), "418 Imateapot");
    }

    #[test]
    fn a_bearer_that_comes_back_is_masked() {
        let Outcome::Answered(answered) = answered(400, None, r#"{"error":{"code":"x","message":"bad token eyJ0.secret"}}"#) else {
            panic!()
        };
        assert_eq!(answered.envelope.message, "bad token [redacted]");
    }

    #[test]
    fn a_host_never_reached_is_not_a_lost_connection() {
        let lost = Outcome::Lost { stage: Stage::Connecting, words: String::new() };
        assert_eq!((lost.fault(false).class, lost.fault(true).class), (Class::Unreachable, Class::Transient));
    }
}
