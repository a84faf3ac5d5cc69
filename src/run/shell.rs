//! Shell completions and man pages, made from the command line's own description.

use crate::{
    cli::Cli,
    console::print_data,
    error::{Error, Kind, Result},
};
use clap::CommandFactory;
use std::path::Path;

pub(super) fn completions(shell: clap_complete::Shell) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ircollect", &mut script);
    print_data(&String::from_utf8_lossy(&script))?;
    Ok(0)
}

pub(super) fn man(context: &super::Context, output: &Path) -> Result<u8> {
    let failed = |error: std::io::Error| Error::new(Kind::Disk, format!("writing man pages to `{}`", output.display())).caused_by(error);
    fs_err::create_dir_all(output).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), output).map_err(failed)?;
    context.console.say(&format!("man pages are in {}", output.display()));
    Ok(0)
}
