//! Queries over ten million process events in Parquet, side by side with DuckDB running the equivalent SQL over the same files.
//!
//! `cargo bench --bench offline`; `IRCOLLECT_BENCH_ROWS` sets the rows (10,000,000), `IRCOLLECT_BENCH_ROUNDS` the rounds (3),
//! `IRCOLLECT_BENCH_MEMORY` what `--memory` says (1GiB), `IRCOLLECT_BENCH_DATA` a folder that the files are kept in from run to run,
//! `IRCOLLECT_BENCH_ONLY` a part of the name of the queries that are wanted.
//! `IRCOLLECT_BENCH_PYTHON` names a Python that has DuckDB; without it only our side is timed. What is timed of ours is the whole command:
//! start, footers, query, the hash of every file that was read, the answer on disk. Of DuckDB it is the query alone, in a session that
//! has read the files before.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a bench is its own program: it says its numbers and fails where it stands"
)]
#![allow(clippy::disallowed_methods, reason = "a bench writes plain files and reads its own variables")]

#[allow(dead_code, reason = "each bench takes what it needs")]
mod beside;

use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::Schema,
};
use beside::{number, timed};
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
use std::{
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

/// How many times the yardstick's time a query may take.
const GOAL: f64 = 1.5;
const DEVICES: u64 = 5_000;
const LOGONS: u64 = 100_000;
/// Rows that are made at a time.
const BATCH: u64 = 100_000;
const EXE: [&str; 10] = [
    "cmd.exe",
    "powershell.exe",
    "svchost.exe",
    "chrome.exe",
    "rundll32.exe",
    "explorer.exe",
    "msedge.exe",
    "teams.exe",
    "outlook.exe",
    "winword.exe",
];

fn main() {
    let rows = number("IRCOLLECT_BENCH_ROWS", 10_000_000);
    let own = tempfile::tempdir().unwrap();
    let data = std::env::var_os("IRCOLLECT_BENCH_DATA").map_or_else(|| own.path().join("data"), PathBuf::from);
    prepare(&data, rows);
    let bench = Bench {
        folder: own.path(),
        data: &data,
        rounds: number("IRCOLLECT_BENCH_ROUNDS", 3),
        memory: std::env::var("IRCOLLECT_BENCH_MEMORY").unwrap_or_else(|_| "1GiB".to_owned()),
    };
    let python = std::env::var_os("IRCOLLECT_BENCH_PYTHON").map(PathBuf::from);
    let only = std::env::var("IRCOLLECT_BENCH_ONLY").unwrap_or_default();
    println!("{rows} rows, --memory {}", bench.memory);
    for question in questions(&data).into_iter().filter(|question| question.name.contains(&only)) {
        let ours = bench.ours(&question);
        let theirs = python.as_deref().map(|python| duckdb(python, &question.sql, bench.rounds));
        show(&question, &ours, theirs.as_ref());
    }
}

/// One question in both languages.
struct Question {
    name: &'static str,
    kql: String,
    sql: String,
}

fn questions(data: &Path) -> Vec<Question> {
    let (events, logons) = (data.join("DeviceProcessEvents.parquet"), data.join("DeviceLogonEvents.parquet"));
    let (events, logons) = (events.display(), logons.display());
    let terms: Vec<String> = (0..1_000).map(|number| format!("tool{}", number * 97)).collect();
    let listed = terms.join("', '");
    vec![
        Question {
            name: "filter + summarize",
            kql: "DeviceProcessEvents | where ActionType == 'ProcessCreated' and FileName in ('powershell.exe', 'cmd.exe') \
                  | summarize count(), min(Timestamp), max(Timestamp) by DeviceName"
                .to_owned(),
            sql: format!(
                "select DeviceName, count(*), min(Timestamp), max(Timestamp) from '{events}' \
                 where ActionType = 'ProcessCreated' and FileName in ('powershell.exe', 'cmd.exe') group by 1"
            ),
        },
        Question {
            name: "the same with dcount",
            kql: "DeviceProcessEvents | where ActionType == 'ProcessCreated' and FileName in ('powershell.exe', 'cmd.exe') \
                  | summarize count(), dcount(AccountName) by DeviceName"
                .to_owned(),
            sql: format!(
                "select DeviceName, count(*), count(distinct AccountName) from '{events}' \
                 where ActionType = 'ProcessCreated' and FileName in ('powershell.exe', 'cmd.exe') group by 1"
            ),
        },
        Question {
            name: "has_any over 1,000 terms",
            kql: format!("DeviceProcessEvents | where ProcessCommandLine has_any ('{listed}') | summarize count() by DeviceName"),
            // Splitting into terms and looking them up in a list, which says the same, takes DuckDB many times longer.
            sql: format!(
                "select DeviceName, count(*) from '{events}' where regexp_matches(ProcessCommandLine, '(?i)\\b({})\\b') group by 1",
                terms.join("|")
            ),
        },
        Question {
            name: "join with 100,000",
            kql: "DeviceProcessEvents | join kind=inner DeviceLogonEvents on DeviceId, AccountName | summarize count() by ActionType, LogonType"
                .to_owned(),
            sql: format!(
                "select ActionType, LogonType, count(*) from '{events}' join '{logons}' using (DeviceId, AccountName) group by 1, 2"
            ),
        },
        Question {
            name: "arg_max by device",
            kql: "DeviceProcessEvents | summarize arg_max(Timestamp, FileName, ProcessId, ProcessCommandLine) by DeviceId".to_owned(),
            sql: format!(
                "select DeviceId, max(Timestamp), arg_max({{'f': FileName, 'p': ProcessId, 'c': ProcessCommandLine}}, Timestamp) \
                 from '{events}' group by 1"
            ),
        },
    ]
}

/// What a side came to.
struct Times {
    seconds: Vec<f64>,
    rows: u64,
    peak: u64,
}

impl Times {
    fn median(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }
}

fn show(question: &Question, ours: &Times, theirs: Option<&Times>) {
    let mut line = format!("{:<26} {:>7.3} s  peak {:>5} MiB  {:>8} rows", question.name, ours.median(), ours.peak >> 20, ours.rows);
    if let Some(theirs) = theirs {
        assert_eq!(ours.rows, theirs.rows, "{} has other rows", question.name);
        let times = ours.median() / theirs.median();
        let word = if times <= GOAL { "met" } else { "MISSED" };
        let _ = write!(line, "  DuckDB {:>7.3} s  peak {:>5} MiB  {times:.2} x  ({word})", theirs.median(), theirs.peak >> 20);
    }
    println!("{line}");
}

struct Bench<'a> {
    folder: &'a Path,
    data: &'a Path,
    rounds: u64,
    memory: String,
}

