//! Credentials of a registration: certificates, whose list is replaced whole, and client secrets, whose values are told once.

use crate::lab::{
    directory::AppSecret,
    ids::{client_secret, guid},
    keys::Certificate,
    refusal::Refusal,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use openssl::hash::MessageDigest;
use serde_json::{Value, json};
use std::time::Instant;

/// A certificate.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) certificate: Certificate,
    pub(super) born: Instant,
}

/// A client secret.
#[derive(Clone)]
pub(super) struct Password {
    pub(super) id: String,
    name: String,
    pub(super) value: String,
    from: jiff::Timestamp,
    to: jiff::Timestamp,
    pub(super) born: Instant,
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "Request_BadRequest", message)
}

fn written(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Key {
    /// Reads a list that replaces `present`: an entry with the id or the bytes of one that is there keeps it, every other needs its
    /// bytes.
    pub(super) fn replaced(present: &[Self], list: &Value) -> Result<Vec<Self>, Refusal> {
        let list =
            list.as_array().ok_or_else(|| bad("Invalid value specified for property 'keyCredentials' of resource 'Application'."))?;
        list.iter().map(|entry| Self::read(present, entry)).collect()
    }

    fn read(present: &[Self], entry: &Value) -> Result<Self, Refusal> {
        let named = entry["keyId"].as_str().unwrap_or_default();
        let known = present.iter().find(|key| key.id == named && !named.is_empty());
        let Some(text) = entry["key"].as_str() else {
            return known.cloned().ok_or_else(|| bad("New key credential must contain a key value."));
        };
        if entry["type"] != "AsymmetricX509Cert" || entry["usage"] != "Verify" {
            return Err(bad("Key credential type or usage is not supported."));
        }
        let certificate = BASE64_STANDARD.decode(text).ok().and_then(|der| Certificate::from_der(&der));
        let certificate = certificate.ok_or_else(|| bad("Key credential value is not a valid certificate."))?;
        if let Some(known) = present.iter().find(|key| key.certificate.same_as(&certificate)) {
            return Ok(known.clone());
        }
        let name = entry["displayName"].as_str().unwrap_or_default().to_owned();
        Ok(Self { id: guid(), name, certificate, born: Instant::now() })
    }

    /// As Graph shows it; its bytes where they were asked for.
    pub(super) fn json(&self, whole: bool) -> Value {
        let thumbprint = self.certificate.thumbprint(MessageDigest::sha1()).unwrap_or_default();
        let hex = hex::encode_upper(thumbprint);
        let key = if whole { json!(BASE64_STANDARD.encode(self.certificate.der())) } else { Value::Null };
        let (from, to) = self.certificate.validity();
        json!({
            "keyId": self.id, "displayName": self.name, "type": "AsymmetricX509Cert", "usage": "Verify", "key": key,
            "customKeyIdentifier": hex, "startDateTime": written(from), "endDateTime": written(to),
        })
    }
}

impl Password {
    /// Makes one as `addPassword` does: two years unless less is asked for.
    pub(super) fn new(body: &Value) -> Result<Self, Refusal> {
        let asked = &body["passwordCredential"];
        let time = |name: &str| match &asked[name] {
            Value::Null => Ok(None),
            value => value
                .as_str()
                .and_then(|text| text.parse::<jiff::Timestamp>().ok())
                .map(Some)
                .ok_or_else(|| bad(format!("Invalid value specified for property '{name}'."))),
        };
        let now = jiff::Timestamp::now();
        let from = time("startDateTime")?.unwrap_or(now);
        let to = time("endDateTime")?.unwrap_or_else(|| now + jiff::SignedDuration::from_hours(2 * 365 * 24));
        if to <= from {
            return Err(bad("Credential lifetime is not valid."));
        }
        let name = asked["displayName"].as_str().unwrap_or_default().to_owned();
        Ok(Self { id: guid(), name, value: client_secret(), from, to, born: Instant::now() })
    }

    /// As Graph shows it afterwards.
    pub(super) fn json(&self) -> Value {
        json!({
            "customKeyIdentifier": null, "displayName": self.name, "keyId": self.id, "hint": self.value.get(..3),
            "startDateTime": written(self.from), "endDateTime": written(self.to), "secretText": null,
        })
    }

    /// The answer of `addPassword`.
    pub(super) fn told(&self) -> Value {
        let mut told = self.json();
        told["secretText"] = json!(self.value);
        told["@odata.context"] = json!("https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.passwordCredential");
        told
    }

    pub(super) fn secret(&self) -> AppSecret {
        AppSecret { value: self.value.clone(), expires: self.to.as_second() }
    }
}
