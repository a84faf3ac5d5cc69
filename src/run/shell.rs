//! Shell completions and man pages, made from the command line's own description; the completions know also the values that are data: clouds,
//! profiles of the configuration, sources.

use super::Context;
use crate::{
    api::catalogue::{Catalogue, Source},
    cli::Cli,
    console::print_data,
    error::{Error, Kind, Result},
    settings::{self, Names},
};
use clap::{Arg, Command, CommandFactory, builder::PossibleValuesParser};
use std::path::Path;

pub(super) fn completions(context: &Context, shell: clap_complete::Shell) -> Result<u8> {
    // A configuration that cannot be read is no reason to have no completions.
    let names = settings::names(&context.global, &context.env, Path::new("")).unwrap_or_else(|_| Names::built_in());
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut with_values(Cli::command(), &names), "ircollect", &mut script);
    print_data(&String::from_utf8_lossy(&script))?;
    Ok(0)
}

/// Adds the values that only a configuration knows; they are offered, never demanded.
fn with_values(command: Command, names: &Names) -> Command {
    let with = |values: &[String]| {
        // clap keeps static words alone; the process ends after them.
        let parser = PossibleValuesParser::new(values.iter().map(|value| -> &'static str { value.clone().leak() }));
        move |arg: Arg| arg.value_parser(parser)
    };
    let sources = sources(names);
    let command = command.mut_arg("cloud", with(&names.clouds));
    let command = if names.profiles.is_empty() { command } else { command.mut_arg("profile", with(&names.profiles)) };
    command
        .mut_subcommand("pull", |pull| pull.mut_arg("source", with(&sources)))
        .mut_subcommand("check", |check| check.mut_subcommand("pull", |pull| pull.mut_arg("sources", with(&sources))))
}

/// Every source by the name that it is typed by, and those of the configuration.
fn sources(names: &Names) -> Vec<String> {
    let built_in = Catalogue::built_in().map(|catalogue| catalogue.iter().map(Source::display_name).collect::<Vec<_>>());
    built_in.unwrap_or_default().into_iter().chain(names.sources.iter().cloned()).collect()
}

pub(super) fn man(context: &Context, output: &Path) -> Result<u8> {
    let failed = |error: std::io::Error| Error::new(Kind::Disk, format!("writing man pages to `{}`", output.display())).caused_by(error);
    fs_err::create_dir_all(output).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), output).map_err(failed)?;
    context.console.say(&format!("man pages are in {}", output.display()));
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_not_demanded_by_the_command_itself() {
        let names = Names {
            profiles: vec!["contoso".to_owned()],
            clouds: vec!["public".to_owned(), "mylab".to_owned()],
            sources: vec!["graph/guests".to_owned()],
        };
        let mut command = with_values(Cli::command(), &names);
        command.build();
        let values = |id: &str| -> Vec<String> {
            let hunt = command.find_subcommand("hunt").unwrap();
            let arg = hunt.get_arguments().find(|arg| arg.get_id() == id).unwrap();
            arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect()
        };
        assert_eq!((values("cloud"), values("profile")), (names.clouds.clone(), names.profiles.clone()));
        let pull = command.find_subcommand("pull").unwrap().get_arguments().find(|arg| arg.get_id() == "source").unwrap();
        let offered: Vec<_> = pull.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        assert!(["alerts", "mde/machines", "graph/guests"].iter().all(|name| offered.iter().any(|source| source == name)), "{offered:?}");
        assert!(Cli::command().get_arguments().all(|arg| arg.get_id() != "cloud" || arg.get_possible_values().is_empty()));
    }
}
