//! Every command and every flag, pinned: what scripts are written against does not change unnoticed.

use clap::{Arg, ArgAction, Command, CommandFactory};
use ircollect::cli::Cli;
use std::{fmt::Write, path::Path};

fn tree(command: &Command, path: &str, out: &mut String) {
    writeln!(out, "{path}").unwrap();
    let own = |arg: &&Arg| (path == "ircollect" || !arg.is_global_set()) && !["help", "version"].contains(&arg.get_id().as_str());
    for arg in command.get_arguments().filter(own) {
        writeln!(out, "  {}", line(arg)).unwrap();
    }
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        tree(sub, &format!("{path} {}", sub.get_name()), out);
    }
}

fn line(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let names: Vec<String> = short.into_iter().chain(arg.get_long().map(|long| format!("--{long}"))).collect();
    let mut line = names.join(", ");
    let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    if takes {
        let values: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        let name =
            arg.get_value_names().map_or_else(String::new, |names| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
        let value = if values.is_empty() { name } else { values.join("|") };
        write!(line, "{}<{value}>", if line.is_empty() { "" } else { " " }).unwrap();
    }
    let several = matches!(arg.get_action(), ArgAction::Append | ArgAction::Count);
    line.push_str(if several { "..." } else { "" });
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if takes && !defaults.is_empty() {
        write!(line, " [{}]", defaults.join(" ")).unwrap();
    }
    line.push_str(if arg.is_required_set() { " (required)" } else { "" });
    line
}

#[test]
#[allow(clippy::disallowed_methods, reason = "it is no file of a case")]
fn the_command_tree_is_as_pinned() {
    let mut command = Cli::command();
    command.build();
    let mut now = String::new();
    tree(&command, "ircollect", &mut now);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/command_tree.txt");
    let pinned = std::fs::read_to_string(&path).unwrap_or_default();
    if now != pinned {
        let changed = Path::new(env!("CARGO_TARGET_TMPDIR")).join("command_tree.txt");
        std::fs::write(&changed, &now).unwrap();
        panic!("the command tree has changed; if it was meant to, copy {} to {}", changed.display(), path.display());
    }
}
