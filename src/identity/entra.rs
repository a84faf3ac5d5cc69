//! One exchange with the token service, and the rule when to try again: four tries, a minute of waiting, Retry-After obeyed.
//!
//! Every exchange is shown to the witness, never its bodies, in which the secrets are.

use super::{
    aadsts::Refusal,
    clock::{Clock, parse_date},
};
use crate::{
    error::{Error, Kind, Result},
    secret::{SafeUrl, SecretBytes},
    transport::{Exchange, Wait, Witness},
};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use url::Url;

/// What the token service is reached with.
#[derive(Clone)]
pub struct EntraOptions {
    /// The one HTTP client.
    pub client: reqwest::Client,
    /// Sees every exchange and wait.
    pub witness: Arc<dyn Witness>,
    /// Longest time for one try.
    pub timeout: Duration,
    /// First pause before another try; the next ones double.
    pub pause: Duration,
}

impl EntraOptions {
    /// Takes the usual times: 20 seconds a try, pauses of 1, 2 and 4 seconds.
    pub fn new(client: reqwest::Client, witness: Arc<dyn Witness>) -> Self {
        Self { client, witness, timeout: Duration::from_secs(20), pause: Duration::from_secs(1) }
    }
}

/// The token service: Microsoft Entra.
#[derive(Clone)]
pub struct Entra {
    options: EntraOptions,
    clock: Arc<Clock>,
}

/// Most tries of one request.
const TRIES: u32 = 4;

/// Longest time that tries and pauses may take together.
const LONGEST: Duration = Duration::from_mins(1);

/// Answers are a few kilobytes; whoever sends more is no token service.
const LARGEST: usize = 1024 * 1024;

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: SecretBytes,
}

/// A request; made anew for each try.
pub(super) struct Ask {
    pub(super) url: Url,
    /// Form of a POST; none is a GET.
    pub(super) form: Option<Vec<(&'static str, crate::secret::Secret)>>,
}

/// How tries are counted.
pub(super) struct Tries {
    begun: Instant,
    pub(super) made: u32,
}

impl Tries {
    pub(super) fn begin() -> Self {
        Self { begun: Instant::now(), made: 0 }
    }
}

impl Entra {
    /// Prepares the service; nothing is asked yet.
    pub fn new(options: EntraOptions) -> Self {
        Self { options, clock: Arc::default() }
    }

    /// Returns the service's clock.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// Makes one try. An error is what the network said.
    pub(super) async fn exchange(&self, ask: &Ask, tries: &mut Tries) -> Result<Answer, String> {
        tries.made += 1;
        let id = uuid::Uuid::new_v4().to_string();
        let begun = Instant::now();
        let mut exchange = Exchange {
            method: if ask.form.is_some() { "POST" } else { "GET" }.to_owned(),
            url: SafeUrl::new(&ask.url),
            lane: String::new(),
            attempt: tries.made,
            status: None,
            request_id: None,
            client_request_id: id.clone(),
            bytes: 0,
            started: Timestamp::now(),
            elapsed: Duration::ZERO,
            failure: None,
            server_date: None,
        };
        let answer = tokio::time::timeout(self.options.timeout, self.send(ask, &id)).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {} seconds", self.options.timeout.as_secs_f32())));
        exchange.elapsed = begun.elapsed();
        Self::note(&mut exchange, &answer);
        self.options.witness.exchange(&exchange);
        answer
    }

