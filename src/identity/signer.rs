//! Who signs assertions: a key in this process, or a key that stays in the vault. Both name the same kind of certificate.

use super::certificate::{Certificate, KeyPair};
use crate::{
    error::{Error, Kind, Result},
    secret::SecretBytes,
    vault::{Object, PublicCertificate, Signature, Stored, Vault},
};
use openssl::{error::ErrorStack, hash::MessageDigest, rsa::Padding, sign::RsaPssSaltlen};
use sha2::{Digest, Sha256};
use std::{fmt, sync::Arc};

/// Signs the input of a JWT for one certificate.
#[async_trait::async_trait]
pub trait Signer: Send + Sync + fmt::Debug {
    /// Returns the certificate that it signs for.
    fn certificate(&self) -> &Certificate;
    /// Returns the signature of `input`.
    ///
    /// # Errors
    /// [`Kind::Credential`] where the key cannot be used.
    async fn sign(&self, algorithm: Signature, input: &[u8]) -> Result<Vec<u8>>;
}

/// A key in this process.
#[derive(Debug)]
pub struct LocalSigner(KeyPair);

impl LocalSigner {
    /// Signs with a key pair.
    pub fn new(pair: KeyPair) -> Self {
        Self(pair)
    }

    /// Signs with the key of a certificate that was read from a vault.
    ///
    /// # Errors
    /// As [`KeyPair::parse`].
    pub fn from_vault(stored: &Stored) -> Result<Self> {
        let bytes = SecretBytes::new(stored.value.expose().as_bytes().to_vec());
        // The vault's PFX has the empty password.
        KeyPair::parse(&bytes, None).map(Self)
    }

    fn sign_here(&self, algorithm: Signature, input: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let mut signer = openssl::sign::Signer::new(MessageDigest::sha256(), &self.0.key)?;
        if algorithm == Signature::Ps256 {
            signer.set_rsa_padding(Padding::PKCS1_PSS)?;
            signer.set_rsa_mgf1_md(MessageDigest::sha256())?;
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        }
        signer.sign_oneshot_to_vec(input)
    }
}

#[async_trait::async_trait]
impl Signer for LocalSigner {
    fn certificate(&self) -> &Certificate {
        &self.0.certificate
    }

    async fn sign(&self, algorithm: Signature, input: &[u8]) -> Result<Vec<u8>> {
        self.sign_here(algorithm, input)
            .map_err(|error| Error::new(Kind::Credential, "signing the assertion with the certificate's key failed").caused_by(error))
    }
}

/// A key that stays in the vault.
pub struct VaultSigner {
    vault: Arc<Vault>,
    key: Object,
    certificate: Certificate,
}

impl VaultSigner {
    /// Signs in the vault for a certificate that lies there.
    ///
    /// # Errors
    /// As [`Certificate::from_der`].
    pub fn new(vault: Arc<Vault>, public: PublicCertificate) -> Result<Self> {
        Ok(Self { certificate: Certificate::from_der(&public.der)?, key: public.key, vault })
    }
}

#[async_trait::async_trait]
impl Signer for VaultSigner {
    fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    async fn sign(&self, algorithm: Signature, input: &[u8]) -> Result<Vec<u8>> {
        self.vault.sign(&self.key, algorithm, &Sha256::digest(input).into()).await
    }
}

impl fmt::Debug for VaultSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultSigner({} in {})", self.key, self.vault.address())
    }
}
