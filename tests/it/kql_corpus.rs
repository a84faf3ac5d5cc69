//! The parser and the reading against the official parser's verdicts on 952 published queries, and the tables against their schemas.
//!
//! The queries and verdicts lie beside the package (`../shared/data`, or where `IRCOLLECT_SHARED` says) and are not part of it.
//! Nothing differs as it stands; where something has to, name the query by the first digits of its SHA-256, with the reason.

use ircollect::kql::reading::{How, Reading, read};
use ircollect::kql::tables::{self, Origin};
use ircollect::kql::{bound, parse};
use ircollect::time::Window;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::PathBuf;

pub(crate) struct Case {
    pub(crate) entry: Value,
    pub(crate) text: String,
}

impl Case {
    pub(crate) fn names(&self, key: &str) -> BTreeSet<String> {
        self.entry[key].as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }

    pub(crate) fn parses(&self) -> bool {
        self.entry["parses"] == true
    }

    fn id(&self) -> String {
        format!("{} ({}#{})", self.entry["sha256"].as_str().unwrap(), self.entry["path"].as_str().unwrap(), self.entry["n"])
    }
}

/// The folder of test data, unless it is not there.
fn shared() -> Option<PathBuf> {
    let root = option_env!("IRCOLLECT_SHARED").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    if root.join("data").is_dir() {
        return Some(root);
    }
    eprintln!("SKIPPED: no test data in {} (set IRCOLLECT_SHARED when building)", root.display());
    None
}

