//! `token`: every form that it prints, beside curl, and tokens that are as good as those of Microsoft's own library.

use crate::support::site::{self, Site, block_on, client};
use ircollect::lab::{Lab, Service};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

const GRAPH: &str = "https://graph.microsoft.com/.default";

#[test]
fn every_form_holds_the_same_kind_of_token() {
    let site = Site::shared();
    let printed = |form: &str| site.run(&["token", "--api", "graph", "--print", form]).expect(0).stdout;
    let is_token = |text: &str| text.split('.').count() == 3 && text.starts_with("eyJ") && !text.contains(char::is_whitespace);
    assert!(is_token(printed("token").trim_end()));
    assert!(is_token(printed("header").trim_end().strip_prefix("Authorization: Bearer ").unwrap()));
    assert!(is_token(printed("env").trim_end().strip_prefix("IRCOLLECT_TOKEN=").unwrap()));
    let curl = printed("curl");
    assert!(is_token(curl.trim_end().strip_prefix("header = \"Authorization: Bearer ").unwrap().strip_suffix('"').unwrap()));
    let json: Value = serde_json::from_str(&printed("json")).unwrap();
    assert!(is_token(json["access_token"].as_str().unwrap()));
    assert_eq!((&json["token_type"], &json["scope"], &json["tenant"]), (&json!("Bearer"), &json!(GRAPH), &json!(site.lab.tenant())));
    assert!((3_500..3_600).contains(&json["expires_in"].as_i64().unwrap()), "{json}");
    let expires: jiff::Timestamp = json["expires_on"].as_str().unwrap().parse().unwrap();
    assert!(expires > jiff::Timestamp::now());
}

#[test]
fn claims_are_shown_in_place_of_the_token() {
    let site = Site::shared();
    let outcome = site.run(&["token", "--api", "mde", "--claims"]).expect(0);
    let claims = outcome.json();
    assert_eq!(claims["audience"], "https://api.securitycenter.microsoft.com");
    assert_eq!((&claims["tenant"], &claims["app"]), (&json!(site.lab.tenant()), &json!("c0113c70-0000-4000-8000-000000000001")));
    assert!(claims["roles"].as_array().unwrap().contains(&json!("AdvancedQuery.Read.All")));
    let expires: jiff::Timestamp = claims["expires"].as_str().filter(|time| time.ends_with('Z')).unwrap().parse().unwrap();
    assert_eq!(expires.as_second(), claims["exp"].as_i64().unwrap());
    assert!(!outcome.stdout.contains("eyJ"));
}

#[test]
fn each_api_has_its_audience_and_a_scope_may_be_any() {
    let site = Site::shared();
    let audience = |arguments: &[&str]| site.run(&[&["token", "--claims"], arguments].concat()).expect(0).json()["audience"].clone();
    assert_eq!(audience(&["--api", "xdr"]), "https://api.security.microsoft.com");
    assert_eq!(audience(&["--api", "vault"]), "https://vault.lab.test");
    assert_eq!(audience(&["--api", "arm"]), "https://management.azure.com");
    assert_eq!(audience(&["--scope", "https://api.securitycenter.windows.com/.default"]), "https://api.securitycenter.windows.com");
    let outcome = site.run(&["token", "--scope", "https://nothing.example/.default"]).expect(3);
    assert!(outcome.stderr.contains("AADSTS500011") && outcome.stderr.contains("trace id"), "{}", outcome.stderr);
    site.run(&["token"]).expect(2);
    site.run(&["token", "--api", "graph", "--scope", "x/.default"]).expect(2);
}

#[test]
fn min_valid_is_kept_or_refused() {
    let site = Site::shared();
    site.run(&["token", "--api", "graph", "--min-valid", "30m"]).expect(0);
    let outcome = site.run(&["token", "--api", "graph", "--min-valid", "2h"]).expect(3);
    assert!(outcome.stdout.is_empty() && outcome.stderr.contains("TokenTooShort"), "{}", outcome.stderr);
    site.run(&["token", "--api", "graph", "--min-valid", "soon"]).expect(2);
}

#[test]
fn it_works_on_one_profile_and_one_tenant() {
    let site = Site::shared();
    let outcome = site.run(&["token", "--api", "graph", "--tenant", "brackwater.example", "--tenant", site.lab.tenant()]).expect(2);
    assert!(outcome.stderr.contains("several tenants") && outcome.stderr.contains("--tenant"), "{}", outcome.stderr);
    let claims = site.run(&["token", "--api", "graph", "--claims", "--tenant", "brackwater.example"]).expect(0).json();
    assert_eq!(claims["tenant"], "1ab00000-0000-4000-8000-00000000f00d");
    let site = site.configured(|toml| format!("{toml}\n[profiles.other]\ntenant = \"a.example\"\napp_id = \"c0113c70-0000-4000-8000-000000000001\"\ncloud = \"lab\"\ncredential = {{ secret_env = \"X\" }}\n"));
    let outcome = site.run(&["token", "--api", "graph", "--all-profiles"]).expect(2);
    assert!(outcome.stderr.contains("one profile"), "{}", outcome.stderr);
}

