//! Completions and man pages: for every shell and every command, with the values that are data.

use crate::support::Bench;
use clap::{Command, CommandFactory};
use ircollect::cli::Cli;
use std::process::Stdio;

const CONFIG: &str = r#"
[profiles.contoso]
tenant = "contoso.onmicrosoft.com"
[profiles.fabrikam]
tenant = "fabrikam.onmicrosoft.com"
[clouds.behind-proxy]
graph = "https://graph.corp.example"
[sources.guests]
api = "graph"
path = "/v1.0/users"
"#;

fn script(bench: &Bench, shell: &str) -> String {
    bench.run(&["completions", shell]).expect(0).stdout
}

#[test]
fn every_shell_is_offered_profiles_clouds_and_apis() {
    let bench = Bench::new();
    bench.write("ircollect.toml", CONFIG);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = script(&bench, shell);
        let all = ["hunt", "completions", "concurrency"].iter().all(|word| script.contains(word));
        assert!(all, "{shell}: {}", script.len());
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = script(&bench, shell);
        for word in ["contoso", "fabrikam", "usgov", "behind-proxy", "xdr"] {
            assert!(script.contains(word), "{shell} does not offer {word}");
        }
    }
    // fish's script has no values of what is typed without a flag.
    for shell in ["bash", "zsh"] {
        let script = script(&bench, shell);
        assert!(script.contains("mde/machines") && script.contains("graph/guests"), "{shell} does not offer sources");
    }
}

#[test]
fn a_configuration_that_is_wrong_takes_nothing_but_its_own_names_away() {
    let bench = Bench::new();
    bench.write("ircollect.toml", "no toml");
    let script = script(&bench, "bash");
    assert!(script.contains("usgov") && !script.contains("contoso"));
}

#[cfg(unix)]
#[test]
fn bash_takes_its_script() {
    use std::io::Write;
    let mut bash = std::process::Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script(&Bench::new(), "bash").as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

fn names(command: &Command, path: &str, all: &mut Vec<String>) {
    all.push(path.to_owned());
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        names(sub, &format!("{path}-{}", sub.get_name()), all);
    }
}

#[test]
fn every_command_has_a_man_page() {
    let bench = Bench::new();
    bench.run(&["man", "--output", "pages"]).expect(0);
    let mut all = Vec::new();
    names(&Cli::command(), "ircollect", &mut all);
    assert!(all.len() > 10);
    for name in all {
        let page = std::fs::read_to_string(bench.path(&format!("pages/{name}.1"))).unwrap_or_else(|error| panic!("{name}: {error}"));
        for part in [".TH", ".SH NAME", ".SH SYNOPSIS", ".SH OPTIONS"] {
            assert!(page.contains(part), "{name} has no {part}");
        }
    }
}
