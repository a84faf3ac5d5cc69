//! A token, and the place where the current one of a resource is kept.

use crate::{
    error::Error,
    secret::{Secret, SecretBytes},
};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::Instant;

/// How long ahead of its end a token is renewed, as Microsoft's libraries do.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// How long what failed for good is not asked again; MSAL waits as long.
const QUIET: Duration = Duration::from_mins(1);

/// An access token.
#[derive(Clone, Debug)]
pub struct Token {
    secret: Secret,
    received: Timestamp,
    expires: Timestamp,
}

impl Token {
    /// Takes a token that ends at a known time.
    pub(super) fn until(secret: Secret, expires: Timestamp) -> Self {
        Self { secret, received: Timestamp::now(), expires }
    }

    /// Takes the answer of a token service apart. The v1 endpoint writes `expires_in` as text.
    pub(super) fn parse(body: &SecretBytes) -> Option<Self> {
        let answer: Answer = serde_json::from_slice(body.expose()).ok()?;
        let seconds = match answer.expires_in {
            serde_json::Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
            serde_json::Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }?;
        // It becomes a header: only what may stand in one is taken.
        let fits = !answer.access_token.is_empty() && answer.access_token.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits || !answer.token_type.eq_ignore_ascii_case("bearer") || !(0..=A_MONTH).contains(&seconds) {
            return None;
        }
        let received = Timestamp::now();
        Some(Self { secret: Secret::new(answer.access_token), received, expires: received + SignedDuration::from_secs(seconds) })
    }

    /// Returns the token itself.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Returns when it ends, by this machine's clock.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    fn left(&self) -> SignedDuration {
        self.expires.duration_since(Timestamp::now())
    }

    /// A token that lives for less than ten minutes is renewed at half of its life.
    fn is_fresh(&self, min_valid: Duration) -> bool {
        let life = self.expires.duration_since(self.received);
        let wanted = SignedDuration::try_from(min_valid).unwrap_or(SignedDuration::MAX);
        self.left() > AHEAD.min(life / 2).max(wanted)
    }
}

/// No token lives longer; a larger number is a fault.
const A_MONTH: i64 = 31 * 86_400;

#[expect(clippy::cast_possible_truncation, reason = "the range is checked by the caller")]
fn whole(seconds: f64) -> Option<i64> {
    seconds.is_finite().then_some(seconds as i64)
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default = "bearer")]
    token_type: String,
    expires_in: serde_json::Value,
}

fn bearer() -> String {
    "Bearer".to_owned()
}

/// The current token of one resource.
#[derive(Default)]
pub(super) struct Slot {
    token: Option<Token>,
    failure: Option<(Instant, Error)>,
}

impl Slot {
    pub(super) fn fresh(&self, min_valid: Duration) -> Option<&Token> {
        self.token.as_ref().filter(|token| token.is_fresh(min_valid))
    }

    pub(super) fn still_good(&self) -> Option<&Token> {
        self.token.as_ref().filter(|token| token.left() > SignedDuration::from_secs(10))
    }

    pub(super) fn put(&mut self, token: Token) {
        *self = Self { token: Some(token), failure: None };
    }

    /// A service refused the token, so it is not used again.
    pub(super) fn reject(&mut self) {
        self.token = None;
    }

    pub(super) fn fail(&mut self, error: Error) -> Error {
        self.failure = Some((Instant::now(), error.again()));
        error
    }

    pub(super) fn recent_failure(&self) -> Option<Error> {
        let (when, failure) = self.failure.as_ref()?;
        (when.elapsed() < QUIET).then(|| failure.again())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Token> {
        Token::parse(&SecretBytes::new(text.as_bytes().to_vec()))
    }

    #[test]
    fn answers_of_both_endpoints() {
        assert!(
            parse(r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":0,"access_token":"a.b.c"}"#)
                .unwrap()
                .is_fresh(Duration::ZERO)
        );
        assert!(parse(r#"{"token_type":"bearer","expires_in":"3599","access_token":"a.b.c","resource":"x"}"#).is_some());
    }

    #[test]
    fn odd_answers_are_none() {
        for text in [
            "",
            "{}",
            "<html>",
            r#"{"token_type":"Bearer","expires_in":3599,"access_token":""}"#,
            r#"{"token_type":"Bearer","expires_in":3599,"access_token":"a\r\nX: y"}"#,
            r#"{"token_type":"pop","expires_in":3599,"access_token":"a"}"#,
            r#"{"token_type":"Bearer","expires_in":-1,"access_token":"a"}"#,
            r#"{"token_type":"Bearer","expires_in":1e300,"access_token":"a"}"#,
            r#"{"token_type":"Bearer","access_token":"a"}"#,
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn renewed_five_minutes_ahead_or_at_half_of_a_short_life() {
        let of = |seconds: i64| Token::until(Secret::new("x"), Timestamp::now() + SignedDuration::from_secs(seconds));
        assert!(of(301).is_fresh(Duration::ZERO));
        assert!(!of(3_600).is_fresh(Duration::from_secs(3_700)));
        let mut old = of(200);
        old.received = Timestamp::now() - SignedDuration::from_secs(3_400);
        assert!(!old.is_fresh(Duration::ZERO));
    }
}
