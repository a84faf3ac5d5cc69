//! A sealed case: what `sha256sum` and OpenSSL say of it, what is refused, what a kill in the middle leaves, and that no bit of it can be
//! another.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too, though clippy does not see it")]

use crate::{
    case::{assert_clean, open, run, store, verify},
    support::Bench,
};
use ircollect::{
    error::Kind,
    journal::{Signatory, Trouble},
    store::Case,
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Signs nothing, and seals.
fn seal(dir: &Path, signature: Option<&[u8]>) {
    let case = open(dir);
    let by = signature.map(|_| Signatory { subject: "CN=ir-app".into(), certificate_sha256: "ab".repeat(32) });
    case.sealing(by).unwrap().finish(signature).unwrap();
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Whether `sha256sum -c` agrees; a loud skip where there is none.
fn sums_agree(dir: &Path) -> bool {
    match Command::new("sha256sum").args(["--check", "--strict", "--quiet", "SHA256SUMS"]).current_dir(dir).output() {
        Ok(output) => output.status.success(),
        Err(error) => {
            eprintln!("SKIPPED: sha256sum cannot be run: {error}");
            true
        }
    }
}

#[test]
fn a_sealed_case_verifies_and_takes_nothing_more() {
    let home = tempfile::tempdir().unwrap();
    run(home.path(), "1");
    seal(home.path(), None);
    assert_clean(home.path());
    let report = verify(home.path());
    assert!(report.sealed && report.signed_by.is_none(), "{report:?}");
    assert!(sums_agree(home.path()));
    let listed = std::fs::read_to_string(home.path().join("SHA256SUMS")).unwrap().lines().count();
    assert_eq!(listed, files(home.path()).len() - 2, "all but itself and the lock");
    let error = Case::open(home.path(), "0.1.0").unwrap_err();
    assert_eq!((error.kind(), error.code().as_str()), (Kind::Disk, "CaseSealed"));
    assert_clean(home.path());
    let status = Case::read(home.path()).unwrap().status().unwrap();
    assert_eq!((status.sealed.unwrap().files, status.runs.last().unwrap().exit), (1, Some(0)));
}

#[test]
fn nothing_is_written_behind_a_seal() {
    let home = tempfile::tempdir().unwrap();
    run(home.path(), "1");
    let case = open(home.path());
    case.sealing(None).unwrap().finish(None).unwrap();
    assert_eq!(store(&case, "2", &["{}"], &[]).unwrap_err().kind(), Kind::Disk);
    drop(case);
    assert_clean(home.path());
}

#[test]
fn what_is_written_meanwhile_undoes_the_sealing() {
    let home = tempfile::tempdir().unwrap();
    run(home.path(), "1");
    let case = open(home.path());
    let sealing = case.sealing(None).unwrap();
    store(&case, "2", &["{}"], &[]).unwrap();
    assert!(sealing.finish(None).is_err());
    drop(case);
    assert_clean(home.path());
    seal(home.path(), None);
    assert!(sums_agree(home.path()));
}

#[test]
fn every_flipped_bit_of_a_sealed_case_is_found() {
    let home = tempfile::tempdir().unwrap();
    run(home.path(), "1");
    run(home.path(), "2");
    seal(home.path(), None);
    let exhaustive = crate::support::is_long();
    let mut chance = fastrand::Rng::with_seed(7);
    for path in files(home.path()).into_iter().filter(|path| !path.ends_with(".lock")) {
        let bytes = std::fs::read(&path).unwrap();
        let every = if exhaustive { 1 } else { (bytes.len() / 60).max(1) };
        for at in (chance.usize(0..every)..bytes.len()).step_by(every) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << chance.u8(0..8);
            fs_err::write(&path, &flipped).unwrap();
            let found = Case::read(home.path()).is_ok_and(|case| case.verify(&|_| ()).unwrap().ok);
            assert!(!found, "byte {at} of {}", path.display());
        }
        fs_err::write(&path, &bytes).unwrap();
    }
    assert_clean(home.path());
}

#[test]
fn a_kill_between_any_two_steps_is_made_good() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    run(dir, "1");
    // Killed before the event: temporary files of a seal that never was.
    fs_err::write(dir.join(".SHA256SUMS.part"), "half").unwrap();
    fs_err::write(dir.join(".SHA256SUMS.p7s.part"), "half").unwrap();
    assert!(verify(dir).ok);
    drop(open(dir));
    assert!(!dir.join(".SHA256SUMS.part").exists() && !dir.join(".SHA256SUMS.p7s.part").exists());
    // Killed after it: the names are lacking, one of them or both.
    seal(dir, Some(b"a signature"));
    for names in [&["SHA256SUMS"][..], &["SHA256SUMS", "SHA256SUMS.p7s"]] {
        for name in names {
            fs_err::rename(dir.join(name), dir.join(format!(".{name}.part"))).unwrap();
        }
        let report = verify(dir);
        assert!(report.ok && report.notes.len() == names.len(), "{report:?}");
        assert_eq!(Case::open(dir, "0").unwrap_err().code(), "CaseSealed");
        assert_clean(dir);
    }
}

#[test]
fn a_kill_before_the_head_is_written_is_made_good() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    run(dir, "1");
    let case = open(dir);
    let sealing = case.sealing(None).unwrap();
    let before = std::fs::read(dir.join("journal.head")).unwrap();
    sealing.finish(None).unwrap();
    drop(case);
    fs_err::write(dir.join("journal.head"), &before).unwrap();
    // With the sums named this is no moment that a sealing passes through.
    assert!(!verify(dir).ok);
    fs_err::rename(dir.join("SHA256SUMS"), dir.join(".SHA256SUMS.part")).unwrap();
    let report = verify(dir);
    assert!(report.ok && report.notes.len() == 2, "{report:?}");
    assert_eq!(Case::open(dir, "0").unwrap_err().code(), "CaseSealed");
    assert_clean(dir);
    assert!(sums_agree(dir));
}

