//! Published hunting queries through the whole product: each is hunted with by the real binary, in the lab, over TLS.
//!
//! Taken are the parseable queries that read hunting tables alone, by the hunting tables' own time column and nothing from the
//! internet, in the order of their hashes: nobody chose them for being easy. Those that the lab refuses are named, by the first digits
//! of their SHA-256.

use crate::kql_corpus::{Case, corpus};
use crate::support::site::{Site, generous};
use std::collections::BTreeMap;

/// How many of them are hunted with.
const TAKEN: usize = 60;

/// Those that the engine refuses today, with the word that it stops at.
const REFUSED: &[(&str, &str)] = &[
    // Columns that their tables do not have.
    ("045a74b00cd2e135", "'AvIsPlatformUptodate'"),
    ("0c231c6e9459e284", "'ISP'"),
    ("14ea9797e590697a", "'ISP'"),
];

fn taken() -> Option<Vec<Case>> {
    let hunting_alone = |case: &Case| {
        case.parses()
            && !case.names("tables").is_empty()
            && case.names("otherTables").is_empty()
            && case.names("unknown").is_empty()
            && !case.text.contains("TimeGenerated")
            && !case.text.contains("externaldata")
    };
    let mut cases: Vec<Case> = corpus()?.into_iter().filter(hunting_alone).collect();
    cases.sort_by_key(|case| case.entry["sha256"].as_str().unwrap().to_owned());
    cases.dedup_by_key(|case| case.entry["sha256"].as_str().unwrap().to_owned());
    cases.truncate(TAKEN);
    Some(cases)
}

#[test]
fn published_queries_run_in_the_lab() {
    let Some(cases) = taken() else { return };
    let site = Site::new(generous());
    let mut arguments: Vec<String> = ["hunt", "--json", "--concurrency", "4", "--max-wait", "5s"].map(str::to_owned).to_vec();
    for case in &cases {
        let sha256 = case.entry["sha256"].as_str().unwrap();
        let path = site.bench.write(&format!("queries/{sha256}.kql"), &case.text);
        arguments.extend(["--query".to_owned(), path.display().to_string()]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = site.bench.run(&arguments);
    let summary = outcome.json();
    let jobs: BTreeMap<String, String> = summary["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|job| job["status"] != "complete")
        .map(|job| (job["name"].as_str().unwrap().to_owned(), job["error"]["message"].as_str().unwrap_or_default().to_owned()))
        .collect();
    let expected: Vec<&str> = REFUSED.iter().map(|(sha256, _)| *sha256).collect();
    let refused: Vec<&str> = jobs.keys().map(String::as_str).collect();
    assert_eq!(refused, expected, "{jobs:#?}");
    assert!(REFUSED.iter().all(|(sha256, word)| jobs[*sha256].contains(word)), "{jobs:#?}");
    assert!(cases.len() - jobs.len() >= 40, "only {} of {TAKEN} ran", cases.len() - jobs.len());
}
