//! Ways in that need no secret of the application: the machine's identity and a federated token, to the APIs and to the vault; a
//! clock that is wrong; an authority and a vault of somebody else's make, in plain HTTP on loopback.

use crate::{
    identity::part,
    loopback::{Reply, Seen, Server, rsa, self_signed},
    support::{Bench, site::Site, summary::text},
};
use ircollect::lab::Service;
use serde_json::{Value, json};

const QUERY: [&str; 3] = ["hunt", "--kql", "DeviceInfo | take 1"];

fn with_env(site: Site, variables: &[(&str, &str)]) -> Site {
    variables.iter().fold(site, |site, (name, value)| Site { lab: site.lab, bench: site.bench.env(name, *value) })
}

fn logging_in_by(site: Site, auth: &str) -> Site {
    site.configured(|toml| toml.replace("vault_auth = \"environment\"", &format!("vault_auth = \"{auth}\"")))
}

/// Takes the variables of an application away.
fn without_application(site: Site) -> Site {
    with_env(site, &[("AZURE_CLIENT_ID", ""), ("AZURE_CLIENT_SECRET", "")])
}

#[track_caller]
fn hunts(site: &Site) {
    let summary = site.summary(0, &QUERY);
    assert_eq!((&summary["jobs"][0]["rows"], text(&summary["jobs"][0]["tenant"])), (&json!(1), site.lab.tenant()));
}

/// The metadata service of a virtual machine has a fixed address, which a proxy leads to the lab's.
fn on_a_machine(site: Site) -> Site {
    let proxy = site.lab.url(Service::Identity);
    with_env(without_application(site), &[("HTTP_PROXY", &proxy)])
}

fn on_an_app_service(site: Site) -> Site {
    let variables = site.lab.identity_variables();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    with_env(without_application(site), &variables)
}