impl Bench<'_> {
    fn ours(&self, question: &Question) -> Times {
        let query = self.folder.join("query.kql");
        fs::write(&query, &question.kql).unwrap();
        let mut times = Times { seconds: Vec::new(), rows: 0, peak: 0 };
        for _ in 0..self.rounds {
            let (case, output) = (self.folder.join("case"), self.folder.join("out.ndjson"));
            drop(fs::remove_dir_all(&case));
            let mut command = Command::new(env!("CARGO_BIN_EXE_ircollect"));
            command.current_dir(self.folder).args(["hunt", "--offline", "--no-progress", "--memory", &self.memory, "--data"]);
            command.arg(self.data).arg("--query").arg(&query).arg("--case").arg(&case).arg("--output").arg(&output);
            let run = timed(&mut command);
            times.seconds.push(run.wall.as_secs_f64());
            times.peak = times.peak.max(run.peak);
            times.rows = fs::read_to_string(&output).unwrap().lines().count().try_into().unwrap();
        }
        times
    }
}

/// Reads the SQL and the rounds, and says the rows and the seconds of each round; the first of all is not counted.
const SCRIPT: &str = r"
import duckdb, sys, time
sql, rounds = sys.stdin.read(), int(sys.argv[1])
con = duckdb.connect()
con.execute(sql).fetchall()
for _ in range(rounds):
    began = time.perf_counter()
    rows = con.execute(sql).fetchall()
    print(len(rows), time.perf_counter() - began)
print('peak', next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))
";

fn duckdb(python: &Path, sql: &str, rounds: u64) -> Times {
    use std::io::Write;
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT, &rounds.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "DuckDB failed");
    let mut times = Times { seconds: Vec::new(), rows: 0, peak: 0 };
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let (first, second) = line.split_once(' ').unwrap();
        if first == "peak" {
            times.peak = second.parse::<u64>().unwrap() << 10;
        } else {
            times.rows = first.parse().unwrap();
            times.seconds.push(second.parse().unwrap());
        }
    }
    times
}

