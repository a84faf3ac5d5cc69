//! `app`: from nothing to a first hunt and back to nothing, by certificate and by secret, in one tenant and in two; cut off at every
//! call and run again.

#![allow(clippy::disallowed_methods, reason = "a test is its own user: it has the machine's environment, and writes plain files")]

mod cut;
mod least;
mod rules;
mod slow;

use crate::support::site::Site;
use ircollect::lab::{Holding, Kept, Options};
use serde_json::Value;
use std::time::Duration;

/// A directory that takes a moment to know what was made.
fn options() -> Options {
    Options {
        consistency: Duration::from_millis(300),
        certificate_time: Duration::from_millis(300),
        calls_per_minute: 100_000,
        record: true,
        ..Options::default()
    }
}

/// A lab, and somebody who administers it by an application.
pub(super) fn site(options: Options) -> Site {
    let site = Site::new(options);
    let Site { lab, mut bench } = site;
    for (name, value) in lab.admin_variables() {
        bench = bench.env(name, value);
    }
    Site { lab, bench }
}

const VAULT: &str = "https://kv-ir.vault.lab.test";

/// Runs `app` with what every call of it takes.
pub(super) fn app<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&["app"], words, &["--admin-auth", "environment"]].concat()
}

pub(super) fn create<'a>(more: &[&'a str]) -> Vec<&'a str> {
    app(&[&["create", "--name", "IR case 17", "--vault", VAULT, "--vault-name", "ir-case-17", "--json"], more].concat())
}

/// The one registration that is there.
#[track_caller]
pub(super) fn only(site: &Site) -> Holding {
    let mut there: Vec<Holding> = site.lab.holdings().into_iter().filter(|one| !one.deleted).collect();
    assert_eq!(there.len(), 1, "{there:?}");
    there.remove(0)
}

pub(super) fn kept(site: &Site, name: &str) -> Vec<Kept> {
    site.lab.kept().into_iter().filter(|one| one.name == name).collect()
}

fn lifecycle(credential: &str, multi: bool) {
    let site = site(options());
    let mut words = create(&["--credential", credential, "--write-profile", "case17"]);
    if multi {
        words.push("--multi-tenant");
    }
    let made = site.run(&words).expect(0);
    let object = made.json();
    let there = only(&site);
    assert_eq!((&object["app_id"], &object["object_id"]), (&Value::from(there.app_id.as_str()), &Value::from(there.id.as_str())));
    assert_eq!(object["granted"].as_array().unwrap().len(), 5);
    assert_eq!(there.audience, if multi { "AzureADMultipleOrgs" } else { "AzureADMyOrg" });
    assert!(made.stderr.contains("waiting"), "{}", made.stderr);
    // It works, for those who know nothing of how it was made.
    site.run(&["check", "--profile", "case17", "hunt"]).expect(0);
    site.run(&["hunt", "--profile", "case17", "--kql", "DeviceInfo | take 3"]).expect(0);
    let again = site.run(&words).expect(0);
    assert_eq!(again.json(), object, "the second time it changes nothing and prints the same");
    assert_eq!(only(&site), there);
    let rotated = site.run(&app(&["rotate", "--name", "IR case 17", "--json"])).expect(0).json();
    assert_eq!((&rotated["vault_name"], rotated["removed"].as_array().unwrap().len()), (&Value::from("ir-case-17"), 1));
    let after = only(&site);
    assert_eq!((after.certificates.len() + after.secrets.len(), after.granted.len()), (1, 5));
    assert_ne!((&after.certificates, &after.secrets), (&there.certificates, &there.secrets));
    let versions = &kept(&site, "ir-case-17")[0];
    assert_eq!((versions.versions, versions.enabled, rotated["disabled"].as_array().unwrap().len()), (2, 1, 1), "the old one is disabled");
    site.run(&["hunt", "--profile", "case17", "--kql", "DeviceInfo | take 4"]).expect(0);
    let removed = site.run(&app(&["remove", "--name", "IR case 17", "--yes", "--json"])).expect(0).json();
    assert_eq!(removed["app_id"], there.app_id.as_str());
    let gone = site.lab.holdings();
    assert!(gone.iter().all(|one| one.deleted && one.principals == 0 && one.granted.is_empty()), "{gone:?}");
    assert!(kept(&site, "ir-case-17").iter().all(|one| one.deleted));
    site.run(&["hunt", "--profile", "case17", "--kql", "DeviceInfo | take 5"]).expect(3);
    site.run(&app(&["remove", "--name", "IR case 17", "--yes"])).expect(0);
    // What was done is in a journal that holds to what was written.
    site.run(&["case", "verify", "--case", "ircollect-setup"]).expect(0);
    no_secret_anywhere(&site, &[&made.stdout, &made.stderr]);
}

/// Nothing that was handed out as a secret stands in the journal, the configuration or what was printed.
#[track_caller]
pub(super) fn no_secret_anywhere(site: &Site, printed: &[&str]) {
    let files = ["ircollect-setup/journal.jsonl", "lab/lab.toml"].map(|name| std::fs::read_to_string(site.bench.path(name)).unwrap());
    for secret in site.lab.secrets_handed_out() {
        assert!(files.iter().all(|text| !text.contains(&secret)), "a secret of {} characters stands in a file", secret.len());
        assert!(printed.iter().all(|text| !text.contains(&secret)), "a secret of {} characters was printed", secret.len());
    }
}

#[test]
fn a_certificate_from_nothing_to_nothing() {
    lifecycle("certificate", false);
}

#[test]
fn a_secret_from_nothing_to_nothing() {
    lifecycle("secret", false);
}

#[test]
fn a_multi_tenant_certificate_from_nothing_to_nothing() {
    lifecycle("certificate", true);
}

#[test]
fn a_multi_tenant_secret_from_nothing_to_nothing() {
    lifecycle("secret", true);
}
