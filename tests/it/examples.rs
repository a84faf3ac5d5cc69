//! The example queries over the lab's company: each finds the intrusion's trace that it looks for, and nothing else.

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::TryStreamExt;
use ircollect::kql::engine::{Engine, Options};
use ircollect::lab::data;
use jiff::Timestamp;
use std::path::Path;
use std::sync::LazyLock;

const END: &str = "2026-04-01T00:00:00Z";

/// What each query finds: its file, how many rows, and words of which every row has at least one.
const EXPECTED: [(&str, usize, &[&str]); 10] = [
    ("encoded-powershell", 4, &["tf-ws-017", "tf-sql01"]),
    ("phishing-click-to-process", 2, &["INV-48213.zip"]),
    ("c2-beaconing", 1, &["cdn.quaymetrics.example"]),
    ("registry-run-keys", 1, &["QuaySync"]),
    ("scheduled-tasks-and-services", 2, &["QuaySync Update", "PSEXESVC"]),
    ("credential-dumping", 4, &["comsvcs.dll, MiniDump", "ntdsutil"]),
    ("lateral-movement", 3, &["tf-ws-017", "tf-fs01"]),
    ("inbox-rules-and-consent", 3, &["198.51.100.77"]),
    ("mass-download", 1, &["Mara Lindqvist"]),
    ("defender-tampering", 4, &["tf-fs01"]),
];

static ENGINE: LazyLock<Engine> = LazyLock::new(|| engine(1, 1));

fn engine(seed: u64, scale: u32) -> Engine {
    Engine::new(data::company(seed, scale, end())).unwrap()
}

fn end() -> Timestamp {
    END.parse().unwrap()
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/queries")
}

fn lines(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default();
    let columns: Vec<_> = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
    (0..batch.num_rows()).map(|row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(" | ")).collect()
}

async fn run(engine: &Engine, query: &str) -> Vec<String> {
    let answer = engine.run(query, &Options::new(end())).await.unwrap_or_else(|error| panic!("{error:?}\n{query}"));
    let batches: Vec<RecordBatch> = answer.stream.try_collect().await.unwrap();
    batches.iter().flat_map(lines).collect()
}

async fn find_traces(engine: &Engine) {
    for (name, count, words) in EXPECTED {
        let text = std::fs::read_to_string(folder().join(name).with_extension("kql")).unwrap();
        let rows = run(engine, &text).await;
        assert_eq!(rows.len(), count, "{name}: {rows:#?}");
        assert!(rows.iter().all(|row| words.iter().any(|word| row.contains(word))), "{name}: {rows:#?}");
    }
}

#[tokio::test]
async fn each_example_query_finds_its_trace() {
    find_traces(&ENGINE).await;
}

#[tokio::test]
async fn more_noise_and_another_seed_change_nothing_of_it() {
    for (seed, scale) in [(2, 1), (77, 3)] {
        find_traces(&engine(seed, scale)).await;
    }
}

#[tokio::test]
async fn the_columns_name_who_and_where() {
    let text = std::fs::read_to_string(folder().join("encoded-powershell.kql")).unwrap();
    let rows = run(&ENGINE, &text).await;
    let by_macro = rows.iter().filter(|row| row.contains("mlindqvist") && row.contains("WINWORD.EXE")).count();
    assert_eq!(by_macro, 2, "{rows:#?}");
}

#[tokio::test]
async fn naive_queries_find_harmless_rows_too() {
    let encoded = r#"DeviceProcessEvents | where ProcessCommandLine has "EncodedCommand" | count"#;
    let opened = r#"DeviceEvents | where ActionType == "OpenProcessApiCall" and FileName =~ "lsass.exe" | count"#;
    let rules = r#"CloudAppEvents | where ActionType == "New-InboxRule" | count"#;
    for query in [encoded, opened, rules] {
        let rows = run(&ENGINE, query).await;
        let count: u64 = rows[0].parse().unwrap();
        assert!(count > 10, "{query}: {count}");
    }
}

#[test]
fn every_query_is_expected_and_says_what_it_is_for() {
    let files: Vec<_> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), EXPECTED.len());
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(EXPECTED.iter().any(|(known, ..)| *known == name), "{name}");
        let text = std::fs::read_to_string(&file).unwrap();
        for part in ["// Finds: ", "// Technique: T", "// A hit: "] {
            assert!(text.contains(part), "{name}: {part}");
        }
    }
}
