//! From an answer on the wire to durable files, side by side with `curl -o FILE && sync FILE` of the same bytes over TLS on this machine:
//! start-up, token and every fsync of ours included.
//!
//! `cargo bench --bench formats`; `IRCOLLECT_BENCH_ROWS` sets the rows (100,000), `IRCOLLECT_BENCH_ROUNDS` the rounds (7). The server is nginx
//! where there is one, else one of this process. What is timed is the real binary.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a bench is its own program: it says its numbers and fails where it stands"
)]
#![allow(clippy::disallowed_methods, reason = "a bench writes plain files and reads its own variables")]

#[allow(dead_code, reason = "each bench takes what it needs")]
mod beside;

use beside::{Run, await_port, certificates, nginx, number, peak, serve, show, timed, token};
use std::{
    fs::File,
    io::{BufWriter, Write},
    net::TcpListener,
    path::Path,
    process::{Child, Command},
};

const TENANT: &str = "6f1c1c52-3b8e-4b0e-9f0a-5d6c7a1e2b34";
const HUNTING: &str = "/v1.0/security/runHuntingQuery";

/// What is measured: the formats, how many times the yardstick's time they may take, and how many MiB of memory; 0 where any may.
const GOALS: [(&str, f64, u64); 5] =
    [("ndjson", 0.95, 24), ("csv", 1.3, 0), ("parquet", 1.4, 128), ("ndjson,parquet", 1.6, 128), ("ndjson,csv,json,parquet", f64::NAN, 0)];

fn main() {
    let rows = number("IRCOLLECT_BENCH_ROWS", 100_000);
    let folder = tempfile::tempdir().unwrap();
    let answer = folder.path().join("answer.json");
    let bytes = write_answer(&answer, rows);
    let server = Server::start(folder.path(), &answer);
    let bench = Bench { folder: folder.path(), url: server.url.clone() };
    bench.configure();
    println!("{rows} rows, {} MB, served by {}", bytes / 1_000_000, server.name);
    let mut times: Vec<Vec<Run>> = vec![Vec::new(); GOALS.len() + 1];
    for _ in 0..number("IRCOLLECT_BENCH_ROUNDS", 7) {
        times[0].push(bench.curl());
        for (at, (formats, ..)) in GOALS.iter().enumerate() {
            times[at + 1].push(bench.ours(formats));
        }
    }
    let yardstick = show("curl -o F && sync F", &times[0], None);
    for ((formats, goal, memory), runs) in GOALS.iter().zip(&times[1..]) {
        show(&format!("hunt --format {formats}"), runs, Some((yardstick, *goal)));
        if *memory > 0 {
            println!("  peak memory: goal {memory} MiB: {}", if peak(runs) <= memory << 20 { "met" } else { "MISSED" });
        }
    }
}

struct Bench<'a> {
    folder: &'a Path,
    url: String,
}

impl Bench<'_> {
    fn configure(&self) {
        let url = &self.url;
        let config = format!(
            "[profiles.bench]\ntenant = \"{TENANT}\"\napp_id = \"c0113c70-0000-4000-8000-000000000001\"\ncloud = \"bench\"\n\
             credential = {{ secret_env = \"BENCH_SECRET\" }}\n[clouds.bench]\nauthority = \"{url}\"\ngraph = \"{url}\"\nca_file = \"ca.pem\"\n\
             [quotas.graph]\nrows_per_call = 100000000\nbytes_per_call = 100000000000\n"
        );
        std::fs::write(self.folder.join("ircollect.toml"), config).unwrap();
    }

    fn curl(&self) -> Run {
        let to = self.folder.join("curl.out");
        drop(std::fs::remove_file(&to));
        let script = r#"curl -sf --cacert "$1" -H 'Content-Type: application/json' -d '{}' -o "$2" "$3" && exec sync "$2""#;
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(self.folder.join("ca.pem")).arg(&to).arg(format!("{}{HUNTING}", self.url));
        timed(&mut command)
    }

    fn ours(&self, formats: &str) -> Run {
        let case = self.folder.join("case");
        drop(std::fs::remove_dir_all(&case));
        let mut command = Command::new(env!("CARGO_BIN_EXE_ircollect"));
        command.current_dir(self.folder).args(["hunt", "--kql", "T", "--format", formats, "--case"]).arg(&case);
        command.env("BENCH_SECRET", "secret");
        timed(&mut command)
    }
}

/// Columns as `DeviceProcessEvents` has them: a time, ids, names, hashes, a command line, nested fields.
const COLUMNS: [(&str, &str); 28] = [
    ("Timestamp", "DateTime"),
    ("DeviceId", "String"),
    ("DeviceName", "String"),
    ("ActionType", "String"),
    ("FileName", "String"),
    ("FolderPath", "String"),
    ("SHA1", "String"),
    ("SHA256", "String"),
    ("MD5", "String"),
    ("FileSize", "Int64"),
    ("ProcessId", "Int64"),
    ("ProcessCommandLine", "String"),
    ("ProcessIntegrityLevel", "String"),
    ("ProcessCreationTime", "DateTime"),
    ("AccountDomain", "String"),
    ("AccountName", "String"),
    ("AccountSid", "String"),
    ("LogonId", "Int64"),
    ("InitiatingProcessFileName", "String"),
    ("InitiatingProcessId", "Int64"),
    ("InitiatingProcessCommandLine", "String"),
    ("InitiatingProcessCreationTime", "DateTime"),
    ("InitiatingProcessSHA256", "String"),
    ("InitiatingProcessParentFileName", "String"),
    ("IsInitiatingProcessRemoteSession", "SByte"),
    ("Score", "Double"),
    ("AdditionalFields", "Object"),
    ("ReportId", "Int64"),
];

