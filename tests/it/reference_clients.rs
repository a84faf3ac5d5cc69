//! What ircollect sends, held against what published client libraries send for the same call: form fields, header and claims of the
//! assertion, and the order of the vault's challenge. Each difference is named here with its reason; any other one fails.
//!
//! The recordings are test input beside the package; without them this is skipped, loudly.

use crate::{
    identity::{APP_ID, SECRET, TENANT, app, certificate, part, secret, token},
    loopback::{Reply, Seen, Server},
    support::shared,
    vault::{Place, bundle, object},
};
use ircollect::transport::Authorize;
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

/// Form fields that others send and ircollect does not, and why.
const THEIRS_ALONE: &[(&str, &str)] = &[
    ("client_info", "asks for the home account of a user, and an application has none"),
    ("claims", "announces continuous access evaluation, whose challenges an application cannot answer"),
    ("client-request-id", "is sent as a header instead"),
    ("x-client-SKU", "is telemetry of the library"),
    ("x-client-VER", "is telemetry of the library"),
    ("x-client-OS", "is telemetry of the library"),
    ("x-client-CPU", "is telemetry of the library"),
    ("x-ms-lib-capability", "is telemetry of the library"),
    ("x-client-current-telemetry", "is telemetry of the library"),
    ("x-client-last-telemetry", "is telemetry of the library"),
];

/// Claims of the assertion that ircollect sends and others leave out, and why.
const OURS_ALONE: &[(&str, &str)] = &[("nbf", "Microsoft's page asks for it, and MSAL for Python leaves it out")];

