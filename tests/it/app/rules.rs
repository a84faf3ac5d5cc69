//! The rules of `app`: least privilege, others' credentials, secrets, dry runs, roles of whoever runs it, other tenants.

use super::{VAULT, app, create, kept, no_secret_anywhere, only, options, site};
use crate::support::{Bench, site::Site};
use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD as URL64};
use ircollect::lab::{Options, Service};
use serde_json::{Value, json};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Graph as another tool would ask it, with the administrator's token.
fn graph(site: &Site, method: &str, path: &str, body: Option<Value>) -> Value {
    let lab = &site.lab;
    runtime().block_on(async {
        let ca = reqwest::Certificate::from_pem(lab.ca_pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
        let variables = lab.admin_variables();
        let form = [
            ("client_id", variables[0].1.as_str()),
            ("client_secret", variables[1].1.as_str()),
            ("scope", "https://graph.microsoft.com/.default"),
            ("grant_type", "client_credentials"),
        ];
        let url = format!("{}/{}/oauth2/v2.0/token", lab.url(Service::Authority), lab.tenant());
        let token: Value = client.post(url).form(&form).send().await.unwrap().json().await.unwrap();
        let request = client.request(method.parse().unwrap(), format!("{}/v1.0{path}", lab.url(Service::Graph)));
        let request = request.bearer_auth(token["access_token"].as_str().unwrap());
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {}", answer.text().await.unwrap());
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
    })
}

/// Base64 of a certificate that somebody else made.
fn foreign_certificate() -> String {
    let key = openssl::pkey::PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
    let mut name = openssl::x509::X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "somebody else").unwrap();
    let name = name.build();
    let mut builder = openssl::x509::X509Builder::new().unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(openssl::asn1::Asn1Time::days_from_now(0).unwrap().as_ref()).unwrap();
    builder.set_not_after(openssl::asn1::Asn1Time::days_from_now(30).unwrap().as_ref()).unwrap();
    builder.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
    BASE64_STANDARD.encode(builder.build().to_der().unwrap())
}

