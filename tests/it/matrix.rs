//! Twelve kinds of credential, each right, wrong and expired, by the real binary against a lab: exit code, message and hints.

use crate::{
    loopback::{Reply, Server},
    support::{
        Bench, Outcome,
        site::{self, Site, block_on},
    },
};
use base64::{Engine, prelude::BASE64_STANDARD};
use ircollect::lab::{Lab, Service};
use openssl::{
    pkcs12::{ParsedPkcs12_2, Pkcs12},
    symm::Cipher,
};
use regex::Regex;
use serde_json::{Value, json};
use std::{fmt::Write, path::Path};

const GRAPH: &str = "https://graph.microsoft.com/.default";
pub(crate) const PASSWORD: &str = "Pa55 wörd";

/// Takes what differs from run to run out of what is shown.
fn settled(text: &str) -> String {
    let rules = [
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
        (r"thumbprint [0-9A-F]{40}", "thumbprint <sha1>"),
        (r"client: '[0-9A-F]{40,64}'", "client: '<thumbprint>'"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?( UTC|Z)?", "<time>"),
        (r"\d{4}-\d\d-\d\d", "<day>"),
        (r"127\.0\.0\.1:\d+", "<address>"),
        (r"[0-9a-f]{32}", "<version>"),
        (r"([ `])/\S*/(\w+\.\w+)", "$1<folder>/$2"),
        (r"request id \S+\)", "request id <id>)"),
    ];
    rules.iter().fold(text.to_owned(), |text, (pattern, with)| Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned())
}

/// A certificate of the lab's vault, with its key.
fn pair(name: &str) -> ParsedPkcs12_2 {
    let der = BASE64_STANDARD.decode(lab_secret(name)).unwrap();
    Pkcs12::from_der(&der).unwrap().parse2("").unwrap()
}

pub(crate) fn pfx(name: &str) -> Vec<u8> {
    let pair = pair(name);
    let mut builder = Pkcs12::builder();
    builder.cert(&pair.cert.unwrap()).pkey(&pair.pkey.unwrap());
    builder.build2(PASSWORD).unwrap().to_der().unwrap()
}

pub(crate) fn pem(name: &str, key_of: &str) -> Vec<u8> {
    let (certificate, key) = (pair(name).cert.unwrap(), pair(key_of).pkey.unwrap());
    let key = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), PASSWORD.as_bytes()).unwrap();
    [certificate.to_pem().unwrap(), key].concat()
}

fn write(bench: &Bench, name: &str, bytes: impl AsRef<[u8]>) {
    let path = bench.path(name);
    fs_err::write(&path, bytes).unwrap();
    private(&path);
}

#[cfg(unix)]
fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(not(unix))]
fn private(_: &Path) {}

fn with_env(site: Site, name: &str, value: impl Into<String>) -> Site {
    Site { lab: site.lab, bench: site.bench.env(name, value) }
}

/// The configuration's files lie beside `lab.toml`.
fn filed(site: &Site, name: &str, bytes: impl AsRef<[u8]>) {
    write(&site.bench, &format!("lab/{name}"), bytes);
}