/// `ircollect token --print curl | curl --config - URL`, with the curl of this machine.
#[test]
fn curl_takes_it_from_its_standard_input() {
    let site = Site::shared();
    let Some(curl) = tool("curl", &["--version"]) else { return };
    let mut command = site.command(&["token", "--api", "graph", "--print", "curl"]);
    let mut token = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let output = Command::new(curl)
        .args(["--silent", "--show-error", "--config", "-", "--cacert"])
        .arg(site.bench.path("lab/ca.pem"))
        .args(["--noproxy", "*", &format!("{}/v1.0/security/alerts_v2?$top=1", site.lab.url(Service::Graph))])
        .stdin(token.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(token.wait().unwrap().success());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert!(answer["value"].is_array(), "{answer}");
}

fn tool(name: &'static str, arguments: &[&str]) -> Option<&'static str> {
    let there = Command::new(name).args(arguments).output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("SKIPPED: there is no `{name}` on this machine");
    }
    there.then_some(name)
}

/// A Python with msal, where the oracles are installed.
#[allow(clippy::disallowed_methods, reason = "a test finds the oracle by a variable")]
fn python() -> Option<PathBuf> {
    let home = std::env::var_os("ORACLE_HOME").map_or_else(|| std::env::temp_dir().join("oracle"), PathBuf::from);
    let python = home.join("py/v/bin/python");
    let there = Command::new(&python).args(["-c", "import msal"]).output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("SKIPPED: no Python with msal at {}", python.display());
    }
    there.then_some(python)
}

const MSAL: &str = r#"
import json, msal, os, sys
app = msal.ConfidentialClientApplication(os.environ["LAB_APP_ID"], authority=os.environ["LAB_AUTHORITY"] + "/" + os.environ["LAB_TENANT"],
    client_credential=os.environ["LAB_APP_SECRET"], instance_discovery=False, verify=os.environ["REQUESTS_CA_BUNDLE"])
answer = app.acquire_token_for_client(scopes=[sys.argv[1]])
print(answer.get("access_token") or sys.exit(json.dumps(answer)))
"#;

#[test]
fn tokens_of_msal_and_ours_are_interchangeable() {
    let site = Site::shared();
    let Some(python) = python() else { return };
    let folder = site.bench.path("lab");
    for (api, scope) in [("graph", GRAPH), ("mde", "https://api.securitycenter.microsoft.com/.default")] {
        let output = Command::new(&python).args(["-c", MSAL, scope]).envs(site.lab.variables(&folder)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let theirs = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        let ours = site.run(&["token", "--api", api]).expect(0).stdout.trim().to_owned();
        let (theirs_say, ours_say) = (lasting_claims(&theirs), lasting_claims(&ours));
        assert_eq!(theirs_say, ours_say, "{api}");
        let answers = block_on(async { (answer(&site.lab, api, &theirs).await, answer(&site.lab, api, &ours).await) });
        assert_eq!(answers.0, answers.1, "{api}");
    }
}

/// The claims but those that are of the moment, or of the kind of proof: MSAL has the secret, we have the certificate.
fn lasting_claims(token: &str) -> Value {
    let claims = ircollect::identity::claims(&ircollect::secret::Secret::new(token)).unwrap();
    let mut all = claims.all;
    for name in ["iat", "nbf", "exp", "uti", "appidacr"] {
        all.remove(name).unwrap_or_else(|| panic!("{name} is missing"));
    }
    Value::from(all)
}

async fn answer(lab: &Lab, api: &str, token: &str) -> Value {
    let (service, path) =
        if api == "graph" { (Service::Graph, "/v1.0/security/incidents?$top=1") } else { (Service::Mde, "/api/machines?$top=1") };
    let answer = client(lab).get(format!("{}{path}", lab.url(service))).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

#[test]
fn a_token_for_another_api_is_good_for_nothing_else() {
    let lab = Site::shared().lab;
    let status = block_on(async {
        let token = site::token(&lab, "ir-collector", GRAPH).await;
        client(&lab).get(format!("{}/api/machines", lab.url(Service::Mde))).bearer_auth(token).send().await.unwrap().status()
    });
    assert_eq!(status, 403);
}
