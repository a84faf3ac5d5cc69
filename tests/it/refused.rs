//! What is wrong with the command line, the configuration or the case is said before anybody is called: exit 2 and exit 7.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::{
    Bench, Outcome,
    site::{Site, faulty},
    summary::{self, text},
};
use serde_json::Value;
use std::{
    process::Stdio,
    time::{Duration, Instant},
};

/// A configuration that leads nowhere: whoever calls somebody gets no answer, and another exit code than 2.
const NOWHERE: &str = r#"
[profiles.one]
tenant = "6f1c1c52-3b8e-4b0e-9f0a-5d6c7a1e2b34"
app_id = "c0113c70-0000-4000-8000-000000000001"
cloud = "nowhere"
credential = { secret_env = "E2E_SECRET" }

[clouds.nowhere]
authority = "https://127.0.0.1:1"
graph = "https://127.0.0.1:1"
"#;

const QUERY: [&str; 3] = ["hunt", "--kql", "DeviceInfo | take 1"];

fn bench(config: &str) -> Bench {
    let bench = Bench::new().env("E2E_SECRET", "x");
    bench.write("ircollect.toml", config);
    bench.write("good.kql", "DeviceInfo | take 1");
    bench
}

#[track_caller]
fn says(outcome: Outcome, code: i32, words: &[&str]) -> Outcome {
    let outcome = outcome.expect(code);
    for word in words {
        assert!(outcome.stderr.contains(word), "`{word}` is not in\n{}", outcome.stderr);
    }
    outcome
}

/// Exit 2 with these words; with `--json` the summary says the same; no case is made.
#[track_caller]
fn usage(bench: &Bench, arguments: &[&str], words: &[&str]) {
    let outcome = says(bench.run(arguments), 2, words);
    assert_eq!(outcome.stdout, "", "{}", outcome.stderr);
    let json = says(bench.run(&[arguments, &["--json"]].concat()), 2, words).json();
    summary::hold_to_contract(&json, bench.folder.path(), 2);
    assert_eq!(json["jobs"], serde_json::json!([]));
    assert!(!bench.case().exists(), "{arguments:?} made a case");
}