fn recordings() -> Vec<(String, Value)> {
    let folder = shared("data/reference-clients");
    let Some(folder) = folder else { return Vec::new() };
    let mut found: Vec<(String, Value)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            (path.file_stem().unwrap().to_string_lossy().into_owned(), serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(found.len() > 15, "recordings are missing");
    found
}

fn names(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

fn excused(names: &BTreeSet<String>, reasons: &[(&str, &str)], of: &str) {
    let odd: Vec<_> = names.iter().filter(|name| !reasons.iter().any(|(known, _)| known == name)).collect();
    assert!(odd.is_empty(), "{of}: differences without a reason: {odd:?}");
}

#[tokio::test]
async fn token_requests_are_those_of_the_reference_clients() {
    let mut compared = 0;
    for (name, recording) in recordings() {
        for request in recording["requests"].as_array().unwrap().iter().filter(|request| request["method"] == "POST") {
            compare_token(&name, request).await;
            compared += 1;
        }
    }
    eprintln!("{compared} token requests compared");
}

async fn compare_token(name: &str, theirs: &Value) {
    let ours = ask(theirs).await;
    let target = theirs["path"].as_str().unwrap().split('?').next().unwrap();
    assert_eq!(ours.target, target, "{name}");
    let our_form: BTreeSet<String> = ours.form().into_iter().map(|(name, _)| name).collect();
    let their_form = names(&theirs["form"]);
    assert!(our_form.is_subset(&their_form), "{name}: {our_form:?}");
    excused(&their_form.difference(&our_form).cloned().collect(), THEIRS_ALONE, name);
    for field in our_form.iter().filter(|field| *field != "client_assertion") {
        assert_eq!(ours.field(field).as_deref(), theirs["form"][field].as_str(), "{name}: {field}");
    }
    if let Some(assertion) = theirs.get("clientAssertion") {
        compare_assertion(name, &ours, assertion);
    }
}

/// Makes the same request.
async fn ask(theirs: &Value) -> Seen {
    let header = &theirs["clientAssertion"]["header"];
    let proof = match header["alg"].as_str() {
        None => secret(),
        Some(algorithm) => certificate(algorithm == "RS256", header.get("x5c").is_some()).1,
    };
    let server = Server::http(|_, _| token("t"));
    let scope = theirs["form"]["scope"].as_str().unwrap();
    app(&server, proof, &Arc::default()).bearer(scope).await.unwrap();
    server.seen().remove(0)
}

fn compare_assertion(name: &str, ours: &Seen, theirs: &Value) {
    let (header, claims) = (part(ours, 0), part(ours, 1));
    assert_eq!(names(&header), names(&theirs["header"]), "{name}");
    for field in ["alg", "typ"] {
        assert_eq!(header[field], theirs["header"][field], "{name}: {field}");
    }
    for field in ["x5t", "x5t#S256"].into_iter().filter(|field| header.get(field).is_some()) {
        // MSAL for Python pads its base64url; the standard does not.
        let length = |value: &Value| value.as_str().unwrap().trim_end_matches('=').len();
        assert_eq!(length(&header[field]), length(&theirs["header"][field]), "{name}: {field}");
    }
    let (ours_named, theirs_named) = (names(&claims), names(&theirs["claims"]));
    assert!(theirs_named.is_subset(&ours_named), "{name}: {theirs_named:?}");
    excused(&ours_named.difference(&theirs_named).cloned().collect(), OURS_ALONE, name);
    assert_eq!((&claims["iss"], &claims["sub"]), (&theirs["claims"]["iss"], &theirs["claims"]["sub"]), "{name}");
    let path = |value: &Value| value.as_str().unwrap().split('/').skip(3).collect::<Vec<_>>().join("/");
    assert_eq!(path(&claims["aud"]), path(&theirs["claims"]["aud"]), "{name}");
    let life = |claims: &Value| claims["exp"].as_f64().unwrap() - claims["iat"].as_f64().unwrap();
    // MSAL for Node takes the two times one after the other, now and then a second apart.
    assert!((life(&claims) - life(&theirs["claims"])).abs() <= 1.0, "{name}");
}

#[tokio::test]
async fn the_vaults_challenge_is_met_in_the_same_order() {
    for (name, recording) in recordings() {
        let calls = recording["requests"].as_array().unwrap();
        let theirs: Vec<_> =
            calls.iter().filter(|call| call["path"].as_str().unwrap().contains("api")).filter(|call| call["method"] == "GET").collect();
        let Some(first) = theirs.first() else { continue };
        let place = Place::challenging("https://vault.azure.net", answer);
        let vault = place.open(&place.server.url());
        let (room, object_name) = room_and_object(first["path"].as_str().unwrap());
        match room {
            "certificates" => drop(vault.certificate(&object(&object_name)).await.unwrap()),
            _ => drop(vault.secret(&object(&object_name)).await.unwrap()),
        }
        let ours = place.server.seen();
        // Where their client had met the challenge before, it asks with a token at once.
        let ours = &ours[ours.len() - theirs.len()..];
        for (our, their) in ours.iter().zip(&theirs) {
            assert_eq!(without_version(&our.target), without_version(their["path"].as_str().unwrap()), "{name}");
            let authorized = names(&their["headers"]).iter().any(|header| header.eq_ignore_ascii_case("authorization"));
            assert_eq!(our.header("authorization").is_some(), authorized, "{name}");
        }
        let asked = calls.iter().find(|call| call["method"] == "POST").unwrap();
        assert_eq!(place.login.seen()[0].field("scope").as_deref(), asked["form"]["scope"].as_str(), "{name}");
    }
}

fn answer(seen: &Seen) -> Reply {
    if seen.target.starts_with("/secrets/") {
        return bundle("x", "text/plain", &json!({"enabled": true}));
    }
    Reply::json(200, &json!({"kid": "https://kv.test/keys/x/01", "cer": "MAA=", "attributes": {"enabled": true}}))
}

fn room_and_object(path: &str) -> (&str, String) {
    let path = path.split('?').next().unwrap();
    let mut parts = path.trim_matches('/').splitn(2, '/');
    (parts.next().unwrap(), parts.next().unwrap().to_owned())
}

/// Each library has the API version of its own release.
fn without_version(target: &str) -> &str {
    target.split('?').next().unwrap()
}

#[test]
fn the_recordings_are_made_with_what_the_tests_use() {
    for (name, recording) in recordings() {
        let text = recording.to_string();
        let token = recording["requests"].as_array().unwrap().iter().any(|request| request["method"] == "POST");
        assert!(!token || (text.contains(TENANT) && text.contains(APP_ID)), "{name}");
        assert!(!text.contains("client_secret") || text.contains(SECRET), "{name}");
    }
}
