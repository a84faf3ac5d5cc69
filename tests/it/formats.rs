//! The formats of a hunt, by the real binary against a lab: what each holds, which files stay, what a resumed job gets.

use crate::support::{
    site::{Site, generous},
    summary::text,
};
use ircollect::lab::Options;
use parquet::{
    basic::{LogicalType, Type},
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};
use serde_json::Value;
use std::{collections::BTreeMap, fs::File, path::PathBuf};

const QUERY: &str = "DeviceProcessEvents | where FileName =~ \"powershell.exe\"\n| project Timestamp, DeviceName, ProcessId, ProcessCommandLine, AdditionalFields, IsInitiatingProcessRemoteSession, Load = 1.5 * ProcessId";
const ALL: &str = "parquet,csv,json,ndjson";

/// A company whose days are pinned.
fn site() -> Site {
    Site::new(Options { end: Some("2026-06-30T12:00:00Z".parse().unwrap()), ..generous() })
}

const WINDOW: [&str; 4] = ["--from", "2026-06-01", "--to", "2026-06-30"];

fn hunted(site: &Site, query: &str, more: &[&str]) -> Value {
    let summary = site.summary(0, &[&["hunt", "--kql", query], more, &WINDOW[..]].concat());
    site.verify();
    summary["jobs"][0].clone()
}

fn paths(site: &Site, job: &Value) -> BTreeMap<String, PathBuf> {
    let files = job["files"].as_array().unwrap();
    let paths: BTreeMap<_, _> =
        files.iter().map(|file| (text(&file["format"]).to_owned(), site.bench.case().join(text(&file["path"])))).collect();
    assert_eq!(paths.len(), files.len(), "one file a format: {job}");
    let mut stored: Vec<&PathBuf> = paths.values().collect();
    stored.sort();
    assert_eq!(site.files().iter().collect::<Vec<_>>(), stored, "no other file lies in the case");
    paths
}

type Rows = Vec<BTreeMap<String, Value>>;

fn sorted(mut rows: Rows) -> Rows {
    rows.sort_by_key(|row| serde_json::to_string(row).unwrap());
    rows
}

fn ndjson(path: &PathBuf) -> Rows {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Reads CSV; numbers and booleans are what the schema says they are.
fn csv(path: &PathBuf, like: &Rows) -> Rows {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let head = reader.headers().unwrap().clone();
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        head.iter().zip(record.iter()).map(|(name, cell)| (name.to_owned(), like_that(cell, name, like))).collect()
    });
    rows.collect()
}

fn like_that(cell: &str, name: &str, like: &Rows) -> Value {
    let model = like.iter().find_map(|row| row.get(name).filter(|value| !value.is_null()));
    match model {
        Some(Value::String(_)) if !cell.is_empty() => Value::String(cell.to_owned()),
        Some(Value::String(_)) | None => Value::Null,
        Some(_) => serde_json::from_str(cell).unwrap_or(Value::Null),
    }
}

fn parquet(path: &PathBuf) -> Rows {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(|row| {
        let row = row.unwrap();
        row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect()
    });
    rows.collect()
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => (*value).into(),
        Field::Long(value) => (*value).into(),
        Field::Double(value) => (*value).into(),
        Field::Str(value) => value.clone().into(),
        other => panic!("{other:?}"),
    }
}

/// Times as Parquet has them, null for what no format tells from it.
fn as_parquet(rows: &Rows) -> Rows {
    let stamp = |text: &str| text.parse::<jiff::Timestamp>().ok().map(|time| i64::try_from(time.as_nanosecond()).unwrap());
    let cell = |name: &str, value: &Value| match value {
        Value::String(text) if name == "Timestamp" => stamp(text).unwrap().into(),
        Value::Object(_) | Value::Array(_) => value.to_string().into(),
        // Booleans of the older convention.
        Value::Number(number) if name.starts_with("Is") => (number.as_u64() == Some(1)).into(),
        other => other.clone(),
    };
    let row = |row: &BTreeMap<String, Value>| {
        row.iter().filter(|(name, _)| !name.contains('@')).map(|(name, value)| (name.clone(), cell(name, value))).collect()
    };
    rows.iter().map(row).collect()
}