/// Writes the files, where they are not there yet.
fn prepare(data: &Path, rows: u64) {
    fs::create_dir_all(data).unwrap();
    let (events, logons) = (data.join("DeviceProcessEvents.parquet"), data.join("DeviceLogonEvents.parquet"));
    if !events.exists() {
        let partial = data.join("partial");
        write(&partial, rows, event);
        fs::rename(&partial, &events).unwrap();
    }
    if !logons.exists() {
        write(&logons, LOGONS, logon);
    }
}

fn write(path: &Path, rows: u64, batch: fn(std::ops::Range<u64>) -> RecordBatch) {
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::try_new(1).unwrap())).build();
    let schema: Arc<Schema> = batch(0..1).schema();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), schema, Some(properties)).unwrap();
    let mut at = 0;
    while at < rows {
        let end = rows.min(at + BATCH);
        writer.write(&batch(at..end)).unwrap();
        at = end;
    }
    writer.close().unwrap();
}

/// Numbers that look drawn, the same in every run (splitmix64).
fn drawn(row: u64, column: u64) -> u64 {
    let mut x = row.wrapping_mul(31).wrapping_add(column).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn device(number: u64) -> String {
    format!("{:016x}{:016x}{:08x}", drawn(number, 90), drawn(number, 91), drawn(number, 92) >> 32)
}

fn texts(rows: std::ops::Range<u64>, make: impl Fn(u64) -> String) -> ArrayRef {
    Arc::new(rows.map(|row| Some(make(row))).collect::<StringArray>())
}

fn exe(row: u64, column: u64) -> String {
    EXE[usize::try_from(drawn(row, column) % 10).unwrap()].to_owned()
}

fn times(rows: std::ops::Range<u64>, step: i64) -> ArrayRef {
    let times = rows.map(|row| 1_767_225_600_000_000 + i64::try_from(row).unwrap() * step);
    Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
}

fn numbers(rows: std::ops::Range<u64>, make: impl Fn(u64) -> u64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(rows.map(|row| i64::try_from(make(row)).unwrap())))
}

fn event(rows: std::ops::Range<u64>) -> RecordBatch {
    let of = |column: u64, most: u64| move |row: u64| drawn(row, column) % most;
    let actions = ["ProcessCreated", "OpenProcess", "ProcessPrimaryTokenModified"];
    let command = |row| {
        format!(
            r#""C:\Program Files\App{}\{}" -Task tool{} -arg {}"#,
            drawn(row, 20) % 2_000,
            exe(row, 5),
            drawn(row, 21) % 100_000,
            drawn(row, 22) % 1_000_000
        )
    };
    let columns = [
        ("Timestamp", times(rows.clone(), 259_200)),
        ("DeviceId", texts(rows.clone(), |row| device(drawn(row, 1) % DEVICES))),
        ("DeviceName", texts(rows.clone(), |row| format!("ws-{:05}.contoso.example", drawn(row, 1) % DEVICES))),
        ("ActionType", texts(rows.clone(), |row| actions[usize::try_from(drawn(row, 3) % 3).unwrap()].to_owned())),
        ("FileName", texts(rows.clone(), |row| exe(row, 5))),
        ("FolderPath", texts(rows.clone(), |row| format!(r"C:\Program Files\App{}\{}", drawn(row, 20) % 2_000, exe(row, 5)))),
        ("SHA256", texts(rows.clone(), |row| format!("{:064x}", drawn(drawn(row, 6) % 20_000, 93)))),
        ("ProcessCommandLine", texts(rows.clone(), command)),
        ("AccountName", texts(rows.clone(), |row| format!("user{}", drawn(row, 7) % 20_000))),
        ("ProcessId", numbers(rows.clone(), of(8, 100_000))),
        ("InitiatingProcessFileName", texts(rows.clone(), |row| exe(row, 9))),
        ("InitiatingProcessId", numbers(rows.clone(), of(10, 100_000))),
        ("ReportId", numbers(rows, |row| row)),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn logon(rows: std::ops::Range<u64>) -> RecordBatch {
    let kinds = ["Interactive", "Network", "RemoteInteractive", "Batch"];
    let columns = [
        ("Timestamp", times(rows.clone(), 25_920_000)),
        ("DeviceId", texts(rows.clone(), |row| device(drawn(row, 40) % DEVICES))),
        ("AccountName", texts(rows.clone(), |row| format!("user{}", drawn(row, 41) % 20_000))),
        ("LogonType", texts(rows, |row| kinds[usize::try_from(drawn(row, 42) % 4).unwrap()].to_owned())),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}
