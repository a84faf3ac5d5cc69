//! Whatever is sent is KQL: bounded, halved, cut by hash, counted and counted by time in each form and width, each text of the published
//! queries goes by the official parser, which finds nothing to object to where it found nothing in the query itself.
//!
//! It needs `node` and an installed oracle (`ORACLE_HOME`, else `oracle` in the temporary folder); without them it is skipped, loudly.
//! Every fiftieth query by default; all of them with `IRCOLLECT_LONG`.

use crate::{kql_corpus::corpus, support::shared};
use ircollect::{collect::Subject, time::Window};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, process::Command};

/// Widths of bins, from a window of all days down to one of a few ticks: each is a coarser or finer histogram of the one before.
const LENGTHS: [i128; 5] = [30 * 86_400_000_000_000, 3_600_000_000_000, 10_000_000_000, 20_000_000, 1_000];

/// Returns every text of a query that may be sent, by what it is for.
fn sent(text: &str, window: Window) -> Vec<(String, String)> {
    let subject = Subject::new(text, window.to);
    let within = |length: i128| {
        let to = window.from.checked_add(jiff::SignedDuration::from_nanos_i128(length)).unwrap();
        Window::new(window.from, to).unwrap()
    };
    let half = within(window.length().as_nanos() / 200 * 100);
    let mut sent = vec![("whole".to_owned(), subject.piece(window, None)), ("half".to_owned(), subject.piece(half, None))];
    sent.extend(subject.count(window).map(|count| ("count".to_owned(), count)));
    sent.extend(subject.count(half).map(|count| ("count-half".to_owned(), count)));
    if subject.cuttable().is_ok() {
        sent.push(("part".to_owned(), subject.piece(window, Some((3, 16)))));
        sent.push(("part-tick".to_owned(), subject.piece(within(100), Some((0, 2)))));
        for (number, length) in LENGTHS.into_iter().enumerate() {
            // The first form there is is asked first; the others are for services that refuse it.
            let forms = subject.histograms(within(length)).into_iter().enumerate();
            sent.extend(forms.map(|(form, text)| (format!("{}{number}", if form == 0 { "histogram" } else { "fallback" }), text)));
        }
    }
    let mut once = std::collections::BTreeSet::new();
    sent.retain(|(_, text)| once.insert(text.clone()));
    sent
}

/// Whether what the parser objects to is no more than that a result has no time column: what is asked where the first form is refused
/// may be refused in turn, and the window is halved then.
fn lacks_time(of: &Value) -> bool {
    let objections = of["semantic"].as_array().unwrap();
    objections.iter().all(|objection| {
        let text = objection.to_string();
        ["Timestamp", "TimeGenerated", "IrTime"].iter().any(|name| text.contains(name))
    })
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
    let step = if crate::support::is_long() { 1 } else { 50 };
    let window = Window::new("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-02T00:00:00.0000001Z".parse().unwrap()).unwrap();
    let mut lines = Vec::new();
    for (number, case) in corpus.iter().filter(|case| case.parses()).enumerate().step_by(step) {
        lines.push(json!({"id": format!("{number} itself"), "query": case.text}));
        let texts = sent(&case.text, window).into_iter();
        lines.extend(texts.enumerate().map(|(at, (what, text))| json!({"id": format!("{number} {what} {at}"), "query": text})));
    }
    let Some(verdicts) = verdicts(&lines) else { return };
    assert_eq!(verdicts.len(), lines.len());
    let mut faults = Vec::new();
    for line in &lines {
        let id = line["id"].as_str().unwrap();
        let (of, itself) = (&verdicts[id], &verdicts[&format!("{} itself", id.split(' ').next().unwrap())]);
        let clean = of["semantic"] == json!([]) || itself["semantic"] != json!([]) || (id.contains("fallback") && lacks_time(of));
        let sound = of["ok"] == true && clean && of["tables"] == itself["tables"];
        if !sound {
            faults.push(format!("{id}: {} {} {}\n{}", of["syntax"], of["semantic"], of["tables"], line["query"].as_str().unwrap()));
        }
    }
    println!("{} texts of {} queries", lines.len(), corpus.len() / step);
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), lines.len(), faults.join("\n\n"));
}
