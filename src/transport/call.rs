//! One call: what is sent where, with whose bearer, and how long a try may take.

use crate::error::{Error, Kind, Result};
use crate::secret::{SafeUrl, is_loopback};
use bytes::Bytes;
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use std::time::Duration;
use url::{Origin, Url};

/// A call of a service, which may take several tries.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is being done, for errors: `hunting on Graph`.
    pub doing: String,
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// The scope of the bearer, `https://.../.default`; none where no bearer is to be sent.
    pub scope: Option<String>,
    /// The only origin that the bearer may go to: the API's own.
    pub origin: Origin,
    /// The body.
    pub body: Option<Bytes>,
    /// Headers besides those that every call has.
    pub headers: HeaderMap,
    /// Whose quota it takes from: `tenant/api`.
    pub lane: String,
    /// How long a try may take until the head of the answer is there.
    pub deadline: Duration,
    /// How long the body of an answer may stand still.
    pub idle: Duration,
    /// First wait after a 429 that states none; it doubles.
    pub throttle_base: Duration,
    /// After so many answers in a row that a gateway gives where a result is too large (502, 504) or none came in time, the
    /// call ends, so that the caller can ask for less. None: they are tried again as other faults are.
    pub gateway_tries: Option<u32>,
    /// After so many failures of the service in a row (5xx, or no answer in time) the call ends, so that the caller can ask otherwise.
    /// None: they are tried again.
    pub fault_tries: Option<u32>,
    /// It changes something, so that a try whose fate is unknown (no answer, a broken one, 5xx) ends the call: the caller looks
    /// what became of it before it asks again.
    pub once: bool,
    /// Sent without headers that are not asked for: to a URL that is signed, and whose service knows nothing of ours.
    pub bare: bool,
}

impl Call {
    /// Creates a GET of `url` without a bearer.
    pub fn get(doing: impl Into<String>, url: Url, lane: impl Into<String>) -> Self {
        Self {
            doing: doing.into(),
            method: Method::GET,
            origin: url.origin(),
            url,
            scope: None,
            body: None,
            headers: HeaderMap::new(),
            lane: lane.into(),
            deadline: Duration::from_secs(100),
            idle: Duration::from_mins(2),
            throttle_base: Duration::from_secs(2),
            gateway_tries: None,
            fault_tries: None,
            once: false,
            bare: false,
        }
    }

    /// Creates a POST of `body` to `url` without a bearer.
    pub fn post(doing: impl Into<String>, url: Url, lane: impl Into<String>, content_type: &'static str, body: Bytes) -> Self {
        let call = Self { method: Method::POST, body: Some(body), ..Self::get(doing, url, lane) };
        call.header(reqwest::header::CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    /// Creates a call that changes something: PATCH, POST, DELETE. It is not tried again where its fate is unknown.
    pub fn change(method: Method, doing: impl Into<String>, url: Url, lane: impl Into<String>, body: Option<Bytes>) -> Self {
        let call = Self { method, once: true, ..Self::get(doing, url, lane) };
        match body {
            Some(body) => {
                Self { body: Some(body), ..call }.header(reqwest::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            }
            None => call,
        }
    }

    /// Has a bearer for `scope` sent, to the origin of the URL that the call has now.
    #[must_use]
    pub fn bearer(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets the `Prefer` header; what no header may hold is left out.
    #[must_use]
    pub fn prefer(self, preference: &str) -> Self {
        match HeaderValue::from_str(preference) {
            Ok(value) => self.header(HeaderName::from_static("prefer"), value),
            Err(_) => self,
        }
    }

    /// Sets another URL, such as a nextLink. The bearer keeps to the origin of the first.
    #[must_use]
    pub fn at(mut self, url: Url) -> Self {
        self.url = url;
        self
    }

    /// Refuses to send a bearer where it does not belong: to another origin, or in the clear over a network.
    pub(super) fn check_target(&self) -> Result<()> {
        if self.scope.is_none() {
            return Ok(());
        }
        if self.url.origin() != self.origin {
            let own = self.origin.ascii_serialization();
            let message = format!("{}: {} is not at {own}, and the token belongs there alone", self.doing, SafeUrl::new(&self.url));
            return Err(Error::new(Kind::Failed, message)
                .with_code("ForeignOrigin")
                .hint("the answer may have been tampered with: do not go on"));
        }
        if self.url.scheme() != "https" && !is_loopback(&self.url) {
            let message = format!("{}: {} would send the token unencrypted", self.doing, SafeUrl::new(&self.url));
            return Err(Error::new(Kind::Usage, message).hint("use an https:// endpoint; http:// is for loopback addresses only"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(url: &str) -> Call {
        Call::get("listing", url.parse().unwrap(), "t/graph").bearer("https://graph.microsoft.com/.default")
    }

    #[test]
    fn the_bearer_keeps_to_its_origin() {
        let call = call("https://graph.microsoft.com/v1.0/users");
        assert!(call.check_target().is_ok());
        assert!(call.clone().at("https://graph.microsoft.com:443/v1.0/users?$skiptoken=x".parse().unwrap()).check_target().is_ok());
        for foreign in [
            "https://evil.example/v1.0",
            "http://graph.microsoft.com/v1.0",
            "https://graph.microsoft.com:444/",
            "https://graph.microsoft.com.evil.example/",
        ] {
            let error = call.clone().at(foreign.parse().unwrap()).check_target().unwrap_err();
            assert_eq!(error.explicit_code(), Some("ForeignOrigin"), "{foreign}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback() {
        assert!(call("http://127.0.0.1:8080/").check_target().is_ok());
        assert!(call("http://[::1]:8080/").check_target().is_ok());
        assert!(call("http://localhost:8080/").check_target().is_ok());
        assert_eq!(call("http://graph.example/").check_target().unwrap_err().kind(), Kind::Usage);
    }
}
