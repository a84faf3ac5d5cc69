//! The vault over real TLS: challenge, secrets, certificates, signatures, and every way to be refused.

use crate::{
    identity::{GRAPH, Notes, TENANT, app, entra, part, secret, token},
    loopback::{Reply, Root, Seen, Server, client, rsa, self_signed},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use ircollect::{
    error::Kind,
    identity::{App, AppOptions, Authority, LocalSigner, Proof, VaultSigner},
    secret::Secret,
    transport::Authorize,
    vault::{Address, Login, Object, Signature, Vault, VaultOptions},
};
use openssl::{
    hash::MessageDigest,
    pkcs12::Pkcs12,
    pkey::{PKey, Private},
    rsa::Padding,
    sign::{RsaPssSaltlen, Verifier},
    x509::X509,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// A vault with its own token service, both on loopback.
pub(crate) struct Place {
    root: Root,
    pub(crate) login: Server,
    pub(crate) server: Server,
    notes: Arc<Notes>,
}

const HOST: &str = "kv-ir.vault.lab.test";

impl Place {
    pub(crate) fn new(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::challenging("https://vault.lab.test", handler)
    }

    pub(crate) fn challenging(resource: &'static str, handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let root = Root::new();
        let server = Server::https(&root, move |seen, _| {
            if seen.header("authorization") == Some("Bearer vault-token") {
                return handler(seen).header("x-ms-request-id", "req-7");
            }
            let challenge = format!("Bearer authorization=\"https://login.lab.test/{TENANT}\", resource=\"{resource}\"");
            Reply::json(401, &json!({"error": {"code": "Unauthorized", "message": "AKV10000: no token"}}))
                .header("WWW-Authenticate", challenge)
        });
        Self { root, server, login: Server::http(|_, _| token("vault-token")), notes: Arc::default() }
    }

    fn client(&self) -> reqwest::Client {
        client(Some(&self.root), &[(HOST, self.server.address)])
    }

    pub(crate) fn open(&self, address: &str) -> Vault {
        let login = Login::Bearer(Arc::new(app(&self.login, secret(), &self.notes)));
        let address = Address::parse(address, "vault.lab.test").unwrap();
        Vault::open(VaultOptions { client: self.client(), address, login, witness: self.notes.clone() }).unwrap()
    }

    fn vault(&self) -> Vault {
        self.open("kv-ir")
    }
}

pub(crate) fn object(text: &str) -> Object {
    Object::parse(text).unwrap()
}

pub(crate) fn bundle(value: &str, kind: &str, attributes: &Value) -> Reply {
    Reply::json(200, &json!({"value": value, "contentType": kind, "id": format!("https://{HOST}/secrets/x/01"), "attributes": attributes}))
}

fn days(count: i64) -> i64 {
    jiff::Timestamp::now().as_second() + count * 86_400
}

#[tokio::test]
async fn a_secret_by_name_with_the_challenge_checked() {
    let place = Place::new(|_| bundle("abc8Q~x", "text/plain", &json!({"enabled": true, "exp": days(100)})));
    let stored = place.vault().secret(&object("ir-secret")).await.unwrap();
    assert_eq!((stored.value.expose(), stored.content_type.as_str(), stored.warnings.len()), ("abc8Q~x", "text/plain", 0));
    let seen = place.server.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|seen| seen.target == "/secrets/ir-secret/?api-version=2025-07-01"), "{seen:?}");
    assert_eq!((seen[0].header("authorization"), seen[1].header("authorization")), (None, Some("Bearer vault-token")));
    assert_eq!(place.login.seen()[0].field("scope").as_deref(), Some("https://vault.lab.test/.default"));
    let exchanges = place.notes.exchanges.lock().unwrap();
    let statuses: Vec<_> = exchanges.iter().map(|exchange| exchange.status.unwrap()).collect();
    assert_eq!(statuses, [401, 200, 200]);
    assert_eq!(exchanges[2].request_id.as_deref(), Some("req-7"));
    assert!(!format!("{exchanges:?}").contains("abc8Q"));
}

