//! The case directory as evidence: what is refused, what is found, what is put in order.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too, though clippy does not see it")]

use ircollect::{
    error::Kind,
    journal::{Column, Event, Gap, Job, JobEnded, JobStarted, Outcome, Report, RunEnded, RunStarted, Trouble, Work},
    store::{Case, Facts, Format, Output, Place, Written},
    time::Window,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub(crate) const TENANT: &str = "11111111-2222-3333-4444-555555555555";

pub(crate) fn window() -> Window {
    Window::new("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-31T00:00:00Z".parse().unwrap()).unwrap()
}

pub(crate) fn job(id: &str) -> Job {
    let (tenant, api, query_sha256) = (TENANT.to_owned(), "graph".to_owned(), Some("ab".repeat(32)));
    Job {
        id: id.into(),
        kind: Work::Hunt,
        name: "q".into(),
        tenant,
        profile: "p".into(),
        api,
        query_sha256,
        window: Some(window()),
        ..Job::default()
    }
}

pub(crate) fn open(dir: &Path) -> Case {
    let case = when_free(dir);
    case.journal().prepare(RunStarted::here("0.1.0", vec!["ircollect".into(), "hunt".into()], None));
    case
}

/// Opens a case that this process let go of. A child that another test is just starting holds the lock until it has become another
/// program.
pub(crate) fn when_free(dir: &Path) -> Case {
    for _ in 0..500 {
        match Case::open(dir, "0.1.0") {
            Err(error) if error.code() == "CaseInUse" => std::thread::sleep(std::time::Duration::from_millis(10)),
            opened => return opened.unwrap(),
        }
    }
    panic!("{} is in use", dir.display());
}

pub(crate) fn store(case: &Case, id: &str, rows: &[&str], replaces: &[Written]) -> ircollect::error::Result<Written> {
    let place = case.reserve(&Place::hunt(TENANT, "q", Some(window()), Format::Ndjson));
    let mut draft = case.draft(&place)?;
    rows.iter().try_for_each(|row| draft.row(row.as_bytes()))?;
    let schema = vec![Column { name: "Timestamp".into(), kind: "datetime".into() }];
    let replaces = replaces.iter().map(|file| file.path.clone()).collect();
    case.commit(draft.seal()?, Facts { job: job(id), query: Some("T | take 1".into()), schema, replaces, ..Facts::default() })
}

/// A whole run: a job with a part that gives way, a file, a gap, an end.
pub(crate) fn run(dir: &Path, id: &str) -> Written {
    let case = open(dir);
    let journal = case.journal();
    journal.append(Event::JobStarted(JobStarted { job: job(id), resumed: false })).unwrap();
    let part = store(&case, id, &["{\"a\":1}"], &[]).unwrap();
    let file = store(&case, id, &["{\"a\":1}", "{\"a\":2}"], &[part]).unwrap();
    journal.append(Event::Gap(Gap::new(job(id), Some(window()), "429"))).unwrap();
    journal.append(Event::JobEnded(JobEnded { job: job(id), status: Outcome::Partial, rows: 2, ..JobEnded::default() })).unwrap();
    journal.append(Event::RunEnded(RunEnded { exit: 6, ..RunEnded::default() })).unwrap();
    file
}

pub(crate) fn verify(dir: &Path) -> Report {
    Case::read(dir).unwrap().verify(&|_| ()).unwrap()
}

pub(crate) fn assert_clean(dir: &Path) {
    let report = verify(dir);
    assert!(report.ok && report.notes.is_empty(), "{report:?}");
}

/// Every file below `dir`, with its bytes.
fn snapshot(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(snapshot(&entry.path()));
        } else {
            found.insert(entry.path(), std::fs::read(entry.path()).unwrap());
        }
    }
    found
}

/// Tells what a damaged case is called, by `verify` or by the refusal to read it.
fn troubles(dir: &Path) -> Vec<Trouble> {
    match Case::read(dir) {
        Err(error) => {
            assert_eq!(error.kind(), Kind::Disk);
            vec![Trouble::Unreadable]
        }
        Ok(view) => view.verify(&|_| ()).unwrap().problems.into_iter().map(|problem| problem.trouble).collect(),
    }
}

#[test]
fn a_run_leaves_a_case_that_verifies_and_tells() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("a/case");
    let file = run(&dir, "1");
    assert_clean(&dir);
    assert_eq!(file.path, format!("data/{TENANT}/hunt/q/20260101T000000Z_20260131T000000Z-2.ndjson"));
    assert_eq!(std::fs::read_to_string(dir.join(&file.path)).unwrap(), "{\"a\":1}\n{\"a\":2}\n");
    let status = Case::read(&dir).unwrap().status().unwrap();
    assert_eq!((status.runs.len(), status.jobs.len(), status.files, status.rows), (1, 1, 1, 2));
    assert_eq!((status.runs[0].exit, status.jobs[0].status.as_str(), status.jobs[0].gaps.len()), (Some(6), "partial", 1));
    let case = open(&dir);
    let known = case.jobs().latest(&job("other")).unwrap();
    assert_eq!((known.files.len(), known.files[0].query.as_deref()), (1, Some("T | take 1")));
}

