//! Putting things into a vault and taking them out again: certificates made there, secrets, their deletion (apis.md 3.3).
//!
//! A certificate's private key is made in the vault; nothing here ever asks for it.

use super::{Object, Vault, timestamp};
use crate::{
    error::{Error, Result},
    secret::Secret,
};
use azure_core::{http::RequestContent, time::OffsetDateTime};
use azure_security_keyvault_certificates::models as certificates;
use azure_security_keyvault_secrets::models as secrets;
use futures::TryStreamExt as _;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// A certificate that is to be made in the vault.
#[derive(Clone, Debug)]
pub struct NewCertificate {
    /// Its subject without `CN=`.
    pub subject: String,
    /// How long it is to live.
    pub months: i32,
    /// Whether its private key may ever leave the vault.
    pub exportable: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// What a secret is stored with.
#[derive(Clone, Debug)]
pub struct NewSecret {
    /// When it begins.
    pub begins: Timestamp,
    /// When it ends.
    pub ends: Timestamp,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// How far the making of a certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It goes on.
    InProgress,
    /// It is there.
    Completed,
    /// It failed, in the vault's words.
    Failed(String),
}

/// The public part of a certificate that lies in the vault, whatever its state.
#[derive(Clone, Debug)]
pub struct HeldCertificate {
    /// Its version.
    pub version: String,
    /// DER.
    pub der: Vec<u8>,
    /// SHA-1 of that.
    pub thumbprint: Vec<u8>,
    /// Whether it may be used.
    pub enabled: bool,
    /// When it ends.
    pub ends: Option<Timestamp>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Whether its private key may leave the vault.
    pub exportable: bool,
}

/// A secret that lies in the vault, without its value.
#[derive(Clone, Debug)]
pub struct HeldSecret {
    /// Its version.
    pub version: String,
    /// When it ends.
    pub ends: Option<Timestamp>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// One of two kinds of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Certificates, with the keys and secrets behind them.
    Certificates,
    /// Secrets.
    Secrets,
}

/// A call as it would be sent, for those who want to see it first.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// `GET`, `POST`, ...
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// The body; a secret in it is not shown.
    pub body: Option<Value>,
}

impl Family {
    /// Returns the word for one of them.
    pub fn word(self) -> &'static str {
        match self {
            Self::Certificates => "certificate",
            Self::Secrets => "secret",
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Certificates => "certificates",
            Self::Secrets => "secrets",
        }
    }
}

/// An entry of a list: identifier and tags.
type Item = (Option<String>, Option<HashMap<String, String>>);

/// The version of the Key Vault API that the SDK speaks.
const API_VERSION: &str = "2025-07-01";

impl Vault {
    pub(super) fn planned(&self, method: &'static str, path: &str, body: Option<Value>) -> Planned {
        Planned { method, url: format!("{}/{path}?api-version={API_VERSION}", self.address()), body }
    }

    /// Shows the call of [`Self::begin_certificate`].
    pub fn plan_certificate(&self, name: &str, new: &NewCertificate) -> Planned {
        self.planned("POST", &format!("certificates/{name}/create"), serde_json::to_value(creation(new)).ok())
    }

    /// Shows the call of [`Self::creation`].
    pub fn plan_creation(&self, name: &str) -> Planned {
        self.planned("GET", &format!("certificates/{name}/pending"), None)
    }

    /// Shows the call of [`Self::certificate`] and [`Self::secret`].
    pub fn plan_read(&self, family: Family, name: &str) -> Planned {
        self.planned("GET", &format!("{}/{name}", family.path()), None)
    }

    /// Shows the call of [`Self::keep_secret`], without the secret.
    pub fn plan_secret(&self, name: &str, new: &NewSecret) -> Planned {
        let shown = parameters(&Secret::new("(never shown)"), new);
        self.planned("PUT", &format!("secrets/{name}"), serde_json::to_value(shown).ok())
    }

    /// Shows the call of [`Self::delete`].
    pub fn plan_delete(&self, family: Family, name: &str) -> Planned {
        self.planned("DELETE", &format!("{}/{name}", family.path()), None)
    }

    /// Shows the call of [`Self::recover`].
    pub fn plan_recover(&self, family: Family, name: &str) -> Planned {
        self.planned("POST", &format!("deleted{}/{name}/recover", family.path()), None)
    }