#[tokio::test]
async fn versions_are_part_of_the_path() {
    let place = Place::new(|_| bundle("x", "", &json!({})));
    place.vault().secret(&object("a/0123456789abcdef0123456789abcdef")).await.unwrap();
    assert_eq!(place.server.seen()[1].target, "/secrets/a/0123456789abcdef0123456789abcdef?api-version=2025-07-01");
}

#[tokio::test]
async fn a_challenge_for_another_domain_gets_no_token() {
    let place = Place::challenging("https://vault.evil.test", |_| bundle("x", "", &json!({})));
    let error = place.vault().secret(&object("x")).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Credential, "VaultChallenge".to_owned()));
    assert_eq!(place.login.seen().len(), 0);
    // A loopback address can pass no such check, and is spared it; a name that resolves to loopback is not.
    let url = place.server.url();
    assert!(place.open(&url).secret(&object("x")).await.is_ok());
}

#[tokio::test]
async fn refusals_name_the_wall_and_the_way() {
    let rows = [
        (
            404,
            json!({"code": "SecretNotFound", "message": "A secret with (name/id) x was not found in this key vault."}),
            "SecretNotFound",
            "check its name",
        ),
        (
            403,
            json!({"code": "Forbidden", "message": "Caller is not authorized.\r\nCaller: appid=1;oid=2\r\nAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\nResource: '/subscriptions/3/x/vaults/kv-ir/secrets/x'\r\n", "innererror": {"code": "ForbiddenByRbac"}}),
            "ForbiddenByRbac",
            "Key Vault Secrets User",
        ),
        (
            403,
            json!({"code": "Forbidden", "message": "Client address is not authorized.", "innererror": {"code": "ForbiddenByFirewall"}}),
            "ForbiddenByFirewall",
            "firewall",
        ),
        (
            403,
            json!({"code": "Forbidden", "message": "Operation get is not allowed on a disabled secret.", "innererror": {"code": "SecretDisabled"}}),
            "SecretDisabled",
            "enable it",
        ),
    ];
    for (status, body, code, hint) in rows {
        let place = Place::new(move |_| Reply::json(status, &json!({"error": body})));
        let error = place.vault().secret(&object("x")).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Credential, code.to_owned()));
        assert!(error.message().starts_with("reading the secret `x` from https://kv-ir.vault.lab.test: "), "{error}");
        assert!(error.message().contains("request id req-7"), "{error}");
        assert!(error.hints()[0].contains(hint), "{:?}", error.hints());
        assert_eq!(place.server.seen().len(), 2);
    }
}

#[tokio::test]
async fn expired_and_nearly_expired_secrets() {
    let place = Place::new(|_| bundle("x", "", &json!({"enabled": true, "exp": days(-1)})));
    assert!(place.vault().secret(&object("x")).await.unwrap_err().message().contains("the secret `x` expired on"));
    let place = Place::new(|_| bundle("x", "", &json!({"enabled": true, "exp": days(3)})));
    assert!(place.vault().secret(&object("x")).await.unwrap().warnings[0].contains("expires on"));
}

#[tokio::test]
async fn html_and_names_that_do_not_exist() {
    let place = Place::new(|_| Reply::text(200, "text/html", "<html>"));
    assert!(place.vault().secret(&object("x")).await.unwrap_err().message().ends_with("the answer is not one of Key Vault"));
    let begun = std::time::Instant::now();
    let error = place.open("https://kv-none.vault.invalid").secret(&object("x")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Credential);
    assert!(["VaultNotFound", "VaultUnreachable"].contains(&error.code().as_str()), "{error:?}");
    assert!(!error.hints().is_empty() && begun.elapsed().as_secs() < 90);
}

