//! The triage pack: every query says what it is for, both parsers take it, and together they find the lab's intrusion.

use crate::support::{Bench, shared, summary::hold_to_contract};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// How many rows each query finds in the lab, and a word of the intrusion among them. None: the intrusion left no such trace.
const EXPECTED: [(&str, u64, Option<&str>); 25] = [
    ("accounts-made", 2, Some("svc_backup2")),
    ("alerts-with-evidence", 66, Some("mlindqvist")),
    ("autostarts", 2, Some("QuaySync.lnk")),
    ("clicks", 1, Some("nordhaven-invoices.example")),
    ("consents", 1, Some("MailSync Pro")),
    ("credential-access", 4, Some("ntdsutil")),
    ("defender-tampering", 5, Some("DisableRealtimeMonitoring")),
    ("discovery", 1, Some("/domain_trusts")),
    ("encoded-powershell", 4, Some("WINWORD.EXE")),
    ("failed-logons", 0, None),
    ("living-off-the-land", 1, Some("fodhelper.exe")),
    ("mailbox-rules", 1, Some("RSS Feeds")),
    ("mass-download", 1, Some("Mara Lindqvist")),
    ("new-admin-logons", 14, Some("tf-ws-017")),
    ("new-factors", 1, Some("sdk_gphone64")),
    ("office-children", 1, Some("-w hidden -enc")),
    ("phishing-mail", 6, Some("INV-48213")),
    ("rare-destinations", 1, Some("cdn.quaymetrics.example")),
    ("recovery-removed", 4, Some("vssadmin")),
    ("remote-execution", 3, Some("tf-sql01")),
    ("scheduled-tasks", 1, Some("QuaySync Update")),
    ("services-made", 2, Some("PSEXESVC")),
    ("sign-ins-from-afar", 1, Some("198.51.100.77")),
    ("tools-of-intruders", 1, Some("rclone.exe")),
    ("uploads", 2, Some("ntds.7z")),
];

fn pack() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/packs/triage")
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(pack()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn explained(bench: &Bench) -> Vec<Value> {
    let folder = pack().display().to_string();
    bench.run(&["hunt", "--explain", "--json", "--pack", &folder]).expect(0).json()["queries"].as_array().unwrap().clone()
}

#[test]
fn every_query_says_what_it_is_for() {
    let names: Vec<String> = files().iter().map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, EXPECTED.map(|(name, ..)| name));
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        for part in ["// Finds: ", "// Technique: ", "// A hit: ", "declare query_parameters("] {
            assert!(text.contains(part), "{}: {part}", file.display());
        }
        let techniques = text.lines().find_map(|line| line.strip_prefix("// Technique: ")).unwrap();
        assert!(techniques == "all" || techniques.split(", ").all(is_technique), "{}: {techniques}", file.display());
    }
}

/// `T1059` or `T1059.001`.
fn is_technique(text: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(id) = text.trim().strip_prefix('T') else { return false };
    match id.split_once('.') {
        Some((whole, part)) => digits(whole, 4) && digits(part, 3),
        None => digits(id, 4),
    }
}

#[test]
fn every_parameter_has_a_type_and_a_default() {
    for query in explained(&Bench::new()) {
        assert_eq!(query["ok"], true, "{query}");
        let parameters = query["parameters"].as_array().unwrap();
        assert!(!parameters.is_empty() && parameters.iter().all(|parameter| parameter["default"].is_string()), "{query}");
    }
}

#[test]
fn the_official_parser_and_analyser_take_every_query() {
    let (Some(script), Some(schema)) = (shared("oracles/kql-check.cjs"), shared("data/ah-schema.json")) else { return };
    let home = crate::support::oracle_home();
    if !home.join("node/node_modules/@kusto").exists() {
        eprintln!("SKIPPED: no official parser in {}", home.display());
        return;
    }
    let output = Command::new("node").arg(script).arg("--schema").arg(schema).args(files()).env("ORACLE_HOME", home).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let verdicts: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verdicts.len(), EXPECTED.len(), "{}", String::from_utf8_lossy(&output.stderr));
    for verdict in verdicts {
        let empty = |key: &str| verdict[key].as_array().unwrap().is_empty();
        assert!(verdict["ok"] == true && empty("syntax") && empty("semantic") && empty("unknownTables"), "{verdict}");
    }
}

#[cfg(feature = "lab")]
#[test]
fn together_they_find_the_intrusion() {
    let bench = Bench::new();
    let folder = pack().display().to_string();
    let summary = bench.run(&["lab", "--", "hunt", "--json", "--pack", &folder]).expect(0).json();
    hold_to_contract(&summary, bench.folder.path(), 0);
    for (job, (name, rows, word)) in summary["jobs"].as_array().unwrap().iter().zip(EXPECTED) {
        assert_eq!(job["name"], name, "{job}");
        // What is counted an hour can fall into two hours, as the lab's days end now.
        assert!((rows..=rows + 1).contains(&job["rows"].as_u64().unwrap()), "{name}: {job}");
        let stored = std::fs::read_to_string(bench.case().join(job["files"][0]["path"].as_str().unwrap())).unwrap();
        assert!(word.is_none_or(|word| stored.contains(word)), "{name} without {word:?}: {stored}");
    }
}

#[cfg(feature = "lab")]
#[test]
fn parameters_are_for_turning_a_query() {
    let bench = Bench::new();
    let query = pack().join("failed-logons.kql").display().to_string();
    let outcome = bench.run(&["lab", "--", "hunt", "--query", &query, "--param", "fewest=1", "--output", "-"]).expect(0);
    assert!(outcome.stdout.lines().count() > 1, "{}", outcome.stdout);
}

/// The plan that is built in has its queries in itself; the one among the examples names their folder.
#[test]
fn the_plan_among_the_examples_is_the_one_that_is_built_in() {
    let read = |path: &str| -> toml::Table {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        toml::from_str(&text).unwrap()
    };
    let (built_in, mut example) = (read("src/run/triage.toml"), read("examples/plans/triage.toml"));
    assert_eq!(example.remove("queries").unwrap().to_string(), r#"["../packs/triage"]"#);
    let built_in: toml::Table = built_in.into_iter().filter(|(key, _)| key != "queries").collect();
    assert_eq!(built_in, example);
}
