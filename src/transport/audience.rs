//! Whom a token is for, read out of it without checking it: for hints alone, since a wrong audience looks like a missing
//! permission (apis.md 1.3).

use crate::secret::Secret;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Returns the `aud` claim, where the token is a JWT that has one.
pub(super) fn audience(bearer: &Secret) -> Option<String> {
    let payload = bearer.expose().split('.').nth(1)?;
    let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let audience = claims.get("aud")?.as_str()?;
    Some(super::envelope::clean(audience)).filter(|audience| audience.len() <= 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_audience_or_nothing() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"aud":"https://graph.microsoft.com"}"#);
        assert_eq!(audience(&Secret::new(format!("h.{payload}.s"))).as_deref(), Some("https://graph.microsoft.com"));
        for opaque in ["", "opaque", "a.b.c", "a.!.c"] {
            assert_eq!(audience(&Secret::new(opaque)), None);
        }
    }
}
