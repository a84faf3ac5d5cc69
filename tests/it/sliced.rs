//! Slicing by the real binary against a lab: caps, faults, retired APIs, deaths. Small where the code is not optimised.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::{
    site::{Site, faulty, generous},
    summary::text,
};
use ircollect::lab::{Caps, Options, Retirement, Service};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    process::Stdio,
    thread,
    time::Duration,
};

/// How many times fewer rows and smaller caps where the code is not optimised.
const SMALLER: u64 = if cfg!(debug_assertions) { 50 } else { 1 };

const CAPS: Caps = Caps { rows: 100_000 / SMALLER, bytes: 50_000_000 / SMALLER };

/// A lab of these caps, and a configuration that says so.
fn site(options: Options) -> Site {
    let caps = options.caps;
    let site = Site::new(options);
    if caps == Caps::default() {
        return site;
    }
    let configured = std::fs::read_to_string(site.config()).unwrap();
    assert!(configured.contains(&caps.rows.to_string()), "a lab with limits of its own says so: {configured}");
    site
}

fn capped(options: Options) -> Options {
    Options { caps: CAPS, end: Some("2026-09-01T00:00:00Z".parse().unwrap()), ..options }
}

/// A day within what the lab keeps: at the edge, rows age out while a test runs.
const WINDOW: [&str; 4] = ["--from", "2026-08-03", "--to", "2026-09-01"];

fn window() -> Value {
    json!({"from": "2026-08-03T00:00:00Z", "to": "2026-09-01T00:00:00Z"})
}

/// A query over the lab's events whose result has about 330,000 rows (fewer where it is smaller), half of them in one hour, each event
/// of that several times at one tick.
fn many_rows(site: &Site) -> (String, u64) {
    let half = 165_000 / SMALLER;
    let events = numbers(site, "DeviceProcessEvents | summarize n = count()")[0].1;
    let sample = format!("DeviceProcessEvents\n| where hash(ReportId, {}) == 0", (events / half).max(1));
    let hours = numbers(site, &format!("{sample} | summarize n = count() by h = bin(Timestamp, 1h)"));
    let (hour, dense) = hours.iter().max_by_key(|(_, rows)| *rows).unwrap();
    let sparse: u64 = hours.iter().map(|(_, rows)| rows).sum::<u64>() - dense;
    let (k, m) = (half.div_ceil(*dense), half.div_ceil(sparse));
    let query = format!(
        "{sample}\n| extend n = range(1, iff(bin(Timestamp, 1h) == datetime({hour}), {k}, {m}))\n| mv-expand n to typeof(long)\n| project Timestamp, DeviceId, ReportId, n"
    );
    (query, k * dense + m * sparse)
}

/// The counts `n` of a query, and the hours `h` that they are of, by a client that is not ours.
fn numbers(site: &Site, query: &str) -> Vec<(String, u64)> {
    let rows = site.ask(query, &window()).rows;
    let rows = rows.iter().map(|row| serde_json::from_str::<Value>(row).unwrap());
    rows.map(|row| (row["h"].as_str().unwrap_or_default().to_owned(), row["n"].as_u64().unwrap())).collect()
}

