//! Runs the binary as a user would: own case folder, own environment, exit code and both outputs captured.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test is its own user: it has the machine's environment, and writes plain files")]

#[cfg(feature = "lab")]
pub(crate) mod site;
pub(crate) mod summary;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What a run of the binary came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Exit code; -1 where a signal ended it.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

/// Says whether tests take their long form, which `IRCOLLECT_LONG` asks for.
pub(crate) fn is_long() -> bool {
    std::env::var_os("IRCOLLECT_LONG").is_some()
}

impl Outcome {
    /// Asserts the exit code, showing both outputs where it is another.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// The JSON summary on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr))
    }
}

/// A folder of its own, with everything a run needs.
pub(crate) struct Bench {
    /// The folder; deleted with the bench.
    pub(crate) folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    pub(crate) fn env(mut self, key: &str, value: impl Into<String>) -> Self {
        self.environment.push((key.to_owned(), value.into()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text.as_ref()).unwrap();
        path
    }

    /// Writes a file that its owner alone may read.
    pub(crate) fn write_private(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.write(name, text);
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) fn case(&self) -> PathBuf {
        self.path("ircollect-case")
    }

    /// The command, not started, without anything of this machine's environment that would steer it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ircollect"));
        command.current_dir(self.folder.path()).args(arguments);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.folder.path());
        if let Some(root) = std::env::var_os("SystemRoot") {
            command.env("SystemRoot", root);
        }
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with_input(arguments, b"")
    }

    /// Runs in a terminal that is said to be so many columns wide, and returns standard output.
    #[track_caller]
    pub(crate) fn run_at(&self, width: usize, arguments: &[&str]) -> String {
        let output = self.command(arguments).env("COLUMNS", width.to_string()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Outcome {
        use std::io::Write;
        let mut child = self.command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _closed_early = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Where programs that others wrote are installed.
pub(crate) fn oracle_home() -> PathBuf {
    std::env::var_os("ORACLE_HOME").map_or_else(|| std::env::temp_dir().join("oracle"), PathBuf::from)
}

/// The shared test input beside the package, or a loud skip.
pub(crate) fn shared(what: &str) -> Option<PathBuf> {
    let root = std::env::var_os("IRCOLLECT_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join(what);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: the test input `{}` is not here", path.display());
    None
}

/// The project's own example query of that name.
pub(crate) fn example(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/queries").join(name).display().to_string()
}
