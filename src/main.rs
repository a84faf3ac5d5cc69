//! Parse, settle, run, exit code: all of it in [`ircollect::run::main`]; only the process ends here.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(ircollect::run::main(std::env::args_os()))
}
