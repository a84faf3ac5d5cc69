//! What a token says about itself, for people: never a gate, the API's own answer is.

use crate::{
    error::{Error, Kind, Result},
    secret::Secret,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Deserialize;

/// The claims that matter here; what a token lacks is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whom it is for: the resource's URI or id.
    pub audience: String,
    /// Application (client) id.
    pub app_id: String,
    /// The application's name.
    pub app_name: String,
    /// Directory (tenant) id.
    pub tenant: String,
    /// Object id of the service principal.
    pub object_id: String,
    /// Application permissions granted for this resource, sorted.
    pub roles: Vec<String>,
    /// Who issued it.
    pub issuer: String,
    /// Begin.
    pub not_before: Option<Timestamp>,
    /// End.
    pub expires: Option<Timestamp>,
    /// Everything it says.
    pub all: serde_json::Map<String, serde_json::Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw {
    aud: serde_json::Value,
    appid: String,
    azp: String,
    app_displayname: String,
    tid: String,
    oid: String,
    roles: Vec<String>,
    iss: String,
    nbf: Option<i64>,
    exp: Option<i64>,
}

/// Decodes a token without verifying it.
///
/// # Errors
/// [`Kind::Failed`] where it is opaque.
pub fn claims(token: &Secret) -> Result<Claims> {
    decode(token.expose()).ok_or_else(|| Error::new(Kind::Failed, "the token is opaque, so its claims cannot be shown"))
}

fn decode(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let all: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&bytes).ok()?;
    let raw: Raw = serde_json::from_slice(&bytes).ok()?;
    let mut roles = raw.roles;
    roles.sort();
    let time = |seconds: Option<i64>| seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    Some(Claims {
        audience: raw.aud.as_str().unwrap_or_default().to_owned(),
        app_id: if raw.appid.is_empty() { raw.azp } else { raw.appid },
        app_name: raw.app_displayname,
        tenant: raw.tid,
        object_id: raw.oid,
        roles,
        issuer: raw.iss,
        not_before: time(raw.nbf),
        expires: time(raw.exp),
        all,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> Secret {
        Secret::new(format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(payload)))
    }

    #[test]
    fn decodes_either_version() {
        let v1 =
            claims(&token(r#"{"aud":"https://graph.microsoft.com","appid":"a","tid":"t","roles":["Z","A"],"exp":1790000000}"#)).unwrap();
        assert_eq!((v1.app_id.as_str(), v1.roles), ("a", vec!["A".to_owned(), "Z".to_owned()]));
        assert_eq!(v1.expires.unwrap().as_second(), 1_790_000_000);
        let v2 = claims(&token(r#"{"aud":"x","azp":"b"}"#)).unwrap();
        assert_eq!((v2.app_id.as_str(), v2.roles.len(), v2.expires), ("b", 0, None));
    }

    #[test]
    fn opaque_tokens_are_no_panic() {
        for text in ["", "opaque", "a.b.c", "..", "a.e30"] {
            assert!(claims(&Secret::new(text)).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_comes_as_a_token_panics(text in "[a-zA-Z0-9._=-]{0,80}", payload in ".{0,60}") {
            let _any = claims(&Secret::new(text));
            let _any = claims(&token(&payload));
        }
    }
}