#[tokio::test]
async fn the_logins_own_error_is_told() {
    let place = Place::new(|_| bundle("x", "", &json!({})));
    let refusing = Server::http(|_, _| {
        Reply::json(
            401,
            &json!({"error": "invalid_client", "error_description": "AADSTS7000222: The provided client secret keys are expired.", "error_codes": [7_000_222]}),
        )
    });
    let login = Login::Bearer(Arc::new(app(&refusing, secret(), &place.notes)));
    let address = Address::parse("kv-ir", "vault.lab.test").unwrap();
    let vault = Vault::open(VaultOptions { client: place.client(), address, login, witness: place.notes.clone() }).unwrap();
    let error = vault.secret(&object("x")).await.unwrap_err();
    assert_eq!(error.code(), "AADSTS7000222");
    assert!(error.message().contains("signing in to the vault") && error.hints()[0].contains("expired"), "{error:?}");
}

#[tokio::test]
async fn a_federated_token_signs_in_to_the_vault() {
    let place = Place::new(|_| bundle("x", "", &json!({})));
    let proof = Proof::Federated(Arc::new(|| Ok(Secret::new("federated"))));
    let login = Login::Bearer(Arc::new(app(&place.login, proof, &place.notes)));
    let address = Address::parse("kv-ir", "vault.lab.test").unwrap();
    let vault = Vault::open(VaultOptions { client: place.client(), address, login, witness: place.notes.clone() }).unwrap();
    vault.secret(&object("x")).await.unwrap();
    assert_eq!(place.login.seen()[0].field("client_assertion").as_deref(), Some("federated"));
}

#[tokio::test]
async fn the_machines_identity_signs_in_to_the_vault_and_to_the_apis() {
    let place = Place::new(|_| bundle("x", "", &json!({})));
    // The metadata service has a fixed address, which a proxy leads here.
    let imds = Server::http(|_, _| {
        Reply::json(
            200,
            &json!({"access_token": "vault-token", "expires_on": days(1).to_string(), "token_type": "Bearer", "resource": "x"}),
        )
    });
    let certificate = reqwest::Certificate::from_pem(&place.root.pem()).unwrap();
    let proxy = reqwest::Proxy::http(imds.url()).unwrap();
    let client =
        reqwest::Client::builder().proxy(proxy).tls_certs_merge([certificate]).resolve(HOST, place.server.address).build().unwrap();
    let address = Address::parse("kv-ir", "vault.lab.test").unwrap();
    let login = Login::ManagedIdentity(Some("client-id".into()));
    let vault = Vault::open(VaultOptions { client: client.clone(), address, login, witness: place.notes.clone() }).unwrap();
    vault.secret(&object("x")).await.unwrap();
    let target = imds.seen()[0].target.clone();
    assert!(target.starts_with("http://169.254.169.254/metadata/identity/oauth2/token?"), "{target}");
    assert!(target.contains("resource=https%3A%2F%2Fvault.lab.test") && target.contains("client_id=client-id"), "{target}");
    let options = AppOptions {
        entra: entra(&place.notes, client),
        authority: authority(&place.login),
        tenant: TENANT.into(),
        app_id: String::new(),
        proof: Proof::Machine(vault.session().clone()),
    };
    assert_eq!(App::new(options).bearer(GRAPH).await.unwrap().expose(), "vault-token");
}

fn authority(server: &Server) -> Authority {
    Authority { url: server.url().parse().unwrap(), marks: None }
}

fn pair() -> (PKey<Private>, X509) {
    let key = rsa();
    let leaf = self_signed(&key);
    (key, leaf)
}

async fn token_by(proof: Proof) -> Seen {
    let server = Server::http(|_, _| token("t"));
    app(&server, proof, &Arc::default()).bearer(GRAPH).await.unwrap();
    server.seen().remove(0)
}

fn verifies(seen: &Seen, leaf: &X509) -> bool {
    let assertion = seen.field("client_assertion").unwrap();
    let (input, signature) = assertion.rsplit_once('.').unwrap();
    let public = leaf.public_key().unwrap();
    let mut verifier = Verifier::new(MessageDigest::sha256(), &public).unwrap();
    verifier.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
    verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
    verifier.verify_oneshot(&BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap(), input.as_bytes()).unwrap()
}