#[test]
fn a_wrong_command_line_exits_2_and_names_what_is_wrong() {
    let bench = &bench(NOWHERE);
    let query = |more: &[&'static str]| [&QUERY, more].concat();
    usage(bench, &["hunt", "--query", "no-such.kql"], &["no-such.kql", "No such file"]);
    usage(bench, &["hunt", "--query", "good.kql", "also/missing.kql"], &["also/missing.kql"]);
    usage(bench, &["hunt", "--query", "."], &["`.`", "folder"]);
    usage(bench, &query(&["--from", "2026-02-02", "--to", "2026-02-01"]), &["empty", "2026-02-02", "--from"]);
    usage(bench, &query(&["--from", "2026-02-02", "--to", "2026-02-02"]), &["empty"]);
    usage(bench, &query(&["--from", "yesterday"]), &["--from", "`yesterday`", "2026-01-31T08:00:00Z"]);
    usage(bench, &query(&["--last", "3w"]), &["--last", "`3w`", "30d"]);
    usage(bench, &query(&["--last", "0d"]), &["--last", "`0d`"]);
    usage(bench, &query(&["--kql", "print 1", "--output", "x.ndjson"]), &["--output", "single query"]);
    usage(bench, &query(&["--max-wait", "ever"]), &["--max-wait", "`ever`"]);
    usage(bench, &query(&["--resolve", "kv.test"]), &["--resolve", "kv.test", "HOST=ADDRESS"]);
    usage(bench, &query(&["--ca-file", "absent.pem"]), &["absent.pem"]);
    usage(bench, &query(&["--config", "absent.toml"]), &["absent.toml", "ircollect init"]);
    usage(bench, &query(&["--profile", "on"]), &["`on`", "did you mean `one`?"]);
    usage(bench, &query(&["--tenant", "common"]), &["`common`"]);
    usage(bench, &query(&["--app-id", "ir-collector"]), &["ir-collector", "GUID"]);
    usage(bench, &query(&["--cloud", "nowere"]), &["nowere", "nowhere"]);
}

#[test]
fn what_the_parser_of_arguments_refuses_exits_2_too() {
    let bench = &bench(NOWHERE);
    for (arguments, words) in [
        (&["hunt"][..], &["--query", "--kql"][..]),
        (&["hunt", "--kqll", "print 1"], &["--kqll", "--kql"]),
        (&["hunt", "--kql", "print 1", "--slice", "weekly"], &["weekly", "auto"]),
        (&["hunt", "--kql", "print 1", "--api", "grph"], &["grph", "graph"]),
        (&["hunt", "--kql", "print 1", "--from", "2026-01-01", "--last", "1d"], &["--from", "--last"]),
        (&["hunt", "--kql", "print 1", "--concurrency", "many"], &["many"]),
        (&["hnt"], &["hnt", "hunt"]),
        (&["token"], &["--api"]),
        (&["case", "verifi"], &["verify"]),
        (&[], &["Usage"]),
    ] {
        let outcome = says(bench.run(arguments), 2, words);
        assert_eq!(outcome.stdout, "", "{arguments:?}");
        if arguments.first() == Some(&"hunt") {
            let json = says(bench.run(&[arguments, &["--json"]].concat()), 2, words).json();
            summary::hold_to_contract(&json, bench.folder.path(), 2);
        }
    }
    let both = says(bench.run(&["hunt", "--kql", "print 1", "--json", "--output", "-"]), 2, &["--json", "--output"]);
    assert_eq!(both.stdout, "");
    assert!(!bench.case().exists());
    assert!(bench.run(&["--help"]).expect(0).stderr.is_empty(), "help that is asked for is data");
    assert!(bench.run(&["--version"]).expect(0).stdout.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_is_at_most_100_columns_wide() {
    let bench = Bench::new().env("COLUMNS", "200");
    for command in
        [&["--help"][..], &["hunt", "--help"], &["token", "--help"], &["case", "--help"], &["lab", "--help"], &["init", "--help"]]
    {
        let help = bench.run(command).expect(0).stdout;
        let widest = help.lines().max_by_key(|line| line.chars().count()).unwrap();
        assert!(widest.chars().count() <= 100, "{command:?}: {widest}");
    }
}

#[test]
fn a_wrong_configuration_exits_2_with_the_line_and_the_nearest_key() {
    let with = |from: &str, to: &str| bench(&NOWHERE.replace(from, to));
    let credential = r#"credential = { secret_env = "E2E_SECRET" }"#;
    usage(&with("tenant =", "tenat ="), &QUERY, &["ircollect.toml, line 3", "`tenat`", "did you mean `tenant`?"]);
    usage(&with("secret_env", "secret_evn"), &QUERY, &["line 6", "`secret_evn`", "did you mean `secret_env`?"]);
    usage(&with("graph =", "graf ="), &QUERY, &["line 10", "`graf`"]);
    usage(
        &with(credential, r#"credential = { secret_env = "E2E_SECRET", secret_file = "x" }"#),
        &QUERY,
        &["exactly one", "secret_env", "secret_file"],
    );
    usage(&with(credential, r#"credential = { vault = "kv", secret = "a", certificate = "b" }"#), &QUERY, &["exactly one"]);
    usage(&with(credential, ""), &QUERY, &["no credential", "AZURE_CLIENT_SECRET"]);
    usage(&with("[clouds.nowhere]", "[clouds.other]"), &QUERY, &["nowhere"]);
    usage(&with(r#"graph = "https://127.0.0.1:1""#, r#"graph = "http://graph.test""#), &QUERY, &["http://graph.test", "https"]);
    usage(&with("\n[clouds", "[quotas.graph]\nin_flight = 0\n[clouds"), &QUERY, &["quotas.graph", "0"]);
    usage(&with("\n[clouds", "[quotas.graph]\ntimeout = \"soon\"\n[clouds"), &QUERY, &["quotas.graph", "timeout", "soon"]);
    usage(&with("[profiles.one]", "[profiles.one"), &QUERY, &["ircollect.toml, line 2"]);
    let two = format!("{NOWHERE}\n{}", NOWHERE.replace("profiles.one", "profiles.two").split("[clouds").next().unwrap());
    usage(&bench(&two), &QUERY, &["one, two", "--profile"]);
}

#[test]
fn no_error_shows_a_secret_that_was_put_into_the_file() {
    for line in [r#"client_secret = "hunter2~canary""#, r#"credential = "hunter2~canary""#, r#"credential = { secret = "hunter2~canary" }"#]
    {
        let config = NOWHERE.replace(r#"credential = { secret_env = "E2E_SECRET" }"#, line);
        let outcome = bench(&config).run(&[&QUERY[..], &["--json", "-vvv"]].concat()).expect(2);
        let shown = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(!shown.contains("canary") && shown.contains("a secret never stands in the file"), "{shown}");
    }
}

#[test]
fn a_folder_that_is_no_case_is_left_alone() {
    let site = Site::shared();
    site.bench.write("ircollect-case/notes.txt", "mine");
    let summary = site.summary(7, &QUERY);
    assert_eq!((text(&summary["error"]["code"]), summary["error"]["exit"].as_i64()), ("NotACase", Some(7)));
    assert_eq!(summary::files_below(&site.bench.case()), [site.bench.path("ircollect-case/notes.txt")]);
    for action in ["status", "verify"] {
        says(site.run(&["case", action]), 7, &["is not a case", "--case"]);
        says(site.run(&["case", action, "--case", "absent"]), 7, &["`absent` does not exist"]);
    }
    assert!(!site.bench.path("absent").exists(), "looking makes nothing");
}

#[test]
fn a_case_of_a_newer_format_is_refused_and_left_alone() {
    let site = Site::shared();
    site.summary(0, &QUERY);
    let path = site.bench.case().join("case.json");
    let newer = std::fs::read_to_string(&path).unwrap().replace("\"format\": 1", "\"format\": 2");
    site.bench.write("ircollect-case/case.json", &newer);
    let before = summary::files_below(&site.bench.case());
    let summary = site.summary(7, &QUERY);
    assert_eq!(text(&summary["error"]["code"]), "NewerCase");
    says(site.run(&["case", "status"]), 7, &["format 2"]);
    says(site.run(&["case", "verify"]), 7, &["format 2"]);
    assert_eq!(summary::files_below(&site.bench.case()), before);
}

#[test]
fn a_case_in_use_is_refused_and_the_process_is_named() {
    let site = Site::new(faulty(&["hang"]));
    let mut first = site.command(&QUERY).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let holder = site.bench.case().join(".lock.holder");
    let patience = Instant::now();
    while !holder.exists() && patience.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let process = format!("process {}", first.id());
    let summary = site.summary(7, &QUERY);
    assert_eq!(text(&summary["error"]["code"]), "CaseInUse");
    assert!(text(&summary["error"]["message"]).contains(&process), "{summary}");
    says(site.run(&QUERY), 7, &[&process, "hunt --kql DeviceInfo | take 1", "--case"]);
    assert!(site.run(&["case", "status"]).expect(0).stdout.contains(&process));
    site.run(&["case", "verify"]).expect(0);
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!site.run(&["case", "status"]).expect(0).stdout.contains("process"), "a lock left by a killed run does not count");
    site.summary(5, &["hunt", "--kql", ""]);
    site.verify();
}

#[test]
fn rows_that_cannot_be_copied_to_output_stay_in_the_case() {
    let site = Site::shared();
    let folder = site.bench.path("a-folder");
    std::fs::create_dir(&folder).unwrap();
    let summary = site.summary(7, &[&QUERY[..], &["--output", folder.to_str().unwrap()]].concat());
    let job = &summary["jobs"][0];
    assert_eq!((&job["rows"], &job["status"], &job["error"]["exit"]), (&Value::from(1), &Value::from("partial"), &Value::from(7)));
    assert!(text(&job["error"]["message"]).contains("a-folder"), "{job}");
    site.verify();
}

#[test]
fn a_changed_file_or_journal_is_found_and_nothing_is_added_to_it() {
    let site = Site::shared();
    let summary = site.summary(0, &QUERY);
    let report = site.run(&["case", "verify", "--json"]).expect(0).json()["report"].clone();
    assert_eq!((&report["ok"], &report["files"], &report["problems"]), (&Value::from(true), &Value::from(1), &serde_json::json!([])));
    let file = format!("ircollect-case/{}", text(&summary["jobs"][0]["files"][0]["path"]));
    let rows = std::fs::read_to_string(site.bench.path(&file)).unwrap();
    site.bench.write(&file, rows.replacen('1', "2", 1));
    let outcome = says(site.run(&["case", "verify"]), 7, &["is not as it was written", "hint: "]);
    assert!(
        outcome.stdout.contains("PROBLEM") && outcome.stdout.contains(file.strip_prefix("ircollect-case/").unwrap()),
        "{}",
        outcome.stdout
    );
    assert_eq!(site.run(&["case", "verify", "--json"]).expect(7).json()["report"]["ok"], false);
    site.bench.write(&file, &rows);
    site.run(&["case", "verify"]).expect(0);

    let journal = std::fs::read_to_string(site.bench.path("ircollect-case/journal.jsonl")).unwrap();
    site.bench.write("ircollect-case/journal.jsonl", journal.replacen("\"status\":200", "\"status\":201", 1));
    says(site.run(&["case", "verify"]), 7, &["is not as it was written"]);
    let summary = site.summary(7, &QUERY);
    assert_eq!(text(&summary["error"]["code"]), "CaseDamaged");
    site.bench.write("ircollect-case/journal.jsonl", journal);
    site.verify();
}
