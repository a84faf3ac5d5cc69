//! The throw-away certificate authority and the servers' TLS.

use crate::error::{Error, Kind, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;

/// A certificate authority that lives as long as the lab.
pub(crate) struct Authority {
    /// Its certificate, PEM: what clients are told to trust.
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new one.
    pub(crate) fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = named("ircollect lab CA");
        let key = KeyPair::generate().map_err(broken)?;
        let pem = params.self_signed(&key).map_err(broken)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    /// Makes the TLS configuration of a server that answers to `names`, HTTP/2 and HTTP/1.1.
    pub(crate) fn server(&self, names: &[String]) -> Result<Arc<rustls::ServerConfig>> {
        let key = KeyPair::generate().map_err(broken)?;
        let mut params = CertificateParams::new(names).map_err(broken)?;
        params.distinguished_name = named(names.first().map_or("localhost", String::as_str));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(broken)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(broken)?;
        // The provider is named, not taken from the process: nothing here may depend on who installed a default one.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(broken)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(broken)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn broken(cause: impl std::fmt::Display) -> Error {
    Error::new(Kind::Failed, format!("could not make the lab's TLS certificates: {cause}"))
}
