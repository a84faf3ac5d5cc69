//! `check`, by the real binary against a lab: rows, fixes, exit codes, and the same as data.

use crate::support::{Outcome, site::Site};
use serde_json::{Value, json};

fn row<'a>(report: &'a Value, check: &str, about: Option<&str>) -> &'a Value {
    let rows = report["checks"].as_array().unwrap();
    let found = rows.iter().find(|row| row["check"] == check && about.is_none_or(|about| row["about"] == about));
    found.unwrap_or_else(|| panic!("no row {check} {about:?} in {report:#}"))
}

#[track_caller]
fn report(site: &Site, code: i32, arguments: &[&str]) -> Value {
    let report = site.run(&[&["check"], arguments, &["--json"]].concat()).expect(code).json();
    assert_eq!((&report["command"], &report["exit"]), (&json!("check"), &json!(code)));
    assert_eq!(report["ok"], json!(code == 0));
    for row in report["checks"].as_array().unwrap() {
        let failed = row["status"] == "failed";
        assert_eq!(failed, row["exit"].is_number(), "{row}");
        assert!(!failed || !row["fix"].as_array().unwrap().is_empty(), "a failure without what to do: {row}");
    }
    report
}

#[test]
fn all_is_well_in_the_lab() {
    let site = Site::shared();
    let report = report(&site, 0, &[]);
    assert_eq!(report["asked"], json!(["everything"]));
    let credential = row(&report, "credential", None);
    assert_eq!((&credential["kind"], &credential["days_left"]), (&json!("certificate in a vault"), &json!(334)));
    assert!(credential["expires"].as_str().unwrap().ends_with('Z'));
    for api in ["graph", "xdr", "mde"] {
        assert_eq!(row(&report, "token", Some(api))["status"], "ok");
        assert_eq!(row(&report, "permissions", Some(api))["missing"], json!([]));
        assert_eq!(row(&report, "call", Some(&format!("{api} hunting")))["status"], "ok");
    }
    assert_eq!(row(&report, "hunting", None)["found"], "would go to Graph");
    assert_eq!((&row(&report, "vault", None)["status"], &row(&report, "clock", None)["status"]), (&json!("ok"), &json!("ok")));
    assert!(row(&report, "tenant", None)["found"].as_str().unwrap().starts_with("tarnfield.example is "));
}

#[test]
fn the_table_has_a_row_a_check_on_standard_output() {
    let outcome = Site::shared().run(&["check", "hunt", "--api", "graph"]).expect(0);
    let first: Vec<&str> = outcome.stdout.lines().filter_map(|line| line.strip_prefix(' ')).filter(|line| !line.starts_with(' ')).collect();
    let checks: Vec<&str> = first.iter().map(|line| line.split("  ").next().unwrap()).collect();
    let expected = [
        "check",
        "configuration",
        "vault",
        "credential",
        "tenant",
        "token graph",
        "permissions graph",
        "call graph hunting",
        "hunting",
        "clock",
    ];
    assert_eq!(checks, expected, "{}", outcome.stdout);
    assert!(outcome.stdout.lines().all(|line| line.chars().count() <= 120), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("broader than needed:"), "{}", outcome.stdout);
}

#[test]
fn a_missing_permission_is_named_with_the_way_to_grant_it() {
    let site = Site::shared().registration("ir-other-roles");
    let report = report(&site, 4, &["hunt", "--api", "graph"]);
    let permissions = row(&report, "permissions", Some("graph"));
    assert_eq!(permissions["missing"], json!([{"permission": "ThreatHunting.Read.All", "needed_for": ["hunting"]}]));
    assert_eq!(permissions["held"], json!([]));
    assert_eq!(permissions["broader"][0]["permission"], "Policy.Read.All");
    let fix = permissions["fix"][0].as_str().unwrap();
    assert!(fix.contains("ThreatHunting.Read.All (Microsoft Graph") && fix.contains("/adminconsent?client_id="), "{fix}");
    assert_eq!(row(&report, "call", Some("graph"))["status"], "skipped");
    let bare = Site::shared().registration("ir-no-roles");
    let failed = bare.run(&["check"]).expect(4);
    assert!(failed.stdout.contains("FAILED") && failed.stdout.contains("ThreatHunting.Read.All"), "{}", failed.stdout);
}

