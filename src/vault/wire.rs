//! The HTTP client that the Azure SDK works with: ours, witnessed, with a deadline and a bound on what is read.

use crate::{
    secret::SafeUrl,
    transport::{Exchange, Witness},
};
use azure_core::{
    Bytes,
    error::{Error, ErrorKind},
    http::{
        AsyncRawResponse, HttpClient, Method, Request,
        headers::{HeaderName, RETRY_AFTER_MS},
    },
};
use futures::StreamExt;
use std::{fmt, sync::Arc, time::Duration};

/// Longest time for one try, its body included.
const DEADLINE: Duration = Duration::from_secs(30);

/// A secret is at most 25 KB, a token less; whoever sends more is no vault.
const LARGEST: usize = 4 * 1024 * 1024;

pub(super) struct Wire {
    client: reqwest::Client,
    witness: Arc<dyn Witness>,
    plain: bool,
}

impl Wire {
    pub(super) fn new(client: reqwest::Client, witness: Arc<dyn Witness>) -> Self {
        Self { client, witness, plain: false }
    }

    /// Speaks plain http below the SDK's back, which refuses it: for a vault on a loopback address alone.
    pub(super) fn plain(self, plain: bool) -> Self {
        Self { plain, ..self }
    }

    async fn send(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let answer = HttpClient::execute_request(&self.client, request).await?;
        let (status, mut headers, mut stream) = answer.deconstruct();
        if is_creation(request) {
            headers.insert(RETRY_AFTER_MS, "0");
        }
        let mut body = Vec::new();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk?);
            if body.len() > LARGEST {
                return Err(Error::with_message(ErrorKind::Other, "the answer is larger than any answer of a vault"));
            }
        }
        Ok(AsyncRawResponse::from_bytes(status, headers, Bytes::from(body)))
    }

    fn note(
        &self,
        mut exchange: Exchange,
        answer: azure_core::Result<AsyncRawResponse>,
        begun: tokio::time::Instant,
    ) -> azure_core::Result<AsyncRawResponse> {
        exchange.elapsed = begun.elapsed();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                exchange.failure = Some(super::errors::root(&error));
                self.witness.exchange(&exchange);
                return Err(error);
            }
        };
        let header = |name: &'static str| answer.headers().get_optional_string(&HeaderName::from_static(name));
        exchange.status = Some(u16::from(answer.status()));
        exchange.request_id = header("x-ms-request-id");
        exchange.server_date = header("date").and_then(|date| parse_date(&date));
        exchange.bytes = header("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
        // The vault says by a 401 where to get a token for it (apis.md 3.2): the SDK asks without one first.
        let challenge = exchange.status == Some(401) && header("www-authenticate").is_some();
        exchange.failure = (!answer.status().is_success() && !challenge).then(|| answer.status().to_string());
        self.witness.exchange(&exchange);
        Ok(answer)
    }
}

/// Whether a certificate is to be made. The SDK would wait as long as the answer says (10 s; 30 where it says nothing) before it hands
/// that answer out. How long is waited is settled where people see it.
fn is_creation(request: &Request) -> bool {
    request.method() == Method::Post && request.url().path().ends_with("/create")
}

fn parse_date(text: &str) -> Option<jiff::Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[async_trait::async_trait]
impl HttpClient for Wire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let begun = tokio::time::Instant::now();
        let id = uuid::Uuid::new_v4().to_string();
        let mut request = request.clone();
        if self.plain && request.url_mut().set_scheme("http").is_err() {
            return Err(Error::with_message(ErrorKind::Other, "the vault's URL cannot be asked in plain http"));
        }
        request.insert_header("x-ms-client-request-id", id.clone());
        let exchange = Exchange {
            method: request.method().to_string(),
            url: SafeUrl::new(request.url()),
            lane: String::new(),
            attempt: 1,
            status: None,
            request_id: None,
            client_request_id: id,
            bytes: 0,
            started: jiff::Timestamp::now(),
            elapsed: Duration::ZERO,
            failure: None,
            server_date: None,
        };
        let answer = tokio::time::timeout(DEADLINE, self.send(&request)).await;
        let answer = answer.unwrap_or_else(|_| Err(Error::with_message(ErrorKind::Io, "no answer within 30 seconds")));
        self.note(exchange, answer, begun).map_err(no_retry_in_vain)
    }
}

/// A host that does not exist will not exist a second later, and a certificate that is not trusted will not be: such an error is
/// made one that the SDK does not retry.
fn no_retry_in_vain(error: Error) -> Error {
    let vain = super::errors::no_such_host(&error) || super::errors::untrusted(&error);
    if vain { Error::new(ErrorKind::Other, error) } else { error }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}
