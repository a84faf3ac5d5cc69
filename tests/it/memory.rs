//! A million rows, from a lab in a process of its own: the collector holds none of them for longer than it takes to write them down.

#![cfg(target_os = "linux")]

use crate::support::{
    Bench,
    summary::{self, text},
};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    time::Duration,
};

/// Rows of the table at scale 1 are about 12,000. What is compiled without optimisation gets a fifth: the limit is the same.
const SCALE: &str = if cfg!(debug_assertions) { "2" } else { "10" };
const ROWS: u64 = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };

/// The contract: peak resident memory of the collector. Code that is not optimised is several times as long, and is resident too.
const LIMIT: u64 = if cfg!(debug_assertions) { 96 << 20 } else { 64 << 20 };

/// The same where rows are encoded on the way.
const ENCODED: u64 = if cfg!(debug_assertions) { 192 << 20 } else { 128 << 20 };

/// What a million rows may take more than one.
const GROWTH: u64 = 16 << 20;

/// A lab without caps; it ends with the test.
struct Apart {
    child: Child,
    bench: Bench,
}

impl Apart {
    fn start() -> Self {
        let mut bench = Bench::new();
        let caps = "rows=100000000,bytes=100000000000";
        let mut lab = bench.command(&["lab", "--scale", SCALE, "--caps", caps, "--calls-per-minute", "100000", "--write", "lab"]);
        let mut child = lab.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert!(ready.trim().ends_with("lab.toml"), "the lab said `{ready}`");
        let variables = std::fs::read_to_string(bench.path("lab/lab.env")).unwrap();
        for (name, value) in variables.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('=')) {
            bench = bench.env(name, value.trim_matches('\''));
        }
        Self { child, bench }
    }

    /// Runs a command, and returns its summary and the most memory it had, in bytes.
    fn peak(&self, arguments: &[&str]) -> (serde_json::Value, u64) {
        let mut command = self.bench.command(&[arguments, &["--json"]].concat());
        let stdout = self.bench.write("summary.json", "");
        let mut child = command
            .stdout(std::fs::File::options().write(true).truncate(true).open(&stdout).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut peak = 0;
        while child.try_wait().unwrap().is_none() {
            peak = high_water_mark(child.id()).unwrap_or(peak);
            std::thread::sleep(Duration::from_millis(2));
        }
        let json = serde_json::from_slice(&std::fs::read(stdout).unwrap()).unwrap();
        summary::hold_to_contract(&json, self.bench.folder.path(), child.wait().unwrap().code().unwrap());
        (json, peak)
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// `VmHWM` of a process; none once it is gone.
fn high_water_mark(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

#[test]
fn a_million_rows_take_no_more_than_64_mib() {
    let apart = Apart::start();
    let table = "DeviceProcessEvents | project Timestamp, DeviceName, FileName, ProcessCommandLine";
    let ten = format!("union {}", ["DeviceProcessEvents"; 10].join(", "));
    let query = format!("{ten}\n| {}", table.split_once('|').unwrap().1.trim());
    let (_, least) = apart.peak(&["hunt", "--kql", "DeviceProcessEvents | take 1", "--case", "least"]);
    for (slices, formats) in [("off", "ndjson"), ("10d", "ndjson"), ("off", "csv,json,parquet")] {
        let case = format!("{slices}-{formats}");
        let (json, peak) = apart.peak(&["hunt", "--kql", &query, "--slice", slices, "--format", formats, "--case", &case]);
        let rows = json["jobs"][0]["rows"].as_u64().unwrap();
        println!("--slice {slices} --format {formats}: {rows} rows, {} MiB, {} MiB for one row", peak >> 20, least >> 20);
        assert_eq!(text(&json["status"]), "complete");
        assert!(rows >= ROWS, "{rows} rows are too few to tell");
        let (limit, growth) = if formats == "ndjson" { (LIMIT, GROWTH) } else { (ENCODED, ENCODED) };
        assert!((1 << 20..limit).contains(&peak), "{rows} rows took {} MiB", peak >> 20);
        assert!(peak < least + growth, "{rows} rows took {} MiB, and one {} MiB", peak >> 20, least >> 20);
    }
}