#[tokio::test]
async fn certificates_as_pfx_and_as_pem() {
    let (key, leaf) = pair();
    let pfx = Pkcs12::builder().pkey(&key).cert(&leaf).build2("").unwrap().to_der().unwrap();
    let pem = [leaf.to_pem().unwrap(), key.private_key_to_pem_pkcs8().unwrap()].concat();
    for (value, kind) in
        [(BASE64_STANDARD.encode(pfx), "application/x-pkcs12"), (String::from_utf8(pem).unwrap(), "application/x-pem-file")]
    {
        let place = Place::new(move |_| bundle(&value, kind, &json!({})));
        let stored = place.vault().secret(&object("ir-app")).await.unwrap();
        let signer = Arc::new(LocalSigner::from_vault(&stored).unwrap());
        assert!(verifies(&token_by(Proof::Certificate { signer, rs256: false, send_chain: false }).await, &leaf));
    }
}

#[tokio::test]
async fn a_certificate_whose_key_may_not_leave_says_so() {
    let (_, leaf) = pair();
    let pem = String::from_utf8(leaf.to_pem().unwrap()).unwrap();
    let place = Place::new(move |_| bundle(&pem, "application/x-pem-file", &json!({})));
    let stored = place.vault().secret(&object("ir-app")).await.unwrap();
    let error = LocalSigner::from_vault(&stored).unwrap_err();
    assert_eq!(error.code(), "CertificateKeyMissing");
    assert!(error.hints()[0].contains("sign = \"vault\""));
}

#[tokio::test]
async fn the_vault_signs_and_the_key_never_leaves_it() {
    let (key, leaf) = pair();
    let der = BASE64_STANDARD.encode(leaf.to_der().unwrap());
    let place = Place::new(move |seen| {
        if seen.method == "GET" {
            let kid = format!("https://{HOST}/keys/ir-app/0123");
            return Reply::json(
                200,
                &json!({"id": "x", "kid": kid, "cer": der, "attributes": {"enabled": true}, "policy": {"key_props": {"exportable": false}}}),
            );
        }
        let body: Value = serde_json::from_str(&seen.body).unwrap();
        assert_eq!((seen.target.as_str(), body["alg"].as_str()), ("/keys/ir-app/0123/sign?api-version=2025-07-01", Some("PS256")));
        let digest = BASE64_URL_SAFE_NO_PAD.decode(body["value"].as_str().unwrap()).unwrap();
        Reply::json(200, &json!({"kid": "x", "value": BASE64_URL_SAFE_NO_PAD.encode(sign_digest(&key, &digest, true))}))
    });
    let vault = Arc::new(place.vault());
    let public = vault.certificate(&object("ir-app")).await.unwrap();
    assert!(!public.exportable);
    let signer = Arc::new(VaultSigner::new(vault, public).unwrap());
    let seen = token_by(Proof::Certificate { signer, rs256: false, send_chain: false }).await;
    assert_eq!(part(&seen, 0)["alg"], "PS256");
    assert!(verifies(&seen, &leaf));
}

pub(crate) fn sign_digest(key: &PKey<Private>, digest: &[u8], pss: bool) -> Vec<u8> {
    let mut context = openssl::pkey_ctx::PkeyCtx::new(key).unwrap();
    context.sign_init().unwrap();
    context.set_rsa_padding(if pss { Padding::PKCS1_PSS } else { Padding::PKCS1 }).unwrap();
    context.set_signature_md(openssl::md::Md::sha256()).unwrap();
    if pss {
        context.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
    }
    let mut signature = Vec::new();
    context.sign_to_vec(digest, &mut signature).unwrap();
    signature
}

#[tokio::test]
async fn a_busy_vault_is_asked_again() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let place = Place::new(move |_| {
        if calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
            return Reply::json(503, &json!({"error": {"code": "ServiceUnavailable", "message": "busy"}}));
        }
        bundle("x", "", &json!({}))
    });
    place.vault().secret(&object("x")).await.unwrap();
    let odd = place.vault().sign(&object("k"), Signature::Rs256, &[0; 32]).await.unwrap_err();
    assert_eq!(odd.kind(), Kind::Credential);
}

