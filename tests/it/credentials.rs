//! Every way to prove oneself, from the vault on, over real TLS; and every way to be refused: exit 3 or 4, what was being done, what
//! to do next, and a case that verifies.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::{
    site::{Site, generous},
    summary::{private, text},
};
use ircollect::lab::{Options, Service};
use serde_json::Value;

const QUERY: [&str; 3] = ["hunt", "--kql", "DeviceInfo | take 1"];
const TENANT: &str = "getting a token for https://graph.microsoft.com as application";

/// A hunt that gets its row.
#[track_caller]
fn works(site: &Site) -> Value {
    let summary = site.summary(0, &QUERY);
    assert_eq!(summary["jobs"][0]["rows"], 1);
    site.verify();
    summary
}

/// `appidacr` of the token: 1 by secret, 2 by certificate.
#[track_caller]
fn proof(site: &Site) -> String {
    let claims = site.run(&["token", "--api", "graph", "--claims"]).expect(0).json();
    assert_eq!((&claims["aud"], &claims["tid"]), (&Value::from("https://graph.microsoft.com"), &Value::from(site.lab.tenant())));
    text(&claims["appidacr"]).to_owned()
}

/// A hunt that is refused with `exit` and `code`: the message begins with what was being done, and some hint holds `advice`. Nobody
/// hunted, nothing is stored, and the case verifies.
#[track_caller]
fn refused(site: &Site, exit: i32, code: &str, doing: &str, advice: &str) {
    let summary = site.summary(exit, &QUERY);
    let error = if summary["error"].is_null() { &summary["jobs"][0]["error"] } else { &summary["error"] };
    assert_eq!(error["code"], code, "{error}");
    assert!(text(&error["message"]).starts_with(doing), "{error}");
    assert!(text(&error["hint"]).contains(advice), "{error}");
    assert!(text(&error["message"]).len() < 1_500 && !text(&error["message"]).contains("{\""), "no raw bodies: {error}");
    assert_eq!(site.files(), Vec::<std::path::PathBuf>::new());
    site.verify();
    let shown = site.run(&QUERY).expect(exit).stderr;
    assert!(shown.contains(doing) && shown.contains("hint: ") && shown.contains(advice.split(['`', '\n']).next().unwrap()), "{shown}");
}

/// Paths that the vault was asked for, since `before` requests.
fn asked_of_the_vault(site: &Site, before: usize) -> Vec<String> {
    site.lab.seen().into_iter().skip(before).filter(|seen| seen.service == Service::Vault).map(|seen| seen.path).collect()
}