fn json(path: &str) -> Option<Value> {
    let text = std::fs::read_to_string(shared()?.join("data").join(path)).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

pub(crate) fn corpus() -> Option<Vec<Case>> {
    let index = json("queries/index.json")?;
    let root = shared()?.join("data/queries");
    let cases = index["index"].as_array().unwrap().iter().map(|entry| {
        let file = std::fs::read_to_string(root.join(entry["path"].as_str().unwrap())).unwrap();
        Case { text: extract(&file, entry), entry: entry.clone() }
    });
    Some(cases.collect())
}

/// The query of an entry: a fenced block, the `query` of a rule, or the whole file; checked by its hash.
fn extract(file: &str, entry: &Value) -> String {
    let text = match entry["format"].as_str().unwrap() {
        "md-fence" => {
            let fence = regex::Regex::new(r"(?m)^[ \t]*```[ \t]*[A-Za-z#+]*[^\n]*\n((?s:.*?))^[ \t]*```").unwrap();
            let n = usize::try_from(entry["n"].as_u64().unwrap()).unwrap();
            fence.captures_iter(file).nth(n).unwrap()[1].to_owned()
        }
        "yaml" => {
            let query = regex::Regex::new(r"(?m)^query: \|-?\n").unwrap().splitn(file, 3).nth(1).unwrap().to_owned();
            regex::Regex::new(r"(?m)^ {2,3}").unwrap().replace_all(&query, "").into_owned()
        }
        _ => file.to_owned(),
    };
    let hash = Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    assert_eq!(hash, entry["sha256"].as_str().unwrap(), "{}", entry["path"]);
    text
}

#[test]
fn takes_and_refuses_what_the_official_parser_does() {
    let Some(corpus) = corpus() else { return };
    let (mut verdicts, mut refused, mut lines, mut columns) = (0, 0, 0, 0);
    for case in &corpus {
        let ours = parse(&case.text);
        verdicts += usize::from(ours.is_ok() == case.parses());
        match (&ours, case.parses()) {
            (Err(error), true) => println!("refused, the official parser takes it: {}: {error}\n{}", case.id(), error.render(&case.text)),
            (Ok(_), false) => println!("taken, the official parser refuses it: {}", case.id()),
            (Err(error), false) => {
                let first = &case.entry["firstError"];
                refused += 1;
                lines += usize::from(first[0] == error.line);
                columns += usize::from(first[0] == error.line && first[1] == error.column);
            }
            (Ok(_), true) => {}
        }
    }
    println!("verdicts {verdicts}/{}, first errors: lines {lines}/{refused}, columns {columns}/{refused}", corpus.len());
    assert_eq!((verdicts, lines, columns), (corpus.len(), refused, refused));
}

/// The names read, of tables of one origin.
fn names(reading: &Reading, wanted: fn(Origin) -> bool) -> BTreeSet<String> {
    let named = reading.tables.iter().filter(|read| matches!(read.how, How::Name | How::Call) && wanted(read.origin));
    named.map(|read| read.name.clone()).collect()
}

fn same_tables(case: &Case, reading: &Reading) -> bool {
    let hunting = names(reading, |origin| matches!(origin, Origin::Hunting(_)));
    let sentinel = names(reading, |origin| matches!(origin, Origin::Sentinel));
    let unknown = names(reading, |origin| matches!(origin, Origin::Unknown));
    let wild = reading.tables.iter().any(|read| matches!(read.how, How::Wildcard | How::FixedWildcard));
    let all: BTreeSet<String> = sentinel.union(&unknown).cloned().collect();
    let other: BTreeSet<String> = case.names("otherTables").union(&case.names("unknown")).cloned().collect();
    hunting == case.names("tables") && all == other && wild == case.entry["wildcard"].is_array()
}

#[test]
fn reads_the_tables_that_the_official_analyser_reads() {
    let Some(corpus) = corpus() else { return };
    let (mut right, mut all, mut row_wise) = (0, 0, 0);
    for case in corpus.iter().filter(|case| case.parses()) {
        let reading = read(&parse(&case.text).unwrap());
        all += 1;
        row_wise += usize::from(reading.row_wise);
        if same_tables(case, &reading) {
            right += 1;
        } else {
            let ours: Vec<_> = reading.tables.iter().map(|read| format!("{} ({:?})", read.name, read.how)).collect();
            println!("other tables: {}: {ours:?} instead of {} and {}", case.id(), case.entry["tables"], case.entry["otherTables"]);
        }
    }
    println!("tables {right}/{all}; row-wise {row_wise}");
    assert_eq!(right, all);
}

#[test]
fn a_bounded_query_reads_the_same_tables() {
    let Some(corpus) = corpus() else { return };
    let window = Window::new("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-02T00:00:00Z".parse().unwrap()).unwrap();
    for case in corpus.iter().filter(|case| case.parses()) {
        let query = parse(&case.text).unwrap();
        let before = read(&query);
        let Ok(text) = bound::bound(&case.text, &query, &before, window) else { continue };
        let again = parse(&bound::pin_now(&text, &read(&parse(&text).unwrap()), window.to)).unwrap();
        let after = read(&again);
        let tables = |reading: &Reading| names(reading, |_| true);
        assert_eq!(tables(&before), tables(&after), "{}", case.id());
        assert!(!after.uses_now(), "{}", case.id());
        assert_eq!((before.row_wise, before.hash_wise), (after.row_wise, after.hash_wise), "{}: {:?}", case.id(), after.reason);
    }
}

#[test]
fn tables_are_as_documented() {
    let Some(schema) = json("ah-schema.json") else { return };
    for (name, table) in schema["tables"].as_object().unwrap() {
        let ours = tables::find(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(ours.time_column, table["timeColumn"].as_str(), "{name}");
        let columns: Vec<String> = table["columns"].as_array().unwrap().iter().map(|c| format!("{}: {}", c["name"], c["type"])).collect();
        let found: Vec<String> = ours.columns.iter().map(|(c, kind)| format!("\"{c}\": \"{kind:?}\"").to_lowercase()).collect();
        let expected: Vec<String> = columns.iter().map(|column| column.to_lowercase()).collect();
        assert!(found == expected || ours.columns.is_empty(), "{name}: {found:?} instead of {expected:?}");
    }
}

#[test]
fn well_known_sentinel_tables_exist() {
    let Some(sentinel) = json("sentinel-tables.json") else { return };
    let known: BTreeSet<&str> = sentinel["tables"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let ours: Vec<&str> = tables::sentinel().collect();
    let strange: Vec<&&str> = ours.iter().filter(|name| !known.contains(**name) && !name.ends_with("_CL")).collect();
    assert!(strange.is_empty(), "{strange:?}");
}
