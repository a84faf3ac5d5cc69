//! Hostile values through every format, read back by readers that are not ours: the crates `csv`, `serde_json` and `parquet`, and pyarrow,
//! DuckDB and polars where they are installed (`ORACLE_HOME`, else `oracle` in the temporary folder, holds a Python with them).

use crate::{
    hostile::{answer, stage},
    support::{
        Bench,
        summary::{self, text},
    },
};
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};
use serde_json::{Value, value::RawValue};
use std::{
    collections::BTreeMap,
    fmt::Write,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

/// A row as it is sent, and the text that each cell has then; none for null.
struct Row {
    sent: String,
    cells: Vec<Option<String>>,
}

const COLUMNS: [(&str, &str); 12] = [
    ("Timestamp", "DateTime"),
    ("Text", "String"),
    ("Long", "Int64"),
    ("Wide", "Int64"),
    ("Real", "Double"),
    ("Flag", "SByte"),
    ("Bag", "Object"),
    ("text", "String"),
    ("", "String"),
    ("Zeit \u{2028}\"=", "String"),
    ("Twice", "String"),
    ("Twice", "Int64"),
];

/// The names that the columns have in the tables: none is empty, and no two are equal.
fn names() -> Vec<&'static str> {
    let mut names = COLUMNS.map(|(name, _)| if name.is_empty() { "_" } else { name });
    names[COLUMNS.len() - 1] = "Twice_2";
    names.to_vec()
}

fn rows(count: u64) -> Vec<Row> {
    fastrand::seed(20_260_102);
    let mut rows: Vec<Row> = (0..count).map(row).collect();
    for length in [1 << 20, 16 << 20] {
        let long = "x\u{1f600}".repeat(length / 5);
        let mut cells = vec![None; COLUMNS.len()];
        cells[1] = Some(long.clone());
        rows.insert(rows.len() / 2, Row { sent: format!("{{\"Text\":\"{long}\"}}"), cells });
    }
    rows
}

