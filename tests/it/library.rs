//! The library examples, as programs: built beside the tests by `cargo test`, run here.

use crate::support::Bench;
use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The built example, or a loud skip where tests alone were built.
fn built(name: &str) -> Option<PathBuf> {
    let path =
        Path::new(env!("CARGO_BIN_EXE_ircollect")).with_file_name("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !path.exists() {
        eprintln!("SKIPPED: the example `{name}` was not built: run `cargo test`, not `cargo test --test it`");
        return None;
    }
    Some(path)
}

fn run(program: &Path, bench: &Bench, arguments: &[&str]) -> (Output, String) {
    let like = bench.command(&[]);
    let mut command = Command::new(program);
    command.args(arguments).current_dir(bench.folder.path()).env_clear();
    let output = command.envs(like.get_envs().filter_map(|(key, value)| Some((key, value?)))).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

#[test]
fn a_program_collects_and_looks_at_its_case() {
    let Some(program) = built("collect") else { return };
    let bench = Bench::new();
    let query = crate::support::example("encoded-powershell.kql");
    let (output, text) = run(&program, &bench, &["lab", "--", "hunt", "--query", &query]);
    assert!(output.status.success(), "{text}");
    assert_eq!(text, "1 jobs, 4 rows, 1 files, as it was written\n");
}

#[test]
fn a_program_takes_rows_as_they_arrive() {
    let Some(program) = built("stream") else { return };
    let bench = Bench::new();
    let (output, text) = run(&program, &bench, &["DeviceInfo | take 3 | project DeviceName"]);
    assert!(output.status.success(), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() == 4 && lines[3] == "3 rows of 1 columns" && lines[0].contains("\"DeviceName\""), "{text}");
    let (output, text) = run(&program, &bench, &["DeviceInfoo"]);
    assert_eq!(output.status.code(), Some(5), "{text}");
}
