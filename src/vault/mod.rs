//! Key Vault: secrets, certificates and signatures. The only user of the SDK's Key Vault crates.
//!
//! It logs in with an identity of its own ([`Login`]), since the application's secret lies *in* the vault. It does not know what
//! the things it reads are for, and touches neither disk nor settings.

mod address;
mod errors;
mod keep;
mod lifetime;
mod login;
mod versions;
mod wire;

pub use address::{Address, Object};
pub use errors::{WALLS, Wall};
pub use keep::{Creation, Family, HeldCertificate, HeldSecret, NewCertificate, NewSecret, Planned};
pub(crate) use keep::{checked_name, is_between, is_busy, is_conflict, is_deleted, is_open};
pub use login::{Bearer, Login, Session};

use crate::{
    error::{Error, Kind, Result},
    secret::Secret,
    transport::Witness,
};
use azure_core::http::{ClientOptions, RetryOptions, Transport, UserAgentOptions};
use azure_security_keyvault_certificates::{CertificateClient, CertificateClientOptions, models as certificates};
use azure_security_keyvault_keys::{KeyClient, KeyClientOptions, models as keys};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions, models as secrets};
use jiff::Timestamp;
use lifetime::{Lifetime, timestamp};
use std::sync::Arc;

/// What a vault is opened with.
#[derive(Clone)]
pub struct VaultOptions {
    /// The one HTTP client.
    pub client: reqwest::Client,
    /// Where the vault is.
    pub address: Address,
    /// Who asks.
    pub login: Login,
    /// Sees every exchange.
    pub witness: Arc<dyn Witness>,
}

/// A vault.
pub struct Vault {
    address: Address,
    session: Arc<Session>,
    secrets: SecretClient,
    certificates: CertificateClient,
    /// The same two without retries, for what would be done twice.
    once: (SecretClient, CertificateClient),
    keys: KeyClient,
}

/// A secret that was read.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The value: a client secret, a base64 PKCS#12, PEM text.
    pub value: Secret,
    /// `application/x-pkcs12`, `application/x-pem-file`, or whatever it was stored with.
    pub content_type: String,
    /// When it ends, where that is known.
    pub expires: Option<Timestamp>,
    /// What to warn about: an end that is near.
    pub warnings: Vec<String>,
}

/// The public part of a certificate.
#[derive(Clone, Debug)]
pub struct PublicCertificate {
    /// DER.
    pub der: Vec<u8>,
    /// The key that signs for it.
    pub key: Object,
    /// Whether its private key may be read.
    pub exportable: bool,
    /// When it ends, where the vault says so.
    pub expires: Option<Timestamp>,
    /// What to warn about: an end that is near.
    pub warnings: Vec<String>,
}

/// Signature algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

impl Vault {
    /// Prepares a vault; nothing is asked yet.
    ///
    /// # Errors
    /// [`Kind::Credential`] where the login cannot work.
    pub fn open(options: VaultOptions) -> Result<Self> {
        let VaultOptions { client, address, login, witness } = options;
        let session = Session::new(login, client.clone(), witness.clone())?;
        let client_options = ClientOptions {
            transport: Some(Transport::new(Arc::new(wire::Wire::new(client, witness).plain(address.is_plain())))),
            user_agent: UserAgentOptions { application_id: Some("ircollect".to_owned()) },
            ..ClientOptions::default()
        };
        let verify = Some(!address.is_loopback());
        let url = address.url().as_str();
        let broken = |error: azure_core::Error| errors::explain("opening", &address, &error);
        let secrets = SecretClientOptions {
            client_options: client_options.clone(),
            verify_challenge_resource: verify,
            ..SecretClientOptions::default()
        };
        let certificates = CertificateClientOptions {
            client_options: client_options.clone(),
            verify_challenge_resource: verify,
            ..CertificateClientOptions::default()
        };
        let mut once = (secrets.clone(), certificates.clone());
        (once.0.client_options.retry, once.1.client_options.retry) = (RetryOptions::none(), RetryOptions::none());
        let keys = KeyClientOptions { client_options, verify_challenge_resource: verify, ..KeyClientOptions::default() };
        Ok(Self {
            secrets: SecretClient::new(url, session.clone(), Some(secrets)).map_err(broken)?,
            certificates: CertificateClient::new(url, session.clone(), Some(certificates)).map_err(broken)?,
            once: (
                SecretClient::new(url, session.clone(), Some(once.0)).map_err(broken)?,
                CertificateClient::new(url, session.clone(), Some(once.1)).map_err(broken)?,
            ),
            keys: KeyClient::new(url, session.clone(), Some(keys)).map_err(broken)?,
            session,
            address,
        })
    }