    /// Has the vault make a certificate, or another version of one. To ask twice would make two, so it is asked once: whoever does
    /// not learn what became of it looks first.
    ///
    /// # Errors
    /// As the vault refused; `is_conflict` tells whether one is being made already, `is_open` whether nobody knows.
    pub async fn begin_certificate(&self, name: &str, new: &NewCertificate) -> Result<Creation> {
        let doing = format!("making the certificate `{name}` in");
        let content: RequestContent<certificates::CreateCertificateParameters> =
            creation(new).try_into().map_err(|error| self.explain(&doing, &error))?;
        let mut poller = self.once.1.begin_create_certificate(name, content, None).map_err(|error| self.explain(&doing, &error))?;
        let first = poller.try_next().await.map_err(|error| self.explain(&doing, &error))?;
        let operation = first.map(azure_core::http::Response::into_model).transpose().map_err(|error| self.explain(&doing, &error))?;
        Ok(operation.as_ref().map_or(Creation::InProgress, state))
    }

    /// Asks how far the making of a certificate is; none where none was begun.
    ///
    /// # Errors
    /// As the vault refused.
    pub async fn creation(&self, name: &str) -> Result<Option<Creation>> {
        let doing = format!("asking for the certificate `{name}` in");
        let answer = self.certificates.get_certificate_operation(name, None).await.and_then(azure_core::http::Response::into_model);
        present(answer.map_err(|error| self.explain(&doing, &error))).map(|operation| operation.as_ref().map(state))
    }

    /// Reads the newest version of a certificate, whatever its state; none where there is none of that name, or none is made yet.
    ///
    /// # Errors
    /// As the vault refused.
    pub async fn held_certificate(&self, name: &str) -> Result<Option<HeldCertificate>> {
        let doing = format!("reading the certificate `{name}` from");
        let answer = self.certificates.get_certificate(name, None).await.and_then(azure_core::http::Response::into_model);
        let Some(found) = present(answer.map_err(|error| self.explain(&doing, &error)))? else { return Ok(None) };
        // While the first version is being made, the name is there and the certificate is not.
        let Some(der) = found.cer.filter(|der| !der.is_empty()) else { return Ok(None) };
        let attributes = found.attributes.unwrap_or_default();
        Ok(Some(HeldCertificate {
            version: version_of(found.id.as_deref()),
            thumbprint: found.x509_thumbprint.unwrap_or_default(),
            der,
            enabled: attributes.enabled.unwrap_or(true),
            ends: attributes.expires.and_then(timestamp),
            tags: sorted(found.tags),
            exportable: found.policy.and_then(|policy| policy.key_properties).and_then(|key| key.exportable).unwrap_or(true),
        }))
    }

    /// Reads what the newest version of a secret was stored with; none where there is none of that name. Its value is dropped.
    ///
    /// # Errors
    /// As the vault refused.
    pub async fn held_secret(&self, name: &str) -> Result<Option<HeldSecret>> {
        let doing = format!("reading the secret `{name}` from");
        let answer = self.secrets.get_secret(name, None).await.and_then(azure_core::http::Response::into_model);
        let Some(mut found) = present(answer.map_err(|error| self.explain(&doing, &error)))? else { return Ok(None) };
        drop(found.value.take().map(Secret::new));
        let ends = found.attributes.and_then(|attributes| attributes.expires).and_then(timestamp);
        Ok(Some(HeldSecret { version: version_of(found.id.as_deref()), ends, tags: sorted(found.tags) }))
    }

    /// Stores a secret, or another version of it; returns the version. It is asked once, as for a certificate.
    ///
    /// # Errors
    /// As the vault refused; `is_open` tells whether nobody knows what became of it.
    pub async fn keep_secret(&self, name: &str, value: &Secret, new: &NewSecret) -> Result<String> {
        let doing = format!("storing the secret `{name}` in");
        let content: RequestContent<secrets::SetSecretParameters> =
            parameters(value, new).try_into().map_err(|error| self.explain(&doing, &error))?;
        let answer = self.once.0.set_secret(name, content, None).await.and_then(azure_core::http::Response::into_model);
        let mut stored = answer.map_err(|error| self.explain(&doing, &error))?;
        drop(stored.value.take().map(Secret::new));
        Ok(version_of(stored.id.as_deref()))
    }

    /// Deletes an object with all its versions; false where there is none. The vault keeps it recoverable for a while.
    ///
    /// # Errors
    /// As the vault refused.
    pub async fn delete(&self, family: Family, name: &str) -> Result<bool> {
        let doing = format!("deleting the {} `{name}` from", family.word());
        let answer = match family {
            Family::Certificates => self.certificates.delete_certificate(name, None).await.map(drop),
            Family::Secrets => self.secrets.delete_secret(name, None).await.map(drop),
        };
        present(answer.map_err(|error| self.explain(&doing, &error))).map(|deleted| deleted.is_some())
    }

