//! From the last outcome of a call to the error that people read: what was being done, what the service said with its request
//! id, what to do next.

use super::{
    Call, Head,
    audience::audience,
    classify::{Answered, Outcome, Stage, name},
    envelope::{Envelope, Form},
    retry::Course,
};
use crate::{
    error::{Error, Kind},
    secret::{SafeUrl, Secret},
};
use std::{fmt, time::Duration};

/// What the service's last answer was: the typed source of the errors of a call, for callers that tell refusals apart.
#[derive(Clone, Debug, Default)]
pub struct ServiceFault {
    /// HTTP status; none where no answer came.
    pub status: Option<u16>,
    /// The error envelope.
    pub envelope: Envelope,
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// Our id of the request.
    pub client_request_id: Option<String>,
    /// Where in the service it was (`x-ms-ags-diagnostic`).
    pub diagnostic: Option<String>,
    /// No answer, or none but a gateway's, came in time; or the service failed as it does when it is asked too much at once.
    pub gateway: bool,
}

impl ServiceFault {
    /// Returns the fault that an error of a call was made from.
    pub fn of(error: &Error) -> Option<&Self> {
        let first = std::error::Error::source(error);
        std::iter::successors(first, |cause| cause.source()).find_map(|cause| cause.downcast_ref())
    }

    /// Returns the roles that a 403 says are required, any of which would do.
    pub fn required_roles(&self) -> Vec<&str> {
        roles(&self.envelope.message, "required roles:")
    }

    /// Returns the roles that a 403 says the token holds.
    pub fn present_roles(&self) -> Vec<&str> {
        roles(&self.envelope.message, "application roles:")
    }

    fn new(head: &Head, envelope: Envelope, gateway: bool) -> Self {
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let in_body = || [&envelope.request_id, &envelope.target].into_iter().find(|id| !id.is_empty()).cloned();
        Self {
            status: Some(head.status),
            request_id: head.request_id.clone().or_else(in_body),
            client_request_id: Some(head.client_request_id.clone()),
            diagnostic: header("x-ms-ags-diagnostic"),
            gateway,
            envelope,
        }
    }
}

