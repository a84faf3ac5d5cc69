//! The one place where all rooms meet: from the words typed to the exit code.

mod allowed;
mod app;
mod case;
mod check;
mod context;
mod explain;
mod hunt;
mod init;
#[cfg(feature = "lab")]
mod lab;
mod names;
mod pack;
mod parameters;
mod passwords;
mod proof;
mod queries;
mod shell;
mod signals;
mod token;
mod window;
mod wire;
mod witness;

use crate::{
    cli::{Cli, Command},
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
        Ok(cli) => start(cli, Env::read(), words),
        Err(error) => refused(&error, &words),
    }
}

/// Help and version are data and no failure; everything else that clap says is exit 2.
fn refused(error: &clap::Error, words: &[String]) -> u8 {
    let _closed = error.print();
    if !error.use_stderr() {
        return 0;
    }
    let typed = |word: &str| words.iter().any(|typed| typed == word);
    if typed("hunt") && typed("--json") {
        let _closed = hunt::not_understood(misread(error));
    }
    Kind::Usage.exit_code()
}

/// What clap says, as an error of ours.
fn misread(error: &clap::Error) -> Error {
    let said = error.render().to_string();
    let mut paragraphs = said.split("\n\n").map(str::trim);
    let message = paragraphs.next().unwrap_or_default().trim_start_matches("error: ");
    let hint = paragraphs.find_map(|paragraph| paragraph.strip_prefix("tip: ")).unwrap_or("`ircollect hunt --help` lists the flags");
    Error::new(Kind::Usage, message).hint(hint)
}

fn start(cli: Cli, env: Env, words: Vec<String>) -> u8 {
    let context = Context::new(cli.global, env, words);
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
        Command::Token(args) => token::run(context, &args).await,
        Command::Check(args) => check::run(context, &args).await,
        Command::App(args) => Box::pin(app::run(context, &args)).await,
        Command::Case(args) => case::run(context, args.action),
        Command::Lab(args) => run_lab(context, args).await,
        Command::Init(args) => init::run(context, &args),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { output } => shell::man(context, &output),
    }
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