fn without_annotations(rows: &Rows) -> Rows {
    let keep = |value: &Value| if value == "" { Value::Null } else { value.clone() };
    rows.iter()
        .map(|row| row.iter().filter(|(name, _)| !name.contains('@')).map(|(name, value)| (name.clone(), keep(value))).collect())
        .collect()
}

#[track_caller]
fn hold_the_same_rows(paths: &BTreeMap<String, PathBuf>, rows: &Rows) {
    for (format, path) in paths {
        match format.as_str() {
            "ndjson" => assert_eq!(sorted(ndjson(path)), sorted(rows.clone())),
            "json" => assert_eq!(sorted(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()), sorted(rows.clone())),
            "csv" => assert_eq!(sorted(csv(path, rows)), sorted(without_annotations(rows))),
            _ => assert_eq!(sorted(parquet(path)), sorted(as_parquet(rows))),
        }
    }
}

#[test]
fn every_format_holds_the_same_rows() {
    let site = site();
    let job = hunted(&site, QUERY, &["--format", ALL]);
    let paths = paths(&site, &job);
    assert_eq!(paths.keys().collect::<Vec<_>>(), ["csv", "json", "ndjson", "parquet"]);
    let rows = ndjson(&paths["ndjson"]);
    assert!(rows.len() > 20, "{} rows tell little", rows.len());
    hold_the_same_rows(&paths, &rows);
    let told = site.ask(QUERY, &job["window"]);
    let names: Vec<&str> = told.columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(csv::Reader::from_path(&paths["csv"]).unwrap().headers().unwrap(), names);
    let reader = SerializedFileReader::new(File::open(&paths["parquet"]).unwrap()).unwrap();
    let schema = reader.metadata().file_metadata().schema_descr();
    let columns: Vec<_> = schema.columns().iter().map(|column| (column.name().to_owned(), column.physical_type())).collect();
    assert_eq!(columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names);
    let kinds: BTreeMap<_, _> = columns.into_iter().collect();
    assert_eq!((kinds["Timestamp"], kinds["ProcessId"], kinds["Load"]), (Type::INT64, Type::INT64, Type::DOUBLE));
    assert_eq!((kinds["DeviceName"], kinds["IsInitiatingProcessRemoteSession"]), (Type::BYTE_ARRAY, Type::BOOLEAN));
    assert!(matches!(schema.column(0).logical_type_ref(), Some(LogicalType::Timestamp(time)) if time.is_adjusted_to_u_t_c));
    let words = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let word = |key: &str| words.iter().find(|word| word.key == key).and_then(|word| word.value.clone()).unwrap();
    assert_eq!(word("ircollect.rows"), rows.len().to_string());
    assert_eq!((word("ircollect.from"), word("ircollect.to")), ("2026-06-01T00:00:00Z".into(), "2026-06-30T00:00:00Z".into()));
    assert!(word("ircollect.query").contains(QUERY));
}

#[test]
fn only_what_is_asked_for_stays_however_the_window_was_cut() {
    let site = site();
    let whole = ndjson(&paths(&site, &hunted(&site, QUERY, &[]))["ndjson"]);
    for (formats, slices) in [("csv", "off"), ("csv", "5d"), ("parquet", "5d"), (ALL, "5d"), ("json,csv", "off")] {
        let site = Site::at(std::sync::Arc::clone(&site.lab));
        let job = hunted(&site, QUERY, &["--format", formats, "--slice", slices]);
        let paths = paths(&site, &job);
        let mut asked: Vec<&str> = formats.split(',').collect();
        asked.sort_unstable();
        assert_eq!(paths.keys().collect::<Vec<_>>(), asked);
        hold_the_same_rows(&paths, &whole);
    }
}