    /// Returns the tags of a deleted object; none where there is none of that name.
    ///
    /// # Errors
    /// As the vault refused.
    pub async fn deleted_tags(&self, family: Family, name: &str) -> Result<Option<BTreeMap<String, String>>> {
        let doing = format!("looking for the deleted {} `{name}` in", family.word());
        let tags = match family {
            Family::Certificates => {
                let answer = self.certificates.get_deleted_certificate(name, None).await;
                answer.and_then(azure_core::http::Response::into_model).map(|deleted| deleted.tags)
            }
            Family::Secrets => {
                let answer = self.secrets.get_deleted_secret(name, None).await;
                answer.and_then(azure_core::http::Response::into_model).map(|deleted| deleted.tags)
            }
        };
        present(tags.map_err(|error| self.explain(&doing, &error))).map(|tags| tags.map(sorted))
    }

    /// Recovers a deleted object, where it is not recovered already. It takes the vault some seconds.
    ///
    /// # Errors
    /// As the vault refused.
    pub async fn recover(&self, family: Family, name: &str) -> Result<()> {
        let doing = format!("recovering the deleted {} `{name}` in", family.word());
        let answer = match family {
            Family::Certificates => self.certificates.recover_deleted_certificate(name, None).await.map(drop),
            Family::Secrets => self.secrets.recover_deleted_secret(name, None).await.map(drop),
        };
        present(answer.map_err(|error| self.explain(&doing, &error))).map(drop)
    }

    /// Lists the names of the objects that have all of these tags.
    ///
    /// # Errors
    /// As the vault refused.
    pub async fn tagged(&self, family: Family, wanted: &[(&str, &str)]) -> Result<Vec<String>> {
        let doing = format!("listing the {} of", family.path());
        let found: Vec<Item> = match family {
            Family::Certificates => {
                let pager = self.certificates.list_certificate_properties(None).map_err(|error| self.explain(&doing, &error))?;
                let all: Vec<_> = pager.try_collect().await.map_err(|error| self.explain(&doing, &error))?;
                all.into_iter().map(|item| (item.id, item.tags)).collect()
            }
            Family::Secrets => {
                let pager = self.secrets.list_secret_properties(None).map_err(|error| self.explain(&doing, &error))?;
                let all: Vec<_> = pager.try_collect().await.map_err(|error| self.explain(&doing, &error))?;
                all.into_iter().filter(|item| item.managed != Some(true)).map(|item| (item.id, item.tags)).collect()
            }
        };
        let has = |tags: &Option<HashMap<String, String>>| {
            tags.as_ref().is_some_and(|tags| wanted.iter().all(|(name, value)| tags.get(*name).is_some_and(|found| found == value)))
        };
        Ok(found.into_iter().filter(|(_, tags)| has(tags)).filter_map(|(id, _)| name_of(id.as_deref())).collect())
    }
}

/// Says whether the vault refused since something of that name is in the way: a creation that goes on, a deleted object.
pub(crate) fn is_conflict(error: &Error) -> bool {
    error.explicit_code().is_some_and(|code| ["Conflict", "409", DELETED, PENDING].contains(&code) || code.starts_with("ObjectIs"))
}

/// Says whether the vault refused since a deleted object has the name.
pub(crate) fn is_deleted(error: &Error) -> bool {
    is_conflict(error) && (error.explicit_code() == Some(DELETED) || error.message().to_ascii_lowercase().contains("deleted"))
}

/// Says whether the vault is between two states of the object, as it is for a moment after a deletion or a recovery.
pub(crate) fn is_between(error: &Error) -> bool {
    error.explicit_code().is_some_and(|code| code.starts_with("ObjectIsBeing"))
}

/// Says whether nobody knows what became of a call: no answer came, or one that says nothing about it.
pub(crate) fn is_open(error: &Error) -> bool {
    let words = ["VaultUnreachable", "InternalServerError", "ServiceUnavailable"];
    let status = |code: &str| code.parse::<u16>().is_ok_and(|status| (500..600).contains(&status));
    error.explicit_code().is_some_and(|code| words.contains(&code) || status(code))
}

/// Says whether the vault has too much to do, and did nothing.
pub(crate) fn is_busy(error: &Error) -> bool {
    error.explicit_code().is_some_and(|code| ["Throttled", "429"].contains(&code))
}

const DELETED: &str = "ObjectIsDeletedButRecoverable";
const PENDING: &str = "PendingCertificateExists";