    async fn send(&self, ask: &Ask, id: &str) -> Result<Answer, String> {
        let builder = match &ask.form {
            None => self.options.client.get(ask.url.clone()),
            Some(form) => self.options.client.post(ask.url.clone()).header(CONTENT_TYPE, FORM).body(encode(form)),
        };
        let builder =
            builder.header("accept", "application/json").header("client-request-id", id).header("return-client-request-id", "true");
        let sent = Timestamp::now();
        let mut response = builder.send().await.map_err(|error| words(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if let Some(date) = date(&headers) {
            self.clock.observe(date, sent, Timestamp::now());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| words(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST {
                return Err("the answer is larger than any of a token service".to_owned());
            }
        }
        Ok(Answer { status, headers, body: SecretBytes::new(body) })
    }

    fn note(exchange: &mut Exchange, answer: &Result<Answer, String>) {
        match answer {
            Err(words) => exchange.failure = Some(words.clone()),
            Ok(answer) => {
                exchange.status = Some(answer.status);
                exchange.request_id = answer.request_id();
                exchange.bytes = answer.body.expose().len() as u64;
                exchange.server_date = date(&answer.headers);
                exchange.failure = (answer.status >= 400).then(|| answer.status.to_string());
            }
        }
    }

    /// Pauses before another try.
    ///
    /// # Errors
    /// `why` itself, where tries or time are used up.
    pub(super) async fn pause(&self, tries: &Tries, lane: &str, retry_after: Option<Duration>, why: Error) -> Result<()> {
        let Some(length) = next_pause(tries.made, tries.begun.elapsed(), self.options.pause, retry_after) else {
            return Err(given_up(why, tries));
        };
        let wait = Wait { lane: lane.to_owned(), length, reason: why.message().to_owned() };
        self.options.witness.waiting(&wait);
        tokio::time::sleep(length).await;
        Ok(())
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn encode(form: &[(&'static str, crate::secret::Secret)]) -> String {
    let pairs = form.iter().map(|(name, value)| (*name, value.expose()));
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn given_up(why: Error, tries: &Tries) -> Error {
    let times = if tries.made == 1 { "once".to_owned() } else { format!("{} times", tries.made) };
    why.hint(format!("this was tried {times} in {} seconds; try again later", tries.begun.elapsed().as_secs()))
}

/// The rule: four tries; Retry-After, else 1, 2, 4 seconds and a little more; never beyond a minute.
fn next_pause(made: u32, passed: Duration, first: Duration, retry_after: Option<Duration>) -> Option<Duration> {
    let doubled = first.saturating_mul(2_u32.saturating_pow(made.saturating_sub(1)));
    let jitter = Duration::from_millis(fastrand::u64(0..=u64::try_from(first.as_millis() / 4).unwrap_or(250)));
    let pause = retry_after.unwrap_or(doubled) + jitter;
    (made < TRIES && passed + pause <= LONGEST).then_some(pause)
}

impl Answer {
    pub(super) fn request_id(&self) -> Option<String> {
        let header = self.headers.get("x-ms-request-id").or_else(|| self.headers.get("request-id"))?;
        header.to_str().ok().map(str::to_owned)
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        let at = parse_date(text)?;
        let now = date(&self.headers).unwrap_or_else(Timestamp::now);
        Some(at.duration_since(now).max(SignedDuration::ZERO).unsigned_abs())
    }

    /// Reads it as a refusal.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        Refusal::read(self.body.expose(), self.request_id())
    }

    /// Describes an answer that is not the JSON of a token service.
    pub(super) fn odd(&self) -> Error {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("no content type");
        let id = self.request_id().map(|id| format!(" (request id {id})")).unwrap_or_default();
        let message = format!("the answer {} is not one of a token service: {kind}, {} bytes{id}", self.status, self.body.expose().len());
        Error::new(Kind::Credential, message)
            .with_code(format!("HTTP {}", self.status))
            .hint("check the cloud's authority, and whether a proxy answers in its place")
    }
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    headers.get(DATE)?.to_str().ok().and_then(parse_date)
}

/// The innermost words of a network error; its URL is known already.
fn words(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let what = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "no connection"
    } else {
        "connection lost"
    };
    format!("{what}: {innermost}")
}

/// A certificate that is not trusted now will not be a second later.
pub(super) fn is_hopeless(words: &str) -> bool {
    words.contains("certificate") || words.contains("UnknownIssuer")
}

/// Turns what the network said into an error.
pub(super) fn unreachable(url: &Url, words: &str) -> Error {
    let host = url.host_str().unwrap_or_default();
    let error = Error::new(Kind::Credential, format!("{host} does not answer: {words}")).with_code("EntraUnreachable");
    if is_hopeless(words) {
        return error.hint("behind a TLS-inspecting proxy give its root certificate with --ca-file");
    }
    error.hint("check the network, HTTPS_PROXY and the cloud's authority")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_tries_within_a_minute() {
        let pause = |made, passed, after: Option<u64>| {
            next_pause(made, Duration::from_secs(passed), Duration::from_secs(1), after.map(Duration::from_secs))
                .map(|pause| pause.as_secs())
        };
        assert_eq!([pause(1, 0, None), pause(2, 1, None), pause(3, 3, None), pause(4, 7, None)], [Some(1), Some(2), Some(4), None]);
        assert_eq!(pause(1, 0, Some(30)), Some(30));
        assert_eq!(pause(1, 40, Some(30)), None);
        assert_eq!(pause(1, 0, Some(3_600)), None);
    }
}
