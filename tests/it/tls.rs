//! Whose certificate is trusted, by real TLS: the system's roots and those that are given add up, and nothing else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use ircollect::{
    error::{Error, Kind, Result},
    secret::Secret,
    transport::{Authorize, Broken, Budget, Call, Exchange, Head, HttpOptions, Pace, Receive, Transport, Wait, Witness, client},
};
use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    ssl::{SslAcceptor, SslMethod, SslVersion},
    x509::{X509, X509NameBuilder, extension::SubjectAlternativeName},
};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::{Duration, Instant},
};

const NAME: &str = "graph.tls.test";

/// A certificate for [`NAME`] that signs itself.
fn certificate() -> (X509, PKey<Private>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", NAME).unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    let names = SubjectAlternativeName::new().dns(NAME).build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (builder.build(), key)
}

/// Answers every connection with an empty object.
fn serve(certificate: &X509, key: &PKey<Private>, newest: Option<SslVersion>) -> SocketAddr {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_certificate(certificate).unwrap();
    acceptor.set_private_key(key).unwrap();
    if newest.is_some() {
        acceptor.set_min_proto_version(None).unwrap();
        acceptor.set_max_proto_version(newest).unwrap();
        acceptor.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    }
    let acceptor = acceptor.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut tls) = acceptor.accept(stream.unwrap()) else { continue };
            let _request = tls.read(&mut [0; 4096]);
            let _sent = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
        }
    });
    address
}

struct Nobody;

#[async_trait::async_trait]
impl Authorize for Nobody {
    async fn bearer(&self, _: &str) -> Result<Secret> {
        unreachable!("no scope is asked for")
    }

    async fn renew(&self, _: &str, _: &Secret) -> Result<Secret> {
        unreachable!("no scope is asked for")
    }
}

impl Witness for Nobody {
    fn exchange(&self, _: &Exchange) {}

    fn waiting(&self, _: &Wait) {}
}

impl Receive for Nobody {
    fn begin(&mut self, _: &Head) -> Result<(), Broken> {
        Ok(())
    }

    fn chunk(&mut self, _: &[u8]) -> Result<(), Broken> {
        Ok(())
    }

    fn end(&mut self) -> Result<(), Broken> {
        Ok(())
    }
}

/// Asks the server at `address` by its name, which is answered by hand, port and all.
async fn ask(address: SocketAddr, roots: Vec<Vec<u8>>) -> Result<u32, (Error, u32)> {
    let options = HttpOptions { ca_pem: roots, resolve: vec![(NAME.to_uppercase(), address)], direct: true, ..HttpOptions::default() };
    let transport =
        Transport::new(client(&options).unwrap(), Pace::default(), Arc::new(Nobody), tokio_util::sync::CancellationToken::new());
    let budget = Budget::new(Duration::from_millis(200));
    let call = Call::get("listing users", format!("https://{NAME}/v1.0/users").parse().unwrap(), "t/graph");
    let sent = transport.send(&call, &Nobody, &budget, &mut Nobody).await;
    sent.map(|_| budget.tries()).map_err(|error| (error, budget.tries()))
}

#[tokio::test]
async fn a_root_that_is_given_is_trusted_in_pem_and_der() {
    let (certificate, key) = certificate();
    let address = serve(&certificate, &key, None);
    let mut bundle = b"# a comment\n".to_vec();
    bundle.extend(certificate.to_pem().unwrap());
    for root in [bundle, certificate.to_der().unwrap()] {
        assert_eq!(ask(address, vec![root]).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn another_certificate_is_not_and_is_not_tried_again() {
    let (own, key) = certificate();
    let (other, _) = certificate();
    let address = serve(&own, &key, None);
    for roots in [Vec::new(), vec![other.to_pem().unwrap()]] {
        let start = Instant::now();
        let (error, tries) = ask(address, roots).await.unwrap_err();
        assert_eq!((error.kind(), error.code().as_str(), tries), (Kind::Failed, "UntrustedCertificate", 1), "{error}");
        assert!(error.hints()[0].contains("--ca-file"));
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn tls_before_1_2_is_refused() {
    let (certificate, key) = certificate();
    let address = serve(&certificate, &key, Some(SslVersion::TLS1_1));
    let (error, _) = ask(address, vec![certificate.to_pem().unwrap()]).await.unwrap_err();
    assert_eq!(error.code(), "Unreachable", "{error}");
    let address = serve(&certificate, &key, Some(SslVersion::TLS1_2));
    assert!(ask(address, vec![certificate.to_pem().unwrap()]).await.is_ok());
}