/// What depends on the environment of the process runs in a process of its own: this test, called again.
#[allow(clippy::disallowed_methods, reason = "the test is steered by variables, being another process")]
#[tokio::test]
#[ignore = "called by the tests below, in an environment of their making"]
async fn login_inside() {
    let Some(kind) = std::env::var_os("TEST_LOGIN") else { return };
    let place = Place::new(|_| bundle("found", "", &json!({})));
    let login = if kind == "managed-identity" { Login::ManagedIdentity(None) } else { Login::DeveloperTools };
    let address = Address::parse("kv-ir", "vault.lab.test").unwrap();
    let vault = Vault::open(VaultOptions { client: place.client(), address, login, witness: place.notes.clone() }).unwrap();
    match vault.secret(&object("x")).await {
        Ok(stored) => eprintln!("RESULT {}", stored.value.expose()),
        Err(error) => eprintln!("RESULT {} {error} {:?}", error.code(), error.hints()),
    }
}

fn logged_in(variables: &[(&str, &str)]) -> String {
    let inside = ["--exact", "vault::login_inside", "--include-ignored", "--nocapture"];
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(inside).env_remove("IDENTITY_ENDPOINT").envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.lines().find_map(|line| line.strip_prefix("RESULT ")).unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[cfg(unix)]
fn with_tool(name: &str, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs_err::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs_err::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    logged_in(&[("TEST_LOGIN", "developer-tools"), ("PATH", folder.path().to_str().unwrap())])
}

#[cfg(unix)]
#[test]
fn developer_tools_sign_in_to_the_vault() {
    let answer = format!(r#"echo '{{"accessToken":"vault-token","expires_on":{},"tokenType":"Bearer"}}'"#, days(1));
    assert_eq!(with_tool("az", &answer), "found");
    let answer = r#"echo '{"token":"vault-token","expiresOn":"2099-01-01T00:00:00Z"}'"#;
    assert_eq!(with_tool("azd", answer), "found");
}

#[cfg(unix)]
#[test]
fn developer_tools_that_fail_are_told_once_with_what_to_do() {
    let told = with_tool("az", "echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1");
    let words = "signing in by developer tools failed: az: ERROR: Please run 'az login' to setup account.; azd: azd not found on PATH";
    assert!(told.starts_with("VaultLogin reading the secret `x` from https://kv-ir.vault.lab.test: "), "{told}");
    assert!(told.contains(words) && told.contains("run `az login`"), "{told}");
    assert_eq!(told.matches("setup account").count(), 1);
    let told = with_tool("other", "");
    assert!(told.contains("az: az not found on PATH; azd: azd not found on PATH") && told.contains("install the Azure CLI"), "{told}");
}

#[test]
fn an_app_services_identity_signs_in_to_the_vault() {
    let endpoint = Server::http(|_, _| {
        Reply::json(
            200,
            &json!({"access_token": "vault-token", "expires_on": days(1).to_string(), "token_type": "Bearer", "resource": "x"}),
        )
    });
    let url = format!("{}/token", endpoint.url());
    assert_eq!(
        logged_in(&[("TEST_LOGIN", "managed-identity"), ("IDENTITY_ENDPOINT", &url), ("IDENTITY_HEADER", "header-secret")]),
        "found"
    );
    assert_eq!(endpoint.seen()[0].header("x-identity-header"), Some("header-secret"));
    let refusing = Server::http(|_, _| Reply::json(400, &json!({})));
    let url = format!("{}/token", refusing.url());
    let told = logged_in(&[("TEST_LOGIN", "managed-identity"), ("IDENTITY_ENDPOINT", &url), ("IDENTITY_HEADER", "header-secret")]);
    assert!(
        told.contains("by managed identity failed: The requested identity has not been assigned") && !told.contains("header-secret"),
        "{told}"
    );
}