#[cfg(unix)]
#[test]
fn everything_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("case");
    run(&dir, "1");
    for path in snapshot(&dir).into_keys() {
        for path in path.ancestors().take_while(|path| path.starts_with(&dir)) {
            let mode = path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        }
    }
}

#[test]
fn the_same_window_again_is_another_file() {
    let home = tempfile::tempdir().unwrap();
    let (first, second) = (run(home.path(), "1"), run(home.path(), "2"));
    assert_ne!(first.path, second.path);
    assert_clean(home.path());
    let case = open(home.path());
    let place = Place::hunt(TENANT, "q", Some(window()), Format::Csv);
    assert!(case.reserve(&place).path().ends_with("-5.csv"), "a csv counts on where the ndjson files are");
    let draft = || {
        let mut draft = case.draft(&place).unwrap();
        draft.row(b"{}").unwrap();
        draft.seal().unwrap()
    };
    case.commit(draft(), Facts::default()).unwrap();
    assert!(case.commit(draft(), Facts::default()).is_err(), "no path is given twice");
    drop(case);
    assert_clean(home.path());
}

#[test]
fn many_tasks_share_a_case() {
    let home = tempfile::tempdir().unwrap();
    let case = open(home.path());
    std::thread::scope(|scope| {
        for task in 0..8 {
            let case = &case;
            scope.spawn(move || (0..5).for_each(|_| drop(store(case, &task.to_string(), &["{}"], &[]).unwrap())));
        }
    });
    let journal = std::sync::Arc::clone(case.journal());
    drop(case);
    assert_eq!(Case::open(home.path(), "0").unwrap_err().code(), "CaseInUse", "the journal may still be written to");
    drop(journal);
    assert_clean(home.path());
    assert_eq!(verify(home.path()).files, 40);
}

#[test]
fn every_flipped_bit_is_found() {
    let home = tempfile::tempdir().unwrap();
    run(home.path(), "1");
    for (path, bytes) in snapshot(home.path()).into_iter().filter(|(path, _)| !path.ends_with(".lock")) {
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            fs_err::write(&path, &flipped).unwrap();
            assert!(!troubles(home.path()).is_empty(), "byte {at} of {}", path.display());
        }
        fs_err::write(&path, &bytes).unwrap();
    }
    assert_clean(home.path());
}

#[test]
fn files_that_are_missing_added_or_swapped_are_named() {
    let home = tempfile::tempdir().unwrap();
    let files = [run(home.path(), "1").path, run(home.path(), "2").path].map(|path| home.path().join(path));
    for path in snapshot(home.path()).into_keys().filter(|path| !path.ends_with(".lock")) {
        let aside = home.path().with_extension("aside");
        fs_err::rename(&path, &aside).unwrap();
        if path.ends_with("case.json") {
            assert_eq!(Case::read(home.path()).unwrap_err().code(), "NotACase");
        } else {
            assert_eq!(troubles(home.path())[0], Trouble::Missing, "{}", path.display());
        }
        fs_err::rename(&aside, &path).unwrap();
    }
    if cfg!(unix) {
        let hostile = files[0].with_file_name("\u{202e}\u{1b}[2J");
        fs_err::write(&hostile, "").unwrap();
        let report = verify(home.path());
        assert!(report.problems[0].path.ends_with("/\\u{202e}\\u{1b}[2J"), "{report:?}");
        fs_err::remove_file(&hostile).unwrap();
    }
    let added = files[0].with_file_name("added.ndjson");
    fs_err::write(&added, "").unwrap();
    assert_eq!(troubles(home.path()), [Trouble::Extra]);
    fs_err::remove_file(&added).unwrap();
    let longer = std::fs::read_to_string(&files[0]).unwrap() + "{}\n";
    fs_err::write(&files[0], longer).unwrap();
    assert_eq!(troubles(home.path()), [Trouble::Changed]);
}