#[test]
fn the_object_is_the_contract_s_to_the_letter() {
    let site = site(options());
    let object = site.run(&create(&["--write-profile", "case17"])).expect(0).json();
    let names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted =
        ["app_id", "credential", "expires", "granted", "object_id", "profile", "service_principal_id", "tenant", "vault", "vault_name"];
    assert_eq!(names, wanted);
    assert_eq!((&object["tenant"], &object["vault"]), (&json!(site.lab.tenant()), &json!(VAULT)));
    assert_eq!(
        (&object["credential"], &object["vault_name"], &object["profile"]),
        (&json!("certificate"), &json!("ir-case-17"), &json!("case17"))
    );
    let granted: Vec<&str> = object["granted"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(granted, only(&site).granted, "what is said is what is granted, and what was asked for");
    let wanted = [
        "graph:SecurityAlert.Read.All",
        "graph:SecurityIncident.Read.All",
        "graph:ThreatHunting.Read.All",
        "mde:Alert.Read.All",
        "mde:Machine.Read.All",
    ];
    assert_eq!(granted, wanted, "not one role more");
    assert!(object["expires"].as_str().unwrap().ends_with('Z'));
    // The profile is added, and nothing else of the configuration is touched.
    let text = std::fs::read_to_string(site.config()).unwrap();
    assert!(text.contains("# A simulated tenant of ircollect lab.") && text.contains("# the AZURE_* variables of lab.env"), "{text}");
    assert!(text.contains(r#"certificate = "ir-case-17", sign = "vault""#) && text.contains("vault_auth = \"environment\""), "{text}");
}

#[test]
fn exactly_the_permissions_of_a_file_are_granted() {
    let site = site(options());
    site.bench.write("roles.txt", "# for one hunt\ngraph:ThreatHunting.Read.All\nxdr:Incident.Read.All # and incidents\n");
    let object = site.run(&create(&["--permissions", "roles.txt"])).expect(0).json();
    assert_eq!(object["granted"], json!(["graph:ThreatHunting.Read.All", "xdr:Incident.Read.All"]));
    assert_eq!(only(&site).granted, ["graph:ThreatHunting.Read.All", "xdr:Incident.Read.All"]);
    // More is added to what is there; nothing is taken away that was not asked for.
    site.run(&create(&["--permissions", "minimum"])).expect(0);
    assert_eq!(only(&site).granted.len(), 6);
    site.bench.write("wrong.txt", "graph:ThreatHunting.Reed.All\n");
    let wrong = site.run(&create(&["--permissions", "wrong.txt"])).expect(2);
    assert!(wrong.stderr.contains("did you mean `graph:ThreatHunting.Read.All`"), "{}", wrong.stderr);
}

#[test]
fn a_dry_run_prints_every_call_and_makes_no_change() {
    let site = site(options());
    let dry = site.run(&create(&["--dry-run"])).expect(0).json();
    let calls = dry["calls"].as_array().unwrap();
    let changes: Vec<String> =
        calls.iter().filter(|call| call["made"] == false).map(|call| format!("{} {}", call["method"], call["url"])).collect();
    let about = |words: &str| changes.iter().filter(|call| call.contains(words)).count();
    assert_eq!(
        (about("/v1.0/applications\""), about("appRoleAssignedTo"), about("/create?api-version"), about("PATCH")),
        (1, 5, 1, 1),
        "{changes:#?}"
    );
    assert!(site.lab.holdings().is_empty() && kept(&site, "ir-case-17").is_empty());
    let written = site.lab.seen().into_iter().filter(|one| one.method != "GET" && one.service != Service::Authority);
    assert_eq!(written.count(), 0);
    assert!(!site.bench.path("ircollect-setup").exists(), "a dry run leaves nothing");
    site.run(&create(&[])).expect(0);
    for words in [["rotate", "--name", "IR case 17", "--dry-run"].as_slice(), &["remove", "--name", "IR case 17", "--dry-run"]] {
        let before = only(&site);
        site.run(&app(words)).expect(0);
        assert_eq!(only(&site), before);
    }
}

#[test]
fn others_certificates_survive() {
    let site = site(options());
    site.run(&create(&[])).expect(0);
    let there = only(&site);
    let path = format!("/applications/{}?$select=id,keyCredentials", there.id);
    let mut keys = graph(&site, "GET", &path, None)["keyCredentials"].as_array().unwrap().clone();
    keys.push(json!({"type": "AsymmetricX509Cert", "usage": "Verify", "key": foreign_certificate(), "displayName": "CN=somebody else"}));
    graph(&site, "PATCH", &format!("/applications/{}", there.id), Some(json!({"keyCredentials": keys})));
    let foreign = only(&site).certificates[1].clone();
    site.run(&app(&["rotate", "--name", "IR case 17"])).expect(0);
    let after = only(&site);
    assert!(after.certificates.len() == 2 && after.certificates.contains(&foreign) && !after.certificates.contains(&there.certificates[0]));
    let shown = site.run(&app(&["show", "--name", "IR case 17", "--json"])).expect(0).json();
    assert!(shown["broader"].as_array().unwrap().iter().any(|line| line.as_str().unwrap().contains("2 credentials")), "{shown}");
}

/// Private exponents, as bytes: whoever has one has the key.
fn exponents(site: &Site) -> Vec<Vec<u8>> {
    let keys = site.lab.private_keys();
    let rsa = keys.iter().filter_map(|pem| openssl::pkey::PKey::private_key_from_pem(pem.as_bytes()).ok()?.rsa().ok());
    rsa.map(|rsa| rsa.d().to_vec()).collect()
}

/// Every text of a body, decoded where it is base64.
fn decoded(body: &[u8]) -> Vec<Vec<u8>> {
    fn walk(value: &Value, found: &mut Vec<Vec<u8>>) {
        match value {
            Value::String(text) => {
                found.push(text.as_bytes().to_vec());
                found.extend(BASE64_STANDARD.decode(text).ok());
                found.extend(URL64.decode(text).ok());
                if text.contains("-----BEGIN") {
                    found.extend(
                        openssl::pkey::PKey::private_key_from_pem(text.as_bytes()).ok().and_then(|key| key.private_key_to_der().ok()),
                    );
                }
            }
            Value::Array(all) => all.iter().for_each(|one| walk(one, found)),
            Value::Object(all) => all.values().for_each(|one| walk(one, found)),
            _ => {}
        }
    }
    let mut found = vec![body.to_vec()];
    if let Ok(value) = serde_json::from_slice(body) {
        walk(&value, &mut found);
    }
    found
}

#[test]
fn the_private_key_is_in_no_body_of_any_call() {
    let site = site(options());
    site.run(&create(&["--write-profile", "case17"])).expect(0);
    site.run(&["hunt", "--profile", "case17", "--kql", "DeviceInfo | take 3"]).expect(0);
    site.run(&app(&["rotate", "--name", "IR case 17"])).expect(0);
    let (exponents, traffic) = (exponents(&site), site.lab.traffic());
    assert!(exponents.len() >= 7 && traffic.len() > 30, "{} keys, {} exchanges", exponents.len(), traffic.len());
    for exchange in &traffic {
        for text in decoded(&exchange.request).into_iter().chain(decoded(&exchange.answer)) {
            for exponent in &exponents {
                let holds = text.windows(exponent.len()).any(|window| window == exponent.as_slice());
                assert!(!holds, "a private key stands in {} {}", exchange.method, exchange.path);
            }
            // A PFX keeps its key under a password that everybody knows.
            let opened = openssl::pkcs12::Pkcs12::from_der(&text).and_then(|pfx| pfx.parse2(""));
            assert!(opened.is_ok_and(|pfx| pfx.pkey.is_none()) || openssl::pkcs12::Pkcs12::from_der(&text).is_err(), "{}", exchange.path);
        }
    }
}

#[test]
fn a_secret_is_shown_to_nobody() {
    let site = site(options());
    let made = site.run(&create(&["--credential", "secret", "-vvv"])).expect(0);
    let shown = site.run(&app(&["show", "--name", "IR case 17"])).expect(0);
    no_secret_anywhere(&site, &[&made.stdout, &made.stderr, &shown.stdout, &shown.stderr]);
    assert!(shown.stdout.contains("secret") && shown.stdout.contains("graph:ThreatHunting.Read.All"), "{}", shown.stdout);
}

#[test]
fn remove_wants_the_name_typed() {
    let site = site(options());
    site.run(&create(&[])).expect(0);
    let words = app(&["remove", "--name", "IR case 17"]);
    let refused = site.bench.run_with_input(&words, b"ir case 17\n").expect(2);
    assert!(refused.stderr.contains("was not typed") && refused.stderr.contains("about to remove"), "{}", refused.stderr);
    site.bench.run_with_input(&words, b"").expect(2);
    assert_eq!((only(&site).granted.len(), kept(&site, "ir-case-17")[0].deleted), (5, false));
    let removed = site.bench.run_with_input(&words, b"IR case 17\n").expect(0);
    assert!(removed.stdout.contains("30 days") && site.lab.holdings()[0].deleted, "{}", removed.stdout);
    site.run(&app(&["remove", "--name", "never made", "--yes"])).expect(1);
}

/// A lab whose administrator is a person with these directory roles, signed in to a stand-in for the Azure CLI.
fn person(roles: &[&str], told: bool) -> Site {
    let roles = roles.iter().map(|&role| role.to_owned()).collect();
    let Site { lab, bench } = Site::new(Options { admin_roles: roles, token_tells_roles: told, ..options() });
    let tool = bench.write_private("bin/az", lab.az_admin_script());
    #[cfg(unix)]
    std::fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", tool.parent().unwrap().display(), std::env::var("PATH").unwrap());
    Site { lab, bench: bench.env("PATH", path) }
}

const CLOUD: &str = "158c047a-c907-4556-b7ef-446551a6b5f7";
const PRIVILEGED: &str = "e8611ab8-c189-46e8-94e1-60213ab1f814";

fn as_person<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["app", "create", "--name", "IR case 17", "--vault", VAULT, "--vault-name", "ir-case-17", "--json"], more].concat()
}

#[cfg(unix)]
#[test]
fn the_directory_role_that_lacks_is_named_before_anything_is_made() {
    for told in [true, false] {
        let site = person(&[CLOUD], told);
        let refused = site.run(&as_person(&[])).expect(4);
        assert!(refused.stderr.contains("Privileged Role Administrator") && refused.stderr.contains("--no-consent"), "{}", refused.stderr);
        assert!(site.lab.holdings().is_empty());
        let nobody = person(&[], told);
        let refused = nobody.run(&as_person(&["--no-consent"])).expect(4);
        assert!(refused.stderr.contains("Cloud Application Administrator"), "{}", refused.stderr);
    }
}

#[cfg(unix)]
#[test]
fn one_person_registers_and_another_consents() {
    let site = person(&[CLOUD], true);
    let made = site.run(&as_person(&["--no-consent"])).expect(0).json();
    assert_eq!((&made["granted"], only(&site).granted.len(), only(&site).declared), (&json!([]), 0, 5));
    let refused = site.run(&["app", "consent", "--name", "IR case 17"]).expect(4);
    assert!(refused.stderr.contains("Privileged Role Administrator"), "{}", refused.stderr);
    // Somebody else, by an application: judged by its token's permissions.
    let Site { lab, mut bench } = site;
    for (name, value) in lab.admin_variables() {
        bench = bench.env(name, value);
    }
    let site = Site { lab, bench };
    let granted = site.run(&app(&["consent", "--name", "IR case 17", "--json"])).expect(0).json();
    assert_eq!(granted["new"].as_array().unwrap().len(), 5);
    let again = site.run(&app(&["consent", "--name", "IR case 17", "--json"])).expect(0).json();
    assert_eq!((again["new"].as_array().unwrap().len(), only(&site).granted.len()), (0, 5));
}

#[cfg(unix)]
#[test]
fn a_person_with_both_roles_goes_all_the_way() {
    let site = person(&[CLOUD, PRIVILEGED], true);
    site.run(&as_person(&["--write-profile", "mine"])).expect(0);
    site.run(&["hunt", "--profile", "mine", "--kql", "DeviceInfo | take 2"]).expect(0);
    site.run(&["app", "remove", "--name", "IR case 17", "--yes"]).expect(0);
}

#[test]
fn an_application_without_permissions_is_told_which_it_lacks() {
    // The vault-reader of lab.env may read the vault, and nothing of the directory.
    let site = Site::new(options());
    let refused = site.run(&create(&[])).expect(4);
    assert!(refused.stderr.contains("Application.ReadWrite.All"), "{}", refused.stderr);
}

#[test]
fn another_tenant_s_administrator_gets_the_address_and_a_page() {
    let site = site(options());
    site.run(&create(&["--multi-tenant", "--write-profile", "case17"])).expect(0);
    let words = app(&["consent", "--name", "IR case 17", "--tenant", "brackwater.example"]);
    let page = site.run(&words).expect(0).stdout;
    for words in ["ThreatHunting.Read.All", "change nothing", "az ad sp delete", "adminconsent?client_id=", "For how long"] {
        assert!(page.contains(words), "{words} is not in\n{page}");
    }
    let json = site.run(&[words.as_slice(), &["--json"]].concat()).expect(0).json();
    let (url, customer) = (json["url"].as_str().unwrap().to_owned(), json["tenant"].as_str().unwrap().to_owned());
    let hunt = ["hunt", "--profile", "case17", "--tenant", "brackwater.example", "--kql", "DeviceInfo | take 1"];
    site.run(&hunt).expect(3);
    // The customer's administrator agrees.
    let ca = reqwest::Certificate::from_pem(site.lab.ca_pem().as_bytes()).unwrap();
    let agreed = runtime().block_on(async {
        let client =
            reqwest::Client::builder().tls_certs_only([ca]).no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        client.get(url).send().await.unwrap()
    });
    let location = agreed.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with("http://localhost/?admin_consent=True") && location.contains(&customer), "{location}");
    std::thread::sleep(std::time::Duration::from_millis(400));
    site.run(&hunt).expect(0);
    // One for its own tenant alone cannot be offered.
    let single = app(&["create", "--name", "single", "--vault", VAULT, "--vault-name", "single"]);
    site.run(&single).expect(0);
    site.run(&app(&["consent", "--name", "single", "--tenant", "brackwater.example"])).expect(2);
    let wrong = site.run(&[single.as_slice(), &["--tenant", "brackwater.example"]].concat()).expect(3);
    assert!(wrong.stderr.contains("az login --tenant"), "{}", wrong.stderr);
}

