//! Challenges of a vault, through the whole client over TLS: it gets a token for its own domain or none, and nothing hangs.

#![no_main]

use ircollect::{
    error::Error,
    secret::Secret,
    transport::{Authorize, Exchange, Wait, Witness},
    vault::{Address, Login, Object, Vault, VaultOptions},
};
use libfuzzer_sys::fuzz_target;
use openssl::{
    asn1::Asn1Time,
    hash::MessageDigest,
    pkey::PKey,
    rsa::Rsa,
    ssl::{SslAcceptor, SslMethod},
    x509::{X509, X509NameBuilder, extension::SubjectAlternativeName},
};
use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, OnceLock},
};

const HOST: &str = "kv-ir.vault.lab.test";

type Shared = Arc<Mutex<Vec<u8>>>;

struct Place {
    challenge: Shared,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

/// Gives a token for any scope, and notes nothing.
struct Tokens;

#[async_trait::async_trait]
impl Authorize for Tokens {
    async fn bearer(&self, _: &str) -> Result<Secret, Error> {
        Ok(Secret::new("vault-token"))
    }

    async fn renew(&self, scope: &str, _: &Secret) -> Result<Secret, Error> {
        self.bearer(scope).await
    }
}

struct Blind;

impl Witness for Blind {
    fn exchange(&self, _: &Exchange) {}

    fn waiting(&self, _: &Wait) {}
}

impl Place {
    fn new() -> Self {
        let challenge = Shared::default();
        let (address, pem) = serve(Arc::clone(&challenge));
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([reqwest::Certificate::from_pem(&pem).expect("a certificate")])
            .resolve(HOST, address)
            .build()
            .expect("a client");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { challenge, runtime, client }
    }

    async fn ask(&self) {
        let address = Address::parse(&format!("https://{HOST}"), "vault.lab.test").expect("an address");
        let options = VaultOptions { client: self.client.clone(), address, login: Login::Bearer(Arc::new(Tokens)), witness: Arc::new(Blind) };
        let vault = Vault::open(options).expect("a vault");
        let asked = vault.secret(&Object::parse("x").expect("a name")).await;
        assert!(asked.is_err(), "the server never gives a secret");
    }
}

/// Serves until the process ends: without a token the challenge, with one a refusal that is not tried again.
fn serve(challenge: Shared) -> (SocketAddr, Vec<u8>) {
    let (acceptor, pem) = acceptor();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Ok(stream) = acceptor.accept(stream) else { continue };
            answer(BufReader::new(stream), &challenge);
        }
    });
    (address, pem)
}

fn answer(mut stream: BufReader<openssl::ssl::SslStream<std::net::TcpStream>>, challenge: &Mutex<Vec<u8>>) {
    let mut authorized = false;
    let mut line = String::new();
    while stream.read_line(&mut line).is_ok_and(|length| length > 0) {
        authorized |= line.to_ascii_lowercase().starts_with("authorization:");
        if line.trim_end().is_empty() {
            let head: &[u8] = if authorized { b"HTTP/1.1 404 X\r\n" } else { b"HTTP/1.1 401 X\r\nWWW-Authenticate: " };
            let mut reply = head.to_vec();
            if !authorized {
                reply.extend_from_slice(&challenge.lock().expect("unpoisoned"));
                reply.extend_from_slice(b"\r\n");
            }
            reply.extend_from_slice(b"Content-Length: 2\r\n\r\n{}");
            if stream.get_mut().write_all(&reply).is_err() {
                return;
            }
            authorized = false;
        }
        line.clear();
    }
}

fn acceptor() -> (SslAcceptor, Vec<u8>) {
    let key = PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key");
    let mut name = X509NameBuilder::new().expect("a name");
    name.append_entry_by_text("CN", HOST).expect("a name");
    let name = name.build();
    let mut builder = X509::builder().expect("a certificate");
    builder.set_version(2).expect("a version");
    builder.set_subject_name(&name).expect("a subject");
    builder.set_issuer_name(&name).expect("an issuer");
    builder.set_pubkey(&key).expect("a key");
    builder.set_not_before(&Asn1Time::days_from_now(0).expect("a time")).expect("a begin");
    builder.set_not_after(&Asn1Time::days_from_now(30).expect("a time")).expect("an end");
    let names = SubjectAlternativeName::new().dns(HOST).build(&builder.x509v3_context(None, None)).expect("names");
    builder.append_extension(names).expect("names");
    builder.sign(&key, MessageDigest::sha256()).expect("a signature");
    let certificate = builder.build();
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).expect("an acceptor");
    acceptor.set_private_key(&key).expect("a key");
    acceptor.set_certificate(&certificate).expect("a certificate");
    (acceptor.build(), certificate.to_pem().expect("a certificate"))
}

fuzz_target!(|bytes: &[u8]| {
    static PLACE: OnceLock<Place> = OnceLock::new();
    let place = PLACE.get_or_init(Place::new);
    *place.challenge.lock().expect("unpoisoned") = bytes.iter().copied().filter(|byte| *byte >= 0x20 && *byte != 0x7f).collect();
    place.runtime.block_on(place.ask());
});
