//! `app` cut off at each of its calls, before the call was done and after, and run again: always to the same end.

use super::{app, create, kept, only, options, site};
use crate::support::{is_long, site::Site};
use ircollect::lab::{Options, Trap};
use std::{
    process::Stdio,
    time::{Duration, Instant},
};

fn quick() -> Options {
    let instant = Duration::ZERO;
    Options { consistency: instant, certificate_time: instant, record: false, ..options() }
}

/// Runs until the lab holds the nth call, kills the process there, and says whether it came so far.
fn killed(site: &Site, words: &[&str], nth: u32, trap: Trap) -> bool {
    site.lab.set_trap(nth, trap);
    let mut child = site.command(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    loop {
        if site.lab.is_sprung() {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(site.lab.is_sprung() || status.success(), "call {nth}: {status}");
            return site.lab.is_sprung();
        }
        assert!(begun.elapsed() < Duration::from_mins(2), "call {nth} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Tries call after call until one never comes, and returns its number: every call in the long form, one in eight in the short one.
fn at_each_call(offset: u32, mut comes: impl FnMut(u32) -> bool) -> u32 {
    let step = if is_long() { 1 } else { 8 };
    let mut nths = (1..).filter(|nth: &u32| nth % step == offset % step);
    nths.find(|nth| !comes(*nth)).unwrap()
}

/// Creates, cut off at each call, each time from nothing; and again, whole.
fn created_whatever_happens(credential: &str, trap: Trap, offset: u32) {
    let words = create(&["--credential", credential, "--write-profile", "case17"]);
    let site = site(quick());
    let config = std::fs::read_to_string(site.config()).unwrap();
    let nth = at_each_call(offset, |nth| {
        let cut = killed(&site, &words, nth, trap);
        site.lab.set_trap(u32::MAX, trap);
        let object = site.run(&words).expect(0).json();
        let there = only(&site);
        assert_eq!(object["app_id"], there.app_id.as_str(), "call {nth}");
        assert_eq!((there.principals, there.granted.len(), there.declared), (1, 5, 5), "call {nth}: {there:?}");
        assert_eq!(there.certificates.len() + there.secrets.len(), 1, "call {nth}: {there:?}");
        assert!(kept(&site, "ir-case-17").iter().any(|one| !one.deleted), "call {nth}");
        site.run(&app(&["remove", "--name", "IR case 17", "--yes"])).expect(0);
        std::fs::write(site.config(), &config).unwrap();
        cut
    });
    assert!(nth > 12, "{nth} calls are too few to be all");
    site.run(&["case", "verify", "--case", "ircollect-setup"]).expect(0);
}

#[test]
fn a_certificate_is_created_whatever_call_is_lost_before_it_is_done() {
    created_whatever_happens("certificate", Trap::HoldBefore, 0);
}

#[test]
fn a_certificate_is_created_whatever_call_is_lost_after_it_is_done() {
    created_whatever_happens("certificate", Trap::HoldAfter, 1);
}

#[test]
fn a_secret_is_created_whatever_call_is_lost_before_it_is_done() {
    created_whatever_happens("secret", Trap::HoldBefore, 2);
}

#[test]
fn a_secret_is_created_whatever_call_is_lost_after_it_is_done() {
    created_whatever_happens("secret", Trap::HoldAfter, 3);
}

/// Rotates, cut off at each call, and again: one credential in the end, and it works.
fn rotated_whatever_happens(credential: &str, trap: Trap, offset: u32) {
    let site = site(quick());
    site.run(&create(&["--credential", credential, "--write-profile", "case17"])).expect(0);
    let words = app(&["rotate", "--name", "IR case 17"]);
    at_each_call(offset, |nth| {
        let cut = killed(&site, &words, nth, trap);
        site.lab.set_trap(u32::MAX, trap);
        site.run(&words).expect(0);
        let there = only(&site);
        assert_eq!(there.certificates.len() + there.secrets.len(), 1, "call {nth}: {there:?}");
        site.run(&["token", "--profile", "case17", "--api", "graph", "--claims"]).expect(0);
        cut
    });
}

#[test]
fn a_certificate_is_rotated_whatever_call_is_lost() {
    rotated_whatever_happens("certificate", Trap::HoldAfter, 2);
    rotated_whatever_happens("certificate", Trap::HoldBefore, 1);
}

#[test]
fn a_secret_is_rotated_whatever_call_is_lost() {
    rotated_whatever_happens("secret", Trap::HoldAfter, 0);
    rotated_whatever_happens("secret", Trap::HoldBefore, 3);
}

/// Removes, cut off at each call, and again: nothing is left.
#[test]
fn all_is_removed_whatever_call_is_lost() {
    let site = site(quick());
    let words = app(&["remove", "--name", "IR case 17", "--yes"]);
    for (trap, offset) in [(Trap::HoldAfter, 1), (Trap::HoldBefore, 2)] {
        at_each_call(offset, |nth| {
            site.run(&create(&[])).expect(0);
            let cut = killed(&site, &words, nth, trap);
            site.lab.set_trap(u32::MAX, trap);
            site.run(&words).expect(0);
            assert!(site.lab.holdings().iter().all(|one| one.deleted), "call {nth}");
            assert!(kept(&site, "ir-case-17").iter().all(|one| one.deleted), "call {nth}");
            cut
        });
    }
}

/// A single call that fails is no reason to fail, or the same command again is enough.
fn survives(trap: Trap, credential: &str, offset: u32) {
    let site = site(quick());
    let words = create(&["--credential", credential]);
    at_each_call(offset, |nth| {
        site.lab.set_trap(nth, trap);
        let first = site.run(&words);
        let sprung = site.lab.is_sprung();
        site.lab.set_trap(u32::MAX, trap);
        if first.code != 0 {
            site.run(&words).expect(0);
        }
        let there = only(&site);
        assert_eq!((there.principals, there.granted.len()), (1, 5), "call {nth}: {there:?}");
        assert_eq!(there.certificates.len() + there.secrets.len(), 1, "call {nth}: {there:?}");
        site.run(&app(&["remove", "--name", "IR case 17", "--yes"])).expect(0);
        sprung
    });
}

#[test]
fn a_lost_connection_or_a_500_makes_nothing_twice() {
    survives(Trap::Drop { done: true }, "certificate", 3);
    survives(Trap::Fail { done: true }, "secret", 1);
    survives(Trap::Fail { done: false }, "certificate", 2);
    survives(Trap::Drop { done: false }, "secret", 0);
}
