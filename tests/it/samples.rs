//! The cutter on answers as the services' own documentation shows them, held against a parse of the whole.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking, and says aloud what it skips")]

use ircollect::{
    api::rows::{Cutter, Shape},
    transport::Broken,
};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, path::PathBuf};

const ANSWERS: &[&str] = &[
    "graph/runHuntingQuery-lowercase-schema.json",
    "graph/runHuntingQuery-uppercase-schema.json",
    "defender-xdr/advancedhunting-run.json",
    "defender-xdr/advancedhunting-run-alertinfo.json",
    "defender-endpoint/advancedqueries-run.json",
];

#[allow(clippy::disallowed_methods, reason = "the place of test input is told by the environment")]
fn samples() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
    let shared = std::env::var_os("IRCOLLECT_SHARED").map_or_else(beside, PathBuf::from).join("data/samples/api");
    if !shared.is_dir() {
        eprintln!("SKIPPED: {} is not there (set IRCOLLECT_SHARED)", shared.display());
        return None;
    }
    Some(shared)
}

fn cut(body: &[u8], chunk: usize) -> Result<Vec<String>, Broken> {
    let mut cutter = Cutter::new(Shape { rows: &["results", "Results"], kept: &["schema", "Schema"] });
    let mut rows = Vec::new();
    for piece in body.chunks(chunk) {
        cutter.feed(piece, &mut |row| {
            rows.push(String::from_utf8(row.to_vec()).unwrap());
            Ok(())
        })?;
    }
    cutter.finish()?;
    Ok(rows)
}

#[test]
fn documented_answers_are_cut_as_a_whole_parse_would() {
    let Some(samples) = samples() else { return };
    for name in ANSWERS {
        let body = std::fs::read_to_string(samples.join(name)).unwrap();
        let whole: BTreeMap<String, &RawValue> = serde_json::from_str(&body).unwrap();
        let list = whole.iter().find_map(|(key, list)| key.eq_ignore_ascii_case("results").then_some(list)).unwrap();
        let rows: Vec<&RawValue> = serde_json::from_str(list.get()).unwrap();
        let expected: Vec<String> = rows.iter().map(|row| row.get().replace(['\r', '\n'], "")).collect();
        assert!(!expected.is_empty(), "{name}");
        for chunk in [1, 7, 4096] {
            assert_eq!(cut(body.as_bytes(), chunk).unwrap(), expected, "{name} by {chunk}");
        }
    }
}
