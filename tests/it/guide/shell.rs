//! Runs a command of a page as its reader would: in bash, with the examples at hand.

use crate::support::site::Site;
use std::{path::Path, process::Command};

/// Whether the pages are to be rewritten.
pub(super) fn writing() -> bool {
    std::env::var_os("IRCOLLECT_GUIDE").is_some_and(|what| what == "write")
}

/// Whether the programs that a command pipes to are here; says so loudly where one is not.
pub(super) fn can_run(command: &str) -> bool {
    let is_here = |program: &&str| Command::new(program).arg("--version").output().is_ok();
    let missing = ["jq", "python3", "sha256sum"].into_iter().find(|program| command.contains(program) && !is_here(program));
    if let Some(program) = missing {
        eprintln!("SKIPPED: no `{program}` here for `{command}`");
    }
    missing.is_none()
}

/// Runs it in the page's folder and returns what a terminal would show. The examples are the package's own, and the binary is the one
/// that is tested.
pub(super) fn run(site: &Site, command: &str) -> String {
    let folder = site.bench.folder.path();
    #[cfg(unix)]
    if !folder.join("examples").exists() {
        std::os::unix::fs::symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples"), folder.join("examples")).unwrap();
    }
    let command = command.replace("cargo run --release -- ", "ircollect ");
    let like = site.command(&[]);
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(format!("{{ {command}\n}} 2>&1")).current_dir(folder).env_clear();
    bash.envs(like.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let own = Path::new(env!("CARGO_BIN_EXE_ircollect")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = bash.env("PATH", format!("{}:{path}", own.display())).env("COLUMNS", "100").env("TZ", "UTC").output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
