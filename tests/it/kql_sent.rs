//! Whatever is sent is KQL: bounded, cut by hash, counted and counted by time, each text of the published queries goes by the official
//! parser, which finds nothing to object to where it found nothing in the query itself.
//!
//! It needs `node` and an installed oracle (`ORACLE_HOME`, else `oracle` in the temporary folder); without them it is skipped, loudly.
//! Every tenth query by default; all of them with `IRCOLLECT_LONG`.

use crate::{kql_corpus::corpus, support::shared};
use ircollect::{collect::Subject, time::Window};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, process::Command};

/// Returns every text of a query that may be sent, by what it is for.
fn sent(text: &str, window: Window) -> Vec<(String, String)> {
    let subject = Subject::new(text, window.to);
    let mut sent = vec![("whole".to_owned(), subject.piece(window, None))];
    sent.extend(subject.count(window).map(|count| ("count".to_owned(), count)));
    if subject.cuttable().is_ok() {
        sent.push(("part".to_owned(), subject.piece(window, Some((3, 16)))));
        // The first that there is; the others are for services that refuse it.
        sent.extend(subject.histograms(window).into_iter().take(1).map(|text| ("histogram".to_owned(), text)));
    }
    sent
}

/// What the official parser says of each text.
#[allow(clippy::disallowed_methods, reason = "a test finds the oracle by a variable")]
fn verdicts(lines: &[Value]) -> Option<BTreeMap<String, Value>> {
    let (script, schema) = (shared("oracles/kql-check.cjs")?, shared("data/ah-schema.json")?);
    let home = std::env::var_os("ORACLE_HOME").map_or_else(|| std::env::temp_dir().join("oracle"), PathBuf::from);
    if !home.join("node/node_modules/@kusto").exists() {
        eprintln!("SKIPPED: no oracle in {}", home.display());
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sent.jsonl");
    std::fs::write(&file, lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")).unwrap();
    let mut node = Command::new("node");
    let node = node.arg(script).arg("--schema").arg(schema).arg("--jsonl").arg(&file).env("ORACLE_HOME", &home);
    let Ok(output) = node.output() else {
        eprintln!("SKIPPED: no `node` to run the oracle with");
        return None;
    };
    let verdicts = std::str::from_utf8(&output.stdout).unwrap().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    Some(verdicts.map(|verdict| (verdict["id"].as_str().unwrap().to_owned(), verdict)).collect())
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a variable makes it long")]
fn whatever_is_sent_is_kql() {
    let Some(corpus) = corpus() else { return };
    let step = if crate::support::is_long() { 1 } else { 10 };
    let window = Window::new("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-02T00:00:00.0000001Z".parse().unwrap()).unwrap();
    let mut lines = Vec::new();
    for (number, case) in corpus.iter().filter(|case| case.parses()).enumerate().step_by(step) {
        lines.push(json!({"id": format!("{number} itself"), "query": case.text}));
        let texts = sent(&case.text, window).into_iter();
        lines.extend(texts.map(|(what, text)| json!({"id": format!("{number} {what}"), "query": text})));
    }
    let Some(verdicts) = verdicts(&lines) else { return };
    assert_eq!(verdicts.len(), lines.len());
    let mut faults = Vec::new();
    for line in &lines {
        let id = line["id"].as_str().unwrap();
        let (of, itself) = (&verdicts[id], &verdicts[&format!("{} itself", id.split(' ').next().unwrap())]);
        let sound =
            of["ok"] == true && (of["semantic"] == json!([]) || itself["semantic"] != json!([])) && of["tables"] == itself["tables"];
        if !sound {
            faults.push(format!("{id}: {} {} {}\n{}", of["syntax"], of["semantic"], of["tables"], line["query"].as_str().unwrap()));
        }
    }
    println!("{} texts of {} queries", lines.len(), corpus.len() / step);
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), lines.len(), faults.join("\n\n"));
}
