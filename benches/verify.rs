//! `case verify` beside `openssl dgst -sha256` of the same files: how much of what the processor's cores can hash is reached.
//!
//! `cargo bench --bench verify`; `IRCOLLECT_BENCH_FILES` sets the files (4 a core), `IRCOLLECT_BENCH_MB` how long each is (64). The files are in
//! the system's cache. It fails where less than 80 % is reached.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a bench is its own program: it says its numbers and fails where it stands"
)]
#![allow(clippy::disallowed_methods, reason = "a bench reads its own variables")]

#[allow(dead_code, reason = "each bench takes what it needs")]
mod beside;

use beside::number;
use ircollect::{
    journal::{Event, Job, JobEnded, JobStarted, Outcome, RunEnded, RunStarted, Work},
    store::{Case, Facts, Format, Place},
};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

const RUNS: usize = 7;
/// Of what openssl hashes on one core, times the cores.
const LEAST: f64 = 0.8;

fn main() {
    let cores = std::thread::available_parallelism().unwrap().get();
    let sized = |name, default: usize| usize::try_from(number(name, default as u64)).unwrap();
    let (files, megabytes) = (sized("IRCOLLECT_BENCH_FILES", 4 * cores), sized("IRCOLLECT_BENCH_MB", 64));
    let folder = tempfile::tempdir().unwrap();
    let stored = fill(folder.path(), files, megabytes << 20);
    let bytes = (files * (megabytes << 20)) as f64;
    let theirs = bytes / median(|| seconds(Command::new("openssl").args(["dgst", "-sha256"]).args(&stored)));
    let ours =
        bytes / median(|| seconds(Command::new(env!("CARGO_BIN_EXE_ircollect")).args(["case", "verify", "--case"]).arg(folder.path())));
    let reached = ours / (theirs * cores as f64);
    println!(
        "{files} files of {megabytes} MiB, {cores} cores: openssl {:.0} MB/s on one, case verify {:.0} MB/s, {:.0} % of all (goal 80 %)",
        theirs / 1e6,
        ours / 1e6,
        reached * 100.0
    );
    assert!(reached >= LEAST, "case verify is too slow");
}

/// Makes a case of one run and so many files.
fn fill(dir: &Path, files: usize, length: usize) -> Vec<PathBuf> {
    let case = Case::open(dir, "0").unwrap();
    case.journal().prepare(RunStarted::here("0", vec!["bench".into()], None));
    let job = Job { id: "1".into(), kind: Work::Hunt, name: "q".into(), tenant: "t".into(), ..Job::default() };
    case.journal().append(Event::JobStarted(JobStarted { job: job.clone(), resumed: false })).unwrap();
    let row = format!("{{\"x\":\"{}\"}}", "y".repeat(1_000));
    let store = |_| {
        let mut draft = case.draft(&case.reserve(&Place::hunt("t", "q", None, Format::Ndjson))).unwrap();
        (0..length / (row.len() + 1)).for_each(|_| draft.row(row.as_bytes()).unwrap());
        let written = case.commit(draft.seal().unwrap(), Facts { job: job.clone(), ..Facts::default() }).unwrap();
        dir.join(written.path)
    };
    let stored = (0..files).map(store).collect();
    case.journal().append(Event::JobEnded(JobEnded { job: job.clone(), status: Outcome::Complete, ..JobEnded::default() })).unwrap();
    case.journal().append(Event::RunEnded(RunEnded::default())).unwrap();
    stored
}

fn seconds(command: &mut Command) -> f64 {
    let began = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}");
    began.elapsed().as_secs_f64()
}

fn median(mut time: impl FnMut() -> f64) -> f64 {
    let mut times: Vec<f64> = (0..RUNS).map(|_| time()).collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}