/// An object that is not there is no failure.
fn present<T>(found: Result<T>) -> Result<Option<T>> {
    let missing = ["SecretNotFound", "CertificateNotFound", "KeyNotFound", "PendingCertificateNotFound", "NotFound", "404"];
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.explicit_code().is_some_and(|code| missing.contains(&code)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn state(operation: &certificates::CertificateOperation) -> Creation {
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    match operation.status.as_deref().unwrap_or_default().to_ascii_lowercase().as_str() {
        "completed" | "succeeded" => Creation::Completed,
        "inprogress" | "" => Creation::InProgress,
        status => {
            let why = operation.error.as_ref().map(|error| said(&error.message)).filter(|why| !why.is_empty());
            Creation::Failed(why.unwrap_or_else(|| format!("{status} {}", said(&operation.status_details)).trim().to_owned()))
        }
    }
}

fn creation(new: &NewCertificate) -> certificates::CreateCertificateParameters {
    let key = certificates::KeyProperties {
        exportable: Some(new.exportable),
        key_type: Some(certificates::KeyType::Rsa),
        key_size: Some(2048),
        reuse_key: Some(false),
        ..Default::default()
    };
    let x509 = certificates::X509CertificateProperties {
        subject: Some(format!("CN={}", new.subject)),
        enhanced_key_usage: Some(vec![CLIENT_AUTH.to_owned()]),
        key_usage: Some(vec![certificates::KeyUsageType::DigitalSignature]),
        validity_in_months: Some(new.months),
        ..Default::default()
    };
    let policy = certificates::CertificatePolicy {
        key_properties: Some(key),
        secret_properties: Some(certificates::SecretProperties { content_type: Some("application/x-pkcs12".to_owned()) }),
        x509_certificate_properties: Some(x509),
        issuer_parameters: Some(certificates::IssuerParameters { name: Some("Self".to_owned()), ..Default::default() }),
        ..Default::default()
    };
    certificates::CreateCertificateParameters {
        certificate_policy: Some(policy),
        certificate_attributes: Some(certificates::CertificateAttributes { enabled: Some(true), ..Default::default() }),
        tags: Some(new.tags.clone().into_iter().collect()),
        ..Default::default()
    }
}

/// Extended key usage: TLS client authentication.
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

fn parameters(value: &Secret, new: &NewSecret) -> secrets::SetSecretParameters {
    let time = |time: Timestamp| OffsetDateTime::from_unix_timestamp(time.as_second()).ok();
    let attributes =
        secrets::SecretAttributes { enabled: Some(true), not_before: time(new.begins), expires: time(new.ends), ..Default::default() };
    secrets::SetSecretParameters {
        value: Some(value.expose().to_owned()),
        content_type: Some("text/plain".to_owned()),
        secret_attributes: Some(attributes),
        tags: Some(new.tags.clone().into_iter().collect()),
    }
}

fn sorted(tags: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    tags.unwrap_or_default().into_iter().collect()
}

/// The last part of an identifier: `https://vault/secrets/name/version`.
pub(super) fn version_of(id: Option<&str>) -> String {
    segments(id).get(2).cloned().unwrap_or_default()
}

pub(super) fn name_of(id: Option<&str>) -> Option<String> {
    segments(id).get(1).cloned()
}

fn segments(id: Option<&str>) -> Vec<String> {
    let url = id.and_then(|id| url::Url::parse(id).ok());
    let path = url.as_ref().map(url::Url::path).unwrap_or_default();
    path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Returns the name of an object that is to be made, if it can be one.
///
/// # Errors
/// [`crate::error::Kind::Usage`].
pub(crate) fn checked_name(text: &str) -> Result<String> {
    let object = Object::parse(text)?;
    if object.version.is_none() {
        return Ok(object.name);
    }
    Err(Error::new(crate::error::Kind::Usage, format!("`{object}` names a version, and the vault makes its own"))
        .hint("give the name alone"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_body_of_a_creation_is_the_references() {
        let new =
            NewCertificate { subject: "ircollect".into(), months: 12, exportable: false, tags: [("appid".into(), "a".into())].into() };
        assert_eq!(
            serde_json::to_value(creation(&new)).unwrap(),
            json!({"policy": {"key_props": {"exportable": false, "kty": "RSA", "key_size": 2048, "reuse_key": false},
                "secret_props": {"contentType": "application/x-pkcs12"},
                "x509_props": {"subject": "CN=ircollect", "ekus": ["1.3.6.1.5.5.7.3.2"], "key_usage": ["digitalSignature"], "validity_months": 12},
                "issuer": {"name": "Self"}}, "attributes": {"enabled": true}, "tags": {"appid": "a"}})
        );
    }

    #[test]
    fn identifiers_name_objects_and_versions() {
        let id = Some("https://kv.test/certificates/ir-app/0123");
        assert_eq!((name_of(id).as_deref(), version_of(id).as_str()), (Some("ir-app"), "0123"));
        assert_eq!((name_of(None), version_of(Some("x"))), (None, String::new()));
    }
}
