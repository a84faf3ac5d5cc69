//! `lab`: a simulated tenant in this process, and a command run against it or a wait until it is to stop.

use super::Context;
use crate::{
    cli::{Cli, ColorChoice, Global, LabArgs, LogFormat},
    console::print_data,
    error::{Error, Kind, Result},
    lab::{Caps, Lab, Options},
};
use clap::Parser;
use std::{ffi::OsString, path::Path};

pub(super) async fn run(context: &Context, args: LabArgs) -> Result<u8> {
    let lab = crate::lab::start(options(&args)?).await?;
    let code =
        if args.command.is_empty() { serve(context, &lab, args.write.as_deref()).await } else { command(context, &lab, &args).await };
    lab.stop().await;
    code
}

/// Returns the global flags with those of the command inside by which console and log go: `lab -- hunt -q` is as quiet as `lab -q -- hunt`.
pub(super) fn peeked(mut global: Global, args: &LabArgs) -> Global {
    let Ok(inner) = Cli::try_parse_from(words(args)).map(|cli| cli.global) else { return global };
    global.verbose = global.verbose.saturating_add(inner.verbose);
    global.quiet = global.quiet.saturating_add(inner.quiet);
    global.no_progress |= inner.no_progress;
    global.log_file = global.log_file.or(inner.log_file);
    if inner.color != ColorChoice::Auto {
        global.color = inner.color;
    }
    if inner.log_format != LogFormat::Text {
        global.log_format = inner.log_format;
    }
    global
}

fn words(args: &LabArgs) -> impl Iterator<Item = OsString> {
    std::iter::once(OsString::from("ircollect lab --")).chain(args.command.iter().cloned())
}

fn options(args: &LabArgs) -> Result<Options> {
    let usual = Options::default();
    Ok(Options {
        seed: args.seed,
        scale: args.scale.max(1),
        faults: args.fault.iter().map(|fault| fault.parse()).collect::<Result<_>>()?,
        caps: args.caps.as_deref().map_or(Ok(usual.caps), str::parse::<Caps>)?,
        calls_per_minute: args.calls_per_minute.unwrap_or(usual.calls_per_minute),
        port: args.port,
        ..usual
    })
}

/// Serves until Ctrl-C, having said how to reach it.
async fn serve(context: &Context, lab: &Lab, write: Option<&Path>) -> Result<u8> {
    let folder = match write {
        Some(folder) => folder.to_owned(),
        None => tempfile::Builder::new().prefix("ircollect-lab-").tempdir().map_err(no_folder)?.keep(),
    };
    let config = lab.write(&folder)?;
    for (service, address) in lab.addresses() {
        context.console.say(&format!("{service:<10} https://{address}"));
    }
    context.console.say(&format!("wrote lab.toml, ca.pem and lab.env to {}", folder.display()));
    context.console.say(&format!("try: ( set -a; . {}/lab.env; ircollect hunt --kql 'DeviceInfo | take 5' )", folder.display()));
    context.console.say("Ctrl-C stops it");
    print_data(&format!("{}\n", config.display()))?;
    context.cancel().cancelled().await;
    Ok(0)
}

fn no_folder(error: std::io::Error) -> Error {
    Error::new(Kind::Disk, "the lab needs a temporary folder").caused_by(error)
}

/// Runs a command against the lab, in this process, as if its configuration and variables were the user's.
async fn command(context: &Context, lab: &Lab, args: &LabArgs) -> Result<u8> {
    let folder = tempfile::Builder::new().prefix("ircollect-lab-").tempdir().map_err(no_folder)?;
    let config = lab.write(args.write.as_deref().unwrap_or_else(|| folder.path()))?;
    let variables = lab.variables(config.parent().unwrap_or_else(|| folder.path()));
    let cli = match Cli::try_parse_from(words(args)) {
        Ok(cli) => cli,
        Err(error) => return Ok(super::refused(&error, &context.command_line())),
    };
    context.console.say("the lab is up: a simulated tenant with its own Entra ID, Key Vault, Graph, XDR and MDE, over TLS on loopback");
    // Setting an application up is not the collector's business: somebody else is signed in for that.
    let variables =
        if matches!(cli.command, crate::cli::Command::App(_)) { [variables, lab.admin_variables()].concat() } else { variables };
    let inner = context.inside(cli.global, variables);
    super::dispatch(&inner, cli.command).await
}
