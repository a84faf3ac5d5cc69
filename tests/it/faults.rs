//! Every way in which a service fails a hunt, over real TLS: what the program makes of it, in its exit code, its words, its summary
//! and its case.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::{
    site::{Site, faulty, generous},
    summary::text,
};
use ircollect::lab::{Options, Service};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// Not to be cut: what fails is the call, not the size of the answer.
const QUERY: [&str; 3] = ["hunt", "--kql", "DeviceInfo | take 1"];

/// What a hunt that was given up has to look like.
struct Expected {
    exit: i32,
    status: &'static str,
    code: &'static str,
    says: &'static str,
    advises: &'static str,
    tries: std::ops::RangeInclusive<u64>,
}

fn hunting_calls(site: &Site) -> usize {
    site.lab.seen().iter().filter(|seen| seen.service == Service::Graph).count()
}

/// Runs a hunt to its bitter end, and holds everything that it leaves and says against what is expected.
#[track_caller]
fn gives_up(site: &Site, max_wait: &str, expected: &Expected) -> Value {
    let began = Instant::now();
    let summary = site.summary(expected.exit, &[&QUERY[..], &["--max-wait", max_wait]].concat());
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let job = &summary["jobs"][0];
    let error = &job["error"];
    assert_eq!((&job["status"], &error["code"]), (&json!(expected.status), &json!(expected.code)), "{job}");
    let message = text(&error["message"]);
    assert!(message.starts_with("hunting on Graph: ") && message.contains(expected.says), "{error}");
    assert!(text(&error["hint"]).contains(expected.advises), "{error}");
    assert!(expected.tries.contains(&job["calls"].as_u64().unwrap()), "{job}");
    assert_eq!(job["calls"].as_u64().unwrap(), job["retries"].as_u64().unwrap() + 1, "{job}");
    assert_eq!(job["gaps"], json!([{"from": job["window"]["from"], "to": job["window"]["to"], "reason": error["message"]}]));
    assert_eq!((&job["rows"], site.files()), (&json!(0), Vec::<PathBuf>::new()));
    site.verify();
    let status = site.run(&["case", "status"]).expect(0).stdout;
    assert!(status.to_lowercase().contains(expected.status), "{status}");
    summary
}

#[test]
fn a_429_that_names_its_wait_is_obeyed_and_then_given_up() {
    let site = Site::new(faulty(&["throttle"]));
    let expected = Expected {
        exit: 6,
        status: "partial",
        code: "TooManyRequests",
        says: "the service answered 429 TooManyRequests: API calls quota exceeded!",
        advises: "give more time by --max-wait",
        tries: 6..=7,
    };
    let summary = gives_up(&site, "2s", &expected);
    assert!(summary["jobs"][0]["throttled_seconds"].as_f64().unwrap() >= 4.0, "{summary}");
    assert!(text(&summary["jobs"][0]["error"]["message"]).contains("request id "));
    assert_eq!(hunting_calls(&site) as u64, summary["jobs"][0]["calls"].as_u64().unwrap());
}

#[test]
fn a_429_without_retry_after_is_given_its_six_tries() {
    let site = Site::new(Options { retry_after: false, ..faulty(&["throttle"]) });
    let says = "the service answered 429 TooManyRequests";
    gives_up(&site, "2s", &Expected { exit: 6, status: "partial", code: "TooManyRequests", says, advises: "--max-wait", tries: 6..=7 });
}

