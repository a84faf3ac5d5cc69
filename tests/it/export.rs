//! `case export`: stored rows in every form, read back by programs that are not ours, and what is refused.

use crate::{
    case::{open, window},
    support::{Bench, summary},
};
use ircollect::{
    journal::{Column, Event, Job, JobEnded, JobStarted, Outcome, Work},
    store::{Facts, Format, Place},
};
use serde_json::Value;
use std::path::{Path, PathBuf};

const ROWS: [&str; 3] = [
    r#"{"Timestamp":"2026-01-02T00:00:00.1234567Z","n":12345678901234567890123,"x":"a, \"b\""}"#,
    r#"{"Timestamp":"2026-01-09T00:00:00Z","n":7,"x":null,"late":"=cmd()"}"#,
    r#"{"Timestamp":null,"n":8,"x":{"k":[1]}}"#,
];

fn store(bench: &Bench, tenant: &str, kind: Work, name: &str, rows: &[&str]) {
    let case = open(&bench.case());
    let (hunt, api) = (kind == Work::Hunt, "graph".to_owned());
    let query_sha256 = hunt.then(|| "ab".repeat(32));
    let id = format!("{tenant}-{name}");
    let job = Job {
        id,
        kind,
        name: name.into(),
        tenant: tenant.into(),
        profile: "p".into(),
        api,
        query_sha256,
        window: Some(window()),
        ..Job::default()
    };
    case.journal().append(Event::JobStarted(JobStarted { job: job.clone(), resumed: false })).unwrap();
    let place =
        if hunt { Place::hunt(tenant, name, None, Format::Ndjson) } else { Place::pull(tenant, "graph", name, None, Format::Ndjson) };
    let mut draft = case.draft(&case.reserve(&place)).unwrap();
    for row in rows {
        draft.row(row.as_bytes()).unwrap();
    }
    let schema =
        [("Timestamp", "DateTime"), ("n", "Int64"), ("x", "Object")].map(|(name, kind)| Column { name: name.into(), kind: kind.into() });
    let facts = Facts { job: job.clone(), query: hunt.then(|| "DeviceInfo".into()), schema: schema.to_vec(), ..Facts::default() };
    case.commit(draft.seal().unwrap(), facts).unwrap();
    case.journal().append(Event::JobEnded(JobEnded { job, status: Outcome::Complete, rows: 3, ..JobEnded::default() })).unwrap();
}