type Case = (&'static str, fn() -> Outcome);

fn token(site: &Site) -> Outcome {
    site.run(&["token", "--api", "graph"])
}

fn vaulted(fields: &str) -> Outcome {
    token(&Site::shared().vaulted(fields))
}

fn secret_env(value: &str) -> Outcome {
    token(&with_env(Site::shared().credential(r#"secret_env = "IR_SECRET""#), "IR_SECRET", value))
}

fn secret_file(value: &str) -> Outcome {
    let site = Site::shared().credential(r#"secret_file = "secret.txt""#);
    filed(&site, "secret.txt", format!("{value}\n"));
    token(&site)
}

fn certificate_file(name: &str, bytes: &[u8], password: &str) -> Outcome {
    let fields = format!(r#"certificate_file = "{name}", password_env = "IR_PASSWORD""#);
    let site = with_env(Site::shared().credential(&fields), "IR_PASSWORD", password);
    filed(&site, name, bytes);
    token(&site)
}

fn federated(token_of: impl FnOnce(&Lab) -> String) -> Outcome {
    let site = Site::shared().credential(r#"federated_token_file = "token.jwt""#);
    filed(&site, "token.jwt", token_of(&site.lab));
    token(&site)
}

fn federated_token(lifetime: i64) -> Outcome {
    federated(|lab| lab.federated_token(lifetime).expose().to_owned())
}

/// A token of an issuer that the registration does not trust.
fn federated_elsewhere() -> Outcome {
    let part = |value: Value| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"iss": "https://elsewhere.example", "sub": "x", "aud": "api://AzureADTokenExchange", "exp": 4_000_000_000_u64});
    federated(|_| format!("{}.{}.c2ln", part(json!({"alg": "RS256", "kid": "x"})), part(claims)))
}

fn lab_identity() -> Outcome {
    let site = Site::shared().credential(r#"managed_identity = "system""#);
    let variables = site.lab.identity_variables();
    token(&variables.into_iter().fold(site, |site, (name, value)| with_env(site, name, value)))
}

/// App Service's endpoint on loopback, which hands out what a real one would have asked Entra for.
fn app_service(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Outcome {
    let site = Site::shared().credential(r#"managed_identity = "system""#);
    let bearer = block_on(site::token(&site.lab, "ir-collector", GRAPH));
    let endpoint = Server::http(move |_, _| reply(&bearer));
    let site = with_env(site, "IDENTITY_ENDPOINT", format!("{}/msi/token", endpoint.url()));
    token(&with_env(site, "IDENTITY_HEADER", "header-secret"))
}

fn machine_token(bearer: &str, seconds: i64) -> Reply {
    let expires = jiff::Timestamp::now().as_second() + seconds;
    let body = json!({"access_token": bearer, "expires_on": expires.to_string(), "resource": "https://graph.microsoft.com", "token_type": "Bearer"});
    Reply::json(200, &body)
}

/// No configuration: the variables of the Azure SDKs alone.
fn azure(variables: &[(&str, &str)], file: Option<&[u8]>) -> Outcome {
    let lab = Site::shared().lab;
    let mut bench = Bench::new();
    write(&bench, "ca.pem", lab.ca_pem());
    if let Some(bytes) = file {
        write(&bench, "app.pfx", bytes);
    }
    let all = lab.registrations();
    let collector = all.iter().find(|app| app.name == "ir-collector").unwrap();
    let own =
        [("AZURE_TENANT_ID", lab.tenant()), ("AZURE_CLIENT_ID", &collector.app_id), ("AZURE_AUTHORITY_HOST", &lab.url(Service::Authority))];
    for (name, value) in own.iter().chain(variables) {
        bench = bench.env(name, *value);
    }
    bench.run(&["token", "--api", "graph", "--ca-file", "ca.pem"])
}

fn lab_secret(name: &str) -> String {
    Site::shared().vault_secret(name)
}

const KINDS: &[(&str, [Case; 3])] = &[
    (
        "secret in a vault",
        [
            ("right", || vaulted(r#"secret = "ir-app-secret""#)),
            ("wrong", || vaulted(r#"secret = "ir-app-secret-wrong""#)),
            ("expired", || vaulted(r#"secret = "ir-app-secret-expired""#)),
        ],
    ),
    (
        "certificate in a vault, PFX",
        [
            ("right", || vaulted(r#"certificate = "ir-app""#)),
            ("wrong", || vaulted(r#"certificate = "ir-app-unregistered""#)),
            ("expired", || vaulted(r#"certificate = "ir-app-expired""#)),
        ],
    ),
    (
        "certificate in a vault, PEM",
        [
            ("right", || vaulted(r#"certificate = "ir-app-pem""#)),
            ("wrong", || vaulted(r#"certificate = "ir-app-pem-unregistered""#)),
            ("expired", || vaulted(r#"certificate = "ir-app-pem-expired""#)),
        ],
    ),
    (
        "certificate in a vault, signing there",
        [
            ("right", || vaulted(r#"certificate = "ir-app-sign", sign = "vault""#)),
            ("wrong", || vaulted(r#"certificate = "ir-app-sign-unregistered", sign = "vault""#)),
            ("expired", || vaulted(r#"certificate = "ir-app-sign-expired", sign = "vault""#)),
        ],
    ),
    (
        "certificate file, PFX",
        [
            ("right", || certificate_file("app.pfx", &pfx("ir-app"), PASSWORD)),
            ("wrong", || certificate_file("app.pfx", &pfx("ir-app"), "other")),
            ("expired", || certificate_file("app.pfx", &pfx("ir-app-expired"), PASSWORD)),
        ],
    ),
    (
        "certificate file, PEM",
        [
            ("right", || certificate_file("app.pem", &pem("ir-app", "ir-app"), PASSWORD)),
            ("wrong", || certificate_file("app.pem", &pem("ir-app", "ir-app-unregistered"), PASSWORD)),
            ("expired", || certificate_file("app.pem", &pem("ir-app-expired", "ir-app-expired"), PASSWORD)),
        ],
    ),
    (
        "secret from a variable",
        [
            ("right", || secret_env(&lab_secret("ir-app-secret"))),
            ("wrong", || secret_env(&lab_secret("ir-app-secret-wrong"))),
            ("expired", || secret_env(&lab_secret("ir-app-secret-expired"))),
        ],
    ),
    (
        "secret from a file",
        [
            ("right", || secret_file(&lab_secret("ir-app-secret"))),
            ("wrong", || secret_file(&lab_secret("ir-app-secret-wrong"))),
            ("expired", || secret_file(&lab_secret("ir-app-secret-expired"))),
        ],
    ),
    ("federated token file", [("right", || federated_token(600)), ("wrong", federated_elsewhere), ("expired", || federated_token(-600))]),
    (
        "managed identity",
        [
            ("right", lab_identity),
            ("wrong", || app_service(|_| Reply::json(400, &json!({"statusCode": 400, "message": "No managed identity found"})))),
            ("expired", || app_service(|bearer| machine_token(bearer, -60))),
        ],
    ),
    (
        "AZURE_CLIENT_SECRET alone",
        [
            ("right", || azure(&[("AZURE_CLIENT_SECRET", &lab_secret("ir-app-secret"))], None)),
            ("wrong", || azure(&[("AZURE_CLIENT_SECRET", &lab_secret("ir-app-secret-wrong"))], None)),
            ("expired", || azure(&[("AZURE_CLIENT_SECRET", &lab_secret("ir-app-secret-expired"))], None)),
        ],
    ),
    (
        "AZURE_CLIENT_CERTIFICATE_PATH alone",
        [
            ("right", || azure(&certificate_variables(PASSWORD), Some(&pfx("ir-app")))),
            ("wrong", || azure(&certificate_variables("")[..1], Some(&pfx("ir-app")))),
            ("expired", || azure(&certificate_variables(PASSWORD), Some(&pfx("ir-app-expired")))),
        ],
    ),
];

fn certificate_variables(password: &str) -> [(&'static str, &str); 2] {
    [("AZURE_CLIENT_CERTIFICATE_PATH", "app.pfx"), ("AZURE_CLIENT_CERTIFICATE_PASSWORD", password)]
}

#[test]
fn every_kind_of_credential_right_wrong_and_expired() {
    assert_eq!(KINDS.len(), 12);
    let mut told = String::new();
    for (kind, cases) in KINDS {
        for (case, run) in cases {
            let outcome = run();
            hold(kind, case, &outcome);
            let shown = if outcome.code == 0 { "a token\n".to_owned() } else { settled(&outcome.stderr) };
            let _ = writeln!(told, "{kind}, {case}: exit {}\n{shown}", outcome.code);
        }
    }
    insta::assert_snapshot!("credentials", told);
}

#[track_caller]
fn hold(kind: &str, case: &str, outcome: &Outcome) {
    let context = || format!("{kind}, {case}: {outcome:?}");
    if case == "right" {
        assert_eq!(outcome.code, 0, "{}", context());
        assert_eq!(outcome.stdout.trim().split('.').count(), 3, "{}", context());
    } else {
        assert_eq!((outcome.code, outcome.stdout.as_str()), (3, ""), "{}", context());
        assert!(outcome.stderr.contains("hint: "), "{}", context());
    }
    for secret in Site::shared().lab.secrets_handed_out() {
        assert!(!outcome.stderr.contains(&secret), "{kind}, {case}: a secret is shown");
    }
    assert!(!outcome.stderr.contains("header-secret") && !outcome.stderr.contains(PASSWORD), "{}", context());
}

#[test]
fn versions_are_named_and_ends_that_are_near_are_said_on_every_run() {
    let site = Site::shared().vaulted(r#"secret = "ir-app-secret-ending""#);
    for arguments in [&["token", "--api", "graph"][..], &["hunt", "--kql", "DeviceInfo | take 1"]] {
        let outcome = site.run(arguments).expect(0);
        assert_eq!(outcome.stderr.matches("the secret `ir-app-secret-ending` expires on").count(), 1, "{}", outcome.stderr);
    }
    let ended = vaulted(r#"secret = "ir-app-secret-ended""#).expect(3);
    assert!(ended.stderr.contains("expired on"), "{}", ended.stderr);
    let outcome = vaulted(r#"secret = "ir-app-secret/00000000000000000000000000000000""#).expect(3);
    assert!(outcome.stderr.contains("SecretNotFound"), "{}", outcome.stderr);
}

#[test]
fn a_certificate_that_entra_would_not_take_is_refused_before_any_request() {
    let before = |site: &Site| site.lab.seen().iter().filter(|seen| seen.path.contains("oauth2")).count();
    let site = Site::new(site::generous()).vaulted(r#"certificate = "ir-app-ec""#);
    let outcome = token(&site).expect(3);
    assert!(outcome.stderr.contains("elliptic-curve key"), "{}", outcome.stderr);
    assert_eq!(before(&site), 1, "the vault's login alone asked for a token");
    let sealed = token(&site.configured(|toml| toml.replace("ir-app-ec", "ir-app-sign")));
    assert!(sealed.stderr.contains("without its private key") && sealed.stderr.contains("sign = \"vault\""), "{}", sealed.stderr);
}

#[test]
fn rs256_is_a_switch_and_is_tried_once_by_itself() {
    let options = ircollect::lab::Options { refuse_ps256: true, ..site::generous() };
    let site = Site::new(options).vaulted(r#"certificate = "ir-app""#);
    token(&site).expect(0);
    let asked = site.lab.seen().iter().filter(|seen| seen.path.contains("oauth2") && seen.status == 401).count();
    assert_eq!(asked, 1);
    let site = site.vaulted(r#"certificate = "ir-app", algorithm = "RS256", send_chain = true"#);
    token(&site).expect(0);
    assert_eq!(site.lab.seen().iter().filter(|seen| seen.path.contains("oauth2") && seen.status == 401).count(), 1);
}

#[test]
fn a_workload_identity_signs_in_to_the_vault_and_says_what_is_missing() {
    let site = Site::shared().configured(|toml| toml.replace("vault_auth = \"environment\"", "vault_auth = \"workload-identity\""));
    let outcome = token(&site).expect(3);
    assert!(outcome.stderr.contains("AZURE_FEDERATED_TOKEN_FILE is not set"), "{}", outcome.stderr);
}
