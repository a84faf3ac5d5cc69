//! The one HTTP client, which the Azure SDK uses too: one pool, one proxy, one set of roots, one way to answer a name by hand.
//!
//! It neither follows redirects nor retries: both would send a bearer, or a query, where nobody decided it.

use crate::error::{Error, Kind, Result};
use reqwest::{Certificate, Client, redirect::Policy, tls::Version};
use std::{net::SocketAddr, time::Duration};

/// What the client is to be. Proxies are those of the environment, as for every program that uses the Azure SDKs.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Root certificates in addition to the system's: PEM (any number in one) or DER.
    pub ca_pem: Vec<Vec<u8>>,
    /// Names answered by hand. The port counts where the URL has none.
    pub resolve: Vec<(String, SocketAddr)>,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// How long connecting may take, TLS included.
    pub connect_timeout: Duration,
    /// Never go by a proxy: for a simulator on this machine.
    pub direct: bool,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            ca_pem: Vec::new(),
            resolve: Vec::new(),
            user_agent: concat!("ircollect/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(30),
            direct: false,
        }
    }
}

/// Builds the client.
///
/// # Errors
/// [`Kind::Usage`] where a root certificate cannot be read, [`Kind::Failed`] where the system has none.
pub fn client(options: &HttpOptions) -> Result<Client> {
    let mut builder = Client::builder()
        .tls_backend_rustls()
        .tls_version_min(Version::TLS_1_2)
        .tls_certs_merge(roots(&options.ca_pem)?)
        .redirect(Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .gzip(true)
        .http2_adaptive_window(true)
        // A peer that vanished is noticed while a query runs, not at the deadline.
        .http2_keep_alive_interval(Duration::from_secs(30))
        .http2_keep_alive_timeout(Duration::from_secs(20))
        .user_agent(options.user_agent.as_str())
        .connect_timeout(options.connect_timeout)
        .tcp_keepalive(Duration::from_secs(30))
        // Below the four minutes after which Azure's load balancers forget an idle connection without a word.
        .pool_idle_timeout(Duration::from_secs(90));
    for (name, address) in &options.resolve {
        builder = builder.resolve(&name.to_ascii_lowercase(), *address);
    }
    if options.direct {
        builder = builder.no_proxy();
    }
    builder.build().map_err(unbuilt)
}

fn roots(files: &[Vec<u8>]) -> Result<Vec<Certificate>> {
    let mut all = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let found = certificates(file).map_err(|cause| unreadable(at).caused_by(cause))?;
        if found.is_empty() {
            return Err(unreadable(at));
        }
        all.extend(found);
    }
    Ok(all)
}

fn certificates(file: &[u8]) -> reqwest::Result<Vec<Certificate>> {
    // A DER certificate is an ASN.1 SEQUENCE, whose tag no PEM text begins with: Windows exports .cer files that way.
    if file.first() == Some(&0x30) { Certificate::from_der(file).map(|one| vec![one]) } else { Certificate::from_pem_bundle(file) }
}

fn unreadable(at: usize) -> Error {
    Error::new(Kind::Usage, format!("reading extra root certificates: file {} holds no certificate that can be read", at + 1))
        .hint("give --ca-file, and a cloud's ca_file, a PEM file with lines `-----BEGIN CERTIFICATE-----`")
}

fn unbuilt(cause: reqwest::Error) -> Error {
    Error::new(Kind::Failed, "setting up HTTPS: no root certificates could be loaded")
        .hint("install the system's CA certificates (package ca-certificates), or name a file with SSL_CERT_FILE or --ca-file")
        .caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_with_nothing_special() {
        assert!(client(&HttpOptions::default()).is_ok());
    }

    #[test]
    fn refuses_a_root_file_without_certificates() {
        for bytes in [&b"hello"[..], b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\x30\x01\x02"] {
            let options = HttpOptions { ca_pem: vec![bytes.to_vec()], ..HttpOptions::default() };
            let error = client(&options).unwrap_err();
            assert!(matches!(error.kind(), Kind::Usage | Kind::Failed), "{error}");
        }
    }
}