#[test]
fn no_rows_leave_the_header_an_empty_list_and_the_types() {
    let site = site();
    for slices in ["off", "10d"] {
        let site = Site::at(std::sync::Arc::clone(&site.lab));
        let query = "DeviceProcessEvents | where FileName == 'none' | project Timestamp, ProcessId, FileName";
        let paths = paths(&site, &hunted(&site, query, &["--format", ALL, "--slice", slices]));
        assert_eq!(std::fs::read_to_string(&paths["csv"]).unwrap(), "Timestamp,ProcessId,FileName\r\n");
        assert_eq!(std::fs::read_to_string(&paths["json"]).unwrap(), "[]\n");
        assert_eq!(std::fs::read_to_string(&paths["ndjson"]).unwrap(), "");
        let reader = SerializedFileReader::new(File::open(&paths["parquet"]).unwrap()).unwrap();
        assert_eq!((reader.metadata().file_metadata().num_rows(), reader.metadata().file_metadata().schema_descr().num_columns()), (0, 3));
    }
}

#[test]
fn a_resumed_job_gets_the_formats_it_lacks_without_a_call() {
    let site = site();
    let first = hunted(&site, QUERY, &["--format", "ndjson"]);
    let rows = ndjson(&paths(&site, &first)["ndjson"]);
    let second = hunted(&site, QUERY, &["--format", "ndjson,csv,parquet", "--resume"]);
    assert_eq!(second["calls"], 0);
    let paths = paths(&site, &second);
    assert_eq!(paths.keys().collect::<Vec<_>>(), ["csv", "ndjson", "parquet"]);
    hold_the_same_rows(&paths, &rows);
    let third = hunted(&site, QUERY, &["--format", "csv", "--resume"]);
    assert_eq!((&third["calls"], third["files"].as_array().unwrap().len()), (&0.into(), 3), "it is reported as it stands");
}

#[test]
fn a_copy_has_the_format_that_its_name_says() {
    let site = site();
    let copies = [("rows.parquet", "parquet"), ("rows.CSV", "csv"), ("rows.txt", "json")];
    for (name, format) in copies {
        let site = Site::at(std::sync::Arc::clone(&site.lab));
        let job = hunted(&site, QUERY, &["--format", "json,csv,parquet", "--output", name]);
        let paths = paths(&site, &job);
        assert_eq!(std::fs::read(site.bench.path(name)).unwrap(), std::fs::read(&paths[format]).unwrap(), "{name}");
    }
}

#[test]
fn a_timeline_begins_as_timesketch_wants_it() {
    let site = site();
    let job = hunted(&site, QUERY, &["--format", "timesketch,csv", "--slice", "5d"]);
    let paths = paths(&site, &job);
    assert!(paths["timesketch"].to_string_lossy().ends_with(".timesketch.csv"));
    let mut reader = csv::Reader::from_path(&paths["timesketch"]).unwrap();
    assert_eq!(reader.headers().unwrap().iter().take(4).collect::<Vec<_>>(), ["message", "datetime", "timestamp_desc", "Timestamp"]);
    let mut rows = 0;
    for record in reader.records().map(Result::unwrap) {
        assert!(record[0].contains("DeviceName=") && record[2] == *"Timestamp", "{record:?}");
        assert!(record[1].parse::<jiff::Timestamp>().is_ok() && record[1] == record[3]);
        rows += 1;
    }
    assert_eq!(job["rows"], rows);
}

#[test]
fn rows_are_laid_out_by_day_where_that_is_asked_for() {
    let site = site();
    let all = ndjson(&paths(&site, &hunted(&site, QUERY, &[]))["ndjson"]);
    for (formats, slices) in [("parquet,csv", "off"), ("ndjson,parquet", "5d")] {
        let site = Site::at(std::sync::Arc::clone(&site.lab));
        let job = hunted(&site, QUERY, &["--format", formats, "--slice", slices, "--parts"]);
        let files = job["files"].as_array().unwrap();
        assert_eq!(site.files().len(), files.len(), "no other file lies in the case");
        let mut found = Rows::new();
        for file in files {
            let path = text(&file["path"]);
            let (_, date) = path.split_once("/date=").unwrap();
            assert!(path.contains(&format!("/tenant={}/query=", site.lab.tenant())), "{path}");
            if file["format"] == "parquet" {
                let rows = parquet(&site.bench.case().join(path));
                for row in &rows {
                    let time = jiff::Timestamp::from_nanosecond(row["Timestamp"].as_i64().unwrap().into()).unwrap();
                    assert_eq!(time.to_string()[..10], date[..10], "{path}");
                }
                found.extend(rows);
            }
        }
        assert_eq!(sorted(found), sorted(as_parquet(&all)));
        let again = hunted(&site, QUERY, &["--format", formats, "--slice", slices, "--parts", "--resume"]);
        assert_eq!((&again["calls"], again["files"].as_array().unwrap().len()), (&0.into(), files.len()));
    }
}