    /// Returns where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Returns who asks, for tokens of other services by the same login.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Reads a secret; that of a certificate holds its key, if it may be exported.
    ///
    /// # Errors
    /// [`Kind::Credential`] with what the vault said, its request id and what to do.
    pub async fn secret(&self, object: &Object) -> Result<Stored> {
        let doing = format!("reading the secret `{object}` from");
        let options = secrets::SecretClientGetSecretOptions { secret_version: object.version.clone(), ..Default::default() };
        let answer = self.secrets.get_secret(&object.name, Some(options)).await;
        let secret = answer.and_then(azure_core::http::Response::into_model).map_err(|error| self.explain(&doing, &error))?;
        let attributes = secret.attributes.unwrap_or_default();
        let life = lifetime(attributes.enabled, attributes.not_before, attributes.expires);
        let warnings = life
            .check(&format!("the secret `{object}`"), Timestamp::now())
            .map_err(|error| error.context(format_args!("{doing} {}", self.address)))?;
        let value = secret.value.ok_or_else(|| self.odd(&doing, "the answer holds no value"))?;
        Ok(Stored { value: Secret::new(value), content_type: secret.content_type.unwrap_or_default(), expires: life.ends, warnings })
    }

    /// Reads the public part of a certificate.
    ///
    /// # Errors
    /// [`Kind::Credential`] with what the vault said, its request id and what to do.
    pub async fn certificate(&self, object: &Object) -> Result<PublicCertificate> {
        let doing = format!("reading the certificate `{object}` from");
        let options =
            certificates::CertificateClientGetCertificateOptions { certificate_version: object.version.clone(), ..Default::default() };
        let answer = self.certificates.get_certificate(&object.name, Some(options)).await;
        let found = answer.and_then(azure_core::http::Response::into_model).map_err(|error| self.explain(&doing, &error))?;
        let attributes = found.attributes.unwrap_or_default();
        let life = lifetime(attributes.enabled, attributes.not_before, attributes.expires);
        let warnings = life
            .check(&format!("the certificate `{object}`"), Timestamp::now())
            .map_err(|error| error.context(format_args!("{doing} {}", self.address)))?;
        // A certificate's key has its name.
        let key = found.kid.as_deref().and_then(Object::of_key).unwrap_or_else(|| object.clone());
        let der = found.cer.ok_or_else(|| self.odd(&doing, "the answer holds no certificate"))?;
        let exportable = found.policy.and_then(|policy| policy.key_properties).and_then(|key| key.exportable).unwrap_or(true);
        Ok(PublicCertificate { der, key, exportable, expires: life.ends, warnings })
    }

    /// Has the vault sign a SHA-256 digest; the key never leaves it.
    ///
    /// # Errors
    /// [`Kind::Credential`] with what the vault said, its request id and what to do.
    pub async fn sign(&self, key: &Object, algorithm: Signature, digest: &[u8; 32]) -> Result<Vec<u8>> {
        let doing = format!("signing with the key `{key}` in");
        let algorithm = match algorithm {
            Signature::Ps256 => keys::SignatureAlgorithm::Ps256,
            Signature::Rs256 => keys::SignatureAlgorithm::Rs256,
        };
        let parameters = keys::SignParameters { algorithm: Some(algorithm), value: Some(digest.to_vec()) };
        let options = keys::KeyClientSignOptions { key_version: key.version.clone(), ..Default::default() };
        let request = parameters.try_into().map_err(|error| self.explain(&doing, &error))?;
        let answer = self.keys.sign(&key.name, request, Some(options)).await;
        let signed = answer.and_then(azure_core::http::Response::into_model).map_err(|error| self.explain(&doing, &error))?;
        signed.result.ok_or_else(|| self.odd(&doing, "the answer holds no signature"))
    }

    /// A login that failed says more than the SDK's words about it.
    fn explain(&self, doing: &str, error: &azure_core::Error) -> Error {
        match self.session.take_failure() {
            Some(failure) => failure.context(format_args!("{doing} {}", self.address)),
            None => errors::explain(doing, &self.address, error),
        }
    }

    fn odd(&self, doing: &str, why: &str) -> Error {
        Error::new(Kind::Credential, format!("{doing} {}: {why}", self.address))
            .hint("check the vault's URL, and whether a proxy answers in its place")
    }
}

fn lifetime(
    enabled: Option<bool>,
    begins: Option<azure_core::time::OffsetDateTime>,
    ends: Option<azure_core::time::OffsetDateTime>,
) -> Lifetime {
    Lifetime { enabled: enabled.unwrap_or(true), begins: begins.and_then(timestamp), ends: ends.and_then(timestamp) }
}