#[test]
fn somebody_else_s_registration_and_vault_object_are_left_alone() {
    let site = site(options());
    graph(&site, "POST", "/applications", Some(json!({"displayName": "IR case 17", "signInAudience": "AzureADMyOrg"})));
    std::thread::sleep(std::time::Duration::from_millis(400));
    let refused = site.run(&create(&[])).expect(2);
    assert!(refused.stderr.contains("ircollect did not make it") && only(&site).secrets.is_empty(), "{}", refused.stderr);
    let other = app(&["create", "--name", "other", "--vault", VAULT, "--vault-name", "ir-app"]);
    let refused = site.run(&other).expect(2);
    assert!(refused.stderr.contains("belongs to something else"), "{}", refused.stderr);
    assert_eq!((kept(&site, "ir-app")[0].versions, only(&site).name.as_str()), (1, "IR case 17"), "and nothing was made");
}

#[test]
fn usage_is_held_to_before_anybody_signs_in() {
    let bench = Bench::new();
    let create = |more: &[&str]| bench.run(&[&["app", "create", "--name", "x", "--vault", "https://kv.vault.azure.net"], more].concat());
    assert!(create(&["--expires", "200d"]).expect(2).stderr.contains("--long-lived"));
    create(&["--permissions", "no-such-file"]).expect(2);
    create(&["--permissions", "minimum", "--for-plan", "triage"]).expect(2);
    let manifest = bench.run(&["app", "manifest", "--permissions", "recommended", "--json"]).expect(0).json();
    assert_eq!(manifest["manifest"]["requiredResourceAccess"].as_array().unwrap().len(), 2);
    let words = bench.run(&["app", "manifest"]).expect(0).stdout;
    assert!(words.contains("dd98c7f5-2d42-42d3-a0e4-633161547251") && words.contains("Grant admin consent"), "{words}");
}
