//! How much of what people hunt with the engine runs: every published query over small tables of the hunting schema.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr, reason = "helpers of tests")]

use arrow::array::{ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow::array::{BooleanArray, Float64Array, Int32Array, Int64Array, TimestampNanosecondArray};
use futures::TryStreamExt;
use ircollect::kql::ast::TypeName;
use ircollect::kql::engine::{Column, Engine, External, Options, Table, arrow_schema, arrow_type};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder of the shared test input, where it is.
fn shared() -> Option<PathBuf> {
    let index = crate::support::shared("data/queries/index.json")?;
    index.ancestors().nth(3).map(Path::to_owned)
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn kind(name: &str) -> TypeName {
    match name {
        "bool" => TypeName::Bool,
        "int" => TypeName::Int,
        "long" => TypeName::Long,
        "real" => TypeName::Real,
        "decimal" => TypeName::Decimal,
        "datetime" => TypeName::Datetime,
        "timespan" => TypeName::Timespan,
        "guid" => TypeName::Guid,
        "dynamic" => TypeName::Dynamic,
        _ => TypeName::String,
    }
}

/// 2026-06-01, when the queries run.
const NOW: i64 = 1_780_272_000_000_000_000;

/// Two rows of a column.
fn cells(kind: TypeName) -> ArrayRef {
    let text = |a: &str, b: &str| Arc::new(StringArray::from(vec![a, b])) as ArrayRef;
    match kind {
        TypeName::String => text("alpha", "10.1.2.3"),
        TypeName::Dynamic => text(r#"{"a":"b","n":1}"#, r#"["x",{"Name":"y"}]"#),
        TypeName::Guid => text("11111111-2222-3333-4444-555555555555", "11111111-2222-3333-4444-555555555555"),
        TypeName::Bool => Arc::new(BooleanArray::from(vec![true, false])),
        TypeName::Int => Arc::new(Int32Array::from(vec![1, 2])),
        TypeName::Long => Arc::new(Int64Array::from(vec![1, 2])),
        TypeName::Real => Arc::new(Float64Array::from(vec![1.5, 2.0])),
        TypeName::Datetime => {
            Arc::new(TimestampNanosecondArray::from(vec![NOW - 3_600_000_000_000, NOW - 90_000_000_000_000]).with_timezone("UTC"))
        }
        TypeName::Decimal | TypeName::Timespan => new_null_array(&arrow_type(kind), 2),
    }
}

fn tables(shared: &Path) -> BTreeMap<String, Table> {
    let schema = read_json(&shared.join("data/ah-schema.json"));
    let one = |(name, table): (&String, &Value)| {
        let columns = table["columns"].as_array().unwrap().iter();
        let columns: Vec<Column> =
            columns.map(|column| Column::new(column["name"].as_str().unwrap(), kind(column["type"].as_str().unwrap()))).collect();
        let time = table["timeColumn"].as_str().map(str::to_owned);
        let arrays = columns.iter().map(|column| cells(column.kind)).collect();
        let data = if columns.is_empty() { Vec::new() } else { vec![RecordBatch::try_new(arrow_schema(&columns), arrays).unwrap()] };
        (name.clone(), Table::new(columns, time, data))
    };
    schema["tables"].as_object().unwrap().iter().map(one).collect()
}

/// The text of an indexed query: a whole file, a fenced block of one, or the `query` of a rule.
fn query_text(root: &Path, entry: &Value) -> String {
    let file = std::fs::read_to_string(root.join("data/queries").join(entry["path"].as_str().unwrap())).unwrap();
    let number = usize::try_from(entry["n"].as_u64().unwrap()).unwrap();
    match entry["format"].as_str().unwrap() {
        "md-fence" => fenced(&file, number),
        "yaml" => rule(&file),
        _ => file,
    }
}

fn fenced(file: &str, number: usize) -> String {
    let block = file.split("```").nth(number * 2 + 1).unwrap_or_default();
    block.split_once('\n').map_or("", |(_, text)| text).to_owned()
}

fn rule(file: &str) -> String {
    let lines = file.lines().skip_while(|line| !line.starts_with("query:")).skip(1);
    let own = lines.take_while(|line| line.starts_with(' ') || line.is_empty());
    own.map(|line| line.trim_start_matches("  ")).collect::<Vec<_>>().join("\n")
}

/// Every address answers with nothing: what matters here is that the query runs.
struct Nothing;

impl External for Nothing {
    fn fetch(&self, _: &str) -> Result<String, String> {
        Ok(String::new())
    }
}

async fn run(engine: &Engine, text: &str, options: &Options) -> Result<usize, String> {
    let answer =
        engine.run(text, options).await.map_err(|error| format!("{:?} {}:{} {}", error.kind, error.line, error.column, error.message))?;
    let batches: Vec<RecordBatch> = answer.stream.try_collect().await.map_err(|error| format!("while running: {error}"))?;
    Ok(batches.iter().map(RecordBatch::num_rows).sum())
}

/// The reason without the names in it, for grouping.
fn reason(error: &str) -> String {
    let cut = error.split_once(' ').map_or(error, |(_, rest)| rest.split_once(' ').map_or(rest, |(_, message)| message));
    let mut parts = cut.split('\'');
    let mut out = parts.next().unwrap_or_default().to_owned();
    while let (Some(_), Some(after)) = (parts.next(), parts.next()) {
        out.push_str("'…'");
        out.push_str(after);
    }
    out.chars().take(110).collect()
}

struct Tally {
    ran: usize,
    failed: BTreeMap<String, Vec<String>>,
}

fn tally(shared: &Path, options: &Options) -> Tally {
    let engine = Engine::new(tables(shared)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let index = read_json(&shared.join("data/queries/index.json"));
    let mut tally = Tally { ran: 0, failed: BTreeMap::new() };
    for entry in index["index"].as_array().unwrap().iter().filter(|entry| entry["parses"] == true) {
        let text = query_text(shared, entry);
        match runtime.block_on(run(&engine, &text, options)) {
            Ok(_) => tally.ran += 1,
            Err(error) => {
                tally.failed.entry(reason(&error)).or_default().push(format!(
                    "{}#{}: {error}",
                    entry["path"].as_str().unwrap(),
                    entry["n"]
                ));
            }
        }
    }
    tally
}

fn report(tally: &Tally) {
    let mut groups: Vec<_> = tally.failed.iter().collect();
    groups.sort_by_key(|(_, examples)| std::cmp::Reverse(examples.len()));
    println!("{} ran, {} did not:", tally.ran, groups.iter().map(|(_, examples)| examples.len()).sum::<usize>());
    for (reason, examples) in groups {
        println!("{:5} {reason}", examples.len());
        for example in examples.iter().take(3) {
            println!("        {example}");
        }
    }
}

#[test]
fn most_published_queries_run() {
    let Some(shared) = shared() else { return };
    let now = jiff::Timestamp::from_nanosecond(i128::from(NOW)).unwrap();
    let tally = tally(&shared, &Options::new(now).with_time_aliases().with_any_case().with_external(Arc::new(Nothing)));
    report(&tally);
    assert!(tally.ran * 100 >= 905 * 85, "{} of 905 ran", tally.ran);
}