/// One row: any character, integers too long for 64 bits, times to the tick, nested values, members in any order or not there.
fn row(number: u64) -> Row {
    let texts: [String; 4] = std::array::from_fn(|_| hostile_text());
    let ticks = fastrand::i64(-60_000_000_000_000_000..60_000_000_000_000_000);
    let time = jiff::Timestamp::from_nanosecond(i128::from(ticks) * 100).unwrap().to_string();
    let long = fastrand::i64(..).to_string();
    let wide = if number % 7 == 3 { "12345678901234567890123".to_owned() } else { fastrand::i64(..).to_string() };
    let (real, real_text) = hostile_real();
    let flag = ["true", "false", "1", "0"][fastrand::usize(..4)];
    let bag = format!("{{\"a\":[1,{},null,{{\"b\":\"\\u00e9\\\"\"}}],\"n\":1.50}}", quoted(&texts[3]));
    let values = [
        (quoted(&time), time.clone()),
        (quoted(&texts[0]), texts[0].clone()),
        (long.clone(), long),
        (wide.clone(), wide),
        (real, real_text),
        (flag.to_owned(), flag.to_owned()),
        (bag.clone(), bag),
        (quoted(&texts[1]), texts[1].clone()),
        (quoted(&texts[2]), texts[2].clone()),
        (surrogate().0, surrogate().1),
    ];
    let mut sent = Vec::new();
    let mut cells = Vec::new();
    for ((json, cell), (name, _)) in values.into_iter().zip(COLUMNS) {
        let kind = fastrand::u8(..8);
        cells.push((kind > 1).then_some(cell));
        match kind {
            0 => {}
            1 => sent.push(format!("{}:null", quoted(name))),
            _ => sent.push(format!("{}: {json}", quoted(name))),
        }
    }
    let [first, second] = [hostile_text(), fastrand::i64(..).to_string()];
    sent.push(format!("\"Twice\":{},\"Twice\": {second}", quoted(&first)));
    cells.extend([Some(first), Some(second)]);
    sent.push(r##""@odata.type":"#microsoft.graph.security.huntingRowResult""##.to_owned());
    fastrand::shuffle(&mut sent);
    Row { sent: format!("{{{}}}", sent.join(",")), cells }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn hostile_text() -> String {
    const STARTS: [&str; 12] = ["=1+1", "+", "-", "@", "\t", "\r\n", "\"", "'", ",", "", " ", "\u{ff1d}"];
    let start = STARTS[fastrand::usize(..STARTS.len())];
    (0..fastrand::usize(..12)).fold(start.to_owned(), |text, _| text + &fastrand::char(..).to_string())
}

/// A number, or one of the three that JSON has no number for.
fn hostile_real() -> (String, String) {
    let special = ["NaN", "Infinity", "-Infinity"][fastrand::usize(..3)];
    let number = fastrand::f64() * 10_f64.powi(fastrand::i32(-250..250));
    if fastrand::u8(..10) == 0 { (quoted(special), special.to_owned()) } else { (number.to_string(), number.to_string()) }
}

/// A surrogate without its other half is no character: its escape stays.
fn surrogate() -> (String, String) {
    (r#""a\ud800b\udc00\ud83d\ude00""#.to_owned(), "a\\ud800b\\udc00\u{1f600}".to_owned())
}

/// Runs a hunt whose answer is these rows, in every format.
fn hunted(rows: &[Row], schema: &str) -> (Bench, BTreeMap<String, PathBuf>) {
    let body = rows.iter().map(|row| row.sent.as_str()).collect::<Vec<_>>().join(",");
    let body = format!("{{{schema}\"results\":[{body}]}}").into_bytes();
    let (_server, bench) = stage(move |_| answer(body.clone()));
    let json = bench.run(&["hunt", "--kql", "T", "--json", "--format", "ndjson,json,csv,parquet"]).expect(0).json();
    summary::hold_to_contract(&json, bench.folder.path(), 0);
    bench.run(&["case", "verify"]).expect(0);
    let files = json["jobs"][0]["files"].as_array().unwrap();
    let paths = files.iter().map(|file| (text(&file["format"]).to_owned(), bench.case().join(text(&file["path"])))).collect();
    (bench, paths)
}

fn schema() -> String {
    let columns = COLUMNS.map(|(name, kind)| format!("{{\"name\":{},\"type\":\"{kind}\"}}", quoted(name)));
    format!("\"schema\":[{}],", columns.join(","))
}

fn csv_cell(index: usize, cell: Option<&str>) -> String {
    let Some(text) = cell else { return String::new() };
    let is_text = matches!(COLUMNS[index].1, "String" | "DateTime") || matches!(text, "NaN" | "Infinity" | "-Infinity");
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    if is_text && formula { format!("'{text}") } else { text.to_owned() }
}

fn check_csv(path: &Path, rows: &[Row]) {
    let mut reader = csv::Reader::from_path(path).unwrap();
    assert_eq!(reader.headers().unwrap(), names());
    let mut read = 0;
    for (record, row) in reader.records().zip(rows) {
        let record = record.unwrap();
        for (index, (found, cell)) in record.iter().zip(&row.cells).enumerate() {
            assert_eq!(found, csv_cell(index, cell.as_deref()), "row {read}, column {index}");
        }
        read += 1;
    }
    assert_eq!(read, rows.len());
}

fn check_json(path: &Path, rows: &[Row]) {
    let text = std::fs::read_to_string(path).unwrap();
    let found: Vec<&RawValue> = serde_json::from_str(&text).unwrap();
    assert!(found.iter().map(|row| row.get()).eq(rows.iter().map(|row| row.sent.as_str())));
}

/// The text of a cell of a typed column, as the row had it but for its form: `1` and `true` are one, and so are `1.50` and `1.5`.
fn normal(kind: &str, cell: &str) -> String {
    match kind {
        "SByte" => (cell == "1" || cell == "true").to_string(),
        "Double" => format!("{:?}", cell.parse::<f64>().unwrap().to_bits()),
        "DateTime" => cell.parse::<jiff::Timestamp>().unwrap().as_nanosecond().to_string(),
        _ => cell.to_owned(),
    }
}

fn field(field: &Field) -> Option<String> {
    match field {
        Field::Null => None,
        Field::Bool(value) => Some(value.to_string()),
        Field::Long(value) => Some(value.to_string()),
        Field::Double(value) => Some(format!("{:?}", value.to_bits())),
        Field::Str(value) => Some(value.clone()),
        other => panic!("{other:?}"),
    }
}

fn check_parquet(path: &Path, rows: &[Row]) {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let mut read = 0;
    for (found, row) in reader.get_row_iter(None).unwrap().zip(rows) {
        let found = found.unwrap();
        for ((name, (_, kind)), ((column, value), cell)) in names().into_iter().zip(COLUMNS).zip(found.get_column_iter().zip(&row.cells)) {
            assert_eq!(name, column);
            assert_eq!(field(value), cell.as_deref().map(|cell| normal(kind, cell)), "row {read}, column {name}");
        }
        read += 1;
    }
    assert_eq!(read, rows.len());
}

/// Reads Parquet and CSV by readers of other makers, and holds them against the cells that they are given.
const SCRIPT: &str = r#"
import json, struct, sys, datetime, pyarrow.parquet as pq, pyarrow as pa, duckdb, polars, csv
parquet, table, cells, lines = sys.argv[1:5]
csv.field_size_limit(1 << 30)
want = [json.loads(line) for line in open(cells, encoding="utf-8")]
def plain(value):
    if value is None: return None
    if isinstance(value, bool): return "true" if value else "false"
    if isinstance(value, float): return str(struct.unpack("<Q", struct.pack("<d", value))[0])
    return str(value)
arrow = pq.read_table(parquet)
assert str(arrow.schema.field(0).type) == "timestamp[ns, tz=UTC]", arrow.schema
columns = [arrow.column(i).cast(pa.int64()) if pa.types.is_timestamp(arrow.schema.field(i).type) else arrow.column(i) for i in range(arrow.num_columns)]
for index, column in enumerate(columns):
    for row, value in enumerate(column.to_pylist()):
        assert plain(value) == want[row]["parquet"][index], ("pyarrow", row, index, plain(value), want[row]["parquet"][index])
frame = polars.read_parquet(parquet)
assert frame.height == len(want)
for index in [1, 2, 3, 6]:
    for row, value in enumerate(frame.to_series(index).to_list()):
        assert plain(value) == want[row]["parquet"][index], ("polars", row, index)
connection = duckdb.connect()
found = connection.execute("select * exclude (\"Timestamp\") from read_parquet(?)", [parquet]).fetchall()
assert len(found) == len(want)
for row, values in enumerate(found):
    for index, value in enumerate(values, 1):
        assert plain(value) == want[row]["parquet"][index], ("duckdb", row, index, plain(value), want[row]["parquet"][index])
read = list(csv.reader(open(table, encoding="utf-8", newline="")))
assert len(read) == len(want) + 1
for row, values in enumerate(read[1:]):
    assert values == want[row]["csv"], ("csv", row)
found = connection.execute("select * from read_csv(?, all_varchar=true, header=true, delim=',', quote='\"', escape='\"', max_line_size=33554432, buffer_size=134217728, parallel=false)", [table]).fetchall()
assert len(found) == len(want), (len(found), len(want))
rows = 0
for row, line in enumerate(open(lines, encoding="utf-8", newline="\n")):
    rows += 1
    wide = [value for key, value in json.loads(line, object_pairs_hook=list, parse_int=str, parse_float=str) if key == "Wide"]
    assert wide in ([], [None], [want[row]["parquet"][3]]), ("ndjson", row, wide)
assert rows == len(want)
print("read back:", len(want))
"#;

pub(crate) fn python() -> Option<PathBuf> {
    let home = crate::support::oracle_home();
    let python = home.join("py/v/bin/python");
    let has = Command::new(&python).args(["-c", "import pyarrow, duckdb, polars"]).output().is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("SKIPPED: no Python with pyarrow, duckdb and polars at `{}`", python.display());
    }
    has.then_some(python)
}

fn check_by_others(bench: &Bench, paths: &BTreeMap<String, PathBuf>, rows: &[Row]) {
    let Some(python) = python() else { return };
    let lines = rows.iter().fold(String::new(), |mut lines, row| {
        let cells = || row.cells.iter().enumerate();
        let parquet: Vec<Option<String>> = cells().map(|(at, cell)| cell.as_deref().map(|cell| normal(COLUMNS[at].1, cell))).collect();
        let csv: Vec<String> = cells().map(|(at, cell)| csv_cell(at, cell.as_deref())).collect();
        writeln!(lines, "{}", serde_json::json!({"parquet": parquet, "csv": csv})).unwrap();
        lines
    });
    let cells = bench.write("cells.ndjson", lines);
    let output =
        Command::new(python).args(["-c", SCRIPT]).args([&paths["parquet"], &paths["csv"], &cells, &paths["ndjson"]]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A few thousand rows as a rule, 50,000 where `IRCOLLECT_LONG` is set.
fn count() -> u64 {
    if crate::support::is_long() { 50_000 } else { 2_000 }
}

#[test]
fn hostile_values_are_read_back_from_every_format() {
    let rows = rows(count());
    let (bench, paths) = hunted(&rows, &schema());
    let ndjson = std::fs::read_to_string(&paths["ndjson"]).unwrap();
    assert!(ndjson.split_terminator('\n').eq(rows.iter().map(|row| row.sent.as_str())));
    check_json(&paths["json"], &rows);
    check_csv(&paths["csv"], &rows);
    check_parquet(&paths["parquet"], &rows);
    check_by_others(&bench, &paths, &rows);
}

fn sent(rows: &[&str]) -> Vec<Row> {
    rows.iter().map(|row| Row { sent: (*row).to_owned(), cells: Vec::new() }).collect()
}

fn table(path: &Path) -> Vec<Vec<Option<String>>> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let names = reader.metadata().file_metadata().schema_descr().columns().iter().map(|column| Some(column.name().to_owned())).collect();
    let rows = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().get_column_iter().map(|(_, value)| field(value)).collect());
    std::iter::once(names).chain(rows).collect()
}

#[test]
fn rows_that_do_not_keep_to_the_schema_lose_nothing() {
    let schema = r#""schema":[{"name":"N","type":"Int64"},{"name":"T","type":"DateTime"}],"#;
    let rows = sent(&[
        r#"{"N":1,"T":"2026-01-01T00:00:00Z"}"#,
        r#"{"N":"many","T":"0001-01-01T00:00:00Z","Late":true}"#,
        r#"{"N":2,"N":3,"n":4,"T":null}"#,
        "{}",
    ]);
    let (_bench, paths) = hunted(&rows, schema);
    let cell = |text: &str| Some(text.to_owned());
    let expected = [
        vec![cell("N"), cell("T"), cell("Late"), cell("N_2"), cell("n")],
        vec![cell("1"), cell("2026-01-01T00:00:00Z"), None, None, None],
        vec![cell("many"), cell("0001-01-01T00:00:00Z"), cell("true"), None, None],
        vec![cell("2"), None, None, cell("3"), cell("4")],
        vec![None, None, None, None, None],
    ];
    assert_eq!(table(&paths["parquet"]), expected);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(&paths["csv"]).unwrap();
    let records: Vec<Vec<Option<String>>> =
        reader.records().map(|record| record.unwrap().iter().map(|cell| (!cell.is_empty()).then(|| cell.to_owned())).collect()).collect();
    assert_eq!(records, expected);
}

#[test]
fn rows_without_a_schema_are_tables_too() {
    let rows = sent(&[r#"{"Name":"a","Count":5,"At":"2026-01-01T00:00:00.0000001Z"}"#, r#"{"Count":-7,"More":{"x":1}}"#]);
    let (_bench, paths) = hunted(&rows, "");
    let cell = |text: &str| Some(text.to_owned());
    let expected = [
        vec![cell("Name"), cell("Count"), cell("At"), cell("More")],
        vec![cell("a"), cell("5"), cell("1767225600000000100"), None],
        vec![None, cell("-7"), None, cell("{\"x\":1}")],
    ];
    assert_eq!(table(&paths["parquet"]), expected);
    let json: Vec<Value> = serde_json::from_slice(&std::fs::read(&paths["json"]).unwrap()).unwrap();
    assert_eq!(json.len(), 2);
}
