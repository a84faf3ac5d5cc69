//! Errors of the three data APIs: Graph's envelope, and the one that XDR and MDE share (apis.md 4.7, 8.2).

use super::{
    quota::Exceeded,
    wire::{Call, Reply, Service, json, with},
};
use serde_json::{Value, json};
use std::time::Duration;

/// A refused call.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// Creates one.
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// 400.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 401, worded by the API.
    pub(crate) fn unauthorized(service: Service, message: impl Into<String>) -> Self {
        Self::new(401, if service == Service::Graph { "InvalidAuthenticationToken" } else { "Unauthorized" }, message)
    }

    /// 404 for a path that means nothing.
    pub(crate) fn not_found(call: &Call) -> Self {
        let last = call.path.rsplit('/').next().unwrap_or_default();
        match call.service {
            Service::Graph => Self::bad_request(format!("Resource not found for the segment '{last}'.")),
            _ => Self::new(404, "ResourceNotFound", format!("Resource {} was not found.", call.path)),
        }
    }

    /// 405.
    pub(crate) fn method(service: Service) -> Self {
        let code = if service == Service::Graph { "Request_BadRequest" } else { "MethodNotAllowed" };
        Self::new(405, code, "Specified HTTP method is not allowed for the request target.")
    }

    /// 403 for missing permissions; the token's own are listed as Graph lists them.
    pub(crate) fn roles(required: &str, present: &[String]) -> Self {
        let present = present.join(",");
        Self::new(403, "Forbidden", format!("Missing application roles. API required roles: {required}, application roles: {present}."))
    }

    /// 429 of a passed limit, in the newer words (apis.md 4.8).
    pub(crate) fn quota(exceeded: &Exceeded) -> Self {
        let (limit, seconds) = (exceeded.limit, whole_seconds(exceeded.wait));
        let window = if exceeded.window.as_secs() >= 3_600 { "01:00:00" } else { "00:01:00" };
        let message =
            format!("API calls quota exceeded! maximum allowed {limit} per {window}. You can send requests again in {seconds} seconds.");
        Self { retry_after: Some(exceeded.wait), ..Self::new(429, "TooManyRequests", message) }
    }

    /// 429 of Graph's other parts (apis.md 8.1).
    pub(crate) fn busy(wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..Self::new(429, "TooManyRequests", "Please retry again later.") }
    }

    /// 429 of the CPU quota: the wait stands in the words alone.
    pub(crate) fn processing(wait: Duration) -> Self {
        let message = format!(
            "You have exceeded processing resources allocated to this tenant. You can run queries again in {} seconds.",
            whole_seconds(wait)
        );
        Self::new(429, "TooManyRequests", message)
    }

    /// 503 and 504: empty words.
    pub(crate) fn unknown(status: u16) -> Self {
        Self::new(status, "UnknownError", "")
    }

    /// With Retry-After.
    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The answer. Retry-After is left out where the lab is told to.
    pub(crate) fn reply(&self, call: &Call, retry_after: bool) -> Reply {
        let mut reply = json(self.status, &self.body(call));
        if self.status == 401 && call.service == Service::Graph {
            reply = with(
                reply,
                "www-authenticate",
                r#"Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000""#,
            );
        }
        match self.retry_after.filter(|_| retry_after) {
            Some(wait) => with(reply, "retry-after", &whole_seconds(wait).to_string()),
            None => reply,
        }
    }

    fn body(&self, call: &Call) -> Value {
        if call.service != Service::Graph {
            return json!({"error": {"code": self.code, "message": self.message, "target": call.id}});
        }
        let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let inner = json!({"date": date, "request-id": call.id, "client-request-id": client_request_id(call)});
        json!({"error": {"code": self.code, "message": self.message, "innerError": inner}})
    }
}

/// The id that the client gave the request, else ours.
pub(crate) fn client_request_id(call: &Call) -> &str {
    call.header("client-request-id").unwrap_or(&call.id)
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
