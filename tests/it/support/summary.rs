//! Holds a JSON summary against the contract of the command line, and the files that it names against the disk.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

/// Asserts that a summary has every field of the contract, that its parts agree with each other and with the exit code, and that
/// every file is what it is said to be. `folder` is where the command ran.
#[track_caller]
pub(crate) fn hold_to_contract(summary: &Value, folder: &Path, code: i32) {
    has_keys(summary, &["ircollect", "schema", "command", "status", "started", "ended", "case", "skipped", "jobs"]);
    assert_eq!(summary["ircollect"], env!("CARGO_PKG_VERSION"));
    assert_eq!(summary["schema"], 1);
    assert!(["complete", "partial", "failed", "interrupted"].contains(&text(&summary["status"])), "{summary}");
    assert!(time(&summary["started"]) <= time(&summary["ended"]), "{summary}");
    let case = folder.join(text(&summary["case"]));
    let jobs = summary["jobs"].as_array().unwrap();
    for job in jobs {
        job_is_sound(job, &case);
    }
    assert_eq!(summary["status"] == "complete", code == 0, "{summary}");
    assert_eq!(summary["status"] == "interrupted", code == 130, "{summary}");
    if let Some(error) = summary.get("error") {
        assert!(jobs.is_empty() && summary["status"] != "complete", "{summary}");
        error_is_sound(error);
        assert_eq!(error["exit"], code, "{summary}");
    } else {
        assert!(!jobs.is_empty(), "neither jobs nor an error: {summary}");
    }
    if let [job] = jobs.as_slice() {
        let own = job["error"]["exit"].as_i64().unwrap_or(0);
        let expected = if job["status"] == "partial" && own != 7 && own != 130 { 6 } else { own };
        assert_eq!(i64::from(code), expected, "one job gives its own code: {summary}");
    }
}

#[track_caller]
fn job_is_sound(job: &Value, case: &Path) {
    has_keys(job, &["kind", "name", "tenant", "profile", "api", "window", "status", "rows", "counted", "counted_at", "calls", "retries"]);
    has_keys(job, &["throttled_seconds", "files", "gaps", "error"]);
    assert!(["hunt", "pull"].contains(&text(&job["kind"])), "{job}");
    assert!(["graph", "xdr", "mde", "offline", ""].contains(&text(&job["api"])), "{job}");
    window_is_sound(&job["window"]);
    let numbers = ["rows", "calls", "retries"].map(|key| job[key].as_u64().unwrap());
    assert!(numbers[2] <= numbers[1] && job["throttled_seconds"].as_f64().unwrap() >= 0.0, "{job}");
    let (files, gaps) = (job["files"].as_array().unwrap(), job["gaps"].as_array().unwrap());
    for file in files {
        file_is_as_told(file, case);
    }
    for gap in gaps {
        has_keys(gap, &["from", "to", "reason"]);
        window_is_sound(gap);
        assert!(!text(&gap["reason"]).is_empty(), "{job}");
    }
    let formats: std::collections::BTreeSet<&str> = files.iter().map(|file| text(&file["format"])).collect();
    for format in formats {
        let rows: u64 = files.iter().filter(|file| file["format"] == format).map(|file| file["rows"].as_u64().unwrap()).sum();
        assert_eq!(job["rows"], rows, "{format}: {job}");
    }
    match text(&job["status"]) {
        "complete" => assert!(job["error"].is_null() && gaps.is_empty() && !files.is_empty(), "{job}"),
        "partial" => assert!(!job["error"].is_null() || !gaps.is_empty(), "{job}"),
        "failed" => assert!(!job["error"].is_null() && files.is_empty() && job["rows"] == 0, "{job}"),
        other => panic!("no status of a job: {other}"),
    }
    if !job["error"].is_null() {
        error_is_sound(&job["error"]);
    }
}

#[track_caller]
fn error_is_sound(error: &Value) {
    has_keys(error, &["code", "message", "hint", "exit"]);
    for key in ["code", "message", "hint"] {
        assert!(!text(&error[key]).is_empty(), "an error without a {key}: {error}");
    }
    assert!([1, 2, 3, 4, 5, 6, 7, 130].contains(&error["exit"].as_i64().unwrap()), "{error}");
}

#[track_caller]
fn file_is_as_told(file: &Value, case: &Path) {
    has_keys(file, &["path", "format", "rows", "bytes", "sha256"]);
    let path = Path::new(text(&file["path"]));
    assert!(path.is_relative() && path.starts_with("data"), "{file}");
    let extension = if file["format"] == "timesketch" { "csv" } else { text(&file["format"]) };
    assert_eq!(path.extension().unwrap(), extension);
    let bytes = std::fs::read(case.join(path)).unwrap();
    assert_eq!(file["bytes"], bytes.len(), "{file}");
    assert_eq!(file["sha256"], sha256(&bytes), "{file}");
    if file["format"] == "ndjson" {
        assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "{file}");
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        assert_eq!(file["rows"], lines.count(), "{file}");
    }
    private(&case.join(path));
}

/// Asserts that nobody else may read it.
#[cfg(unix)]
#[track_caller]
pub(crate) fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
}

#[cfg(not(unix))]
pub(crate) fn private(_: &Path) {}

#[track_caller]
fn window_is_sound(window: &Value) {
    assert!(time(&window["from"]) < time(&window["to"]), "{window}");
}

/// Reads a time of the contract: RFC 3339, UTC, at most seven fraction digits.
#[track_caller]
pub(crate) fn time(value: &Value) -> jiff::Timestamp {
    let text = text(value);
    assert!(text.ends_with('Z') && text.split_once('.').is_none_or(|(_, fraction)| fraction.len() <= 8), "{text}");
    text.parse().unwrap()
}

#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[track_caller]
fn has_keys(value: &Value, keys: &[&str]) {
    for key in keys {
        assert!(value.get(key).is_some(), "no `{key}` in {value}");
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// Every file below a folder, sorted; none where there is no folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

/// Files of a case that are neither its own nor data: what a run would leave half-written.
pub(crate) fn leftovers(case: &Path) -> Vec<PathBuf> {
    let own = ["case.json", "journal.jsonl", "journal.head", ".lock"];
    let odd = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let data = path.starts_with(case.join("data"))
            && !name.starts_with('.')
            && [".ndjson", ".csv", ".json", ".parquet"].iter().any(|end| name.ends_with(end));
        let ours = path.parent() == Some(case) && own.contains(&name);
        !data && !ours
    };
    files_below(case).into_iter().filter(odd).collect()
}
