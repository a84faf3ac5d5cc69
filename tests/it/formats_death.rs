//! Four formats under violence: SIGKILL at any moment, a disk that fills at every stage. What is whole stays, what is not leaves no trace, and
//! the next run ends with all formats.

#![cfg(unix)]

use crate::{
    case_death::Mounted,
    support::{
        site::{Site, faulty, generous},
        summary::{self, text},
    },
};
use ircollect::lab::Options;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

const WINDOW: [&str; 4] = ["--from", "2026-06-20", "--to", "2026-06-30"];
const ROWS: &str = "DeviceProcessEvents | project Timestamp, DeviceName, FileName, ProcessCommandLine";
const ALL: &str = "ndjson,csv,json,parquet";
const FORMATS: [&str; 4] = ["csv", "json", "ndjson", "parquet"];

fn slow() -> Site {
    let end = "2026-06-30T12:00:00Z".parse().unwrap();
    Site::new(Options { end: Some(end), slow_chunk: 64 * 1024, slow_pause: Duration::from_millis(5), gzip: false, ..faulty(&["slow"]) })
}

/// Rounds: a few as a rule, 100 where `IRCOLLECT_LONG` is set.
fn rounds() -> u64 {
    if crate::support::is_long() { 100 } else { 16 }
}

/// The rows of each format's file, sorted, as far as they can be compared without a schema: how many, and the lines of the text formats.
fn held(case: &Path, job: &Value) -> BTreeMap<String, Vec<String>> {
    let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in job["files"].as_array().unwrap() {
        let (path, format) = (case.join(text(&file["path"])), text(&file["format"]));
        let lines: Vec<String> = match format {
            "parquet" => vec![file["rows"].to_string()],
            _ => std::fs::read_to_string(path).unwrap().lines().map(|line| line.trim_end_matches(',').to_owned()).collect(),
        };
        held.entry(format.to_owned()).or_default().extend(lines);
    }
    for lines in held.values_mut() {
        lines.sort();
    }
    held
}

#[test]
fn a_kill_at_any_moment_with_four_formats_loses_nothing() {
    let site = slow();
    for slices in ["off", "2d"] {
        let files = survive(&site, &["--slice", slices]);
        assert_eq!(files, 4, "one file a format and no other");
    }
}

#[test]
fn a_kill_at_any_moment_with_a_folder_a_day_loses_nothing() {
    let site = slow();
    for slices in ["off", "2d"] {
        let files = survive(&site, &["--slice", slices, "--parts"]);
        assert!(files > 4 && files.is_multiple_of(4), "a file a day and format, and no other: {files}");
    }
}

/// Kills a run so many times, each time somewhere, and lets the last one end. Returns how many files lie there then.
fn survive(site: &Site, more: &[&str]) -> usize {
    let arguments = [&["hunt", "--kql", ROWS, "--format", ALL, "--resume"], more, &WINDOW[..]].concat();
    let (whole, killed) = (format!("whole{}", more.concat()), format!("killed{}", more.concat()));
    let began = Instant::now();
    let job = site.summary(0, &[&arguments[..], &["--case", &whole]].concat())["jobs"][0].clone();
    let length = u64::try_from(began.elapsed().as_micros()).unwrap();
    let expected = held(&site.bench.path(&whole), &job);
    assert_eq!(expected.keys().collect::<Vec<_>>(), FORMATS);
    let case = site.bench.path(&killed);
    for _ in 0..rounds() / 2 {
        let mut child = site.command(&arguments).args(["--case", &killed]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(fastrand::u64(..length)));
        child.kill().unwrap();
        child.wait().unwrap();
        if case.join("case.json").exists() {
            site.run(&["case", "verify", "--case", &killed]).expect(0);
        }
    }
    let resumed = site.summary(0, &[&arguments[..], &["--case", &killed]].concat());
    assert_eq!(held(&case, &resumed["jobs"][0]), expected, "{more:?}");
    site.run(&["case", "verify", "--case", &killed]).expect(0);
    assert_eq!(summary::leftovers(&case), Vec::<std::path::PathBuf>::new());
    let (files, told) = (summary::files_below(&case.join("data")).len(), resumed["jobs"][0]["files"].as_array().unwrap().len());
    assert_eq!(files, told, "no other file lies there");
    files
}

#[test]
fn a_disk_that_fills_at_any_stage_leaves_what_was_whole() {
    let site = Site::new(Options { end: Some("2026-06-30T12:00:00Z".parse().unwrap()), ..generous() });
    let arguments = |slices| [&["hunt", "--kql", ROWS, "--slice", slices, "--format", ALL, "--resume", "--json"], &WINDOW[..]].concat();
    let needed: u64 = {
        let json = site.run(&[&arguments("off")[..], &["--case", "whole"]].concat()).expect(0).json();
        json["jobs"][0]["files"].as_array().unwrap().iter().map(|file| file["bytes"].as_u64().unwrap()).sum()
    };
    let mut refused = 0;
    let stages = [20, 45, 70, 85, 95, 101, 110].map(|percent| (percent, false)).into_iter().chain([(50, true), (101, true), (150, true)]);
    for (percent, parts) in stages {
        let slices = if percent % 2 == 0 { "2d" } else { "off" };
        let Some(disk) = Mounted::tmpfs(&format!("{}k", needed * percent / 100 / 1024 + 100)) else { return };
        let case = disk.path().join("case").display().to_string();
        let full = [&arguments(slices)[..], &["--case", &case], if parts { &["--parts"][..] } else { &[] }].concat();
        let outcome = site.run(&full);
        assert!([0, 7].contains(&outcome.code), "{percent} %: {}\n{}", outcome.code, outcome.stderr);
        refused += u32::from(outcome.code == 7);
        site.run(&["case", "verify", "--case", &case]).expect(0);
        disk.grow("256m");
        let job = site.run(&full).expect(0).json()["jobs"][0].clone();
        assert_eq!(held(Path::new(&case), &job).keys().collect::<Vec<_>>(), FORMATS);
        let told = job["files"].as_array().unwrap().len();
        assert!(parts && told > 4 || told == 4, "{job}");
        site.run(&["case", "verify", "--case", &case]).expect(0);
        assert_eq!(summary::files_below(&Path::new(&case).join("data")).len(), told, "{percent} %");
    }
    assert!(refused >= 4, "the disk was full {refused} times only");
}
