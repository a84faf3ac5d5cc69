//! Entra's errors: the AADSTS codes with their texts (apis.md 1.5 and 1.6).

use crate::lab::{
    ids::guid,
    wire::{Call, Reply, json},
};
use serde_json::json;

/// A refused request.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: u64,
    error: &'static str,
    message: String,
}

impl Refusal {
    /// Creates one; `message` is what stands after the code.
    pub(crate) fn new(code: u64, error: &'static str, message: impl Into<String>) -> Self {
        Self { code, error, message: message.into() }
    }

    /// 900144.
    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new(900_144, "invalid_request", format!("The request body must contain the following parameter: '{parameter}'."))
    }

    /// 90002; the metadata endpoint and the token endpoint call it by different names.
    pub(crate) fn no_tenant(error: &'static str, tenant: &str) -> Self {
        let message = format!(
            "Tenant '{tenant}' not found. This may happen if there are no active subscriptions for the tenant. Check with your \
             subscription administrator."
        );
        Self::new(90_002, error, message)
    }

    /// 900023.
    pub(crate) fn not_a_tenant(tenant: &str) -> Self {
        let message = format!("Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain.");
        Self::new(900_023, "invalid_request", message)
    }

    /// The answer. `separator` stands before the trailing parts: a line break in older texts, a space in newer ones.
    pub(crate) fn reply(&self, call: &Call, separator: &str) -> Reply {
        let (trace, time) = (call.id.as_str(), jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string());
        let correlation = call.header("client-request-id").map_or_else(guid, str::to_owned);
        let tail = format!("Trace ID: {trace}{separator}Correlation ID: {correlation}{separator}Timestamp: {time}");
        let body = json!({
            "error": self.error,
            "error_description": format!("AADSTS{}: {}{separator}{tail}", self.code, self.message),
            "error_codes": [self.code],
            "timestamp": time, "trace_id": trace, "correlation_id": correlation,
            "error_uri": format!("https://{}/error?code={}", call.host, self.code),
        });
        json(if self.error == "invalid_client" { 401 } else { 400 }, &body)
    }
}
