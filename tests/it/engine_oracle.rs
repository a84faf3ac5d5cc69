//! The engine beside duckdb-kql, an implementation of the language that others wrote: the same published queries over the same rows.
//!
//! The rows are the lab's company and the shared samples. Where both answer, the answers are the same rows, or the difference is
//! listed here with the rule of the language that decides it. Where one does not answer there is nothing to compare.

use crate::{
    kql_corpus::{Case, corpus},
    support::{is_long, oracle_home, shared, site::Site, site::generous},
};
use futures::TryStreamExt;
use ircollect::{
    kql::engine::{
        Engine, Options,
        rows::{Form, Writer},
    },
    lab, offline,
};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// When the queries run.
const NOW: &str = "2026-02-01T12:00:00Z";

/// In the short form, one query of so many is asked.
const EVERY: usize = 5;

/// Queries that are answered with other rows, by their place in the index: the rule that makes ours the answer, or one of several.
const DIFFERENCES: &[(&str, u64, &str)] = &[
    (
        "bertjanp/Vulnerability Management/Top-Devices-Most-Vulnerabilities.md",
        0,
        "`top` keeps any of the rows whose keys are equal: more than ten devices have the most vulnerabilities",
    ),
    (
        "securityaura/100DaysOfKQL/Day 63 - File Added to Startup Folder.md",
        0,
        "`replace(regex, rewrite, text)` is the older name of replace_regex, whose text comes last; duckdb-kql takes the first argument for it",
    ),
    (
        "securityaura/100DaysOfKQL/Day 82 - File Downloaded from Uncommon TLD.md",
        0,
        "an element of `split` is a dynamic value that holds a string, and is shown as that string; duckdb-kql shows its JSON",
    ),
];

fn python() -> Option<PathBuf> {
    let python = oracle_home().join("py/v/bin/python");
    let has_it = Command::new(&python).args(["-c", "import duckdb_kql"]).output().is_ok_and(|output| output.status.success());
    if !has_it {
        eprintln!("SKIPPED: `{}` has no duckdb-kql", python.display());
    }
    has_it.then_some(python)
}

/// A file for every table of the schema: the lab's rows, then the samples'.
fn rows_of_the_lab(schema: &Value) -> (Site, PathBuf) {
    let site = Site::new(lab::Options { end: Some(NOW.parse().unwrap()), ..generous() });
    let tables: Vec<&String> = schema["tables"].as_object().unwrap().keys().collect();
    let mut arguments: Vec<String> =
        ["hunt", "--json", "--from", "2026-01-01T00:00:00Z", "--to", NOW, "--slice", "off"].map(str::to_owned).to_vec();
    for table in &tables {
        let query = site.bench.write(&format!("tables/{table}.kql"), table.as_bytes());
        arguments.extend(["--query".to_owned(), query.display().to_string()]);
    }
    let told = site.bench.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).json();
    let jobs: BTreeMap<&str, &Value> = told["jobs"].as_array().unwrap().iter().map(|job| (job["name"].as_str().unwrap(), job)).collect();
    let samples = shared("data/samples/tables");
    let mut found = 0;
    for table in tables {
        let path = jobs.get(table.as_str()).and_then(|job| job["files"][0]["path"].as_str());
        let mut rows = path.map(|path| fs::read_to_string(site.bench.case().join(path)).unwrap()).unwrap_or_default();
        found += rows.lines().count();
        if let Some(sample) = samples.as_ref().map(|samples| samples.join(format!("{table}.jsonl"))).filter(|sample| sample.exists()) {
            rows.push_str(&fs::read_to_string(sample).unwrap());
        }
        site.bench.write(&format!("rows/{table}.ndjson"), rows);
    }
    assert!(found > 10_000, "the lab has {found} rows");
    let folder = site.bench.path("rows");
    (site, folder)
}

fn asked(cases: &[Case]) -> Vec<(usize, &Case)> {
    let every = if is_long() { 1 } else { EVERY };
    cases.iter().enumerate().filter(|(number, case)| case.parses() && number % every == 0).collect()
}

/// Their rows by the query's number, of those that they can answer.
fn theirs(python: &Path, schema: &Path, folder: &Path, cases: &[(usize, &Case)]) -> BTreeMap<usize, Vec<Vec<Value>>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/engine/by_duckdb.py");
    let mut command = Command::new(python);
    command.arg(script).arg(schema).arg(folder).arg(NOW.replace('Z', "+00:00")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let questions: Vec<String> = cases.iter().map(|(number, case)| json!({"id": number, "text": case.text}).to_string()).collect();
    let questions = questions.join("\n");
    let asking = std::thread::spawn(move || input.write_all(questions.as_bytes()));
    let output = child.wait_with_output().unwrap();
    asking.join().unwrap().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    let answers = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let rows = |answer: &Value| {
        let rows = answer["rows"].as_array()?.iter().map(|row| row.as_array().unwrap().clone()).collect();
        Some((usize::try_from(answer["id"].as_u64()?).ok()?, rows))
    };
    answers.filter_map(|answer| rows(&answer)).collect()
}

async fn ours(engine: &Engine, text: &str) -> Result<Vec<Vec<Value>>, String> {
    let options = Options::new(NOW.parse().unwrap()).with_time_aliases().with_any_case();
    let answer = engine.run(text, &options).await.map_err(|error| error.message)?;
    let writer = Writer::new(&answer.columns, Form { booleans: true, nested_dynamic: true });
    let batches: Vec<_> = answer.stream.try_collect().await.map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    for batch in &batches {
        let taken = writer.write(batch, &mut |row| {
            let mut row: Map<String, Value> = serde_json::from_slice(row).unwrap();
            rows.push(answer.columns.iter().map(|column| row.remove(&column.name).unwrap_or_default()).collect());
            Ok(())
        });
        taken.map_err(|error| error.to_string())?;
    }
    Ok(rows)
}