#[cfg(unix)]
#[test]
fn a_sealing_that_is_killed_at_any_moment_leaves_a_case_that_verifies() {
    let mut chance = fastrand::Rng::with_seed(3);
    for _ in 0..12 {
        let bench = Bench::new();
        run(&bench.case(), "1");
        let mut child = bench.command(&["case", "seal"]).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_micros(chance.u64(0..60_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        bench.run(&["case", "verify"]).expect(0);
        let sealed = bench.case().join("SHA256SUMS").exists();
        bench.run(&["case", "seal"]).expect(if sealed { 7 } else { 0 });
        bench.run(&["case", "verify"]).expect(0);
        assert!(sums_agree(&bench.case()));
    }
}

#[test]
fn a_seal_that_is_taken_away_or_added_to_is_named() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    run(dir, "1");
    fs_err::write(dir.join("notes.txt"), "mine").unwrap();
    let report = verify(dir);
    assert!(report.ok && report.notes == ["notes.txt: no part of the case"], "{report:?}");
    fs_err::remove_file(dir.join("notes.txt")).unwrap();
    seal(dir, Some(b"a signature"));
    let trouble = |expected: Trouble, path: &str| {
        let report = verify(dir);
        let found: Vec<_> = report.problems.iter().map(|problem| (problem.trouble, problem.path.as_str())).collect();
        assert_eq!(found, [(expected, path)]);
    };
    for name in ["SHA256SUMS", "SHA256SUMS.p7s"] {
        fs_err::rename(dir.join(name), dir.join("../aside")).unwrap();
        trouble(Trouble::Missing, name);
        fs_err::rename(dir.join("../aside"), dir.join(name)).unwrap();
    }
    fs_err::write(dir.join("notes.txt"), "mine").unwrap();
    trouble(Trouble::Extra, "notes.txt");
    fs_err::remove_file(dir.join("notes.txt")).unwrap();
    assert_clean(dir);
}

#[cfg(feature = "lab")]
mod signed {
    use super::*;
    use crate::support::site::Site;

    const QUERY: [&str; 5] = ["hunt", "--kql", "DeviceInfo | take 5", "--last", "30d"];

    fn sealed(site: &Site) -> PathBuf {
        site.run(&QUERY).expect(0);
        site.run(&["case", "seal", "--sign"]).expect(0);
        site.run(&["case", "verify"]).expect(0);
        site.bench.case()
    }

    fn openssl_agrees(case: &Path) -> bool {
        let arguments = ["cms", "-verify", "-binary", "-inform", "DER", "-in", "SHA256SUMS.p7s", "-content", "SHA256SUMS", "-noverify"];
        match Command::new("openssl").args(arguments).args(["-out", "/dev/null"]).current_dir(case).output() {
            Ok(output) => output.status.success(),
            Err(error) => {
                eprintln!("SKIPPED: openssl cannot be run: {error}");
                true
            }
        }
    }

    #[test]
    fn by_a_key_from_the_vault_and_by_one_that_stays_there() {
        for fields in [r#"certificate = "ir-app""#, r#"certificate = "ir-app-sign", sign = "vault""#] {
            let site = Site::shared().vaulted(fields);
            let case = sealed(&site);
            assert!(sums_agree(&case) && openssl_agrees(&case), "{fields}");
            let refused = site.run(&QUERY).expect(7);
            assert!(refused.stderr.contains("is sealed"), "{}", refused.stderr);
            site.run(&["case", "seal"]).expect(7);
            site.run(&["case", "verify"]).expect(0);
            assert!(site.run(&["case", "status"]).expect(0).stdout.contains("sealed, signed by CN="));
        }
    }

    #[test]
    fn flipped_bits_of_the_signature_are_found() {
        let site = Site::shared().vaulted(r#"certificate = "ir-app""#);
        let path = sealed(&site).join("SHA256SUMS.p7s");
        let bytes = std::fs::read(&path).unwrap();
        let mut chance = fastrand::Rng::with_seed(11);
        for _ in 0..12 {
            let mut flipped = bytes.clone();
            flipped[chance.usize(0..bytes.len())] ^= 1 << chance.u8(0..8);
            fs_err::write(&path, &flipped).unwrap();
            let found = site.run(&["case", "verify"]).expect(7);
            assert!(found.stdout.contains("SHA256SUMS.p7s"), "{}", found.stdout);
        }
        fs_err::write(&path, &bytes).unwrap();
        site.run(&["case", "verify"]).expect(0);
    }

    #[test]
    fn a_profile_without_a_certificate_cannot_sign() {
        let site = Site::shared().vaulted(r#"secret = "ir-app-secret""#);
        site.run(&QUERY).expect(0);
        let refused = site.run(&["case", "seal", "--sign"]).expect(2);
        assert!(refused.stderr.contains("has no certificate to sign with"), "{}", refused.stderr);
        site.run(&["case", "verify"]).expect(0);
        site.run(&QUERY).expect(0);
    }

    #[test]
    fn a_damaged_case_is_not_sealed() {
        let site = Site::shared();
        site.run(&QUERY).expect(0);
        let file = site.files().remove(0);
        let bytes = std::fs::read(&file).unwrap();
        fs_err::write(&file, &bytes[1..]).unwrap();
        site.run(&["case", "seal"]).expect(7);
        assert!(!site.bench.case().join("SHA256SUMS").exists());
        fs_err::write(&file, &bytes).unwrap();
        site.run(&["case", "seal"]).expect(0);
        site.run(&["case", "verify"]).expect(0);
    }
}
