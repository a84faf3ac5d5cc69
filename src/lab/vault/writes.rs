//! What is put into a vault and taken out: secrets, certificates that the vault makes, deleted objects (apis.md 3.3, 3.4).

use super::{
    Desk, Refusal, bundle, check_name,
    contents::{Content, Family, version},
};
use crate::lab::keys::KeyPair;
use axum::http::Method;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Instant};

/// Reads the first segment of a path to deleted objects.
pub(super) fn deleted_family(segment: &str) -> Option<Family> {
    match segment.to_ascii_lowercase().as_str() {
        "deletedsecrets" => Some(Family::Secrets),
        "deletedcertificates" => Some(Family::Certificates),
        _ => None,
    }
}

type Written = Result<(u16, Value), Refusal>;

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn tags(body: &Value) -> BTreeMap<String, String> {
    let all = body["tags"].as_object();
    all.map(|all| all.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()).unwrap_or_default()
}

/// Makes a certificate as a policy says.
fn made(subject: &str, months: i64, policy: &Value, body: &Value) -> crate::error::Result<super::Version> {
    let from = now() - 600;
    let to = from + months * 2_629_800;
    let pair = KeyPair::rsa(subject, from, to)?;
    let exportable = policy["key_props"]["exportable"].as_bool().unwrap_or(true);
    let pem = policy["secret_props"]["contentType"] == "application/x-pem-file";
    let value = if pem { pair.pem(exportable)? } else { BASE64_STANDARD.encode(pair.pfx(exportable)?) };
    let mut new = version(Content::Certificate { pair, exportable, pem, value }, now());
    (new.from, new.to, new.tags) = (Some(from), Some(to), tags(body));
    new.enabled = body["attributes"]["enabled"].as_bool().unwrap_or(true);
    Ok(new)
}

