//! The one place where all rooms meet: from the words typed to the exit code.

mod allowed;
mod app;
mod asker;
mod case;
mod check;
mod choice;
mod closing;
mod collect;
mod context;
mod earlier;
mod explain;
mod formats;
mod get;
mod hunt;
mod init;
#[cfg(feature = "lab")]
mod lab;
mod lanes;
mod list;
mod names;
#[cfg(feature = "offline")]
mod offline;
mod pack;
mod panic;
mod parameters;
mod passwords;
mod proof;
mod pull;
mod queries;
mod resume;
mod session;
mod shell;
mod signals;
mod sources;
mod token;
mod window;
mod wire;
mod witness;

use crate::{
    cli::{Cli, Command, Global},
    error::{Error, Kind, Result},
    settings::Env,
};
use clap::Parser;
use context::Context;
use std::ffi::OsString;

/// Runs the program on its arguments, the program's name first, and returns the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    match Cli::try_parse_from(arguments) {
        Err(error) => refused(&error, &words),
        Ok(cli) => panic::guarded(|| start(cli, Env::read(), words)),
    }
}

/// Help and version are data and no failure; everything else that clap says is exit 2.
fn refused(error: &clap::Error, words: &[String]) -> u8 {
    let _closed = error.print();
    if !error.use_stderr() {
        return 0;
    }
    let command = words.iter().find_map(|word| ["hunt", "pull", "collect", "app"].into_iter().find(|command| command == word));
    if let Some(command) = command.filter(|_| words.iter().any(|word| word == "--json")) {
        let _closed = closing::not_understood(command, misread(command, error));
    }
    Kind::Usage.exit_code()
}

/// What clap says, as an error of ours.
fn misread(command: &str, error: &clap::Error) -> Error {
    let said = error.render().to_string();
    let mut paragraphs = said.split("\n\n").map(str::trim);
    let message = paragraphs.next().unwrap_or_default().trim_start_matches("error: ");
    let tip = paragraphs.find_map(|paragraph| paragraph.strip_prefix("tip: ")).map(str::to_owned);
    Error::new(Kind::Usage, message).hint(tip.unwrap_or_else(|| format!("`ircollect {command} --help` lists the flags")))
}

/// Returns the global flags by which console and log go.
fn global(cli: &Cli) -> Global {
    #[cfg(feature = "lab")]
    if let Command::Lab(args) = &cli.command {
        return lab::peeked(cli.global.clone(), args);
    }
    cli.global.clone()
}

fn start(cli: Cli, env: Env, words: Vec<String>) -> u8 {
    let context = Context::new(global(&cli), env, words);
    let outcome = context.start_log().and_then(|()| runtime()).and_then(|runtime| {
        let code = runtime.block_on(async {
            tokio::select! {
                code = dispatch(&context, cli.command) => code,
                () = context.abandoned() => Ok(Kind::Interrupted.exit_code()),
            }
        });
        // What still runs after an interruption must not hold the process: nothing of it is needed any more.
        runtime.shutdown_background();
        code
    });
    outcome.unwrap_or_else(|error| {
        context.console.error(&error);
        error.kind().exit_code()
    })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(Kind::Failed, "cannot start the runtime").caused_by(error))
}

async fn dispatch(context: &Context, command: Command) -> Result<u8> {
    match command {
        Command::Hunt(args) => hunt::run(context, &args).await,
        Command::Pull(args) => pull::run(context, &args).await,
        Command::Collect(args) => Box::pin(collect::run(context, &args)).await,
        Command::Get(args) => get::run(context, &args).await,
        Command::Token(args) => token::run(context, &args).await,
        Command::Check(args) => check::run(context, &args).await,
        Command::App(args) => Box::pin(app::run(context, &args)).await,
        Command::Case(args) => case::run(context, args.action).await,
        Command::Lab(args) => run_lab(context, args).await,
        Command::Init(args) => init::run(context, &args),
        Command::Completions { shell } => shell::completions(context, shell),
        Command::Man { output } => shell::man(context, &output),
    }
}

#[cfg(feature = "offline")]
async fn answer_offline(context: &Context, args: &crate::cli::HuntArgs, plan: &hunt::Plan) -> Result<closing::Outcome> {
    Box::pin(offline::collect(context, args, plan)).await
}

#[cfg(not(feature = "offline"))]
#[allow(clippy::unused_async, reason = "it has the shape of the full collector's")]
async fn answer_offline(_: &Context, _: &crate::cli::HuntArgs, _: &hunt::Plan) -> Result<closing::Outcome> {
    Err(Error::new(Kind::Usage, "this is the slim collector, built without offline hunting").hint("build with `--features offline`"))
}

#[cfg(feature = "lab")]
async fn run_lab(context: &Context, args: crate::cli::LabArgs) -> Result<u8> {
    // The lab's command is a whole program in this one: its future is as large, and lives on the heap.
    Box::pin(lab::run(context, args)).await
}

#[cfg(not(feature = "lab"))]
#[allow(clippy::unused_async, reason = "it has the shape of the full collector's")]
async fn run_lab(_context: &Context, _args: crate::cli::LabArgs) -> Result<u8> {
    Err(Error::new(Kind::Usage, "this is the slim collector, built without the lab").hint("build with `--features lab`"))
}
