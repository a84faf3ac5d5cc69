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
    let files = job["files"].as_array().unwrap();
    let mut held = BTreeMap::new();
    for file in files {
        let (path, format) = (case.join(text(&file["path"])), text(&file["format"]));
        let mut lines: Vec<String> = match format {
            "parquet" => vec![file["rows"].to_string()],
            _ => std::fs::read_to_string(path).unwrap().lines().map(|line| line.trim_end_matches(',').to_owned()).collect(),
        };
        lines.sort();
        assert!(held.insert(format.to_owned(), lines).is_none(), "two files of {format}: {job}");
    }
    held
}

#[test]
fn a_kill_at_any_moment_with_four_formats_loses_nothing() {
    let site = slow();
    for slices in ["off", "2d"] {
        let arguments = [&["hunt", "--kql", ROWS, "--slice", slices, "--format", ALL, "--resume"], &WINDOW[..]].concat();
        let began = Instant::now();
        let whole = site.summary(0, &[&arguments[..], &["--case", &format!("whole-{slices}")]].concat());
        let length = u64::try_from(began.elapsed().as_micros()).unwrap();
        let expected = held(&site.bench.path(&format!("whole-{slices}")), &whole["jobs"][0]);
        assert_eq!(expected.keys().collect::<Vec<_>>(), FORMATS);
        let name = format!("killed-{slices}");
        let case = site.bench.path(&name);
        for _ in 0..rounds() / 2 {
            let mut child = site.command(&arguments).args(["--case", &name]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_micros(fastrand::u64(..length)));
            child.kill().unwrap();
            child.wait().unwrap();
            if case.join("case.json").exists() {
                site.run(&["case", "verify", "--case", &name]).expect(0);
            }
        }
        let resumed = site.summary(0, &[&arguments[..], &["--case", &name]].concat());
        assert_eq!(held(&case, &resumed["jobs"][0]), expected, "--slice {slices}");
        site.run(&["case", "verify", "--case", &name]).expect(0);
        assert_eq!(summary::leftovers(&case), Vec::<std::path::PathBuf>::new());
        let files: Vec<_> = summary::files_below(&case.join("data"));
        assert_eq!(files.len(), 4, "one file a format and no other: {files:?}");
    }
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
    for percent in [20, 45, 70, 85, 95, 101, 110] {
        let slices = if percent % 2 == 0 { "2d" } else { "off" };
        let Some(disk) = Mounted::tmpfs(&format!("{}k", needed * percent / 100 / 1024 + 100)) else { return };
        let case = disk.path().join("case").display().to_string();
        let full = [&arguments(slices)[..], &["--case", &case]].concat();
        let outcome = site.run(&full);
        assert!([0, 7].contains(&outcome.code), "{percent} %: {}\n{}", outcome.code, outcome.stderr);
        refused += u32::from(outcome.code == 7);
        site.run(&["case", "verify", "--case", &case]).expect(0);
        disk.grow("256m");
        let job = site.run(&full).expect(0).json()["jobs"][0].clone();
        assert_eq!(held(Path::new(&case), &job).keys().collect::<Vec<_>>(), FORMATS);
        site.run(&["case", "verify", "--case", &case]).expect(0);
        assert_eq!(summary::files_below(&Path::new(&case).join("data")).len(), 4, "{percent} %");
    }
    assert!(refused >= 4, "the disk was full {refused} times only");
}
