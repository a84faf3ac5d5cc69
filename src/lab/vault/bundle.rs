//! The JSON of Key Vault's objects (apis.md 3.3).

use super::contents::{Content, Family, Object, Pending, Version};
use crate::lab::keys::KeyPair;
use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD as URL64};
use openssl::hash::MessageDigest;
use serde_json::{Value, json};

/// Where an object of a vault is found.
pub(super) fn id(host: &str, family: Family, name: &str, version: Option<&str>) -> String {
    let base = format!("https://{host}/{}/{name}", family.plural());
    version.map_or(base.clone(), |version| format!("{base}/{version}"))
}

/// `attributes`: times are unix seconds.
pub(super) fn attributes(version: &Version) -> Value {
    let mut attributes = json!({
        "enabled": version.enabled, "created": version.created, "updated": version.created,
        "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
    });
    for (name, time) in [("nbf", version.from), ("exp", version.to)] {
        if let Some(time) = time {
            attributes[name] = json!(time);
        }
    }
    attributes
}

/// A `SecretBundle`.
pub(super) fn secret(host: &str, object: &Object, version: &Version) -> Value {
    let (value, kind) = version.secret();
    let mut bundle = json!({
        "value": value, "id": id(host, Family::Secrets, &object.name, Some(&version.id)),
        "attributes": attributes(version), "tags": version.tags,
    });
    if let Some(kind) = kind {
        bundle["contentType"] = json!(kind);
    }
    if matches!(version.content, Content::Certificate { .. }) {
        bundle["kid"] = json!(id(host, Family::Keys, &object.name, Some(&version.id)));
        bundle["managed"] = json!(true);
    }
    bundle
}

/// A `CertificateBundle`: the public part.
pub(super) fn certificate(host: &str, object: &Object, version: &Version) -> Option<Value> {
    let Content::Certificate { pair, exportable, pem, .. } = &version.content else { return None };
    let at = |family| id(host, family, &object.name, Some(&version.id));
    let kind = if *pem { "application/x-pem-file" } else { "application/x-pkcs12" };
    let key = if pair.is_rsa() { json!({"kty": "RSA", "key_size": 2048}) } else { json!({"kty": "EC", "key_size": 256, "crv": "P-256"}) };
    let mut properties = json!({"exportable": exportable, "reuse_key": false});
    merge(&mut properties, &key);
    Some(json!({
        "id": at(Family::Certificates), "kid": at(Family::Keys), "sid": at(Family::Secrets),
        "x5t": thumbprint(pair)?, "cer": BASE64_STANDARD.encode(pair.der().ok()?),
        "attributes": attributes(version), "tags": version.tags,
        "policy": {
            "id": format!("{}/policy", id(host, Family::Certificates, &object.name, None)),
            "key_props": properties, "secret_props": {"contentType": kind},
            "x509_props": {
                "subject": subject(pair, object), "sans": {}, "ekus": ["1.3.6.1.5.5.7.3.2"],
                "key_usage": ["digitalSignature"], "validity_months": 12, "basic_constraints": {"ca": false},
            },
            "lifetime_actions": [{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "EmailContacts"}}],
            "issuer": {"name": "Self"}, "attributes": {"enabled": true, "created": version.created, "updated": version.created},
        },
        "pending": {"id": format!("{}/pending", id(host, Family::Certificates, &object.name, None))},
    }))
}

/// A `KeyBundle`: the public part.
pub(super) fn key(host: &str, object: &Object, version: &Version) -> Option<Value> {
    let Content::Certificate { pair, .. } = &version.content else { return None };
    let mut key = json!({"kid": id(host, Family::Keys, &object.name, Some(&version.id))});
    let numbers = match (pair.rsa_numbers(), pair.point()) {
        (Some((n, e)), _) => {
            json!({"kty": "RSA", "n": n, "e": e, "key_ops": ["sign", "verify", "wrapKey", "unwrapKey", "encrypt", "decrypt"]})
        }
        (None, Some((x, y))) => json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "key_ops": ["sign", "verify"]}),
        (None, None) => return None,
    };
    merge(&mut key, &numbers);
    Some(json!({"key": key, "attributes": attributes(version), "tags": version.tags, "managed": true}))
}

/// An entry of a list: no values.
pub(super) fn item(host: &str, family: Family, object: &Object, version: &Version, versioned: bool) -> Option<Value> {
    let id = id(host, family, &object.name, versioned.then_some(version.id.as_str()));
    let mut item = json!({"attributes": attributes(version), "tags": version.tags});
    item[if family == Family::Keys { "kid" } else { "id" }] = json!(id);
    match (&version.content, family) {
        (Content::Certificate { pair, .. }, Family::Certificates) => item["x5t"] = json!(thumbprint(pair)?),
        (Content::Certificate { .. }, _) => item["managed"] = json!(true),
        (Content::Secret(_, Some(kind)), _) => item["contentType"] = json!(kind),
        (Content::Secret(_, None), _) => {}
    }
    Some(item)
}

fn thumbprint(pair: &KeyPair) -> Option<String> {
    Some(URL64.encode(pair.thumbprint(MessageDigest::sha1()).ok()?))
}

fn merge(into: &mut Value, from: &Value) {
    if let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) {
        into.extend(from.clone());
    }
}

/// The certificate's own subject.
fn subject(pair: &KeyPair, object: &Object) -> String {
    let name = pair.certificate.subject_name().entries().next().and_then(|entry| entry.data().to_string().ok());
    format!("CN={}", name.unwrap_or_else(|| object.name.clone()))
}

/// A `CertificateOperation`.
pub(super) fn operation(host: &str, pending: &Pending) -> Value {
    let mut operation = json!({
        "id": format!("{}/pending", id(host, Family::Certificates, &pending.name, None)), "issuer": {"name": "Self"},
        "csr": BASE64_STANDARD.encode(b"request"), "cancellation_requested": false, "request_id": pending.request,
    });
    if pending.ready <= std::time::Instant::now() {
        operation["status"] = json!("completed");
        operation["target"] = json!(id(host, Family::Certificates, &pending.name, None));
    } else {
        operation["status"] = json!("inProgress");
        operation["status_details"] = json!(
            "Pending certificate created. Certificate request is in progress. This may take some time based on the issuer provider. Please \
             check again later."
        );
    }
    operation
}

/// A deleted object: its bundle without a value, and how to get it back.
pub(super) fn deleted(host: &str, family: Family, object: &Object, now: i64) -> Option<Value> {
    let version = object.versions.last()?;
    let mut bundle = match family {
        Family::Certificates => certificate(host, object, version)?,
        _ => json!({"id": id(host, family, &object.name, Some(&version.id)), "attributes": attributes(version), "tags": version.tags}),
    };
    let recovery = format!("https://{host}/deleted{}/{}", family.plural(), object.name);
    for (name, value) in [("recoveryId", json!(recovery)), ("deletedDate", json!(now)), ("scheduledPurgeDate", json!(now + 90 * 86_400))] {
        bundle[name] = value;
    }
    Some(bundle)
}