/// Runs the binary on a terminal of its own, so wide; none where nothing here can make one.
#[cfg(target_os = "linux")]
fn on_a_terminal(site: &Site, arguments: &[&str], columns: usize) -> Option<String> {
    use std::process::{Command, Stdio};
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_string_lossy().replace('\'', r"'\''"));
    let ours = site.command(arguments);
    let line: Vec<String> = std::iter::once(ours.get_program()).chain(ours.get_args()).map(quoted).collect();
    let mut command = Command::new("script");
    command.args(["-qec", &line.join(" "), "/dev/null"]).current_dir(ours.get_current_dir().unwrap()).env_clear();
    command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("COLUMNS", columns.to_string());
    let Ok(output) = command.stdin(Stdio::null()).output() else {
        eprintln!("SKIPPED: there is no `script` here to make a terminal");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).replace('\r', ""))
}

#[cfg(target_os = "linux")]
#[test]
fn the_first_rows_are_shown_on_a_terminal_and_nowhere_else() {
    let site = site();
    let query = "print Name = strcat('a', '\\u001b[2J', '\\u202e', 'b'), Long = strcat_array(range(1, 300, 1), ','), Nothing = '' | extend Nothing = tostring(dynamic(null))";
    let arguments = ["hunt", "--kql", query, "--no-progress", "--color", "never"];
    for columns in [40, 100] {
        let Some(shown) = on_a_terminal(&site, &arguments, columns) else { return };
        assert!(shown.contains(if columns == 100 { "a\\u{1b}[2J\\u{202e}b" } else { "a\\u{1b}[2J" }), "{shown}");
        assert!(!shown.contains("Nothing") && !shown.contains('\u{202e}') && !shown.contains("\u{1b}[2J"), "{shown}");
        let head = shown.lines().find(|line| line.contains("Name")).unwrap_or_else(|| panic!("{shown}"));
        let table: Vec<&str> = shown.lines().skip_while(|line| *line != head).take(2).collect();
        assert!(table.iter().all(|line| line.chars().count() <= columns), "{columns}: {table:?}");
        assert!(table[1].contains("1,2,3") && table[1].contains('…'), "{table:?}");
    }
    assert!(!site.run(&arguments).expect(0).stderr.contains("Long"));
}

#[test]
fn pulls_are_stored_in_every_format_too() {
    let site = site();
    for (formats, source) in [(ALL, "alerts"), ("parquet", "alerts"), ("csv,json", "users"), ("csv,parquet", "mde/machines")] {
        let site = Site::at(std::sync::Arc::clone(&site.lab));
        let arguments = [&["pull", source, "--format", formats], &WINDOW[..]].concat();
        let job = site.summary(0, &arguments)["jobs"][0].clone();
        site.verify();
        let rows = job["rows"].as_u64().unwrap();
        assert!(rows > 0, "{job}");
        let paths = paths(&site, &job);
        let mut asked: Vec<&str> = formats.split(',').collect();
        asked.sort_unstable();
        assert_eq!(paths.keys().collect::<Vec<_>>(), asked);
        for (format, path) in &paths {
            let held = match format.as_str() {
                "ndjson" => ndjson(path).len(),
                "json" => serde_json::from_slice::<Rows>(&std::fs::read(path).unwrap()).unwrap().len(),
                "csv" => csv::Reader::from_path(path).unwrap().records().map(Result::unwrap).count(),
                _ => parquet(path).len(),
            };
            assert_eq!(held as u64, rows, "{source} as {format}");
        }
        let again = site.summary(0, &[&arguments[..], &["--resume"]].concat())["jobs"][0].clone();
        assert_eq!(again["files"], job["files"], "{source}");
    }
}