/// Damages the journal line by line.
fn with_lines(dir: &Path, change: impl FnOnce(&mut Vec<String>)) -> Vec<Trouble> {
    let path = dir.join("journal.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
    change(&mut lines);
    fs_err::write(&path, lines.concat()).unwrap();
    let found = troubles(dir);
    assert_eq!(Case::open(dir, "0").unwrap_err().kind(), Kind::Disk, "nothing is added to a journal that was changed");
    fs_err::write(&path, text).unwrap();
    found
}

#[test]
fn lines_that_are_missing_added_or_reordered_are_named() {
    let home = tempfile::tempdir().unwrap();
    run(home.path(), "1");
    let count = std::fs::read_to_string(home.path().join("journal.jsonl")).unwrap().lines().count();
    for at in 0..count {
        let found = with_lines(home.path(), |lines| drop(lines.remove(at)));
        assert!(found.contains(&Trouble::Missing), "line {at} removed: {found:?}");
        let found = with_lines(home.path(), |lines| lines.insert(at, lines[at].clone()));
        assert!(found.contains(&Trouble::Reordered), "line {at} doubled: {found:?}");
        let found = with_lines(home.path(), |lines| lines[at] = lines[at].replacen("\"event\":", "\"event\" :", 1));
        assert!(found.contains(&Trouble::Changed), "line {at} changed: {found:?}");
    }
    for at in 1..count {
        let found = with_lines(home.path(), |lines| lines.swap(at - 1, at));
        assert!(found.contains(&Trouble::Reordered), "lines {} and {at} swapped: {found:?}", at - 1);
    }
    for left in 0..count {
        let found = with_lines(home.path(), |lines| lines.truncate(left));
        assert!(found.contains(&Trouble::Missing), "cut after {left} lines: {found:?}");
    }
    assert_clean(home.path());
}

#[test]
fn what_a_kill_may_leave_is_noted_and_put_in_order() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let file = run(dir, "1");
    let journal = std::fs::read_to_string(dir.join("journal.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(journal.lines().find(|line| line.contains(&file.path)).unwrap()).unwrap();
    let path = dir.join(&file.path);
    let unnamed = path.with_file_name(line["temp"].as_str().unwrap());
    fs_err::rename(&path, &unnamed).unwrap();
    let part = path.with_file_name("20260101T000000Z_20260131T000000Z.ndjson");
    fs_err::write(&part, "{\"a\":1}\n").unwrap();
    fs_err::write(path.with_file_name(".leftover.part"), "{\"a\"").unwrap();
    fs_err::write(dir.join("journal.jsonl"), journal + "{\"seq\":99,").unwrap();
    let report = verify(dir);
    assert!(report.ok && report.notes.len() == 4, "{report:?}");
    drop(open(dir));
    assert_clean(dir);
    assert!(path.exists() && !part.exists());
    let text = std::fs::read_to_string(dir.join("journal.jsonl")).unwrap();
    let actions: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((actions["event"].as_str(), actions["actions"].as_array().unwrap().len()), (Some("repaired"), 4), "{actions}");
}

#[test]
fn an_announced_file_that_was_cut_short_is_lost_and_said_to_be() {
    let home = tempfile::tempdir().unwrap();
    let file = run(home.path(), "1");
    fs_err::remove_file(home.path().join(&file.path)).unwrap();
    drop(open(home.path()));
    assert_eq!(troubles(home.path()), [Trouble::Missing]);
}

#[test]
fn foreign_directories_are_left_as_they_are() {
    let home = tempfile::tempdir().unwrap();
    fs_err::write(home.path().join("thesis.txt"), "mine").unwrap();
    for error in [Case::open(home.path(), "0").unwrap_err(), Case::read(home.path()).unwrap_err()] {
        assert_eq!((error.kind(), error.code().as_str()), (Kind::Disk, "NotACase"));
    }
    assert_eq!(snapshot(home.path()).len(), 1);
    assert_eq!(Case::open(&home.path().join("thesis.txt"), "0").unwrap_err().kind(), Kind::Disk);
    assert_eq!(Case::read(&home.path().join("none")).unwrap_err().kind(), Kind::Disk);
}

#[test]
fn newer_formats_are_refused_and_older_ones_read() {
    let home = tempfile::tempdir().unwrap();
    run(home.path(), "1");
    let path = home.path().join("case.json");
    let text = std::fs::read_to_string(&path).unwrap();
    fs_err::write(&path, text.replace("\"format\": 1", "\"format\": 2")).unwrap();
    for error in [Case::open(home.path(), "0").unwrap_err(), Case::read(home.path()).unwrap_err()] {
        assert_eq!((error.kind(), error.code().as_str()), (Kind::Disk, "NewerCase"));
    }
    fs_err::write(&path, text.replace("\"format\": 1", "\"format\": 0")).unwrap();
    Case::read(home.path()).unwrap();
    Case::open(home.path(), "0").unwrap();
}

#[test]
fn a_creation_that_was_killed_is_taken_up() {
    let home = tempfile::tempdir().unwrap();
    for (name, text) in [(".lock", ""), (".lock.holder", "{"), ("journal.jsonl", ""), ("journal.head", "dur"), (".x.part", "{\"fo")] {
        fs_err::write(home.path().join(name), text).unwrap();
    }
    fs_err::create_dir(home.path().join("data")).unwrap();
    run(home.path(), "1");
    assert!(verify(home.path()).ok);
}

#[test]
fn an_output_is_a_copy() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("case");
    let case = open(&dir);
    let written = store(&case, "1", &["{}"], &[]).unwrap();
    let to = home.path().join("rows.ndjson");
    for _ in 0..2 {
        case.output(&written, &Output::new(&to)).unwrap();
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "{}\n");
    }
    let error = case.output(&written, &Output::new(&home.path().join("none/x"))).unwrap_err();
    assert_eq!(error.kind(), Kind::Disk);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 2);
}
