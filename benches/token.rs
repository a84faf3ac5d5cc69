//! What `ircollect token` costs beside curl making the same two requests: the tenant's metadata, and the token.
//!
//! `cargo bench --bench token` (or `--profile dev`) starts a lab in this process and prints medians. It fails where the difference
//! is 30 ms or more.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints, and fails where it stands")]

use ircollect::lab::{Lab, Options, Service, start};
use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const RUNS: usize = 25;

/// What `token` may cost more than curl.
const MOST: Duration = Duration::from_millis(30);

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let lab = runtime.block_on(start(Options::default())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    lab.write(folder.path()).unwrap();
    let config = lab.toml(Path::new("ca.pem"));
    let lines = config
        .lines()
        .map(|line| if line.starts_with("credential = ") { r#"credential = { secret_env = "LAB_APP_SECRET" }"# } else { line });
    fs_err::write(folder.path().join("lab.toml"), lines.collect::<Vec<_>>().join("\n")).unwrap();
    let ours = median(|| timed(&mut token(&lab, folder.path())));
    let theirs = median(|| timed(&mut curl(&lab, folder.path())));
    let more = ours.saturating_sub(theirs);
    println!("token {ours:?}, curl {theirs:?}, difference {more:?} (medians of {RUNS})");
    runtime.block_on(lab.stop());
    assert!(more < MOST, "token costs {more:?} more than curl");
}

fn token(lab: &Lab, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ircollect"));
    command.args(["token", "--api", "graph"]).envs(lab.variables(folder));
    command
}

/// One curl, one connection, as `token` has.
fn curl(lab: &Lab, folder: &Path) -> Command {
    let of = |name: &str| lab.variables(folder).into_iter().find(|(known, _)| *known == name).unwrap().1;
    let authority = lab.url(Service::Authority);
    let mut command = Command::new("curl");
    let ca = folder.join("ca.pem");
    command.args(["-sS", "--cacert"]).arg(&ca).arg(format!("{authority}/tarnfield.example/v2.0/.well-known/openid-configuration"));
    command.args(["--next", "-sS", "--cacert"]).arg(&ca).arg(format!("{authority}/{}/oauth2/v2.0/token", lab.tenant()));
    for (name, value) in [
        ("client_id", of("LAB_APP_ID")),
        ("client_secret", of("LAB_APP_SECRET")),
        ("scope", "https://graph.microsoft.com/.default".to_owned()),
        ("grant_type", "client_credentials".to_owned()),
    ] {
        command.arg("--data-urlencode").arg(format!("{name}={value}"));
    }
    command
}

fn timed(command: &mut Command) -> Duration {
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output().unwrap();
    let passed = begun.elapsed();
    assert!(output.status.success() && output.stdout.windows(2).any(|two| two == b"ey"), "{output:?}");
    passed
}

fn median(mut run: impl FnMut() -> Duration) -> Duration {
    run();
    let mut all: Vec<Duration> = (0..RUNS).map(|_| run()).collect();
    all.sort();
    all.get(RUNS / 2).copied().unwrap()
}
