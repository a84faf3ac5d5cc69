//! No secret is ever shown: every way to prove oneself and every way to fail, at trace level for all crates, and then a search for
//! everything the lab handed out, in every form it may have taken, in everything that was said and stored.

use crate::support::{
    Outcome,
    site::{Site, faulty, generous},
    summary::files_below,
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use ircollect::lab::Options;
use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
};

/// What was said and stored, by place.
#[derive(Default)]
struct Traces(Vec<(String, Vec<u8>)>);

impl Traces {
    fn said(&mut self, place: &str, outcome: &Outcome) {
        self.0.push((format!("{place}: stdout"), outcome.stdout.clone().into_bytes()));
        self.0.push((format!("{place}: stderr"), outcome.stderr.clone().into_bytes()));
    }

    /// Takes every file below the bench's folder but those that the test itself put there.
    fn stored(&mut self, site: &Site, own: &[PathBuf]) {
        let files = files_below(site.bench.folder.path());
        for path in files.into_iter().filter(|path| !own.contains(path)) {
            self.0.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }

    /// Asserts that so many logs are as loud as can be.
    fn are_loud(&self, logs: usize) {
        let loud = |(place, bytes): &&(String, Vec<u8>)| place.ends_with("log.txt") && memchr::memmem::find(bytes, b"TRACE").is_some();
        assert!(self.0.iter().filter(loud).count() >= logs, "the logs are not at trace level");
    }

    fn find(&self, needle: &str) -> Option<&str> {
        self.0.iter().find(|(_, bytes)| memchr::memmem::find(bytes, needle.as_bytes()).is_some()).map(|(place, _)| place.as_str())
    }

    /// Asserts that none of `secrets` is anywhere, whole or in a part that would do, plain or encoded.
    fn hold_none_of(&self, secrets: &[String]) {
        let forms: BTreeSet<String> = secrets.iter().flat_map(|secret| forms(secret)).collect();
        assert!(forms.len() > secrets.len());
        // By how they begin, so that each place is gone through once.
        let mut needles: HashMap<&[u8], Vec<&str>> = HashMap::new();
        for form in &forms {
            needles.entry(&form.as_bytes()[..SHORTEST]).or_default().push(form);
        }
        for (place, bytes) in &self.0 {
            for (at, start) in bytes.windows(SHORTEST).enumerate() {
                let mut begun = needles.get(start).into_iter().flatten();
                let found = begun.find(|needle| bytes[at..].starts_with(needle.as_bytes()));
                assert!(found.is_none(), "{place} holds {:.12}...", found.unwrap_or(&""));
            }
        }
    }
}

/// What is shorter is found by accident.
const SHORTEST: usize = 8;

/// The forms in which a secret could be told: itself, its lines and the parts of a token, percent-encoded, in JSON, in base64 however
/// it is aligned, in hexadecimal.
fn forms(secret: &str) -> Vec<String> {
    let lines = secret.lines().filter(|line| line.len() >= 32 && !line.starts_with("-----"));
    // Head and claims of a token are no secret; its signature makes it one.
    let signature = (secret.starts_with("eyJ")).then(|| secret.rsplit('.').next().unwrap());
    let middle = (secret.len() > 400).then(|| &secret[200..264]);
    let plain: Vec<&str> = lines.chain([secret.trim()]).chain(signature).chain(middle).filter(|part| part.len() >= SHORTEST).collect();
    let mut forms: Vec<String> = plain.iter().map(ToString::to_string).collect();
    for part in plain {
        forms.push(url::form_urlencoded::byte_serialize(part.as_bytes()).collect());
        forms.push(serde_json::Value::from(part).to_string().trim_matches('"').to_owned());
        forms.push(part.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat());
        for skipped in 0..3.min(part.len()) {
            // The first and last characters of base64 depend on what stands beside them.
            for engine in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
                let coded = engine.encode(&part.as_bytes()[skipped..]);
                forms.push(coded[..coded.len() - 4].to_owned());
            }
        }
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// Runs commands at the loudest, in text and in JSON, and gathers all that they leave.
fn gather(traces: &mut Traces, place: &str, site: Site, commands: &[&[&str]]) {
    let before = files_below(site.bench.folder.path());
    std::fs::create_dir(site.bench.path("tmp")).unwrap();
    let tmp = site.bench.path("tmp").display().to_string();
    let site = Site { lab: site.lab, bench: site.bench.env("IRCOLLECT_LOG", "trace").env("TMPDIR", tmp).env("RUST_BACKTRACE", "full") };
    for command in commands {
        for format in ["text", "json"] {
            let loud = ["--log-file", "log.txt", "--log-format", format, "--max-wait", "1s"];
            traces.said(place, &site.run(&[command, &loud[..]].concat()));
        }
    }
    traces.stored(&site, &before);
}

const HUNT: &[&str] = &["hunt", "--kql", "DeviceInfo | take 2", "--json"];
const CLAIMS: &[&str] = &["token", "--api", "graph", "--claims"];
const LOOK: [&[&str]; 2] = [&["case", "status"], &["case", "verify", "--json"]];

#[test]
fn nothing_that_was_handed_out_is_in_any_log_output_or_file() {
    let lab = Site::new(generous()).lab;
    let site = || Site::at(std::sync::Arc::clone(&lab));
    let mut traces = Traces::default();
    for fields in [
        r#"certificate = "ir-app""#,
        r#"certificate = "ir-app-pem""#,
        r#"certificate = "ir-app-sign", sign = "vault""#,
        r#"secret = "ir-app-secret""#,
        r#"secret = "ir-app-secret-newline""#,
        // The kinds are taken for each other, and what cannot be a key is read as one.
        r#"secret = "ir-app-pem""#,
        r#"certificate = "ir-app-secret""#,
        r#"secret = "ir-app-secret-wrong""#,
        r#"secret = "ir-app-secret-expired""#,
        r#"certificate = "ir-app-unregistered""#,
        r#"certificate = "ir-app-ec""#,
        r#"secret = "absent""#,
    ] {
        gather(&mut traces, fields, site().vaulted(fields), &[HUNT, CLAIMS, LOOK[0], LOOK[1], &["check"]]);
    }
    for name in ["ir-no-roles", "ir-disabled"] {
        gather(&mut traces, name, site().registration(name), &[HUNT, CLAIMS]);
    }
    let held = site();
    let (pem, secret) = (held.vault_secret("ir-app-pem"), held.vault_secret("ir-app-secret"));
    for (fields, name, text) in [
        (r#"certificate_file = "app.pem""#, "app.pem", pem.clone()),
        (r#"certificate_file = "app.pem""#, "app.pem", pem.replace('A', "B")),
        (r#"secret_file = "secret.txt""#, "secret.txt", secret.clone()),
        (r#"secret_file = "secret.txt""#, "secret.txt", format!("{secret}\n\n{secret}")),
    ] {
        let site = site().credential(fields);
        site.bench.write_private(&format!("lab/{name}"), &text);
        gather(&mut traces, fields, site, &[HUNT]);
    }
    let misplaced = site().credential(&format!("client_secret = \"{secret}\""));
    gather(&mut traces, "a secret in the configuration", misplaced, &[HUNT]);
    let endpoint = site().configured(|toml| toml.replace("graph = \"https://", &format!("graph = \"https://user:{}@", &secret[..20])));
    gather(&mut traces, "a password in an endpoint", endpoint, &[HUNT]);
    let mut secrets = lab.secrets_handed_out();
    assert!(secrets.len() > 40, "{} secrets", secrets.len());
    secrets.push(secret[..20].to_owned());
    traces.are_loud(18);
    traces.hold_none_of(&secrets);
    // Assertions are made here and never handed out; like all tokens they begin so.
    for mark in ["eyJ0eXAi", "eyJhbGci", "-----BEGIN", "client_secret=", "client_assertion=", "Bearer ey"] {
        assert_eq!(traces.find(mark), None, "{mark}");
    }
}

#[test]
fn failures_of_the_services_show_no_secret_either() {
    let mut traces = Traces::default();
    let mut secrets = Vec::new();
    for fault in ["throttle", "html", "cut", "malformed", "drop", "expired-token"] {
        let site = Site::new(faulty(&[fault]));
        let lab = std::sync::Arc::clone(&site.lab);
        gather(&mut traces, fault, site, &[HUNT]);
        secrets.extend(lab.secrets_handed_out());
    }
    for options in [Options { authority_unavailable: 2, ..generous() }, Options { vault_throttled: 2, ..generous() }] {
        let site = Site::new(options);
        let lab = std::sync::Arc::clone(&site.lab);
        gather(&mut traces, "an outage", site, &[HUNT]);
        secrets.extend(lab.secrets_handed_out());
    }
    traces.are_loud(8);
    traces.hold_none_of(&secrets);
    for mark in ["eyJ0eXAi", "eyJhbGci", "client_assertion=", "Bearer ey"] {
        assert_eq!(traces.find(mark), None, "{mark}");
    }
}

#[test]
fn a_token_that_is_asked_for_is_on_standard_output_alone() {
    let site = Site::new(generous());
    let mut traces = Traces::default();
    for form in ["token", "header", "json", "curl", "env"] {
        let arguments = ["token", "--api", "graph", "--print", form, "-vvv", "--log-file", "log.txt"];
        let outcome = site.run(&arguments).expect(0);
        assert!(outcome.stdout.contains("eyJ"), "{form}");
        traces.0.push((form.to_owned(), outcome.stderr.into_bytes()));
    }
    traces.0.push(("log".to_owned(), std::fs::read(site.bench.path("log.txt")).unwrap()));
    traces.hold_none_of(&site.lab.secrets_handed_out());
    assert!(!site.bench.case().exists(), "a token makes no case");
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let secret = "Q8~canary-secret_value.with~40-characters!".to_owned();
    for told in [
        secret.clone(),
        format!("x={}", url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>()),
        BASE64_STANDARD_NO_PAD.encode(format!("user:{secret}")),
        BASE64_URL_SAFE_NO_PAD.encode(format!("{{\"secret\":\"{secret}\"}}")),
        secret.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat(),
    ] {
        let traces = Traces(vec![("here".to_owned(), told.clone().into_bytes())]);
        assert!(std::panic::catch_unwind(|| traces.hold_none_of(std::slice::from_ref(&secret))).is_err(), "{told}");
    }
}
