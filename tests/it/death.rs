//! The real binary, ended in the middle of a hunt: by SIGKILL at any moment, by Ctrl-C, by SIGTERM. What is whole stays, what is not
//! leaves no trace, and the next run goes on.

#![cfg(unix)]

use crate::{
    loopback::{Reply, Root, Server},
    support::{
        Bench, Outcome,
        site::{Site, faulty},
        summary::{self, text},
    },
};
use ircollect::lab::Options;
use serde_json::{Value, json};
use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const WINDOW: [&str; 4] = ["--from", "2026-06-20", "--to", "2026-06-30"];
const ROWS: &str = "DeviceProcessEvents | project Timestamp, DeviceName, FileName, ProcessCommandLine";

/// A company whose days are pinned, behind a line that is as slow as the test wants it.
fn slow(chunk: usize, pause: u64) -> Site {
    let end = "2026-06-30T12:00:00Z".parse().unwrap();
    Site::new(Options { end: Some(end), slow_chunk: chunk, slow_pause: Duration::from_millis(pause), gzip: false, ..faulty(&["slow"]) })
}

fn spawn(bench: &Bench, arguments: &[&str]) -> Child {
    bench.command(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits for a child that was told to end, which it has to do soon.
#[track_caller]
fn ended(mut child: Child) -> Outcome {
    let patience = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(patience.elapsed() < Duration::from_secs(20), "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Outcome { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

#[track_caller]
fn until(what: &str, is: impl Fn() -> bool) {
    let patience = Instant::now();
    while !is() {
        assert!(patience.elapsed() < Duration::from_mins(1), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn lines(case: &Path, job: &Value) -> Vec<String> {
    let rows = std::fs::read_to_string(case.join(text(&job["files"][0]["path"]))).unwrap();
    let mut lines: Vec<String> = rows.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_kill_at_any_moment_leaves_a_case_that_verifies_and_a_next_run_works() {
    let site = slow(64 * 1024, 5);
    let arguments = [&["hunt", "--kql", ROWS, "--kql", "DeviceInfo | take 3", "--slice", "2d"], &WINDOW[..]].concat();
    let began = Instant::now();
    let whole = site.summary(0, &arguments);
    let length = u64::try_from(began.elapsed().as_micros()).unwrap();
    let expected = lines(&site.bench.case(), &whole["jobs"][0]);
    let cases = ["killed-1", "killed-2"].map(|name| site.bench.path(name));
    for round in 0..40 {
        let case = cases[round % 2].display().to_string();
        let mut child = site.command(&arguments).args(["--case", &case]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(fastrand::u64(..length)));
        child.kill().unwrap();
        child.wait().unwrap();
        if cases[round % 2].join("case.json").exists() {
            site.run(&["case", "verify", "--case", &case]).expect(0);
        }
    }
    let mut unended = 0;
    for case in &cases {
        let case = case.display().to_string();
        let status = site.run(&["case", "status", "--json", "--case", &case]).expect(0).json();
        unended += status["status"]["runs"].as_array().unwrap().iter().filter(|run| run["status"].is_null()).count();
        let after = site.summary(0, &[&arguments[..], &["--case", &case]].concat());
        assert_eq!(lines(Path::new(&case), &after["jobs"][0]), expected);
        site.run(&["case", "verify", "--case", &case]).expect(0);
        assert_eq!(summary::leftovers(Path::new(&case)), Vec::<std::path::PathBuf>::new(), "the next run puts all in order");
    }
    assert!(unended >= 10, "of 40 kills only {unended} met a run at work");
}

#[test]
fn what_was_killed_goes_on_with_resume_and_ends_with_the_same_rows() {
    let site = slow(64 * 1024, 5);
    let arguments = [&["hunt", "--kql", ROWS, "--slice", "1d", "--resume"], &WINDOW[..]].concat();
    let began = Instant::now();
    let whole = site.summary(0, &[&arguments[..], &["--case", "whole"]].concat());
    let length = u64::try_from(began.elapsed().as_micros()).unwrap();
    for _ in 0..8 {
        let mut child = site.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(length / 3 + fastrand::u64(..length / 3)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let resumed = site.summary(0, &arguments);
    assert_eq!(lines(&site.bench.case(), &resumed["jobs"][0]), lines(&site.bench.path("whole"), &whole["jobs"][0]));
    assert_eq!(site.files().len(), 1, "the parts are in one file");
    site.verify();
    let again = site.summary(0, &arguments);
    assert_eq!((&again["jobs"][0]["calls"], &again["jobs"][0]["files"]), (&json!(0), &resumed["jobs"][0]["files"]));
}

#[test]
fn an_interrupted_run_keeps_what_is_whole_and_says_so() {
    for name in ["INT", "TERM"] {
        let site = slow(2_000, 100);
        let arguments = [&["hunt", "--kql", "DeviceInfo | take 1", "--kql", ROWS, "--concurrency", "1", "--json"], &WINDOW[..]].concat();
        let child = spawn(&site.bench, &arguments);
        let stored = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "ndjson");
        until("the first file", || site.files().iter().any(stored));
        signal(&child, name);
        let outcome = ended(child).expect(130);
        let json = outcome.json();
        summary::hold_to_contract(&json, site.bench.folder.path(), 130);
        let [first, second] = json["jobs"].as_array().unwrap().as_slice() else { panic!("{json}") };
        assert_eq!((&json["status"], &first["status"], &second["error"]["exit"]), (&json!("interrupted"), &json!("complete"), &json!(130)));
        assert!(text(&second["error"]["hint"]).contains("--resume"), "{second}");
        assert!(outcome.stderr.contains("interrupted"), "{}", outcome.stderr);
        site.verify();
        let status = site.run(&["case", "status", "--json"]).expect(0).json();
        let run = &status["status"]["runs"][0];
        assert_eq!((&run["status"], &run["exit"]), (&json!("interrupted"), &json!(130)));
    }
}

#[test]
fn an_interruption_while_waiting_for_an_answer_ends_at_once() {
    let site = Site::new(faulty(&["hang"]));
    let child = spawn(&site.bench, &["hunt", "--kql", "DeviceInfo | take 1", "--json"]);
    until("the call", || {
        site.lab.seen().iter().any(|seen| seen.path.ends_with("/token")) && site.bench.case().join("journal.jsonl").exists()
    });
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    signal(&child, "INT");
    let json = ended(child).expect(130).json();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    summary::hold_to_contract(&json, site.bench.folder.path(), 130);
    site.verify();
}

#[test]
fn an_interruption_while_waiting_for_a_token_ends_at_once() {
    let root = Root::new();
    let server = Server::https(&root, |_, _| Reply::json(200, &json!({})).late(Duration::from_secs(30)));
    let bench = Bench::new().env("E2E_SECRET", "secret");
    bench.write("ca.pem", root.pem());
    let url = server.url();
    bench.write(
        "ircollect.toml",
        format!(
            "[profiles.a]\ntenant = \"6f1c1c52-3b8e-4b0e-9f0a-5d6c7a1e2b34\"\napp_id = \"c0113c70-0000-4000-8000-000000000001\"\ncloud = \"c\"\n\
             credential = {{ secret_env = \"E2E_SECRET\" }}\n[clouds.c]\nauthority = \"{url}\"\ngraph = \"{url}\"\nca_file = \"ca.pem\"\n"
        ),
    );
    let child = spawn(&bench, &["hunt", "--kql", "T", "--json"]);
    until("the request", || !server.seen().is_empty());
    signal(&child, "TERM");
    let json = ended(child).expect(130).json();
    summary::hold_to_contract(&json, bench.folder.path(), 130);
    bench.run(&["case", "verify"]).expect(0);
}

#[test]
fn a_reader_that_goes_away_does_not_harm_the_case() {
    let site = Site::shared();
    let mut child = spawn(&site.bench, &["hunt", "--kql", "DeviceProcessEvents | take 2000", "--output", "-"]);
    drop(child.stdout.take());
    let outcome = ended(child);
    assert!([0, 7].contains(&outcome.code) && !outcome.stderr.contains("panicked"), "{} {}", outcome.code, outcome.stderr);
    assert_eq!(site.files().len(), 1);
    site.verify();
}
