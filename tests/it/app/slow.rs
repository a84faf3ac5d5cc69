//! Services that take their time: replicas that do not know an object by its id, a vault that is still deleting, one that lets nobody
//! change a version; what is waited for is shown, and what fails is told to programs too.

use super::{app, create, kept, only, options, site};
use crate::support::{Bench, site::Site};
use ircollect::lab::{Options, Pulls, Service, Trap};
use std::{process::Stdio, time::Duration};

/// The number of a call among those of a run.
fn number(site: &Site, first: usize, method: &str, path: &str) -> u32 {
    let calls = site.lab.seen();
    let at = calls.iter().skip(first).position(|call| call.service == Service::Graph && call.method == method && call.path == path);
    u32::try_from(at.unwrap()).unwrap() + 1
}

/// Kills a run where it makes its nth call, which is never done.
fn cut_at(site: &Site, words: &[&str], nth: u32) {
    site.lab.set_trap(nth, Trap::HoldBefore);
    let mut child = site.command(words).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !site.lab.is_sprung() {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    site.lab.set_trap(u32::MAX, Trap::HoldBefore);
}

#[test]
fn a_registration_that_its_replica_denies_is_waited_for_and_never_made_twice() {
    let site = site(Options { consistency: Duration::from_millis(2_500), strangers: true, ..options() });
    let first = site.lab.seen().len();
    let made = site.run(&create(&["--credential", "secret"])).expect(0);
    assert!(made.stderr.contains("for the directory to know the service principal"), "{}", made.stderr);
    let principal = number(&site, first, "POST", "/v1.0/servicePrincipals");
    site.run(&app(&["remove", "--name", "IR case 17", "--yes"])).expect(0);
    // Cut off after the registration was made; the next run comes before any replica knows it.
    let words = app(&["create", "--name", "another", "--vault", super::VAULT, "--vault-name", "another", "--json"]);
    cut_at(&site, &words, principal);
    let again = site.run(&words).expect(0);
    assert!(again.stderr.contains("the registration that was made before"), "{}", again.stderr);
    assert_eq!((only(&site).name.as_str(), only(&site).granted.len()), ("another", 5));
}

#[test]
fn a_name_that_the_vault_is_still_freeing_is_waited_for() {
    for credential in ["certificate", "secret"] {
        let site = site(Options { consistency: Duration::ZERO, deletion_time: Duration::from_secs(4), ..options() });
        site.run(&create(&["--credential", credential])).expect(0);
        site.run(&app(&["remove", "--name", "IR case 17", "--yes"])).expect(0);
        let again = site.run(&create(&["--credential", credential])).expect(0);
        assert!(again.stderr.contains("for the vault to be ready for it"), "{}", again.stderr);
        assert!(!kept(&site, "ir-case-17")[0].deleted);
    }
}

#[test]
fn the_making_of_a_certificate_is_waited_for_where_people_see_it() {
    // The vault says to come back after ten seconds; nobody sits in silence for so long.
    let site = site(Options { certificate_time: Duration::from_secs(3), ..options() });
    let made = site.run(&create(&[])).expect(0);
    assert!(made.stderr.contains("waiting 2 s for the vault to make the certificate"), "{}", made.stderr);
}

#[test]
fn a_version_that_may_not_be_disabled_is_told_and_no_failure() {
    for credential in ["certificate", "secret"] {
        let site = site(Options { frozen_versions: true, ..options() });
        site.run(&create(&["--credential", credential])).expect(0);
        let rotated = site.run(&app(&["rotate", "--name", "IR case 17", "--json"])).expect(0);
        assert!(rotated.stderr.contains("stays enabled in the vault"), "{}", rotated.stderr);
        assert_eq!((rotated.json()["disabled"].as_array().unwrap().len(), rotated.json()["removed"].as_array().unwrap().len()), (0, 1));
        assert_eq!((kept(&site, "ir-case-17")[0].versions, kept(&site, "ir-case-17")[0].enabled), (2, 2));
    }
}

#[test]
fn a_run_that_was_cut_off_before_its_proof_proves_when_it_is_run_again() {
    let site = site(Options { consistency: Duration::ZERO, ..options() });
    let first = site.lab.seen().len();
    site.run(&create(&[])).expect(0);
    let hunting = number(&site, first, "POST", "/v1.0/security/runHuntingQuery");
    site.run(&app(&["remove", "--name", "IR case 17", "--yes"])).expect(0);
    let words = app(&["create", "--name", "another", "--vault", super::VAULT, "--vault-name", "another", "--json"]);
    cut_at(&site, &words, hunting);
    let again = site.run(&words).expect(0);
    assert!(again.stderr.contains("proving: a call of Graph") && again.stderr.contains("nothing was changed"), "{}", again.stderr);
    let third = site.run(&words).expect(0);
    assert!(!third.stderr.contains("proving"), "what is proved stays proved: {}", third.stderr);
}

#[test]
fn a_dry_run_shows_the_proof_too_and_says_which_calls_change_something() {
    let site = site(options());
    let dry = site.run(&create(&["--dry-run"])).expect(0).json();
    let calls = dry["calls"].as_array().unwrap().clone();
    let later: Vec<String> = calls
        .iter()
        .filter(|call| call["made"] == false && call["changes"] == false)
        .map(|call| format!("{} {}", call["method"].as_str().unwrap(), call["url"].as_str().unwrap()))
        .collect();
    for words in ["/oauth2/v2.0/token", "/security/runHuntingQuery", "/certificates/ir-case-17/pending", "/api/"] {
        assert!(later.iter().any(|call| call.contains(words)), "{words}: {later:#?}");
    }
    site.run(&create(&[])).expect(0);
    let text = site.run(&app(&["rotate", "--name", "IR case 17", "--dry-run"])).expect(0).stdout;
    assert!(text.contains("PATCH  https://kv-ir.vault.lab.test/certificates/ir-case-17/") && text.contains("(asked then)"), "{text}");
    assert!(text.contains("4 calls would change something; none was made"), "{text}");
}

#[test]
fn a_failure_is_an_object_too() {
    let site = site(options());
    let told = |words: &[&str], code: i32| {
        let object = site.run(words).expect(code).json();
        let names = ["ircollect", "schema", "command", "status", "started", "ended", "jobs", "error"];
        assert!(names.iter().all(|name| object.get(name).is_some()), "{object}");
        assert_eq!((&object["status"], object["jobs"].as_array().unwrap().len()), (&"failed".into(), 0));
        let error = object["error"].clone();
        assert_eq!(error["exit"], code);
        assert!(["code", "message", "hint"].iter().all(|name| error[name].as_str().is_some_and(|text| !text.is_empty())), "{error}");
        (object["command"].as_str().unwrap().to_owned(), error["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(told(&app(&["show", "--name", "nobody", "--json"]), 1), ("app show".to_owned(), "RegistrationNotFound".to_owned()));
    assert_eq!(told(&create(&["--expires", "200d"]), 2).0, "app create");
    assert_eq!(told(&app(&["remove", "--name", "nobody", "--yes", "--json"]), 1).0, "app remove");
    assert_eq!(told(&app(&["rotate", "--name", "a", "--app-id", "b", "--json"]), 2).0, "app rotate");
    assert_eq!(told(&["app", "create", "--nome", "x", "--json"], 2).0, "app");
    let nobody = Bench::new().run(&["app", "manifest", "--permissions", "no-such-file", "--json"]).expect(2).json();
    assert!(nobody["error"]["message"].as_str().unwrap().contains("no-such-file"), "{nobody}");
}

#[test]
fn a_product_without_licence_or_devices_is_no_fault_of_the_application() {
    let pulls = Pulls { unlicensed: true, no_machines: true, ..Pulls::default() };
    let site = site(Options { pulls, ..options() });
    for (role, told) in [("mde:Vulnerability.Read.All", true), ("mde:Machine.Read.All", false)] {
        site.bench.write("roles.txt", role);
        let made = site.run(&create(&["--permissions", "roles.txt"])).expect(0);
        assert_eq!(made.stderr.contains("no licence"), told, "{}", made.stderr);
        site.run(&app(&["remove", "--name", "IR case 17", "--yes"])).expect(0);
    }
}
