//! A hunt from the vault to the disk, by the real binary against a lab: what is stored, what the summary says, what standard output
//! carries.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::{
    Bench, example,
    site::Site,
    summary::{self, files_below, sha256, text, time},
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const SHELLS: &str =
    "DeviceProcessEvents\n| where FileName =~ \"powershell.exe\"\n| project Timestamp, DeviceName, ProcessId, ProcessCommandLine\n";

fn stored(site: &Site, job: &Value) -> Vec<u8> {
    std::fs::read(site.bench.case().join(text(&job["files"][0]["path"]))).unwrap()
}

fn lines(bytes: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = std::str::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn journal(site: &Site) -> Vec<Value> {
    let text = std::fs::read_to_string(site.bench.case().join("journal.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn rows_arrive_as_the_api_sent_them_and_the_summary_says_so() {
    let site = Site::shared();
    site.bench.write("queries/shells.kql", SHELLS);
    let began = jiff::Timestamp::now();
    let summary = site.summary(0, &["hunt", "--query", "queries/shells.kql", "--api", "graph"]);
    let [job] = summary["jobs"].as_array().unwrap().as_slice() else { panic!("{summary}") };
    let expected = json!({
        "kind": "hunt", "name": "shells", "file": "queries/shells.kql", "tenant": site.lab.tenant(), "profile": "lab", "api": "graph",
        "status": "complete", "counted": null, "counted_at": null, "difference": null, "calls": 1, "retries": 0, "throttled_seconds": 0.0, "gaps": [], "error": null,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(job[key], *value, "{key}");
    }
    assert_eq!((&summary["command"], &summary["status"], &summary["skipped"]), (&json!("hunt"), &json!("complete"), &json!([])));
    assert_eq!(summary["case"], "ircollect-case");
    let (from, to) = (time(&job["window"]["from"]), time(&job["window"]["to"]));
    assert_eq!(to.duration_since(from).as_hours(), 30 * 24);
    assert!(to.duration_since(time(&summary["started"])).as_millis().abs() < 1000 && to >= began - jiff::SignedDuration::from_secs(1));

    let told = site.ask(SHELLS, &job["window"]);
    let mut sent = told.rows;
    sent.sort();
    assert!(!sent.is_empty());
    assert_eq!(lines(&stored(&site, job)), sent);
    let path = Path::new(text(&job["files"][0]["path"])).to_owned();
    assert!(path.starts_with(Path::new("data").join(site.lab.tenant()).join("hunt/shells")), "{path:?}");
    assert_eq!(site.files(), [site.bench.case().join(&path)], "one file and no other");

    let events = journal(&site);
    let file = events.iter().find(|event| event["event"] == "file").unwrap();
    for key in ["path", "rows", "bytes", "sha256"] {
        assert_eq!(file[key], job["files"][0][key], "{key}");
    }
    assert!(text(&file["query"]).contains(SHELLS.trim()), "the text sent holds the author's as it is: {}", file["query"]);
    let schema: Vec<(String, String)> = serde_json::from_value::<Vec<Value>>(file["schema"].clone())
        .unwrap()
        .iter()
        .map(|column| (text(&column["name"]).to_owned(), text(&column["type"]).to_owned()))
        .collect();
    assert_eq!(schema, told.columns);
    site.verify();
}

#[test]
fn the_first_event_says_who_ran_what_where_and_when() {
    let site = Site::shared();
    site.summary(0, &["hunt", "--kql", "DeviceInfo | take 1"]);
    let events = journal(&site);
    let first = &events[0];
    let config = sha256(&std::fs::read(site.config()).unwrap());
    assert_eq!((&first["event"], &first["configuration_sha256"]), (&json!("run-started"), &json!(config)));
    assert_eq!(first["command_line"].as_array().unwrap()[1..], ["hunt", "--kql", "DeviceInfo | take 1", "--json"]);
    assert!(!text(&first["user"]).is_empty() && !text(&first["host"]).is_empty() && first["tool_version"] == env!("CARGO_PKG_VERSION"));
    assert!(first["clock_skew_seconds"].as_f64().unwrap().abs() < 5.0, "{first}");
    time(&first["time"]);
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["status"], &last["exit"]), (&json!("run-ended"), &json!("complete"), &json!(0)));
    let requests: Vec<&Value> = events.iter().filter(|event| event["event"] == "request").collect();
    assert!(requests.iter().any(|request| text(&request["url"]).ends_with("/v1.0/security/runHuntingQuery") && request["status"] == 200));
    assert!(requests.iter().all(|request| !text(&request["client_request_id"]).is_empty()));
    let names = ["case.json", "journal.jsonl", "data"].map(|name| site.bench.case().join(name));
    for path in &names {
        summary::private(path);
    }
    let info: Value = serde_json::from_slice(&std::fs::read(&names[0]).unwrap()).unwrap();
    assert!(info["format"] == 1 && !text(&info["id"]).is_empty() && info["tool_version"] == env!("CARGO_PKG_VERSION"), "{info}");
    time(&info["created"]);
}

#[test]
fn the_same_query_over_the_same_window_is_another_file() {
    let site = Site::shared();
    let now = site.lab.now();
    let (from, to) = ((now - jiff::SignedDuration::from_hours(72)).to_string(), now.to_string());
    let arguments = ["hunt", "--kql", SHELLS, "--from", &from, "--to", &to];
    let first = site.summary(0, &arguments);
    let before = stored(&site, &first["jobs"][0]);
    let second = site.summary(0, &arguments);
    let paths = [&first, &second].map(|summary| text(&summary["jobs"][0]["files"][0]["path"]).to_owned());
    assert_eq!(first["jobs"][0]["window"], second["jobs"][0]["window"]);
    assert_ne!(paths[0], paths[1]);
    assert_eq!(stored(&site, &first["jobs"][0]), before, "a later run leaves an earlier one's files alone");
    assert_eq!(site.files().len(), 2);
    site.verify();
}

#[test]
fn windows_are_half_open_and_kept_to_the_tick() {
    let site = Site::shared();
    let arguments = ["hunt", "--kql", "DeviceInfo | take 1", "--from", "2026-01-01", "--to", "2026-01-02T00:00:00.123456789Z"];
    let summary = site.summary(0, &arguments);
    let window = json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00.1234567Z"});
    assert_eq!(summary["jobs"][0]["window"], window);
    let summary = site.summary(0, &["hunt", "--kql", "DeviceInfo | take 1", "--last", "1d12h"]);
    let window = &summary["jobs"][0]["window"];
    assert_eq!(time(&window["to"]).duration_since(time(&window["from"])).as_hours(), 36);
}

#[test]
fn a_job_without_rows_has_its_file_all_the_same() {
    let site = Site::shared();
    let summary = site.summary(0, &["hunt", "--kql", "DeviceInfo | take 0"]);
    assert_eq!((&summary["jobs"][0]["rows"], &summary["jobs"][0]["files"][0]["bytes"]), (&json!(0), &json!(0)));
    site.verify();
}

#[test]
fn output_copies_the_rows_and_leaves_them_in_the_case() {
    let site = Site::shared();
    site.bench.write("q.kql", SHELLS);
    let summary = site.summary(0, &["hunt", "--query", "q.kql", "--output", "rows.ndjson"]);
    let rows = stored(&site, &summary["jobs"][0]);
    assert_eq!(std::fs::read(site.bench.path("rows.ndjson")).unwrap(), rows);
    let piped = site.run(&["hunt", "--query", "q.kql", "--output", "-"]).expect(0);
    assert_eq!(lines(piped.stdout.as_bytes()), lines(&rows), "standard output carries rows and nothing else");
    assert!(piped.stderr.contains("complete"), "{}", piped.stderr);
    assert_eq!(site.files().len(), 2);
    site.verify();
}

#[test]
fn without_json_standard_output_is_empty_and_people_are_told_where_the_rows_are() {
    let site = Site::shared();
    let outcome = site.run(&["hunt", "--kql", "DeviceInfo | take 3"]).expect(0);
    assert_eq!(outcome.stdout, "");
    let [file] = site.files().try_into().unwrap();
    let hash = sha256(&std::fs::read(&file).unwrap());
    let shown = file.strip_prefix(site.bench.folder.path()).unwrap().display().to_string();
    for word in ["complete", "3 rows", shown.as_str(), hash.as_str()] {
        assert!(outcome.stderr.contains(word), "`{word}` is not in\n{}", outcome.stderr);
    }
    let silent = site.run(&["hunt", "--kql", "DeviceInfo | take 3", "-qq"]).expect(0);
    assert_eq!((silent.stdout.as_str(), silent.stderr.as_str()), ("", ""));
}

#[test]
fn a_query_comes_from_standard_input_from_text_and_from_what_windows_writes() {
    let site = Site::shared();
    let piped = site.bench.run_with_input(&["hunt", "--query", "-", "--json"], b"DeviceInfo\n\n| take 2\n").expect(0).json();
    summary::hold_to_contract(&piped, site.bench.folder.path(), 0);
    assert_eq!((&piped["jobs"][0]["file"], &piped["jobs"][0]["rows"]), (&json!("-"), &json!(2)));
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain("DeviceInfo | take 4\r\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    site.bench.write("wide.kql", utf16);
    site.bench.write("marked.kql", "\u{feff}DeviceInfo | take 1");
    let arguments = ["hunt", "--query", "wide.kql", "marked.kql", "--kql", "DeviceInfo | take 3", "--kql", "DeviceInfo | take 2"];
    let summary = site.summary(0, &arguments);
    let rows: Vec<&Value> = summary["jobs"].as_array().unwrap().iter().map(|job| &job["rows"]).collect();
    assert_eq!(rows, [4, 1, 3, 2], "jobs stand in the order they were given");
    assert_eq!(summary["jobs"].as_array().unwrap().iter().filter(|job| job.get("file").is_some()).count(), 2);
    site.verify();
}

#[test]
fn global_flags_stand_before_or_after_the_command() {
    let site = Site::shared();
    for arguments in [
        ["--json", "--case", "c1", "hunt", "--kql", "DeviceInfo | take 1"],
        ["hunt", "--json", "--kql", "DeviceInfo | take 1", "--case", "c1"],
    ] {
        let summary = site.run(&arguments).expect(0).json();
        summary::hold_to_contract(&summary, site.bench.folder.path(), 0);
        assert_eq!(summary["case"], "c1");
    }
    assert_eq!(files_below(&site.bench.path("c1/data")).len(), 2);
    assert!(!site.bench.case().exists());
}

#[test]
fn several_tenants_are_several_jobs() {
    let site = Site::shared();
    let arguments = ["hunt", "--kql", "DeviceInfo | take 1", "--tenant", "brackwater.example", "--tenant", site.lab.tenant()];
    let summary = site.summary(0, &arguments);
    let tenants: Vec<&str> = summary["jobs"].as_array().unwrap().iter().map(|job| text(&job["tenant"])).collect();
    assert_eq!(tenants, ["1ab00000-0000-4000-8000-00000000f00d", site.lab.tenant()], "a domain is resolved to its directory id");
    let folders: Vec<PathBuf> =
        site.files().iter().map(|file| file.strip_prefix(site.bench.case()).unwrap().iter().take(2).collect()).collect();
    assert_eq!(folders.len(), 2);
    assert_ne!(folders[0], folders[1]);
    let mixed = site.summary(6, &["hunt", "--kql", "DeviceInfo | take 1", "--tenant", "nobody.example", "--tenant", site.lab.tenant()]);
    assert_eq!(mixed["jobs"][0]["error"]["code"], "AADSTS90002");
    assert_eq!((&mixed["status"], &mixed["jobs"][1]["status"]), (&json!("partial"), &json!("complete")));
    let none = site.summary(3, &["hunt", "--kql", "DeviceInfo | take 1", "--tenant", "nobody.example", "--tenant", "noone.example"]);
    assert_eq!((&none["status"], none["jobs"].as_array().unwrap().len()), (&json!("failed"), 2));
    site.verify();
}

#[test]
fn the_exit_code_of_several_queries_follows_from_all_of_them() {
    let site = Site::shared();
    let (good, bad) = ("DeviceInfo | take 1", "NoSuchTable | take 1");
    for (queries, code, status) in [
        (vec![good, good], 0, "complete"),
        (vec![bad, bad], 5, "failed"),
        (vec![good, bad], 6, "partial"),
        (vec![bad, good, good], 6, "partial"),
        (vec!["", bad], 5, "failed"),
    ] {
        let flags: Vec<&str> = queries.iter().flat_map(|query| ["--kql", query]).collect();
        let summary = site.summary(code, &[&["hunt"], flags.as_slice()].concat());
        assert_eq!(summary["status"], status, "{queries:?}");
        for (job, query) in summary["jobs"].as_array().unwrap().iter().zip(queries) {
            assert_eq!(job["status"], if query == good { "complete" } else { "failed" });
        }
    }
    site.verify();
}

#[test]
fn an_empty_query_file_is_one_refused_entry() {
    let site = Site::shared();
    site.bench.write("empty.kql", "\n\n  \n");
    let summary = site.summary(5, &["hunt", "--query", "empty.kql"]);
    let [job] = summary["jobs"].as_array().unwrap().as_slice() else { panic!("{summary}") };
    assert_eq!((&job["file"], &job["name"], &job["calls"]), (&json!("empty.kql"), &json!("empty"), &json!(0)));
    site.verify();
}

#[test]
fn explain_needs_no_configuration_and_calls_nobody() {
    let bench = Bench::new();
    let query = example("encoded-powershell.kql");
    let bad = bench.write("bad.kql", "DeviceInfo\n| whre DeviceId == 1\n| take 1").display().to_string();
    let outcome = bench.run(&["hunt", "--query", &query, "--last", "7d", "--explain"]).expect(0);
    assert!(outcome.stdout.contains("encoded-powershell") && outcome.stdout.contains("DeviceProcessEvents"), "{}", outcome.stdout);
    let explained = bench.run(&["hunt", "--explain", "--json", "--query", &query, &bad]).expect(5).json();
    let [good, bad] = explained["queries"].as_array().unwrap().as_slice() else { panic!("{explained}") };
    for entry in [good, bad] {
        for key in ["name", "file", "ok", "error", "tables", "row_wise", "reason", "parameters", "windows", "kql"] {
            assert!(entry.get(key).is_some(), "no `{key}` in {entry}");
        }
    }
    assert_eq!((&good["ok"], &good["error"], &good["tables"][0]), (&json!(true), &Value::Null, &json!("DeviceProcessEvents")));
    let window = &good["windows"][0];
    assert_eq!(time(&window["to"]).duration_since(time(&window["from"])).as_hours(), 30 * 24);
    let sliced = bench.run(&["hunt", "--explain", "--json", "--query", &query, "--last", "30h", "--slice", "12h"]).expect(0).json();
    let windows = sliced["queries"][0]["windows"].as_array().unwrap();
    assert_eq!(windows.len(), 3, "{sliced}");
    assert!(text(&sliced["queries"][0]["kql"]).contains(text(&windows[0]["to"])), "the text of the first window: {sliced}");
    let text_of_file = std::fs::read_to_string(&query).unwrap();
    let sent = text(&good["kql"]);
    assert!(text_of_file.trim().lines().all(|line| sent.contains(line)), "what is sent holds the author's text as it is: {sent}");
    assert_eq!(sent.lines().count(), text_of_file.trim_end().lines().count(), "line numbers stay as they are");
    assert_eq!((&bad["ok"], &bad["error"]["line"]), (&json!(false), &json!(2)));
    assert!(!text(&bad["error"]["message"]).is_empty() && bad["error"]["column"].is_u64());
    assert!(!bench.case().exists(), "explaining makes no case");
}
