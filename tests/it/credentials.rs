//! Every way to prove oneself, from the vault on, over real TLS; and every way to be refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::{site::Site, summary::text};
use serde_json::Value;

const QUERY: [&str; 3] = ["hunt", "--kql", "DeviceInfo | take 1"];

#[test]
fn explore() {
    let wrong = |site: Site| {
        let s = site.run(&[&QUERY[..], &["--json", "--max-wait", "1s"]].concat());
        let json: Value = serde_json::from_str(&s.stdout).unwrap();
        let e = if json["error"].is_null() { &json["jobs"][0]["error"] } else { &json["error"] };
        if e.is_null() { println!("{} OK {} \n{}", s.code, json["jobs"][0]["rows"], s.stderr); return; }
        println!("{} {} {}\n   {}\n   hint: {}\n", s.code, text(&e["code"]), e["exit"], text(&e["message"]), text(&e["hint"]));
    };
    for name in ["wrong", "expired", "disabled", "ended", "early", "ending", "newline"] {
        wrong(Site::shared().vaulted(&format!(r#"secret = "ir-app-secret-{name}""#)));
    }
    for name in ["unregistered", "expired", "ec", "absent"] {
        wrong(Site::shared().vaulted(&format!(r#"certificate = "ir-app-{name}""#)));
        wrong(Site::shared().vaulted(&format!(r#"certificate = "ir-app-{name}", sign = "vault""#)));
    }
    wrong(Site::shared().vaulted(r#"certificate = "ir-app-sign""#));
    wrong(Site::shared().vaulted(r#"secret = "absent""#));
    for name in ["denied", "metadata", "policy", "firewall", "private", "none"] {
        wrong(Site::shared().credential(&format!(r#"vault = "https://kv-{name}.vault.lab.test", secret = "ir-app-secret""#)));
    }
    for name in ["ir-disabled", "ir-public", "ir-no-roles", "ir-other-roles", "ir-expired"] {
        wrong(Site::shared().registration(name));
    }
    wrong(Site::shared().configured(|toml| toml.replace("tarnfield.example", "nobody.example")));
    wrong(Site::shared().configured(|toml| toml.replace("tarnfield.example", "11111111-2222-3333-4444-555555555555")));
    wrong(Site::shared().configured(|toml| toml.replace("000000000001\"", "000000000099\"")));
    wrong(Site::shared().configured(|toml| toml.replace("\"environment\"", "\"developer-tools\"")));
    wrong(Site::shared().credential(r#"secret_env = "ABSENT""#));
    wrong(Site::shared().credential(r#"secret_file = "absent""#));
    wrong(Site::shared().credential(r#"certificate_file = "lab.toml""#));
}