#[test]
fn a_secret_of_the_vault() {
    for name in ["ir-app-secret", "ir-app-secret-newline"] {
        let site = Site::shared().vaulted(&format!(r#"secret = "{name}""#));
        works(&site);
        assert_eq!(proof(&site), "1");
    }
}

#[test]
fn a_secret_that_ends_soon_works_and_is_told() {
    let site = Site::shared().vaulted(r#"secret = "ir-app-secret-ending""#);
    let outcome = site.run(&QUERY).expect(0);
    assert!(outcome.stderr.contains("warning:") && outcome.stderr.contains("ir-app-secret-ending"), "{}", outcome.stderr);
}

#[test]
fn a_certificate_of_the_vault_as_pfx_and_as_pem() {
    for name in ["ir-app", "ir-app-pem"] {
        let site = Site::shared().vaulted(&format!(r#"certificate = "{name}""#));
        works(&site);
        assert_eq!(proof(&site), "2");
    }
}

#[test]
fn a_key_that_never_leaves_the_vault() {
    let site = Site::new(generous()).vaulted(r#"certificate = "ir-app-sign", sign = "vault""#);
    works(&site);
    assert_eq!(proof(&site), "2");
    let paths = asked_of_the_vault(&site, 0);
    assert!(paths.iter().any(|path| path.starts_with("/keys/ir-app-sign/") && path.ends_with("/sign")), "{paths:?}");
    assert!(!paths.iter().any(|path| path.starts_with("/secrets/")), "{paths:?}");
}

#[cfg(unix)]
#[test]
fn developer_tools_sign_in_to_the_vault() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::shared().configured(|toml| toml.replace("\"environment\"", "\"developer-tools\""));
    let az = site.bench.write("bin/az", site.lab.az_script());
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", site.bench.path("bin").display());
    let bench = Site { lab: site.lab, bench: site.bench.env("PATH", path) };
    works(&bench);
}

#[test]
fn without_developer_tools_the_hint_says_which() {
    let site = Site::shared().configured(|toml| toml.replace("\"environment\"", "\"developer-tools\""));
    let empty = site.bench.path("nothing").display().to_string();
    let site = Site { lab: site.lab, bench: site.bench.env("PATH", empty) };
    refused(&site, 3, "VaultLogin", "reading the secret `ir-app` from https://kv-ir.vault.lab.test", "az login");
}

#[test]
fn secrets_and_certificates_at_hand() {
    let site = Site::shared();
    let pfx = site.vault_secret("ir-app");
    let pfx = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, pfx).unwrap();
    private(&site.bench.write_private("lab/app.pfx", pfx));
    site.bench.write_private("lab/app.pem", site.vault_secret("ir-app-pem"));
    let secret = site.vault_secret("ir-app-secret");
    site.bench.write_private("lab/secret.txt", format!("{secret}\n"));
    let mut site = Site { lab: site.lab, bench: site.bench.env("E2E_SECRET", secret) };
    for (fields, acr) in [
        (r#"certificate_file = "app.pfx""#, "2"),
        (r#"certificate_file = "app.pem""#, "2"),
        (r#"secret_file = "secret.txt""#, "1"),
        (r#"secret_env = "E2E_SECRET""#, "1"),
    ] {
        site = site.credential(fields);
        works(&site);
        assert_eq!(proof(&site), acr, "{fields}");
    }
}

#[test]
fn no_configuration_but_the_variables_of_the_azure_sdks() {
    let site = Site::shared();
    let all = site.lab.registrations();
    let app = all.iter().find(|app| app.name == "ir-collector").unwrap();
    let bench = site.bench.env("AZURE_CLIENT_ID", &app.app_id).env("AZURE_CLIENT_SECRET", app.secret.expose()).env("IRCOLLECT_PROFILE", "");
    let bare = std::fs::read_to_string(bench.path("lab/lab.toml")).unwrap();
    let (_, clouds) = bare.split_once("[clouds.lab]").unwrap();
    bench.write("lab/lab.toml", format!("[clouds.lab]{clouds}"));
    let site = Site { lab: site.lab, bench };
    let summary = site.summary(0, &[&QUERY[..], &["--cloud", "lab"]].concat());
    assert_eq!((&summary["jobs"][0]["tenant"], &summary["jobs"][0]["profile"]), (&Value::from(site.lab.tenant()), &Value::from("default")));
}

#[test]
fn entra_refuses_secrets_and_certificates_by_its_codes() {
    let site = |fields: &str| Site::shared().vaulted(fields);
    refused(&site(r#"secret = "ir-app-secret-wrong""#), 3, "AADSTS7000215", TENANT, "use the secret's value");
    refused(&site(r#"secret = "ir-app-secret-expired""#), 3, "AADSTS7000222", TENANT, "create a new secret");
    let advice = "upload that certificate to the application";
    refused(&site(r#"certificate = "ir-app-unregistered""#), 3, "AADSTS700027", TENANT, advice);
    refused(&site(r#"certificate = "ir-app-unregistered", sign = "vault""#), 3, "AADSTS700027", TENANT, advice);
    let stranger = Site::shared().configured(|toml| toml.replace("000000000001\"", "000000000099\""));
    refused(&stranger, 3, "AADSTS700016", TENANT, "consent to the application there");
    refused(&Site::shared().registration("ir-disabled"), 3, "AADSTS7000112", TENANT, "administrator");
    refused(&Site::shared().registration("ir-public"), 3, "AADSTS700025", TENANT, "Allow public client flows");
    refused(&Site::shared().registration("ir-expired"), 3, "AADSTS7000222", TENANT, "create a new secret");
}

#[test]
fn an_unknown_tenant_is_named() {
    let site = |tenant: &str| Site::shared().configured(|toml| toml.replace("tarnfield.example", tenant));
    refused(&site("nobody.example"), 3, "AADSTS90002", "looking for the tenant nobody.example", "check the spelling of the tenant");
    refused(&site("11111111-2222-3333-4444-555555555555"), 3, "AADSTS90002", TENANT, "check the spelling of the tenant");
}

#[test]
fn the_vault_refuses_by_its_codes() {
    let reading = |name: &str, vault: &str| format!("reading the secret `{name}` from https://{vault}.vault.lab.test: ");
    for (name, code, advice) in [
        ("absent", "SecretNotFound", "check its name and version"),
        ("ir-app-secret-disabled", "SecretDisabled", "enable it in the vault"),
        ("ir-app-secret-ended", "VaultObjectExpired", "put a new one into the vault"),
        ("ir-app-secret-early", "VaultObjectNotYetValid", "name an earlier version, or wait"),
    ] {
        refused(&Site::shared().vaulted(&format!(r#"secret = "{name}""#)), 3, code, &reading(name, "kv-ir"), advice);
    }
    for (vault, code, advice) in [
        ("kv-denied", "ForbiddenByRbac", "az role assignment create --role \"Key Vault Secrets User\""),
        ("kv-metadata", "ForbiddenByRbac", "Key Vault Secrets User"),
        ("kv-policy", "AccessDenied", "access policy"),
        ("kv-firewall", "ForbiddenByFirewall", "firewall"),
        ("kv-private", "ForbiddenByConnection", "--resolve"),
        ("kv-none", "VaultNotFound", "--resolve HOST=ADDRESS"),
    ] {
        let site = Site::shared().credential(&format!(r#"vault = "https://{vault}.vault.lab.test", secret = "ir-app-secret""#));
        refused(&site, 3, code, &reading("ir-app-secret", vault), advice);
    }
}

#[test]
fn certificates_that_cannot_prove_anything_are_refused_here() {
    let site = |fields: &str| Site::shared().vaulted(fields);
    let reading = "reading the secret `ir-app-expired` from https://kv-ir.vault.lab.test: ";
    refused(&site(r#"certificate = "ir-app-expired""#), 3, "VaultObjectExpired", reading, "put a new one into the vault");
    let place = |name: &str| format!("`{name}` in https://kv-ir.vault.lab.test");
    refused(&site(r#"certificate = "ir-app-ec""#), 3, "CertificateKeyKind", &place("ir-app-ec"), "RSA key");
    refused(&site(r#"certificate = "ir-app-ec", sign = "vault""#), 3, "CertificateKeyKind", &place("ir-app-ec"), "RSA key");
    refused(&site(r#"certificate = "ir-app-sign""#), 3, "CertificateKeyMissing", &place("ir-app-sign"), "sign = \"vault\"");
    refused(
        &site(r#"certificate = "ir-app-secret""#),
        3,
        "VaultCertificateIsSecret",
        &place("ir-app-secret"),
        "secret = \"ir-app-secret\"",
    );
    refused(&site(r#"secret = "ir-app""#), 3, "VaultSecretIsCertificate", &place("ir-app"), "certificate = \"ir-app\"");
}

#[test]
fn what_is_not_at_hand_is_named() {
    let site = |fields: &str| Site::shared().credential(fields);
    refused(&site(r#"secret_env = "ABSENT""#), 3, "Credential", "the variable ABSENT", "set ABSENT");
    refused(&site(r#"secret_file = "absent.txt""#), 3, "Credential", "the secret file", "check the path");
    let open = site(r#"secret_file = "open.txt""#);
    open.bench.write("lab/open.txt", "secret");
    refused(&open, 3, "Credential", "the secret file", "chmod 600");
}

#[test]
fn a_missing_permission_exits_4_and_is_named_with_those_held() {
    let hunting = "hunting on Graph: the service answered 403 Forbidden: Missing application roles";
    let advice = "grant the app registration the application permission ThreatHunting.Read.All and consent to it; the token holds none";
    refused(&Site::shared().registration("ir-no-roles"), 4, "Forbidden", hunting, advice);
    let advice = "the token holds User.Read.All, Policy.Read.All";
    refused(&Site::shared().registration("ir-other-roles"), 4, "Forbidden", hunting, advice);
}

#[test]
fn outages_of_the_authority_and_the_vault_are_waited_out() {
    works(&Site::new(Options { authority_unavailable: 2, ..generous() }));
    works(&Site::new(Options { vault_throttled: 2, ..generous() }));
    let site = Site::new(Options { authority_unavailable: 1_000, ..generous() });
    refused(&site, 3, "AADSTS90033", "", "this was tried 4 times");
}

#[test]
fn an_authority_that_does_not_take_ps256_gets_rs256() {
    works(&Site::new(Options { refuse_ps256: true, ..generous() }));
}
