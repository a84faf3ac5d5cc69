//! `app` cut off at each of its calls, before the call was done and after, and run again: always to the end that a run comes to which
//! nobody cuts off.

use super::{VAULT, app, kept, only, options, site};
use crate::support::{is_long, site::Site};
use ircollect::lab::{Options, Trap};
use std::{
    process::Stdio,
    time::{Duration, Instant},
};

const NAME: &str = "IR case 17";

fn quick() -> Options {
    let instant = Duration::ZERO;
    Options { consistency: instant, certificate_time: instant, record: false, ..options() }
}

/// A registration as it is to be.
#[derive(Clone, Copy)]
struct Case {
    credential: &'static str,
    multi: bool,
}

const CERTIFICATE: Case = Case { credential: "certificate", multi: false };
const SECRET: Case = Case { credential: "secret", multi: false };
const TENANTS_CERTIFICATE: Case = Case { multi: true, ..CERTIFICATE };
const TENANTS_SECRET: Case = Case { multi: true, ..SECRET };

impl Case {
    fn create<'a>(&self, object: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let multi: &[&str] = if self.multi { &["--multi-tenant"] } else { &[] };
        let words = ["create", "--name", NAME, "--vault", VAULT, "--vault-name", object, "--credential", self.credential, "--json"];
        app(&[words.as_slice(), multi, more].concat())
    }
}

/// What a registration and its vault have come to, whatever ids and names there are.
#[derive(Debug, PartialEq, Eq)]
struct End {
    audience: String,
    declared: usize,
    granted: Vec<String>,
    principals: usize,
    certificates: usize,
    secrets: usize,
    tags: Vec<String>,
    /// Kind, versions, enabled ones.
    kept: Vec<(&'static str, usize, usize)>,
}

impl End {
    #[track_caller]
    fn of(site: &Site, object: &str) -> Self {
        let (there, held) = (only(site), kept(site, object));
        Self {
            audience: there.audience,
            declared: there.declared,
            granted: there.granted,
            principals: there.principals,
            certificates: there.certificates.len(),
            secrets: there.secrets.len(),
            tags: there.tags.iter().map(|tag| tag.replace(object, "OBJECT")).collect(),
            kept: held.iter().filter(|one| !one.deleted).map(|one| (one.kind, one.versions, one.enabled)).collect(),
        }
    }