/// Two tenants, a query in both, a source in one.
fn bench() -> Bench {
    let bench = Bench::new();
    store(&bench, "tenant-a", Work::Hunt, "my query", &ROWS);
    store(&bench, "tenant-b", Work::Hunt, "my query", &ROWS[..1]);
    store(&bench, "tenant-a", Work::Pull, "sign-ins", &[r#"{"id":"1","createdDateTime":"2026-01-03T00:00:00Z"}"#]);
    bench
}

/// Holds a manifest against the files that it lists. Returns it.
fn manifest(path: &Path) -> Value {
    let manifest: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for file in manifest["files"].as_array().unwrap() {
        let bytes = std::fs::read(path.with_file_name("x").with_file_name(file["path"].as_str().unwrap())).unwrap();
        assert_eq!(file["sha256"], summary::sha256(&bytes), "{file}");
        assert_eq!(file["bytes"], bytes.len());
    }
    manifest
}

fn files(folder: &Path) -> Vec<String> {
    let all = summary::files_below(folder).into_iter();
    all.map(|path| path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/")).collect()
}

#[test]
fn every_format_to_a_folder() {
    let bench = bench();
    for (format, ending) in [("ndjson", "ndjson"), ("csv", "csv"), ("json", "json"), ("timesketch", "timesketch.csv")] {
        bench.run(&["case", "export", "--format", format, "--output", format]).expect(0);
        let found = files(&bench.path(format));
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found.contains(&format!("tenant-a/sign-ins.{ending}")), "{found:?}");
        assert_eq!(manifest(&bench.path(format).join("manifest.json"))["tables"].as_array().unwrap().len(), 3);
    }
    let found = files(&bench.path("ndjson"));
    let rows = found.iter().find(|path| path.starts_with("tenant-a/my-query")).unwrap();
    assert_eq!(std::fs::read_to_string(bench.path("ndjson").join(rows)).unwrap(), ROWS.join("\n") + "\n");
    bench.run(&["case", "verify"]).expect(0);
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_is_a_dataset() {
    let bench = bench();
    bench.run(&["case", "export", "--format", "parquet", "--output", "lake", "--source", "sign-ins"]).expect(0);
    assert_eq!(files(&bench.path("lake")), ["manifest.json", "tenant=tenant-a/query=sign-ins/rows.parquet"]);
    let bytes = std::fs::read(bench.path("lake/tenant=tenant-a/query=sign-ins/rows.parquet")).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
}

/// Reads the dataset as a whole, with tenant and query as columns.
#[cfg(feature = "parquet")]
const DATASET: &str = "
import duckdb, sys
rows = \"read_parquet(?, hive_partitioning = true, union_by_name = true)\"
for row in duckdb.execute(f'select tenant, query, count(*), max(n) from {rows} group by all order by all', [sys.argv[1] + '/**/*.parquet']).fetchall(): print(*row)
";

#[cfg(feature = "parquet")]
#[test]
fn duckdb_reads_the_dataset_as_one_table() {
    let bench = bench();
    bench.run(&["case", "export", "--format", "parquet", "--output", "lake", "--query", "my query"]).expect(0);
    let Some(python) = crate::round_trip::python() else { return };
    let output = std::process::Command::new(python).args(["-c", DATASET]).arg(bench.path("lake")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = found.lines().collect();
    assert!(lines[0].starts_with("tenant-a my-query") && lines[0].ends_with(" 3 8"), "{lines:?}");
    assert!(lines[1].starts_with("tenant-b my-query") && lines[1].ends_with(" 1 12345678901234567890123"), "{lines:?}");
}

#[test]
fn one_query_to_one_file_and_one_window_of_it() {
    let bench = bench();
    let csv = ["case", "export", "--format", "csv", "--output", "x.csv"];
    assert!(bench.run(&csv).expect(2).stderr.contains("name a folder"));
    bench.run(&[&csv[..], &["--query", "my query", "--tenant", "tenant-a"]].concat()).expect(0);
    let text = std::fs::read_to_string(bench.path("x.csv")).unwrap();
    let expected = "Timestamp,n,x,late\r\n2026-01-02T00:00:00.1234567Z,12345678901234567890123,\"a, \"\"b\"\"\",\r\n";
    assert!(text.starts_with(expected) && text.contains("'=cmd()"), "{text}");
    let listed = manifest(&bench.path("x.csv.manifest.json"));
    assert_eq!((listed["tables"][0]["rows"].as_u64(), listed["format"].as_str()), (Some(3), Some("csv")));
    let window = ["--query", "my query", "--tenant", "tenant-a", "--from", "2026-01-08", "--to", "2026-01-10"];
    bench.run(&[&csv[..], &window[..]].concat()).expect(0);
    let text = std::fs::read_to_string(bench.path("x.csv")).unwrap();
    assert_eq!(text.lines().count(), 3, "the head, the row inside, the row without a time: {text}");
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_is_read_by_its_own_shell() {
    let bench = bench();
    bench.run(&["case", "export", "--format", "sqlite", "--output", "case.db"]).expect(0);
    let listed = manifest(&bench.path("case.db.manifest.json"));
    assert_eq!(listed["tables"].as_array().unwrap().len(), 2);
    let select = "SELECT _tenant, typeof(n), n, x, late FROM my_query ORDER BY 1, n; SELECT id FROM sign_ins; PRAGMA integrity_check;";
    let Ok(output) = std::process::Command::new("sqlite3").arg(bench.path("case.db")).arg(select).output() else {
        eprintln!("SKIPPED: no sqlite3 is here to read the database");
        return;
    };
    let expected = [
        "tenant-a|text|12345678901234567890123|a, \"b\"|",
        "tenant-a|text|7||=cmd()",
        "tenant-a|text|8|{\"k\":[1]}|",
        "tenant-b|text|12345678901234567890123|a, \"b\"|",
        "1",
        "ok",
    ];
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().collect::<Vec<_>>(), expected);
}

/// Stores rows as CSV alone, as `hunt --format csv` does.
pub(crate) fn store_csv(bench: &Bench, name: &str) {
    let case = open(&bench.case());
    let job = Job { id: name.into(), kind: Work::Hunt, name: name.into(), tenant: "tenant-a".into(), ..Job::default() };
    case.journal().append(Event::JobStarted(JobStarted { job: job.clone(), resumed: false })).unwrap();
    let mut draft = case.draft(&case.reserve(&Place::hunt("tenant-a", name, None, Format::Csv))).unwrap();
    draft.write(b"n\r\n1\r\n").unwrap();
    case.commit(draft.seal().unwrap(), Facts { job: job.clone(), ..Facts::default() }).unwrap();
    case.journal().append(Event::JobEnded(JobEnded { job, status: Outcome::Complete, rows: 1, ..JobEnded::default() })).unwrap();
}

#[test]
fn rows_that_are_not_stored_as_ndjson_are_named_and_not_passed_over() {
    let bench = bench();
    store_csv(&bench, "tables only");
    let export = |output: &str, more: &[&str]| bench.run(&[&["case", "export", "--format", "json", "--output", output][..], more].concat());
    let alone = export("alone", &["--query", "tables only"]).expect(6);
    for word in ["tables only", "stored as csv, not as NDJSON", "--format ndjson", ".csv"] {
        assert!(alone.stderr.contains(word), "no `{word}`: {}", alone.stderr);
    }
    let all = export("all", &["--json"]).expect(6);
    let told = all.json();
    assert_eq!((told["tables"].as_array().unwrap().len(), told["left_out"][0]["name"].as_str()), (3, Some("tables only")), "{told}");
    assert!(all.stderr.contains("tables only"), "{}", all.stderr);
    assert_eq!(manifest(&bench.path("all/manifest.json"))["left_out"], told["left_out"]);
    export("rest", &["--query", "my query", "--source", "sign-ins"]).expect(0);
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_nothing() {
    let bench = bench();
    let export =
        |output: &str, more: &[&str]| bench.run(&[&["case", "export", "--format", "ndjson", "--output", output][..], more].concat());
    assert!(export("ircollect-case/out", &[]).expect(2).stderr.contains("lies in the case"));
    assert!(export("out", &["--query", "other"]).expect(2).stderr.contains("my query"));
    bench.write("full/x", "");
    assert!(export("full", &[]).expect(7).stderr.contains("not empty"));
    let stored: PathBuf = summary::files_below(&bench.case().join("data")).remove(0);
    let mut bytes = std::fs::read(&stored).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(&stored, bytes).unwrap();
    let refused = export("changed.ndjson", &["--query", "my query", "--tenant", "tenant-a"]);
    let refused = if refused.code == 0 { export("changed.ndjson", &["--query", "my query", "--tenant", "tenant-b"]) } else { refused };
    let refused = if refused.code == 0 { export("changed.ndjson", &["--source", "sign-ins"]) } else { refused };
    assert!(refused.expect(7).stderr.contains("is not what was written"));
}