fn lines(site: &Site, job: &Value) -> Vec<String> {
    let [file] = job["files"].as_array().unwrap().as_slice() else { panic!("one file: {job}") };
    let text = std::fs::read_to_string(site.bench.case().join(file["path"].as_str().unwrap())).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// All rows of the query, by a client that is not ours from a lab that has no caps.
fn expected(query: &str) -> Vec<String> {
    let uncapped = Caps { rows: u64::MAX, bytes: u64::MAX };
    let mut rows = Site::new(Options { caps: uncapped, ..capped(generous()) }).ask(query, &window()).rows;
    rows.sort_unstable();
    rows
}

/// Asserts that both have the same rows, each as often.
#[track_caller]
fn assert_same(found: &[String], expected: &[String]) {
    let differs = found.iter().zip(expected).find(|(found, expected)| found != expected);
    assert!(found.len() == expected.len() && differs.is_none(), "{} rows of {}: {differs:?}", found.len(), expected.len());
}

#[test]
fn a_third_of_a_million_rows_come_once_in_eight_calls_on_each_api() {
    let site = site(capped(generous()));
    let (query, rows) = many_rows(&site);
    let expected = expected(&query);
    assert_eq!(expected.len() as u64, rows);
    for api in ["graph", "xdr", "mde"] {
        let summary = site.summary(0, &[&["hunt", "--kql", &query, "--api", api], &WINDOW[..]].concat());
        let job = &summary["jobs"][0];
        assert_eq!((&job["api"], &job["rows"], &job["counted"]), (&json!(api), &json!(rows), &json!(rows)));
        // A smaller cap takes coarser histograms, too.
        let most = if SMALLER == 1 { 8 } else { 11 };
        assert!(job["calls"].as_u64().unwrap() <= most, "{} calls on {api}", job["calls"]);
        assert_same(&lines(&site, job), &expected);
    }
    site.verify();
}

#[test]
fn a_table_without_time_comes_by_the_hash_of_its_rows() {
    let caps = Caps { rows: 100, ..CAPS };
    let site = site(Options { caps, ..capped(generous()) });
    let query = "DeviceTvmSoftwareInventory | project DeviceId, SoftwareName, SoftwareVersion";
    let expected = expected(query);
    assert!(expected.len() > 300, "{} rows", expected.len());
    for api in ["graph", "mde"] {
        let summary = site.summary(0, &["hunt", "--kql", query, "--api", api]);
        assert_same(&lines(&site, &summary["jobs"][0]), &expected);
        let least = expected.len().div_ceil(100) as u64;
        assert!(summary["jobs"][0]["calls"].as_u64().unwrap() <= 2 * least + 3, "{summary}");
    }
    site.verify();
}

#[test]
fn the_same_rows_come_through_every_fault() {
    let kinds = ["throttle", "quota", "unavailable", "html", "cut", "malformed", "drop", "hang", "expired-token", "slow"];
    let faults: Vec<String> = kinds.iter().map(|kind| format!("{kind}=0.1")).collect();
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    let soon = Duration::from_millis(10);
    let bad =
        Options { hang: Duration::from_secs(30), slow_chunk: 1 << 20, slow_pause: soon, throttle_wait: soon, ..capped(faulty(&faults)) };
    let site = site(bad).configured(|toml| with_timeout(&toml, "4s"));
    let (query, _) = many_rows(&Site::new(capped(generous())));
    let expected = expected(&query);
    // Most calls meet a fault and wait: each further API costs minutes.
    let long = crate::support::is_long();
    for api in if long { &["graph", "xdr", "mde"][..] } else { &["graph"] } {
        let summary = site.summary(0, &[&["hunt", "--kql", &query, "--api", api], &WINDOW[..]].concat());
        assert_same(&lines(&site, &summary["jobs"][0]), &expected);
    }
    site.verify();
}

/// Gives each API's quota a timeout.
fn with_timeout(toml: &str, timeout: &str) -> String {
    let mut text = String::new();
    for line in toml.lines() {
        text.push_str(line);
        text.push('\n');
        if line.starts_with("[quotas.") {
            writeln!(text, "timeout = \"{timeout}\"").unwrap();
        }
    }
    text
}

#[test]
fn one_call_in_four_throttled_costs_little_more() {
    let calls = |options: Options| {
        let site = site(capped(options));
        let (query, rows) = many_rows(&Site::new(capped(generous())));
        let summary = site.summary(0, &[&["hunt", "--kql", &query], &WINDOW[..]].concat());
        assert_eq!(summary["jobs"][0]["rows"], rows);
        site.verify();
        let refused = site.lab.seen().iter().filter(|seen| seen.service == Service::Graph && seen.status == 429).count() as u64;
        assert_eq!(summary["jobs"][0]["retries"], refused, "each refusal costs one call");
        (summary["jobs"][0]["calls"].as_u64().unwrap(), refused)
    };
    let (quiet, none) = calls(generous());
    assert_eq!(none, 0);
    for kind in ["throttle=0.25", "quota=0.25"] {
        let (calls, retries) = calls(faulty(&[kind]));
        assert_eq!(calls - retries, quiet, "{kind}: nothing is asked twice that was answered");
    }
}

#[test]
fn a_retired_api_leads_to_graph_and_says_so() {
    for retirement in [Retirement::Gone, Retirement::NotFound, Retirement::Empty] {
        let site = Site::new(Options { retirement, ..generous() });
        for api in ["xdr", "mde"] {
            let outcome = site.run(&["hunt", "--kql", "DeviceInfo | take 3", "--api", api, "--json"]).expect(0);
            let job = &outcome.json()["jobs"][0];
            assert_eq!((&job["api"], &job["rows"]), (&json!("graph"), &json!(3)), "{retirement:?}");
            assert!(outcome.stderr.contains("2027-02-01"), "{}", outcome.stderr);
            assert!(outcome.stderr.contains("ircollect hunt --api graph --kql 'DeviceInfo | take 3'"), "{}", outcome.stderr);
            assert!(outcome.stderr.contains("is asked on Graph instead"), "{}", outcome.stderr);
        }
    }
}

#[test]
fn a_table_goes_to_an_api_that_has_it() {
    let site = Site::shared();
    let only = |apis: &str| {
        let site = Site::shared();
        site.configured(|toml| toml.replacen("app_id = ", &format!("apis = {apis}\napp_id = "), 1))
    };
    let api = |site: &Site, query: &str| {
        let summary = site.summary(0, &["hunt", "--kql", query]);
        text(&summary["jobs"][0]["api"]).to_owned()
    };
    assert_eq!(api(&site, "EmailEvents | take 1"), "graph");
    assert_eq!(api(&only(r#"["mde", "xdr"]"#), "EmailEvents | take 1"), "xdr");
    assert_eq!(api(&only(r#"["mde"]"#), "DeviceInfo | take 1"), "mde");
}

#[test]
fn a_whole_job_is_reported_without_any_call() {
    let site = site(capped(generous()));
    let (query, rows) = many_rows(&site);
    let arguments = [&["hunt", "--kql", &query, "--resume"], &WINDOW[..]].concat();
    let first = site.summary(0, &arguments);
    let seen = site.lab.seen().len();
    let second = site.summary(0, &arguments);
    assert_eq!(site.lab.seen().len(), seen, "not even for a token");
    assert_eq!((&second["jobs"][0]["rows"], &second["jobs"][0]["files"]), (&json!(rows), &first["jobs"][0]["files"]));
    assert_eq!((&second["jobs"][0]["calls"], &second["jobs"][0]["counted"]), (&json!(0), &json!(rows)));
    site.verify();
}

fn journal(site: &Site) -> Vec<Value> {
    let text = std::fs::read_to_string(site.bench.case().join("journal.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The windows and hash parts of the answers that a case took in, one an answer.
fn taken(site: &Site) -> Vec<String> {
    let files = journal(site).into_iter().filter(|event| event["event"] == "file" && event["holds"].is_null());
    files.map(|file| format!("{} {} {}", file["job"], file["slice"], file["part"])).collect()
}

/// Ten moments, or a hundred with `IRCOLLECT_LONG`.
#[test]
#[allow(clippy::disallowed_methods, reason = "a variable makes it long")]
fn a_run_that_is_killed_at_any_moment_is_gone_on_with() {
    let site = site(capped(generous()));
    let (query, rows) = many_rows(&site);
    let arguments = [&["hunt", "--kql", &query, "--concurrency", "2"], &WINDOW[..]].concat();
    let begun = std::time::Instant::now();
    let whole = lines(&site, &site.summary(0, &arguments)["jobs"][0]);
    let length = begun.elapsed();
    std::fs::remove_dir_all(site.bench.case()).unwrap();
    let moments = if crate::support::is_long() { 100 } else { 10 };
    let mut random = fastrand::Rng::with_seed(7);
    let mut killed = 0;
    while killed < moments {
        let resumed = [arguments.as_slice(), &["--resume"]].concat();
        let mut child = site.command(&resumed).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(length.mul_f64(random.f64()));
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        killed += usize::from(!ended);
        if ended || killed == moments {
            let summary = site.summary(0, &resumed);
            assert_same(&lines(&site, &summary["jobs"][0]), &whole);
            assert_eq!(summary["jobs"][0]["rows"], rows);
            site.verify();
            let mut taken = taken(&site);
            taken.sort();
            assert!(taken.windows(2).all(|pair| pair[0] != pair[1]), "an answer that was stored was asked for again: {taken:#?}");
            std::fs::remove_dir_all(site.bench.case()).unwrap();
        }
    }
}

#[test]
fn an_interrupted_run_keeps_what_was_whole() {
    let site = site(capped(Options { slow_chunk: 4 << 10, slow_pause: Duration::from_millis(20), ..faulty(&["slow=1"]) }));
    let (query, _) = many_rows(&Site::new(capped(generous())));
    let arguments = [&["hunt", "--kql", &query, "--concurrency", "1", "--slice", "2d"], &WINDOW[..]].concat();
    let child = site.command(&[arguments.as_slice(), &["--json"]].concat()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    while taken(&site).len() < 3 {
        thread::sleep(Duration::from_millis(20));
    }
    let interrupt = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let job = &summary["jobs"][0];
    assert_eq!((&summary["status"], &job["status"]), (&json!("interrupted"), &json!("partial")));
    assert!(job["files"].as_array().unwrap().len() >= 3 && !job["gaps"].as_array().unwrap().is_empty());
    let before = taken(&site);
    let again = site.summary(0, &[arguments.as_slice(), &["--resume"]].concat());
    assert_eq!(again["jobs"][0]["status"], "complete");
    let after = taken(&site);
    assert_eq!(after[..before.len()], before);
    assert!(after.len() >= 15 && after.iter().collect::<BTreeSet<_>>().len() == after.len(), "every slice once: {after:#?}");
    site.verify();
}

#[test]
fn calls_of_an_earlier_run_count_against_the_quota() {
    let site = Site::new(Options { calls_per_minute: 3, ..Options::default() });
    for _ in 0..3 {
        site.summary(0, &["hunt", "--kql", "DeviceInfo | take 1"]);
    }
    let mut child = site.command(&["hunt", "--kql", "DeviceInfo | take 2"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_secs(4));
    assert!(child.try_wait().unwrap().is_none(), "it waits for its own pace");
    child.kill().unwrap();
    let statuses: BTreeMap<u16, usize> =
        site.lab.seen().iter().filter(|seen| seen.service == Service::Graph).fold(BTreeMap::new(), |mut all, seen| {
            *all.entry(seen.status).or_default() += 1;
            all
        });
    assert_eq!(statuses, BTreeMap::from([(200, 3)]), "the service is not asked more than it allows");
    child.wait().unwrap();
}