#[test]
fn a_wait_longer_than_is_left_is_not_begun() {
    let site = Site::new(Options { throttle_wait: Duration::from_mins(10), ..faulty(&["throttle"]) });
    let began = Instant::now();
    let advises = "the service asks to wait 600 s, and 5 s are left of --max-wait 5 s";
    gives_up(&site, "5s", &Expected { exit: 6, status: "partial", code: "TooManyRequests", says: "429", advises, tries: 1..=1 });
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_quota_of_processing_is_read_from_its_words() {
    let site = Site::new(Options { throttle_wait: Duration::from_mins(10), ..faulty(&["quota"]) });
    let (says, advises) = ("You have exceeded processing resources allocated to this tenant", "the service asks to wait 600 s");
    gives_up(&site, "5s", &Expected { exit: 6, status: "partial", code: "TooManyRequests", says, advises, tries: 1..=1 });
}

#[test]
fn a_service_that_is_down_is_given_up_after_six_tries() {
    for (fault, code, says) in [
        ("unavailable", "UnknownError", "the service answered 503 UnknownError: no message"),
        ("timeout", "UnknownError", "the service answered 504 UnknownError: no message"),
        ("html", "BadGateway", "the service answered 502 Bad Gateway: HTML instead of JSON"),
    ] {
        let site = Site::new(faulty(&[fault]));
        let summary = gives_up(&site, "1s", &Expected { exit: 1, status: "failed", code, says, advises: "try again later", tries: 6..=9 });
        let message = text(&summary["jobs"][0]["error"]["message"]);
        assert!(message.contains("request id ") && message.contains(" tries"), "{message}");
    }
}

#[test]
fn an_answer_that_is_cut_empty_or_no_json_is_no_answer() {
    for (fault, codes) in [("cut", ["ConnectionLost", "BrokenBody"]), ("malformed", ["BrokenBody", "BrokenBody"])] {
        let site = Site::new(faulty(&[fault]));
        let summary = site.summary(1, &[&QUERY[..], &["--max-wait", "1s"]].concat());
        let error = &summary["jobs"][0]["error"];
        assert!(codes.contains(&text(&error["code"])), "{error}");
        assert!(text(&error["message"]).starts_with("hunting on Graph: ") && text(&error["message"]).contains("tries"), "{error}");
        assert!(summary["jobs"][0]["calls"].as_u64().unwrap() >= 6);
        assert_eq!(site.files(), Vec::<PathBuf>::new());
        site.verify();
    }
}

#[test]
fn a_connection_that_is_dropped_is_tried_again_and_then_named() {
    let site = Site::new(faulty(&["drop"]));
    let says = "the connection was lost to 127.0.0.1";
    gives_up(
        &site,
        "1s",
        &Expected { exit: 1, status: "failed", code: "ConnectionLost", says, advises: "check the network", tries: 6..=9 },
    );
}

#[test]
fn a_service_that_never_answers_is_left_at_the_deadline() {
    let site = Site::new(faulty(&["hang"])).configured(|toml| with_timeout(&toml));
    let says = "no answer came within 1 s";
    gives_up(&site, "1s", &Expected { exit: 1, status: "failed", code: "Timeout", says, advises: "ask for less at once", tries: 6..=9 });
}

fn with_timeout(toml: &str) -> String {
    if toml.contains("[quotas.graph]") {
        return toml.replace("[quotas.graph]", "[quotas.graph]\ntimeout = \"1s\"");
    }
    format!("{toml}\n[quotas.graph]\ntimeout = \"1s\"\n")
}

#[test]
fn a_token_that_is_refused_is_renewed_once_and_then_named() {
    let site = Site::new(faulty(&["expired-token"]));
    let says = "the service answered 401 InvalidAuthenticationToken";
    let expected =
        Expected { exit: 3, status: "failed", code: "InvalidAuthenticationToken", says, advises: "so was a new one", tries: 2..=2 };
    gives_up(&site, "1s", &expected);
}

#[test]
fn a_token_that_expires_in_the_middle_is_renewed_and_nobody_notices() {
    let site = Site::new(Options { token_calls: Some(2), ..generous() });
    let queries = ["--kql", "DeviceInfo | take 1"].repeat(6);
    // One after the other: side by side, a token that one call has just got would be used up by the others.
    let summary = site.summary(0, &[&["hunt", "--concurrency", "1"], queries.as_slice()].concat());
    let retries: u64 = summary["jobs"].as_array().unwrap().iter().map(|job| job["retries"].as_u64().unwrap()).sum();
    assert!(retries >= 1, "{summary}");
    let tokens = site.lab.seen().iter().filter(|seen| seen.path.ends_with("/oauth2/v2.0/token") && seen.status == 200).count();
    assert!(tokens >= 4, "one for the vault, and one for two calls each: {tokens}");
    site.verify();
}

#[test]
fn a_preempted_query_that_cannot_be_cut_is_told_to_ask_for_less() {
    let site = Site::new(faulty(&["preempted"]));
    let summary = site.summary(6, &QUERY);
    let error = &summary["jobs"][0]["error"];
    assert!(text(&error["message"]).contains("preempted") && text(&error["message"]).contains("was not cut"), "{error}");
    assert!(text(&error["hint"]).contains("ask for less"), "{error}");
    site.verify();
}

#[test]
fn a_failing_gateway_does_not_have_a_query_cut_for_ever() {
    for fault in ["timeout", "html"] {
        let site = Site::new(faulty(&[fault]));
        let began = Instant::now();
        let summary = site.summary(1, &["hunt", "--kql", "DeviceInfo", "--max-wait", "2s"]);
        assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
        assert!(hunting_calls(&site) < 60, "{} calls", hunting_calls(&site));
        assert!(text(&summary["jobs"][0]["error"]["message"]).starts_with("hunting on Graph: "), "{summary}");
        site.verify();
    }
}

#[test]
fn bad_kql_is_shown_with_its_line_underlined() {
    let site = Site::shared();
    site.bench.write("bad.kql", "DeviceInfo\n| where NoSuchColumn == 1\n| take 1\n");
    let summary = site.summary(5, &["hunt", "--query", "bad.kql"]);
    let error = &summary["jobs"][0]["error"];
    assert_eq!(error["code"], "BadRequest");
    assert!(text(&error["message"]).contains("400 BadRequest") && text(&error["message"]).contains("NoSuchColumn"), "{error}");
    assert_eq!(summary["jobs"][0]["calls"], 1, "what is refused is not asked again");
    let shown = site.run(&["hunt", "--query", "bad.kql"]).expect(5).stderr;
    assert!(shown.contains("2 | | where NoSuchColumn == 1\n    |         ^^^^^^^^^^^^"), "{shown}");
    site.bench.write("syntax.kql", "DeviceInfo\n| take 1\n| whre X\n");
    let shown = site.run(&["hunt", "--query", "syntax.kql"]).expect(5).stderr;
    assert!(shown.contains("3 | | whre X\n    |   ^"), "{shown}");
    site.verify();
}

/// The same company, once behind a good network and once behind a bad one: what arrives is the same, byte for byte.
#[test]
fn faults_that_heal_cost_tries_and_nothing_else() {
    let end = "2026-06-30T12:00:00Z".parse().unwrap();
    let options = |options: Options| Options { end: Some(end), throttle_wait: Duration::from_millis(10), ..options };
    let queries = ["DeviceInfo", "EmailEvents | project Timestamp, Subject", "IdentityLogonEvents", "AlertInfo"];
    let queries: Vec<&str> = queries.iter().flat_map(|query| ["--kql", query]).collect();
    let window = ["--from", "2026-06-20", "--to", "2026-06-30", "--max-wait", "5m"];
    let arguments = [&["hunt"], queries.as_slice(), &window].concat();
    let rows = |summary: &Value, site: &Site| -> Vec<Vec<String>> {
        let jobs = summary["jobs"].as_array().unwrap().iter();
        let files = jobs.map(|job| std::fs::read_to_string(site.bench.case().join(text(&job["files"][0]["path"]))).unwrap());
        files.map(|text| sorted(&text)).collect()
    };
    let good = Site::new(options(generous()));
    let expected = rows(&good.summary(0, &arguments), &good);
    assert!(expected.iter().all(|rows| !rows.is_empty()));
    let faults = ["throttle=0.2", "unavailable=0.15", "html=0.1", "cut=0.2", "malformed=0.2", "drop=0.2", "slow=0.3"];
    let bad = Site::new(options(faulty(&faults)));
    let summary = bad.summary(0, &arguments);
    assert_eq!(rows(&summary, &bad), expected);
    let sum = |key: &str| -> u64 { summary["jobs"].as_array().unwrap().iter().map(|job| job[key].as_u64().unwrap()).sum() };
    assert!(sum("retries") > 0 && sum("calls") >= 4 + sum("retries"), "{summary}");
    bad.verify();
    let status = bad.run(&["case", "status", "--json"]).expect(0).json();
    assert!(status["status"]["failed_requests"].as_u64().unwrap() > 0, "{status}");
}

fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}
