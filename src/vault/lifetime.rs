//! When what lies in a vault begins and ends. The vault hands out an expired secret without a word, so we look ourselves.

use crate::error::{Error, Kind, Result};
use jiff::{SignedDuration, Timestamp};

/// How long before its end something is warned about.
const WARNED: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Attributes of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lifetime {
    pub(super) enabled: bool,
    pub(super) begins: Option<Timestamp>,
    pub(super) ends: Option<Timestamp>,
}

impl Lifetime {
    /// Returns what to warn about.
    pub(super) fn check(self, what: &str, now: Timestamp) -> Result<Vec<String>> {
        let refuse =
            |code: &str, why: String, hint: &str| Err(Error::new(Kind::Credential, format!("{what} {why}")).with_code(code).hint(hint));
        match (self.begins, self.ends) {
            _ if !self.enabled => {
                refuse("VaultObjectDisabled", "is disabled".to_owned(), "enable it in the vault, or name another version")
            }
            (_, Some(ends)) if ends <= now => refuse(
                "VaultObjectExpired",
                format!("expired on {}", day(ends)),
                "put a new one into the vault, and register it with the application",
            ),
            (Some(begins), _) if begins > now => {
                refuse("VaultObjectNotYetValid", format!("is not valid before {begins}"), "name an earlier version, or wait")
            }
            (_, Some(ends)) if ends.duration_since(now) < WARNED => {
                Ok(vec![format!("{what} expires on {}, in {} days: renew it", day(ends), days(ends, now))])
            }
            _ => Ok(Vec::new()),
        }
    }
}

fn days(ends: Timestamp, now: Timestamp) -> i64 {
    ends.duration_since(now).as_hours() / 24
}

fn day(time: Timestamp) -> impl std::fmt::Display {
    time.strftime("%Y-%m-%d")
}

pub(super) fn timestamp(time: azure_core::time::OffsetDateTime) -> Option<Timestamp> {
    Timestamp::from_second(time.unix_timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_early_disabled_and_nearly_expired() {
        let now: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let of = |ends: &str| Lifetime { enabled: true, begins: None, ends: Some(ends.parse().unwrap()) };
        assert_eq!(of("2026-07-01T00:00:00Z").check("the secret `x`", now).unwrap(), Vec::<String>::new());
        assert_eq!(
            of("2026-06-11T12:00:00Z").check("the secret `x`", now).unwrap(),
            ["the secret `x` expires on 2026-06-11, in 10 days: renew it"]
        );
        assert_eq!(of("2026-05-31T00:00:00Z").check("the secret `x`", now).unwrap_err().message(), "the secret `x` expired on 2026-05-31");
        assert!(Lifetime { begins: Some("2026-06-02T00:00:00Z".parse().unwrap()), enabled: true, ends: None }.check("x", now).is_err());
        assert!(Lifetime::default().check("x", now).unwrap_err().message().ends_with("is disabled"));
    }
}