impl Desk<'_> {
    /// Answers a request that changes something; none where it is another.
    pub(super) fn written(&self, rest: &[&str]) -> Option<Written> {
        match (self.family, &self.call.method, rest) {
            (Family::Secrets, &Method::PUT, [name]) => Some(self.set_secret(name)),
            (Family::Certificates, &Method::POST, [name, "create"]) => Some(self.create_certificate(name)),
            (Family::Certificates, &Method::GET, [name, "pending"]) => Some(self.pending(name)),
            (Family::Secrets | Family::Certificates, &Method::DELETE, [name]) => Some(self.delete(name)),
            (Family::Secrets | Family::Certificates, &Method::PATCH, [name, version]) => Some(self.update(name, version)),
            _ => None,
        }
    }

    fn body(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(&self.call.body).map_err(|_| Refusal::bad_parameter("The request body is not valid JSON."))
    }

    /// A deleted object keeps its name.
    fn free(&self, name: &str) -> Result<(), Refusal> {
        match self.world.vaults.is_name_deleted(name) {
            Some(true) => Err(Refusal::deleted(self.family, name)),
            Some(false) => Err(Refusal::being_deleted(self.family, name)),
            None => Ok(()),
        }
    }

    fn set_secret(&self, name: &str) -> Written {
        self.authorise("secrets/setSecret/action", "set", name)?;
        check_name(name)?;
        let (body, vaults) = (self.body()?, &self.world.vaults);
        self.free(name)?;
        if vaults.object(Family::Certificates, name).is_some() {
            return Err(Refusal::bad_parameter("The secret is managed by a certificate."));
        }
        let value = body["value"].as_str().filter(|value| !value.is_empty() && value.len() <= 25_600);
        let value = value.ok_or_else(|| Refusal::bad_parameter("Property value is required, of at most 25k."))?;
        let kind = body["contentType"].as_str().map(str::to_owned);
        let mut new = version(Content::Secret(value.to_owned(), kind), now());
        new.from = body["attributes"]["nbf"].as_i64();
        new.to = body["attributes"]["exp"].as_i64();
        new.enabled = body["attributes"]["enabled"].as_bool().unwrap_or(true);
        new.tags = tags(&body);
        vaults.put(name, new);
        self.world.ledger.note(value);
        let object = vaults.object(Family::Secrets, name).ok_or_else(|| Refusal::not_found(Family::Secrets, name))?;
        let newest = object.versions.last().ok_or_else(|| Refusal::not_found(Family::Secrets, name))?;
        Ok((200, bundle::secret(&self.call.host, &object, newest)))
    }

    fn create_certificate(&self, name: &str) -> Written {
        self.authorise("certificates/create/action", "create", name)?;
        check_name(name)?;
        let (body, vaults) = (self.body()?, &self.world.vaults);
        self.free(name)?;
        if vaults.pending(name).is_some_and(|pending| pending.ready > Instant::now()) {
            return Err(Refusal::pending());
        }
        let policy = &body["policy"];
        let bad = |message: &str| Refusal::bad_parameter(message);
        if policy["issuer"]["name"] != "Self" || policy["key_props"]["kty"] != "RSA" || policy["key_props"]["key_size"] != 2_048 {
            return Err(bad("The lab makes self-signed RSA certificates of 2048 bits alone."));
        }
        let subject = policy["x509_props"]["subject"].as_str().and_then(|subject| subject.strip_prefix("CN="));
        let subject = subject.ok_or_else(|| bad("Property x509_props.subject is required."))?;
        let months = policy["x509_props"]["validity_months"].as_i64().unwrap_or(12);
        if !(1..=1_200).contains(&months) {
            return Err(bad("Property validity_months is out of range."));
        }
        let made = made(subject, months, policy, &body).map_err(|_| bad("The certificate could not be made."))?;
        let pending = vaults.begin(name, made, Instant::now() + self.world.options.certificate_time);
        Ok((202, bundle::operation(&self.call.host, &pending)))
    }

    /// Changes the attributes of a version, and those of the key and the secret behind a certificate with it.
    fn update(&self, name: &str, id: &str) -> Written {
        let (family, vaults) = (self.family, &self.world.vaults);
        let action = if family == Family::Secrets { "secrets/update/action" } else { "certificates/update/action" };
        self.authorise(if self.world.options.frozen_versions { "" } else { action }, "update", name)?;
        self.find(name, Some(id))?;
        let enabled = self.body()?["attributes"]["enabled"].as_bool();
        let changed = vaults.change(name, id, |version| version.enabled = enabled.unwrap_or(version.enabled));
        let (object, at) = changed.ok_or_else(|| Refusal::not_found(family, name))?;
        let version = &object.versions[at];
        let bundle = match family {
            Family::Certificates => bundle::certificate(&self.call.host, &object, version).unwrap_or_default(),
            _ => {
                json!({"id": bundle::id(&self.call.host, family, name, Some(id)), "attributes": bundle::attributes(version), "tags": version.tags})
            }
        };
        Ok((200, bundle))
    }

    fn pending(&self, name: &str) -> Written {
        self.authorise("certificates/read", "get", name)?;
        let pending = self.world.vaults.pending(name).ok_or_else(|| Refusal::no_pending(name))?;
        Ok((200, bundle::operation(&self.call.host, &pending)))
    }

    fn delete(&self, name: &str) -> Written {
        let action = if self.family == Family::Secrets { "secrets/delete" } else { "certificates/delete" };
        self.authorise(action, "delete", name)?;
        let gone = self
            .world
            .vaults
            .delete(self.family, name, self.world.options.deletion_time)
            .ok_or_else(|| Refusal::not_found(self.family, name))?;
        let bundle = bundle::deleted(&self.call.host, self.family, &gone, now());
        bundle.map(|bundle| (200, bundle)).ok_or_else(|| Refusal::not_found(self.family, name))
    }

    /// Answers a request about deleted objects.
    pub(super) fn of_deleted(&self, rest: &[&str]) -> Result<Value, Refusal> {
        let (read, back) = match self.family {
            Family::Secrets => ("secrets/readMetadata/action", "secrets/recover/action"),
            _ => ("certificates/read", "certificates/recover/action"),
        };
        let missing = |name: &str| Refusal::not_found(self.family, name);
        match (&self.call.method, rest) {
            (&Method::GET, [name]) => {
                self.authorise(read, "get", name)?;
                let found = self.world.vaults.deleted(self.family, name).ok_or_else(|| missing(name))?;
                bundle::deleted(&self.call.host, self.family, &found, now()).ok_or_else(|| missing(name))
            }
            (&Method::POST, [name, "recover"]) => {
                self.authorise(back, "recover", name)?;
                let found = self.world.vaults.recover(self.family, name).ok_or_else(|| missing(name))?;
                let newest = found.versions.last().ok_or_else(|| missing(name))?;
                match self.family {
                    Family::Certificates => bundle::certificate(&self.call.host, &found, newest).ok_or_else(|| missing(name)),
                    _ => Ok(
                        json!({"id": bundle::id(&self.call.host, self.family, &found.name, Some(&newest.id)), "attributes": bundle::attributes(newest), "tags": newest.tags}),
                    ),
                }
            }
            _ => Err(Refusal::method()),
        }
    }
}