#[test]
fn sources_are_checked_by_name() {
    let site = Site::shared();
    let report_of = report(&site, 0, &["pull", "alerts", "mde/machines"]);
    assert_eq!(report_of["asked"], json!(["alerts", "mde/machines"]));
    assert_eq!(row(&report_of, "call", Some("graph/alerts"))["status"], "ok");
    assert_eq!(row(&report_of, "call", Some("mde/machines"))["status"], "ok");
    let held = &row(&report_of, "permissions", Some("mde"))["held"];
    assert_eq!(held, &json!(["Machine.Read.All"]));
    let site = site.registration("ir-other-roles");
    let report_of = report(&site, 4, &["pull", "xdr/incidents"]);
    assert_eq!(row(&report_of, "permissions", Some("xdr"))["missing"][0]["permission"], "Incident.Read.All");
    let unknown = site.run(&["check", "pull", "mde/machine"]).expect(2);
    assert!(unknown.stderr.contains("did you mean `mde/machines`?"), "{}", unknown.stderr);
}

#[test]
fn each_step_that_fails_is_told_and_what_follows_is_not_tried() {
    let failing = |site: Site, code: i32, check: &str| {
        let report = report(&site, code, &[]);
        let row = row(&report, check, None).clone();
        assert_eq!(row["status"], "failed", "{report:#}");
        row
    };
    let denied = failing(
        Site::shared().configured(|toml| {
            toml.replace(
                "kv-ir.vault.lab.test\", certificate = \"ir-app\" }\n#",
                "kv-denied.vault.lab.test\", certificate = \"ir-app\" }\n#",
            )
        }),
        3,
        "vault",
    );
    assert_eq!(denied["code"], "ForbiddenByRbac");
    let expired = failing(Site::shared().vaulted(r#"certificate = "ir-app-expired""#), 3, "credential");
    assert!(expired["found"].as_str().unwrap().contains("expired on"), "{expired}");
    let nowhere = failing(
        Site::shared().configured(|toml| toml.replace("tenant = \"tarnfield.example\"", "tenant = \"nobody.example\"")),
        3,
        "tenant",
    );
    assert_eq!(nowhere["code"], "AADSTS90002");
    let wrong = failing(Site::shared().vaulted(r#"secret = "ir-app-secret-wrong""#), 3, "token");
    assert_eq!(wrong["code"], "AADSTS7000215");
    let disabled = failing(Site::shared().registration("ir-disabled"), 3, "token");
    assert_eq!(disabled["code"], "AADSTS7000112");
    let configuration = failing(Site::shared().configured(|toml| toml.replace("vault_auth", "vault_oath")), 2, "configuration");
    assert_eq!(configuration["fix"][0], "did you mean `vault_auth`?");
}

#[test]
fn an_end_that_is_near_is_noted() {
    let site = Site::shared().vaulted(r#"secret = "ir-app-secret-ending""#);
    let report = report(&site, 0, &["hunt"]);
    let credential = row(&report, "credential", None);
    assert_eq!((&credential["status"], &credential["days_left"]), (&json!("note"), &json!(6)));
    assert!(credential["fix"][0].as_str().unwrap().contains("renew it"), "{credential}");
}

#[test]
fn several_tenants_stand_side_by_side_and_one_that_fails_leaves_the_others() {
    let site = Site::shared();
    let arguments = ["--tenant", "nobody.example", "--tenant", "brackwater.example", "--tenant", site.lab.tenant()];
    let report = report(&site, 3, &arguments);
    let tenants = |check: &str| report["checks"].as_array().unwrap().iter().filter(|row| row["check"] == check).count();
    assert_eq!((tenants("tenant"), tenants("hunting"), tenants("vault")), (3, 2, 1));
    let Outcome { stdout, .. } = site.run(&[&["check"][..], &arguments].concat()).expect(3);
    assert!(stdout.contains("nobody.example") && stdout.contains("1ab00000-0000-4000-8000-00000000f00d"), "{stdout}");
}