    /// The same where the object was recovered, with the versions it had before.
    fn with_versions_of(self, other: &Self) -> Self {
        assert_eq!(self.kept.len(), 1);
        Self { kept: other.kept.clone(), ..self }
    }
}

/// Runs until the lab holds the nth call, kills the process there, and says whether it came so far.
fn killed(site: &Site, words: &[&str], nth: u32, trap: Trap) -> bool {
    site.lab.set_trap(nth, trap);
    let mut child = site.command(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let cut = loop {
        if site.lab.is_sprung() {
            child.kill().unwrap();
            child.wait().unwrap();
            break true;
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(site.lab.is_sprung() || status.success(), "call {nth}: {status}");
            break site.lab.is_sprung();
        }
        assert!(begun.elapsed() < Duration::from_mins(2), "call {nth} never came");
        std::thread::sleep(Duration::from_millis(2));
    };
    site.lab.set_trap(u32::MAX, trap);
    cut
}

/// Tries call after call until one never comes, and returns its number: every call in the long form, one in so many in the short one.
fn at_each_call(offset: u32, mut comes: impl FnMut(u32) -> bool) -> u32 {
    let step = if is_long() { 1 } else { 8 };
    let mut nths = (1..).filter(|nth: &u32| nth % step == offset % step);
    nths.find(|nth| !comes(*nth)).unwrap()
}

const TRAPS: [(Trap, u32); 2] = [(Trap::HoldBefore, 0), (Trap::HoldAfter, 3)];

fn remove(site: &Site) {
    site.run(&app(&["remove", "--name", NAME, "--yes"])).expect(0);
}

/// Creates, cut off at each call, each time from nothing; and again, whole.
fn created_whatever_happens(case: Case, offset: u32) {
    let site = site(quick());
    let config = std::fs::read_to_string(site.config()).unwrap();
    site.run(&case.create("ir-whole", &["--write-profile", "case17"])).expect(0);
    let whole = End::of(&site, "ir-whole");
    let profile = |text: &str, object: &str| text.replace(&only(&site).app_id, "ID").replace(object, "OBJECT");
    let configured = profile(&std::fs::read_to_string(site.config()).unwrap(), "ir-whole");
    remove(&site);
    for (trap, shift) in TRAPS {
        let nth = at_each_call(offset + shift, |nth| {
            std::fs::write(site.config(), &config).unwrap();
            let object = format!("ir-{nth}-{}", if trap == Trap::HoldAfter { "after" } else { "before" });
            let words = case.create(&object, &["--write-profile", "case17"]);
            let cut = killed(&site, &words, nth, trap);
            let told = site.run(&words).expect(0).json();
            assert_eq!(told["app_id"], only(&site).app_id.as_str(), "{trap:?} of call {nth}");
            assert_eq!(End::of(&site, &object), whole, "{trap:?} of call {nth}");
            assert_eq!(profile(&std::fs::read_to_string(site.config()).unwrap(), &object), configured, "{trap:?} of call {nth}");
            remove(&site);
            cut
        });
        assert!(nth > 20, "{nth} calls are too few to be all");
    }
    site.run(&["case", "verify", "--case", "ircollect-setup"]).expect(0);
}

#[test]
fn a_certificate_is_created_whatever_call_is_lost() {
    created_whatever_happens(CERTIFICATE, 0);
}

#[test]
fn a_secret_is_created_whatever_call_is_lost() {
    created_whatever_happens(SECRET, 2);
}

#[test]
fn a_multi_tenant_certificate_is_created_whatever_call_is_lost() {
    created_whatever_happens(TENANTS_CERTIFICATE, 4);
}

#[test]
fn a_multi_tenant_secret_is_created_whatever_call_is_lost() {
    created_whatever_happens(TENANTS_SECRET, 6);
}

/// Creates what was removed before, whose name in the vault a deleted object keeps.
#[test]
fn what_was_removed_is_created_again_whatever_call_is_lost() {
    for (case, trap, offset) in [(CERTIFICATE, Trap::HoldAfter, 5), (SECRET, Trap::HoldAfter, 1), (CERTIFICATE, Trap::HoldBefore, 7)] {
        let site = site(quick());
        let words = case.create("ir-again", &[]);
        site.run(&words).expect(0);
        let whole = End::of(&site, "ir-again");
        remove(&site);
        at_each_call(offset, |nth| {
            let cut = killed(&site, &words, nth, trap);
            site.run(&words).expect(0);
            assert_eq!(End::of(&site, "ir-again").with_versions_of(&whole), whole, "{trap:?} of call {nth}");
            remove(&site);
            cut
        });
    }
}

/// Rotates, cut off at each call, and again: one credential in the end, one more version of which the others are disabled, and it works.
fn rotated_whatever_happens(case: Case, offset: u32) {
    let site = site(quick());
    site.run(&case.create("ir-turn", &["--write-profile", "case17"])).expect(0);
    let words = app(&["rotate", "--name", NAME]);
    for (trap, shift) in TRAPS {
        at_each_call(offset + shift, |nth| {
            let before = End::of(&site, "ir-turn");
            let cut = killed(&site, &words, nth, trap);
            if cut {
                site.run(&words).expect(0);
            }
            let (kind, versions, _) = before.kept[0];
            let whole = End { kept: vec![(kind, versions + 1, 1)], ..before };
            assert_eq!(End::of(&site, "ir-turn"), whole, "{trap:?} of call {nth}");
            site.run(&["token", "--profile", "case17", "--api", "graph", "--claims"]).expect(0);
            cut
        });
    }
}

#[test]
fn a_certificate_is_rotated_whatever_call_is_lost() {
    rotated_whatever_happens(CERTIFICATE, 2);
}

#[test]
fn a_secret_is_rotated_whatever_call_is_lost() {
    rotated_whatever_happens(SECRET, 0);
}

#[test]
fn a_multi_tenant_certificate_is_rotated_whatever_call_is_lost() {
    rotated_whatever_happens(TENANTS_CERTIFICATE, 6);
}

#[test]
fn a_multi_tenant_secret_is_rotated_whatever_call_is_lost() {
    rotated_whatever_happens(TENANTS_SECRET, 4);
}

/// Removes, cut off at each call, and again: nothing is left.
#[test]
fn all_is_removed_whatever_call_is_lost() {
    let site = site(quick());
    let words = app(&["remove", "--name", NAME, "--yes"]);
    let cases = [CERTIFICATE, SECRET, TENANTS_CERTIFICATE, TENANTS_SECRET];
    for ((trap, shift), case) in TRAPS.into_iter().flat_map(|trap| cases.map(|case| (trap, case))) {
        at_each_call(shift + u32::from(case.multi) * 4 + u32::from(case.credential == "secret") * 2, |nth| {
            site.run(&case.create(case.credential, &[])).expect(0);
            let cut = killed(&site, &words, nth, trap);
            site.run(&words).expect(0);
            let there = site.lab.holdings();
            assert!(
                there.iter().all(|one| one.deleted && one.granted.is_empty() && one.principals == 0),
                "{trap:?} of call {nth}: {there:?}"
            );
            assert!(kept(&site, case.credential).iter().all(|one| one.deleted), "{trap:?} of call {nth}");
            cut
        });
    }
}

/// Consents, cut off at each call, and again: granted once, and nothing else.
#[test]
fn consent_is_given_whatever_call_is_lost() {
    let site = site(quick());
    site.run(&SECRET.create("ir-yes", &[])).expect(0);
    let whole = End::of(&site, "ir-yes");
    remove(&site);
    for (trap, shift) in TRAPS {
        at_each_call(shift, |nth| {
            site.run(&SECRET.create("ir-yes", &["--no-consent"])).expect(0);
            let words = app(&["consent", "--name", NAME]);
            let cut = killed(&site, &words, nth, trap);
            site.run(&words).expect(0);
            assert_eq!(End::of(&site, "ir-yes").with_versions_of(&whole), whole, "{trap:?} of call {nth}");
            remove(&site);
            cut
        });
    }
}

/// What was set up is checked and hunted with, cut off at each call, and again.
#[test]
fn it_is_checked_and_hunted_with_whatever_call_is_lost() {
    for case in [TENANTS_CERTIFICATE, SECRET] {
        let site = site(quick());
        site.run(&case.create("ir-use", &["--write-profile", "case17"])).expect(0);
        let end = End::of(&site, "ir-use");
        for words in [&["check", "--profile", "case17", "hunt"], &["hunt", "--profile", "case17", "--kql=DeviceInfo | take 3"]] {
            for (trap, shift) in TRAPS {
                at_each_call(shift, |nth| {
                    let cut = killed(&site, words, nth, trap);
                    site.run(words).expect(0);
                    cut
                });
            }
        }
        assert_eq!(End::of(&site, "ir-use"), end, "to use it changes nothing of it");
        site.run(&["case", "verify"]).expect(0);
    }
}

/// A single call that fails is no reason to fail, or the same command again is enough; nothing is made twice.
fn survives(trap: Trap, case: Case, offset: u32) {
    let site = site(quick());
    site.run(&case.create("ir-whole", &[])).expect(0);
    let whole = End::of(&site, "ir-whole");
    remove(&site);
    at_each_call(offset, |nth| {
        let object = format!("ir-{nth}");
        let words = case.create(&object, &[]);
        site.lab.set_trap(nth, trap);
        let first = site.run(&words);
        let sprung = site.lab.is_sprung();
        site.lab.set_trap(u32::MAX, trap);
        if first.code != 0 {
            site.run(&words).expect(0);
        }
        assert_eq!(End::of(&site, &object), whole, "{trap:?} of call {nth}");
        remove(&site);
        sprung
    });
}

#[test]
fn a_lost_connection_makes_nothing_twice() {
    survives(Trap::Drop { done: true }, CERTIFICATE, 3);
    survives(Trap::Drop { done: false }, SECRET, 0);
}

#[test]
fn a_connection_lost_after_a_secret_was_made_makes_no_second_one() {
    survives(Trap::Drop { done: true }, SECRET, 6);
    survives(Trap::Drop { done: false }, CERTIFICATE, 5);
}

#[test]
fn a_500_makes_nothing_twice() {
    survives(Trap::Fail { done: true }, SECRET, 1);
    survives(Trap::Fail { done: false }, CERTIFICATE, 2);
}

#[test]
fn a_500_of_what_was_done_makes_no_second_certificate() {
    survives(Trap::Fail { done: true }, CERTIFICATE, 4);
    survives(Trap::Fail { done: false }, SECRET, 7);
}
