//! Nothing that comes from outside panics or hangs what reads it: certificate files, token answers, a vault's challenges, the
//! configuration. Good inputs are bent at random.
//!
//! A bounded run is part of the tests; a longer one: `IRCOLLECT_FUZZ=1000000 cargo test --release --test it fuzz_inputs`. The same
//! four are targets of `cargo fuzz`, in tests/fuzz.

use crate::{
    identity::Notes,
    loopback::{Reply, Root, Server, client, rsa, self_signed},
};
use ircollect::{
    cli::Global,
    error::Error,
    identity::{KeyPair, claims, read_answer},
    secret::{Secret, SecretBytes},
    settings::{self, Env},
    transport::Authorize,
    vault::{Address, Login, Object, Vault, VaultOptions},
};
use openssl::pkcs12::Pkcs12;
use std::sync::{Arc, Mutex};

/// How many inputs; `usual` where nobody asks for more.
#[allow(clippy::disallowed_methods, reason = "a test is steered by a variable")]
fn runs(usual: u32) -> u32 {
    std::env::var("IRCOLLECT_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Bends bytes: flips, cuts, doubles, inserts, splices with another.
fn bent(rng: &mut fastrand::Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = rng.choice(seeds).unwrap().clone();
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(0..=bytes.len());
        match rng.u8(0..6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(0..8),
            1 => bytes.truncate(at),
            2 => bytes.insert(at, rng.u8(..)),
            3 => drop(bytes.splice(at..at, rng.choice(seeds).unwrap().iter().copied().take(rng.usize(0..40)))),
            4 if at < bytes.len() => drop(bytes.drain(at..(at + rng.usize(1..20)).min(bytes.len()))),
            5 if at < bytes.len() => bytes[at] = *rng.choice(b"\0\xff{}[]\",=:.\\/ \n").unwrap(),
            _ => {}
        }
    }
    bytes
}

#[test]
fn certificate_files() {
    let key = rsa();
    let certificate = self_signed(&key);
    let pfx = |password: &str| Pkcs12::builder().pkey(&key).cert(&certificate).build2(password).unwrap().to_der().unwrap();
    let pem = [certificate.to_pem().unwrap(), key.private_key_to_pem_pkcs8().unwrap()].concat();
    let sealed = key.private_key_to_pem_pkcs8_passphrase(openssl::symm::Cipher::aes_256_cbc(), b"pw").unwrap();
    let seeds = [pfx(""), pfx("pw"), pem, [sealed, certificate.to_pem().unwrap()].concat()];
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..runs(400) {
        let password = rng.bool().then(|| Secret::new("pw"));
        if let Err(error) = KeyPair::parse(&SecretBytes::new(bent(&mut rng, &seeds)), password.as_ref()) {
            assert!(!error.message().is_empty());
        }
    }
}

#[test]
fn token_answers() {
    let seeds: Vec<Vec<u8>> = [
        r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.c2ln"}"#,
        r#"{"token_type":"Bearer","expires_in":"3599","expires_on":"1790000000","resource":"x","access_token":"opaque"}"#,
        r#"{"error":"invalid_client","error_description":"AADSTS700024: Client assertion is not within its valid time range. Current time: 2026-06-03T16:13:57.1234567Z, x\r\nTrace ID: a","error_codes":[700024],"trace_id":"a","correlation_id":"b","claims":"{}"}"#,
        "<!DOCTYPE html><title>502</title>",
    ]
    .map(|seed| seed.as_bytes().to_vec())
    .to_vec();
    let mut rng = fastrand::Rng::with_seed(8);
    for _ in 0..runs(20_000) {
        let status = *rng.choice(&[200, 400, 401, 429, 503]).unwrap();
        match read_answer(status, SecretBytes::new(bent(&mut rng, &seeds))) {
            Ok(token) => drop(claims(token.secret())),
            Err(error) => assert!(!error.message().is_empty()),
        }
    }
}

#[test]
fn configuration_files() {
    let whole = settings::STARTER.lines().map(|line| if line.starts_with("##") { "" } else { line.trim_start_matches('#') });
    let whole: String = whole.collect::<Vec<_>>().join("\n");
    let small = "[profiles.a]\ntenant = 'a.test'\napp_id = 'aaaaaaaa-0000-4000-8000-000000000001'\ncredential = { secret_env = 'IR' }\n";
    let seeds = [whole.into_bytes(), small.as_bytes().to_vec()];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ircollect.toml");
    let global = Global { config: Some(path.clone()), all_profiles: true, ..Global::default() };
    let mut rng = fastrand::Rng::with_seed(9);
    for _ in 0..runs(5_000) {
        fs_err::write(&path, bent(&mut rng, &seeds)).unwrap();
        if let Err(error) = settings::resolve(&global, &Env::default(), folder.path()) {
            assert!(!error.message().is_empty());
        }
    }
}

struct Tokens(Mutex<Vec<String>>);

#[async_trait::async_trait]
impl Authorize for Tokens {
    async fn bearer(&self, scope: &str) -> Result<Secret, Error> {
        self.0.lock().unwrap().push(scope.to_owned());
        Ok(Secret::new("vault-token"))
    }

    async fn renew(&self, scope: &str, _: &Secret) -> Result<Secret, Error> {
        self.bearer(scope).await
    }
}

/// Whatever a vault's challenge says, the token goes to a vault of the domain that was asked, or nowhere.
#[tokio::test]
async fn challenges_of_a_vault() {
    let seeds: Vec<Vec<u8>> = [
        r#"Bearer authorization="https://login.lab.test/x", resource="https://vault.lab.test""#,
        r#"Bearer authorization_uri="https://login.lab.test/x", scope="https://vault.lab.test/.default", claims="e30=", error="insufficient_claims""#,
        r#"PoP authorization="x", Bearer resource=https://vault.azure.net"#,
    ]
    .map(|seed| seed.as_bytes().to_vec())
    .to_vec();
    let root = Root::new();
    let challenge = Arc::new(Mutex::new(String::new()));
    let told = Arc::clone(&challenge);
    let server = Server::https(&root, move |seen, _| {
        let status = if seen.header("authorization").is_some() { 404 } else { 401 };
        Reply::text(status, "application/json", "{}").header("WWW-Authenticate", told.lock().unwrap().clone())
    });
    let http = client(Some(&root), &[("kv-ir.vault.lab.test", server.address)]);
    let mut rng = fastrand::Rng::with_seed(10);
    for _ in 0..runs(60) {
        let bytes = bent(&mut rng, &seeds);
        let text: String = String::from_utf8_lossy(&bytes).chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).collect();
        challenge.lock().unwrap().clone_from(&text);
        let tokens = Arc::new(Tokens(Mutex::default()));
        let address = Address::parse("kv-ir", "vault.lab.test").unwrap();
        let options =
            VaultOptions { client: http.clone(), address, login: Login::Bearer(tokens.clone()), witness: Arc::new(Notes::default()) };
        let vault = Vault::open(options).unwrap();
        assert!(vault.secret(&Object::parse("x").unwrap()).await.is_err());
        for scope in tokens.0.lock().unwrap().iter() {
            assert!(scope.contains("vault.lab.test"), "a token for {scope} was asked for by {text}");
        }
    }
}