#[test]
fn a_machine_and_an_app_service_call_the_apis_themselves() {
    hunts(&on_a_machine(Site::shared().credential(r#"managed_identity = "system""#)));
    hunts(&on_an_app_service(Site::shared().credential(r#"managed_identity = "system""#)));
    let stranger = r#"managed_identity = "99999999-0000-4000-8000-000000000099""#;
    let refused = on_a_machine(Site::shared().credential(stranger)).summary(3, &QUERY);
    let error = &refused["error"];
    assert!(text(&error["message"]).contains("managed identity") && text(&error["hint"]).contains("client id"), "{error}");
}

#[test]
fn a_machine_and_an_app_service_sign_in_to_the_vault() {
    hunts(&on_a_machine(logging_in_by(Site::shared(), "managed-identity")));
    hunts(&on_an_app_service(logging_in_by(Site::shared(), "managed-identity")));
    let named = logging_in_by(Site::shared(), "managed-identity")
        .configured(|toml| toml.replace("vault_auth = ", "vault_identity = \"99999999-0000-4000-8000-000000000099\"\nvault_auth = "));
    let refused = on_an_app_service(named).run(&QUERY).expect(3);
    assert!(refused.stderr.contains("reading the secret `ir-app`") && refused.stderr.contains("vault_identity"), "{}", refused.stderr);
}

#[test]
fn a_workload_identity_signs_in_to_the_vault_and_calls_the_apis() {
    let site = logging_in_by(Site::shared(), "workload-identity");
    let token = site.bench.write("token.jwt", site.lab.federated_token(600).expose()).display().to_string();
    let site = with_env(site, &[("AZURE_CLIENT_SECRET", ""), ("AZURE_FEDERATED_TOKEN_FILE", &token)]);
    hunts(&site);
    site.bench.write("token.jwt", site.lab.federated_token(-600).expose());
    let ended = site.run(&QUERY).expect(3);
    assert!(ended.stderr.contains("signing in to the vault: the federated token in"), "{}", ended.stderr);
}

#[test]
fn the_variables_of_a_federated_workload_need_no_configuration() {
    let lab = Site::shared().lab;
    let bench = Bench::new();
    bench.write("ca.pem", lab.ca_pem());
    bench.write("token.jwt", lab.federated_token(600).expose());
    let bench = bench
        .env("AZURE_TENANT_ID", lab.tenant())
        .env("AZURE_CLIENT_ID", "c0113c70-0000-4000-8000-000000000001")
        .env("AZURE_FEDERATED_TOKEN_FILE", "token.jwt")
        .env("AZURE_AUTHORITY_HOST", lab.url(Service::Authority));
    let claims = bench.run(&["token", "--api", "graph", "--claims", "--ca-file", "ca.pem"]).expect(0).json();
    assert_eq!(claims["tenant"], lab.tenant());
}

const TENANT: &str = "11111111-2222-3333-4444-555555555555";

fn token(name: &str) -> Reply {
    Reply::json(200, &json!({"token_type": "Bearer", "expires_in": 3599, "access_token": name}))
}

fn own_cloud(authority: &Server, vault: &str, rest: &str) -> Bench {
    let bench = Bench::new();
    let text = format!(
        "[profiles.a]\ntenant = \"{TENANT}\"\napp_id = \"aaaaaaaa-0000-4000-8000-000000000001\"\ncloud = \"own\"\n{rest}\n[clouds.own]\nauthority = \"{}\"\ngraph = \"{vault}\"\n",
        authority.url()
    );
    bench.write("ircollect.toml", text);
    bench
}

/// Everything in plain HTTP on loopback, which the Azure SDK would not speak: the token of the vault by a federated token, that of
/// Graph by the vault's secret.
#[test]
fn plain_http_on_loopback_is_spoken_with_vault_and_authority() {
    let authority = Server::http(|seen, _| match (seen.field("client_assertion"), seen.field("client_secret")) {
        (Some(assertion), None) if assertion == "federated" => token("vault-token"),
        (None, Some(secret)) if secret == "s3cret" => token("graph-token"),
        _ => Reply::json(401, &json!({"error": "invalid_client"})),
    });
    let challenge = format!("Bearer authorization=\"{}/{TENANT}\", resource=\"https://vault.azure.net\"", authority.url());
    let vault = Server::http(move |seen, _| match seen.header("authorization") {
        Some("Bearer vault-token") => {
            Reply::json(200, &json!({"value": "s3cret", "id": "https://x/secrets/app/1", "attributes": {"enabled": true}}))
        }
        _ => Reply::json(401, &json!({"error": {"code": "Unauthorized", "message": "AKV10000"}})).header("WWW-Authenticate", &challenge),
    });
    let credential = format!("vault_auth = \"workload-identity\"\ncredential = {{ vault = \"{}\", secret = \"app\" }}", vault.url());
    let bench = own_cloud(&authority, &vault.url(), &credential);
    bench.write("token.jwt", "federated\n");
    let bench = bench.env("AZURE_CLIENT_ID", "bbbbbbbb-0000-4000-8000-000000000002").env("AZURE_FEDERATED_TOKEN_FILE", "token.jwt");
    assert_eq!(bench.run(&["token", "--api", "graph"]).expect(0).stdout, "graph-token\n");
    let asked: Vec<_> = authority.seen().iter().map(|seen| (seen.field("client_id").unwrap(), seen.field("scope").unwrap())).collect();
    let expected = [
        ("bbbbbbbb-0000-4000-8000-000000000002", "https://vault.azure.net/.default"),
        ("aaaaaaaa-0000-4000-8000-000000000001", "https://graph.microsoft.com/.default"),
    ];
    assert_eq!(asked, expected.map(|(app, scope)| (app.to_owned(), scope.to_owned())));
}

fn http_date(ahead: i64) -> String {
    let time = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(ahead);
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn is_dated_for(seen: &Seen, ahead: i64) -> bool {
    let now = jiff::Timestamp::now().as_second() + ahead;
    let claim = |name: &str| part(seen, 1)[name].as_i64().unwrap();
    claim("nbf") <= now && now <= claim("exp") && (claim("iat") - now).abs() < 60
}

#[test]
fn a_clock_that_is_wrong_is_said_and_corrected_for() {
    for (ahead, side) in [(900, "behind"), (-900, "ahead of")] {
        let authority = Server::http(move |seen, _| {
            let late = json!({"error": "invalid_client", "error_description": "AADSTS700024: not within its valid time range.", "error_codes": [700_024]});
            let answer = if is_dated_for(seen, ahead) { token("t") } else { Reply::json(401, &late) };
            answer.header("Date", http_date(ahead))
        });
        let bench = own_cloud(&authority, &authority.url(), "credential = { certificate_file = \"app.pem\" }");
        let key = rsa();
        bench.write("app.pem", [key.private_key_to_pem_pkcs8().unwrap(), self_signed(&key).to_pem().unwrap()].concat());
        let outcome = bench.run(&["token", "--api", "graph"]).expect(0);
        let said = outcome.stderr.lines().find(|line| line.contains("clock")).unwrap_or_default().to_owned();
        assert!(said.contains(side) && (said.contains("900") || said.contains("899") || said.contains("901")), "{}", outcome.stderr);
        let json = bench.run(&["token", "--api", "graph", "--print", "json"]).expect(0).json();
        let left = json["expires_in"].as_i64().unwrap();
        assert!((3_500..=3_599).contains(&left), "an end by this machine's clock: {json}");
    }
}

/// The certificate's chain goes along for registrations by subject name and issuer, whole and in its order.
#[test]
fn a_chain_is_sent_where_it_is_asked_for() {
    let authority = Server::http(|_, _| token("t"));
    let key = rsa();
    let pem = [key.private_key_to_pem_pkcs8().unwrap(), self_signed(&key).to_pem().unwrap()].concat();
    for (switch, sent) in [("", false), (", send_chain = true", true)] {
        let bench = own_cloud(&authority, &authority.url(), &format!("credential = {{ certificate_file = \"app.pem\"{switch} }}"));
        bench.write("app.pem", &pem);
        bench.run(&["token", "--api", "graph"]).expect(0);
        let header: Value = part(authority.seen().last().unwrap(), 0);
        assert_eq!(header.get("x5c").is_some_and(Value::is_array), sent, "{header}");
    }
}

/// A password that the profile does not name is the Azure SDKs' variable, where it fits.
#[test]
fn the_usual_variable_fills_in_a_files_password() {
    let site = Site::shared().credential(r#"certificate_file = "app.pfx""#);
    site.bench.write_private("lab/app.pfx", crate::matrix::pfx("ir-app"));
    let site = with_env(site, &[("AZURE_CLIENT_CERTIFICATE_PASSWORD", crate::matrix::PASSWORD)]);
    site.run(&["token", "--api", "graph"]).expect(0);
    let other = with_env(site, &[("AZURE_CLIENT_CERTIFICATE_PASSWORD", "of another file")]).run(&["token", "--api", "graph"]).expect(3);
    assert!(other.stderr.contains("CertificatePasswordNeeded"), "{}", other.stderr);
}

/// What Entra would refuse is refused here, before anybody is asked.
#[test]
fn a_certificate_that_proves_nothing_causes_no_request() {
    let authority = Server::http(|_, _| token("t"));
    let pem = |name: &str, key: &str| String::from_utf8(crate::matrix::pem(name, key)).unwrap();
    let whole = pem("ir-app", "ir-app");
    let keyless = whole.split("-----BEGIN ENCRYPTED").next().unwrap().to_owned();
    let early = String::from_utf8(early()).unwrap();
    let files = [
        (pem("ir-app-ec", "ir-app-ec"), "CertificateKeyKind", "RSA key of 2048 bits"),
        (keyless, "CertificateKeyMissing", "export it with the key"),
        (pem("ir-app-expired", "ir-app-expired"), "CertificateExpired", "make a new certificate"),
        (early, "CertificateNotYetValid", "check this machine's clock"),
        (pem("ir-app", "ir-app-unregistered"), "CertificateKeyMismatch", "export both"),
        (whole[..whole.len() / 2].to_owned(), "(Certificate", "hint: "),
    ];
    for (file, code, advice) in files {
        let credential = "credential = { certificate_file = \"app.pem\", password_env = \"IR_PASSWORD\" }";
        let bench = own_cloud(&authority, &authority.url(), credential).env("IR_PASSWORD", crate::matrix::PASSWORD);
        bench.write("app.pem", file);
        let outcome = bench.run(&["token", "--api", "graph"]).expect(3);
        assert!(outcome.stderr.contains(code) && outcome.stderr.contains(advice), "{code}: {}", outcome.stderr);
    }
    assert_eq!(authority.seen().len(), 0);
}

/// A certificate whose time begins tomorrow.
fn early() -> Vec<u8> {
    use openssl::{asn1::Asn1Time, hash::MessageDigest, x509::X509Builder};
    let key = rsa();
    let mut builder = X509Builder::new().unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(9).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    [builder.build().to_pem().unwrap(), key.private_key_to_pem_pkcs8().unwrap()].concat()
}
