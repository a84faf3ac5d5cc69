//! Memory does not grow with the rows: a million of them, from a lab in a process of its own, peak below 64 MiB in the collector.

use crate::support::Bench;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A million where code is optimised; enough to tell a leak where it is not.
const ROWS: u64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

/// A lab in a process of its own, ended with this.
struct Lab(Child);

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts a lab without caps, and returns it with a bench that has its variables.
fn lab() -> (Lab, Bench) {
    let mut bench = Bench::new();
    let folder = bench.path("lab").display().to_string();
    let caps = format!("rows={},bytes=100000000000", ROWS * 10);
    let mut child =
        bench.command(&["lab", "--caps", &caps, "--write", &folder]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.trim().ends_with("lab.toml"), "{line}");
    let variables = std::fs::read_to_string(bench.path("lab/lab.env")).unwrap();
    for (name, value) in variables.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('=')) {
        bench = bench.env(name, value.trim_matches('\''));
    }
    (Lab(child), bench)
}

/// Runs a command to its end and returns its exit code and peak memory in KiB, as the kernel counted it.
fn peak(mut command: Command) -> (i32, u64) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let now = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
        peak = peak.max(now.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code().unwrap_or(-1), peak);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_million_rows_peak_below_64_mib() {
    let (_lab, bench) = lab();
    let query = format!(
        "range Number from 1 to {ROWS} step 1 | extend Text = strcat('powershell.exe -NoProfile -Command row ', Number), Half = Number / 2, When = now()"
    );
    let (code, kib) = peak(bench.command(&["hunt", "--kql", &query]));
    assert_eq!(code, 0);
    assert!(kib > 0 && kib < 64 * 1024, "the peak was {kib} KiB");
    let status = bench.run(&["case", "status", "--json"]).expect(0).json();
    assert_eq!(status["status"]["rows"], ROWS);
    bench.run(&["case", "verify"]).expect(0);
}