/// Writes the answer, and returns how long it is.
fn write_answer(path: &Path, rows: u64) -> u64 {
    fastrand::seed(7);
    let mut to = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let schema = COLUMNS.map(|(name, kind)| format!("{{\"name\":\"{name}\",\"type\":\"{kind}\"}}")).join(",");
    write!(to, "{{\"@odata.context\":\"https://graph.microsoft.com/v1.0/$metadata#x\",\"schema\":[{schema}],\"results\":[").unwrap();
    for number in 0..rows {
        let comma = if number > 0 { "," } else { "" };
        write!(to, "{comma}{{{}}}", row(number)).unwrap();
    }
    write!(to, "]}}").unwrap();
    to.flush().unwrap();
    path.metadata().unwrap().len()
}

fn row(number: u64) -> String {
    let hex = |length: usize| (0..length).map(|_| char::from_digit(fastrand::u32(..16), 16).unwrap()).collect::<String>();
    let time = || {
        let seconds = 1_790_000_000 + fastrand::i64(0..2_592_000);
        format!("{}.{:07}Z", jiff::Timestamp::from_second(seconds).unwrap().strftime("%Y-%m-%dT%H:%M:%S"), fastrand::u32(..10_000_000))
    };
    let exe = ["svchost.exe", "powershell.exe", "cmd.exe", "chrome.exe", "rundll32.exe", "msedge.exe"];
    let name = || exe[fastrand::usize(..exe.len())];
    let device = fastrand::u32(..400);
    let line = || format!(r#"\"C:\\Windows\\System32\\{}\" -k netsvcs -p -s {} --flag={}"#, name(), hex(8), hex(16));
    let cell = |(column, kind): (&str, &str)| match (column, kind) {
        (_, "DateTime") => format!("\"{}\"", time()),
        ("ReportId", _) => number.to_string(),
        (_, "Int64") => fastrand::u32(..).to_string(),
        (_, "Double") => format!("{:.3}", fastrand::f64() * 100.0),
        (_, "SByte") => fastrand::bool().to_string(),
        (_, "Object") => format!(r#""{{\"Hash\":\"{}\",\"Rule\":[{},{}],\"Reason\":\"none\"}}""#, hex(24), number % 7, number % 11),
        ("DeviceId" | "SHA1", _) => format!("\"{}\"", hex(40)),
        ("MD5", _) => format!("\"{}\"", hex(32)),
        (column, _) if column.contains("SHA256") => format!("\"{}\"", hex(64)),
        (column, _) if column.contains("CommandLine") => format!("\"{}\"", line()),
        ("FolderPath", _) => format!(r#""C:\\Windows\\System32\\{}""#, name()),
        (column, _) if column.contains("FileName") => format!("\"{}\"", name()),
        ("AccountSid", _) => format!("\"S-1-5-21-{}-{device}\"", 1_004_336_348_u64 + u64::from(device)),
        (column, _) => format!("\"{}-{device}.x\"", column.to_ascii_lowercase()),
    };
    COLUMNS.map(|(column, kind)| format!("\"{column}\":{}", cell((column, kind)))).join(",")
}

/// A server of the answer and of tokens. It ends with the bench.
struct Server {
    url: String,
    name: &'static str,
    child: Option<Child>,
}

impl Server {
    fn start(folder: &Path, answer: &Path) -> Self {
        let [root, certificate, key] = certificates();
        let (leaf, key_file) = (folder.join("leaf.pem"), folder.join("key.pem"));
        std::fs::write(folder.join("ca.pem"), root).unwrap();
        std::fs::write(&leaf, &certificate).unwrap();
        std::fs::write(&key_file, &key).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("https://127.0.0.1:{port}");
        let (name, child) = match start_nginx(folder, port, [&leaf, &key_file]) {
            Some(child) => ("nginx", Some(child)),
            None => {
                serve_here(port, certificate, key, answer);
                ("this process (no nginx here)", None)
            }
        };
        await_port(port);
        Self { url, name, child }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ended = child.kill();
            let _status = child.wait();
        }
    }
}

/// Starts nginx, where there is one.
fn start_nginx(folder: &Path, port: u16, files: [&Path; 2]) -> Option<Child> {
    let locations = format!(
        "location = {HUNTING} {{ error_page 405 =200 /answer.json; try_files /none /answer.json; }}\n\
         location = /answer.json {{ default_type application/json; types {{ }} error_page 405 =200 $uri; }}"
    );
    nginx(folder, port, files, "", &locations)
}

/// Serves from a thread of this process.
fn serve_here(port: u16, certificate: String, key: String, answer: &Path) {
    use axum::{Router, body::Body, routing::any};
    let json = [("content-type", "application/json")];
    let body = axum::body::Bytes::from(std::fs::read(answer).unwrap());
    let hunting = any(move || {
        let pieces: Vec<_> = (0..body.len()).step_by(64 << 10).map(|at| body.slice(at..body.len().min(at + (64 << 10)))).collect();
        async move { (json, Body::from_stream(futures::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>)))) }
    });
    serve(port, certificate, key, Router::new().route(HUNTING, hunting).fallback(any(move || async move { (json, token()) })));
}
