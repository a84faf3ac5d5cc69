//! The case under violence: SIGKILL at any moment, a second run, disks that are full, limited or read-only.
//!
//! The victims are this very test binary, told by a variable what to be.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helpers of tests are tests too, though clippy does not see it"
)]
#![allow(clippy::disallowed_methods, reason = "a child is told by the environment what to be; no settings are read")]

use crate::case::{assert_clean, job, open, run, store, verify};
use ircollect::{
    error::{Error, Kind},
    journal::{Event, JobEnded, JobStarted, Outcome, Request},
    store::{Case, Written},
};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

const ROLE: &str = "IRCOLLECT_TEST_ROLE";
const CASE: &str = "IRCOLLECT_TEST_CASE_DIR";

/// What a child does. In the parent there is no role, and the test passes.
#[test]
fn child() {
    let (Ok(role), Some(dir)) = (std::env::var(ROLE), std::env::var_os(CASE)) else { return };
    match role.as_str() {
        "write" => write_until_killed(Path::new(&dir)),
        "hold" => hold(Path::new(&dir)),
        length => println!("\n{}", fill(Path::new(&dir), length.parse().unwrap()).0),
    }
}

fn spawn(mut command: Command, role: &str, dir: &Path) -> Child {
    command.args(["case_death::child", "--exact", "--nocapture"]).env(ROLE, role).env(CASE, dir);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn this() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

/// Runs job after job: requests, two parts, the whole that replaces them. Each file is told once it is said to be there for good.
fn write_until_killed(dir: &Path) {
    let case = open(dir);
    let tell = |file: &Written| {
        println!("\nstored {} {}", file.path, file.sha256);
        std::io::stdout().flush().unwrap();
    };
    for number in 0.. {
        let id = format!("{}-{number}", std::process::id());
        let append = |event| case.journal().append(event).unwrap();
        append(Event::JobStarted(JobStarted { job: job(&id), resumed: false }));
        append(Event::Request(Request { method: "POST".into(), url: "https://graph.test/x".into(), ..Request::default() }));
        let rows = ["{\"a\":1}", "{\"b\":\"\u{2028}\"}"];
        let parts = [store(&case, &id, &rows[..1], &[]).unwrap(), store(&case, &id, &rows[1..], &[]).unwrap()];
        tell(&store(&case, &id, &rows, &parts).unwrap());
        append(Event::JobEnded(JobEnded { job: job(&id), status: Outcome::Complete, rows: 2, ..JobEnded::default() }));
    }
}

fn hold(dir: &Path) {
    let _case = open(dir);
    println!("\nholding");
    thread::sleep(Duration::from_mins(1));
}

/// Stores rows of `length` bytes until the disk refuses. Returns the refusal and the files that were said to be stored.
fn fill(dir: &Path, length: usize) -> (Error, Vec<Written>) {
    let mut files = Vec::new();
    let case = match Case::open(dir, "0.1.0") {
        Ok(case) => case,
        Err(error) => return (error, files),
    };
    case.journal().prepare(ircollect::journal::RunStarted::here("0.1.0", vec![], None));
    let row = format!("{{\"x\":\"{}\"}}", "y".repeat(length));
    loop {
        match store(&case, "1", &[&row], &[]) {
            Ok(file) => files.push(file),
            Err(error) => return (error, files),
        }
    }
}

/// Reads what a child says until it says `word`, or ends. Lines that were cut off are left out.
fn lines_until(out: &mut BufReader<ChildStdout>, word: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    while !lines.iter().any(|line: &String| line.starts_with(word)) && out.read_line(&mut line).unwrap() > 0 {
        lines.extend(line.strip_suffix('\n').map(ToOwned::to_owned));
        line.clear();
    }
    lines
}

/// What no child says.
const END: &str = "\0";

#[test]
fn a_kill_at_any_moment_leaves_a_case_that_verifies() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("case");
    let (mut stored, mut noted) = (0, 0);
    for round in 0..60 {
        let mut child = spawn(this(), "write", &dir);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        // One in three dies while it opens the case, or before.
        let mut said = if round % 3 == 0 { Vec::new() } else { lines_until(&mut out, "stored") };
        thread::sleep(Duration::from_micros(fastrand::u64(..40_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        said.extend(lines_until(&mut out, END));
        let Ok(view) = Case::read(&dir) else { continue };
        let report = view.verify(&|_| ()).unwrap();
        assert!(report.ok, "round {round}: {report:?}");
        noted += report.notes.len();
        for line in said.iter().filter_map(|line| line.strip_prefix("stored ")) {
            let (path, sha256) = line.split_once(' ').unwrap();
            let known = view.status().unwrap().jobs.into_iter().flat_map(|job| job.known.files).find(|file| file.path == path);
            assert!(known.is_some_and(|file| file.sha256 == sha256), "round {round}: {path} was promised");
            stored += 1;
        }
    }
    assert!(stored > 0 && noted > 0, "{stored} files stored, {noted} notes: the kills came at no interesting moment");
    drop(open(&dir));
    assert_clean(&dir);
}

#[test]
fn a_second_run_is_told_who_is_first_until_that_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("case");
    let mut child = spawn(this(), "hold", &dir);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    assert!(lines_until(&mut out, "holding").contains(&"holding".to_owned()), "the child ended");
    let error = Case::open(&dir, "0").unwrap_err();
    assert_eq!((error.kind(), error.code().as_str()), (Kind::Disk, "CaseInUse"));
    assert!(error.message().contains(&format!("process {}", child.id())), "{error}");
    let view = Case::read(&dir).unwrap();
    assert_eq!(view.running().unwrap().pid, child.id());
    assert!(view.verify(&|_| ()).unwrap().ok);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(view.running().is_none());
    run(&dir, "1");
    assert_clean(&dir);
}

/// A file system of its own, unmounted when dropped. Only the superuser of some machines may.
pub(crate) struct Mounted(tempfile::TempDir);

impl Mounted {
    pub(crate) fn tmpfs(size: &str) -> Option<Self> {
        let at = tempfile::tempdir().unwrap();
        let mount = |options: &str| Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at.path()).output();
        let done = cfg!(target_os = "linux") && mount(&format!("size={size}")).is_ok_and(|output| output.status.success());
        if !done {
            eprintln!("SKIPPED: no tmpfs can be mounted here");
        }
        done.then(|| Self(at))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Makes room.
    pub(crate) fn grow(&self, size: &str) {
        let output = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(self.0.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn read_only(&self) {
        let output = Command::new("mount").args(["-o", "remount,ro"]).arg(self.0.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for Mounted {
    /// A process that another test is just starting holds copies of every open file until it is its own program: a busy moment passes.
    fn drop(&mut self) {
        let unmounted = (0..200).any(|_| {
            let done = Command::new("umount").arg(self.0.path()).output().is_ok_and(|output| output.status.success());
            if !done {
                thread::sleep(Duration::from_millis(50));
            }
            done
        });
        assert!(unmounted || thread::panicking(), "{} stays busy", self.0.path().display());
    }
}

#[test]
fn a_full_disk_stops_the_run_and_harms_nothing() {
    for (size, length) in [("200k", 20_000), ("300k", 1), ("1m", 300_000), ("64k", 1), ("68k", 1), ("72k", 5_000)] {
        let Some(disk) = Mounted::tmpfs(size) else { return };
        let dir = disk.0.path().join("case");
        let (error, files) = fill(&dir, length);
        assert_eq!(error.kind(), Kind::Disk);
        assert!(error.hints()[0].contains("full"), "{error}: {:?}", error.hints());
        let report = verify(&dir);
        assert!(report.ok && report.files == files.len() as u64, "{size}: {report:?}");
    }
}

#[test]
fn a_disk_too_small_for_a_case_holds_none() {
    let Some(disk) = Mounted::tmpfs("4k") else { return };
    let error = Case::open(&disk.0.path().join("case"), "0").unwrap_err();
    assert_eq!(error.kind(), Kind::Disk);
}

#[test]
fn a_read_only_case_can_be_looked_at_and_not_written() {
    let Some(disk) = Mounted::tmpfs("1m") else { return };
    let dir = disk.0.path().join("case");
    run(&dir, "1");
    disk.read_only();
    for dir in [&dir, &disk.0.path().join("new")] {
        let error = Case::open(dir, "0").unwrap_err();
        assert_eq!(error.kind(), Kind::Disk);
        assert!(error.hints()[0].contains("cannot be written"), "{error}");
    }
    assert_clean(&dir);
}

/// A file may not grow past a limit: what a quota does, where no file system can be mounted. Long rows meet it in their own file,
/// short ones in the journal.
#[cfg(unix)]
#[test]
fn a_quota_stops_the_run_and_harms_nothing() {
    for (length, whose) in [("20000", ".part"), ("1", "journal.jsonl")] {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("case");
        run(&dir, "1");
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
        let mut child = spawn(shell, length, &dir);
        let said = lines_until(&mut BufReader::new(child.stdout.take().unwrap()), END).join("\n");
        child.wait().unwrap();
        assert!(said.contains(&format!("{whose}` failed: File too large")), "{said}");
        let report = verify(&dir);
        assert!(report.ok && report.notes.is_empty(), "{report:?}");
    }
}