/// A value in a form that both sides share: times to the microsecond, numbers to six decimals, no order among a list's elements, and
/// nothing told apart that only one side tells apart (null and the empty text, a truth and its number).
fn canonical(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(value) => u8::from(*value).to_string(),
        Value::Number(number) => number.as_i64().map_or_else(|| rounded(number.as_f64().unwrap()), |number| number.to_string()),
        Value::String(text) => canonical_text(text),
        Value::Array(items) => {
            let mut items: Vec<String> = items.iter().map(canonical).collect();
            items.sort();
            format!("[{}]", items.join(","))
        }
        Value::Object(members) if members.len() == 1 && members.contains_key("span") => {
            format!("span {:.3}", members["span"].as_f64().unwrap())
        }
        Value::Object(members) => {
            let members: BTreeSet<String> = members.iter().map(|(name, value)| format!("{name}:{}", canonical(value))).collect();
            format!("{{{}}}", members.into_iter().collect::<Vec<_>>().join(","))
        }
    }
}

fn rounded(number: f64) -> String {
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn canonical_text(text: &str) -> String {
    if let Some((seconds, fraction)) = text.strip_suffix('Z').map(|time| time.split_once('.').unwrap_or((time, "")))
        && seconds.len() == 19
        && seconds.as_bytes()[10] == b'T'
    {
        let fraction = format!("{:0<6}", fraction.chars().take(6).collect::<String>());
        return format!("{seconds}.{fraction}");
    }
    if let Some(seconds) = span(text) {
        return format!("span {seconds:.3}");
    }
    if text.starts_with(['{', '['])
        && let Ok(value) = serde_json::from_str::<Value>(text)
    {
        return canonical(&value);
    }
    text.to_owned()
}

/// The seconds of `[-][d.]hh:mm:ss[.fffffff]`.
fn span(text: &str) -> Option<f64> {
    let (sign, rest) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let parts: Vec<&str> = rest.split(':').collect();
    let [hours, minutes, seconds] = parts.as_slice() else { return None };
    let (days, hours) = hours.split_once('.').unwrap_or(("0", hours));
    let two = |text: &str| (text.len() == 2).then(|| text.parse::<f64>().ok()).flatten();
    let days = days.parse::<u32>().ok()?;
    Some(sign * (f64::from(days) * 86_400.0 + two(hours)? * 3_600.0 + two(minutes)? * 60.0 + seconds.parse::<f64>().ok()?))
}

fn sorted(rows: &[Vec<Value>]) -> Vec<String> {
    let mut rows: Vec<String> = rows.iter().map(|row| row.iter().map(canonical).collect::<Vec<_>>().join("|")).collect();
    rows.sort();
    rows
}

#[test]
fn published_queries_have_the_rows_that_another_engine_finds() {
    let (Some(cases), Some(schema), Some(python)) = (corpus(), shared("data/ah-schema.json"), python()) else { return };
    let (_site, folder) = rows_of_the_lab(&serde_json::from_slice(&fs::read(&schema).unwrap()).unwrap());
    let asked = asked(&cases);
    let theirs = theirs(&python, &schema, &folder, &asked);
    let shelf = offline::shelf_of_folder(&folder).unwrap();
    let engine = Engine::new(shelf.open(&|_| true).unwrap().tables).unwrap();
    let (mut both, mut filled, mut differ) = (0, 0, Vec::new());
    let mut refused = BTreeMap::new();
    for (number, case) in asked {
        let Some(theirs) = theirs.get(&number) else { continue };
        let place = (case.entry["path"].as_str().unwrap(), case.entry["n"].as_u64().unwrap());
        match crate::support::site::block_on(ours(&engine, &case.text)) {
            Err(error) => drop(refused.insert(place, error)),
            Ok(ours) => {
                both += 1;
                filled += usize::from(!ours.is_empty());
                let (ours, theirs) = (sorted(&ours), sorted(theirs));
                if ours != theirs {
                    differ.push((place, ours, theirs));
                }
            }
        }
    }
    eprintln!("{both} queries are answered by both, {filled} of them with rows; {} differ; refused here alone: {refused:#?}", differ.len());
    let unexplained: Vec<String> = differ
        .iter()
        .filter(|((path, number), ..)| !DIFFERENCES.iter().any(|(known, at, _)| known == path && at == number))
        .map(|(place, ours, theirs)| {
            let only = |one: &[String], other: &[String]| one.iter().find(|row| !other.contains(row)).cloned().unwrap_or_default();
            let (mine, other) = (only(ours, theirs), only(theirs, ours));
            let same = mine.chars().zip(other.chars()).take_while(|(mine, other)| mine == other).count().saturating_sub(40);
            let from = |text: &str| text.chars().skip(same).take(300).collect::<String>();
            format!("{place:?}: {} rows, {} theirs\n  ours   {}\n  theirs {}", ours.len(), theirs.len(), from(&mine), from(&other))
        })
        .collect();
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    assert!(differ.len() * 50 <= both, "{} of {both} differ", differ.len());
    assert!(both >= if is_long() { 380 } else { 60 } && filled * 20 >= both, "{both} are compared, {filled} with rows");
}