impl fmt::Display for ServiceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "HTTP {status} {}", name(status))?,
            None => f.write_str("no answer")?,
        }
        for (label, value) in
            [("request-id", &self.request_id), ("client-request-id", &self.client_request_id), ("x-ms-ags-diagnostic", &self.diagnostic)]
        {
            if let Some(value) = value {
                write!(f, ", {label} {value}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ServiceFault {}

fn roles<'a>(message: &'a str, label: &str) -> Vec<&'a str> {
    let Some((_, rest)) = message.split_once(label) else { return Vec::new() };
    let list = rest.split("application roles:").next().unwrap_or_default();
    list.split([',', ' ']).map(|role| role.trim().trim_end_matches('.')).filter(|role| !role.is_empty()).collect()
}

/// Words the error of a call that is given up.
pub(super) fn error(call: &Call, outcome: Outcome, course: &Course, bearer: Option<&Secret>) -> Error {
    let tries = tries(course.tries);
    match outcome {
        Outcome::Fatal(error) => error,
        Outcome::Answered(answered) => refused(call, &answered, course, bearer),
        Outcome::Broken { head, words } => {
            let fault = ServiceFault::new(&head, Envelope::default(), false);
            let message =
                format!("{}: the service answered {} {}, but {words}{}{tries}", call.doing, head.status, name(head.status), id(&fault));
            Error::new(Kind::Failed, message).with_code("BrokenBody").hint(BROKEN).caused_by(fault)
        }
        Outcome::Lost { stage, words } => lost(call, stage, &words, &tries),
        Outcome::Late { after, head } => late(call, after, head.as_ref(), &tries),
        Outcome::Whole(_) => Error::new(Kind::Failed, format!("{}: given up without a reason", call.doing)),
    }
}

const BROKEN: &str =
    "a proxy or gateway between here and the service may cut or replace answers: try again, or ask for less at once (--last, --slice)";

fn tries(tries: u32) -> String {
    if tries > 1 { format!(", after {tries} tries") } else { String::new() }
}

fn id(fault: &ServiceFault) -> String {
    fault.request_id.as_ref().map(|id| format!(" (request id {id})")).unwrap_or_default()
}

fn lost(call: &Call, stage: Stage, words: &str, tries: &str) -> Error {
    let host = call.url.host_str().unwrap_or_default();
    let error = |what: &str, code: &str| Error::new(Kind::Failed, format!("{}: {what} {host}: {words}{tries}", call.doing)).with_code(code);
    let error = match stage {
        Stage::Certificate => error("no trust in the certificate of", "UntrustedCertificate")
            .hint("if a proxy inspects TLS here, give its root certificate by --ca-file; otherwise do not go on"),
        Stage::Connecting => error("cannot connect to", "Unreachable")
            .hint("check the name, the network and HTTPS_PROXY/NO_PROXY; --resolve HOST=ADDR answers a name by hand"),
        Stage::Underway => {
            error("the connection was lost to", "ConnectionLost").hint("check the network between here and the service, then run again")
        }
    };
    error.caused_by(ServiceFault::default())
}

fn late(call: &Call, after: Duration, head: Option<&Head>, tries: &str) -> Error {
    let fault = head.map_or_else(
        || ServiceFault { gateway: true, ..ServiceFault::default() },
        |head| ServiceFault::new(head, Envelope::default(), false),
    );
    let what = if head.is_some() { "the answer stood still for" } else { "no answer came within" };
    let message = format!("{}: {what} {} s{}{tries}", call.doing, after.as_secs(), id(&fault));
    Error::new(Kind::Failed, message)
        .with_code("Timeout")
        .hint("ask for less at once (--last, a narrower query), or try again later")
        .caused_by(fault)
}

fn refused(call: &Call, answered: &Answered, course: &Course, bearer: Option<&Secret>) -> Error {
    let gateway = matches!(answered.head.status, 413 | 502 | 504) || answered.is_heavy();
    let fault = ServiceFault::new(&answered.head, answered.envelope.clone(), gateway);
    let message = format!("{}: {}{}{}", call.doing, said(answered), id(&fault), tries(course.tries));
    let error = Error::new(kind(answered), message).with_code(answered.code());
    hints(call, answered, &fault, course, bearer).into_iter().fold(error, Error::hint).caused_by(fault)
}

/// The status and what the service said, in one line.
fn said(answered: &Answered) -> String {
    let (status, envelope) = (answered.head.status, &answered.envelope);
    let code = if envelope.code.is_empty() || envelope.code == status.to_string() { name(status) } else { envelope.code.clone() };
    let inner = if envelope.inner_code.is_empty() || envelope.inner_code == status.to_string() {
        String::new()
    } else {
        format!("/{}", envelope.inner_code)
    };
    let text = match envelope.form {
        Form::Html => format!(": HTML instead of JSON, {:?}", envelope.message),
        Form::Empty => ": an empty body".to_owned(),
        _ if envelope.message.is_empty() => ": no message".to_owned(),
        _ => format!(": {}", envelope.message),
    };
    format!("the service answered {status} {code}{inner}{text}")
}

fn kind(answered: &Answered) -> Kind {
    match answered.head.status {
        400 => Kind::Query,
        401 if answered.is_licence() => Kind::Permission,
        401 => Kind::Credential,
        403 => Kind::Permission,
        429 => Kind::Incomplete,
        _ => Kind::Failed,
    }
}

fn hints(call: &Call, answered: &Answered, fault: &ServiceFault, course: &Course, bearer: Option<&Secret>) -> Vec<String> {
    match answered.head.status {
        401 if answered.is_licence() => vec!["the tenant lacks the licence or the set-up of this product".to_owned()],
        401 => vec![format!("the token{} was refused, and so was a new one: check tenant, cloud and the API's scope", made_for(bearer))],
        403 => forbidden(fault, bearer),
        404 | 410 => vec![format!("{} is not there: check the cloud and the path; a retired API answers so too", SafeUrl::new(&call.url))],
        413 => vec![
            "the request or its answer is larger than the gateway lets through: shorten the query and its lists, or ask for less"
                .to_owned(),
        ],
        429 => vec![throttled(answered, course), "give more time by --max-wait; run again with --resume to go on".to_owned()],
        300..=399 => vec!["redirects are not followed, since they would carry the token away: check the endpoint and the proxy".to_owned()],
        500..=599 => {
            vec!["the service is failing: try again later, or ask for less at once; the request id is for Microsoft's support".to_owned()]
        }
        _ => Vec::new(),
    }
}

fn throttled(answered: &Answered, course: &Course) -> String {
    let left = course.max_wait.saturating_sub(course.waited).as_secs();
    match answered.stated {
        Some(wait) => {
            format!("the service asks to wait {} s, and {left} s are left of --max-wait {} s", wait.as_secs(), course.max_wait.as_secs())
        }
        None => format!("--max-wait {} s is used up", course.max_wait.as_secs()),
    }
}

fn forbidden(fault: &ServiceFault, bearer: Option<&Secret>) -> Vec<String> {
    let required = fault.required_roles();
    let held = fault.present_roles();
    let mut hints = Vec::new();
    if !required.is_empty() {
        let holds = if held.is_empty() { "none".to_owned() } else { held.join(", ") };
        hints.push(format!(
            "grant the app registration the application permission {} and consent to it; the token holds {holds}",
            required.join(" or ")
        ));
    }
    hints.push(format!("the token{}: an API refuses tokens that were made for another one, or lack a permission", for_whom(bearer)));
    hints
}

fn made_for(bearer: Option<&Secret>) -> String {
    bearer.and_then(audience).map(|audience| format!(" for the audience {audience}")).unwrap_or_default()
}

fn for_whom(bearer: Option<&Secret>) -> String {
    bearer.and_then(audience).map(|audience| format!(" is for the audience {audience}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;

    fn refusal(status: u16, body: &str) -> Error {
        let head = Head { status, headers: HeaderMap::new(), request_id: Some("r-1".to_owned()), client_request_id: "c-1".to_owned() };
        let call = Call::get("hunting on Graph", "https://graph.microsoft.com/v1.0".parse().unwrap(), "t/graph");
        let course = Course {
            tries: 6,
            waited: Duration::from_secs(3),
            max_wait: Duration::from_secs(10),
            renewed: false,
            throttle_base: Duration::ZERO,
            jitter: 1.0,
        };
        error(&call, Outcome::Answered(Answered::read(head, body.as_bytes(), None)), &course, None)
    }

    #[test]
    fn names_the_missing_permission() {
        let body = r#"{"error":{"code":"Forbidden","message":"Missing application roles. API required roles: ThreatHunting.Read.All, application roles: User.Read.All,Policy.Read.All."}}"#;
        let error = refusal(403, body);
        assert_eq!((error.kind(), error.explicit_code()), (Kind::Permission, Some("Forbidden")));
        let fault = ServiceFault::of(&error).unwrap();
        assert_eq!(fault.required_roles(), ["ThreatHunting.Read.All"]);
        assert_eq!(fault.present_roles(), ["User.Read.All", "Policy.Read.All"]);
        assert!(error.hints()[0].contains("ThreatHunting.Read.All"), "{error:?}");
    }

    #[test]
    fn says_status_request_id_and_what_to_do() {
        for (status, body, kind) in [
            (400, r#"{"error":{"code":"BadRequest","message":"Fix semantic errors in your query."}}"#, Kind::Query),
            (401, r#"{"error":{"code":"InvalidAuthenticationToken","message":"expired"}}"#, Kind::Credential),
            (404, "", Kind::Failed),
            (413, "<html><title>413</title></html>", Kind::Failed),
            (429, r#"{"error":{"code":"TooManyRequests","message":"again in 90 seconds"}}"#, Kind::Incomplete),
            (502, "<html><title>502 Bad Gateway</title></html>", Kind::Failed),
            (503, r#"{"error":{"code":"UnknownError","message":""}}"#, Kind::Failed),
        ] {
            let error = refusal(status, body);
            assert_eq!(error.kind(), kind, "{status}");
            let text = error.to_string();
            assert!(text.starts_with("hunting on Graph: ") && text.contains(&status.to_string()) && text.contains("r-1"), "{text}");
            assert!(status == 400 || !error.hints().is_empty(), "{status}");
        }
    }

    #[test]
    fn a_quota_says_what_was_left() {
        let error = refusal(429, r#"{"error":{"code":"TooManyRequests","message":"You can send requests again in 90 seconds."}}"#);
        assert!(error.hints()[0].contains("wait 90 s, and 7 s are left"), "{:?}", error.hints());
    }
}
