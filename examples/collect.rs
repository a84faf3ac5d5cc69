//! A program that collects as the command does, and goes by what came of it.
//!
//!     cargo run --example collect -- lab -- hunt --query examples/queries/encoded-powershell.kql
//!
//! The words are those of the command line. What it leaves behind is the case, whose status and hashes are read here.
#![allow(clippy::print_stdout, reason = "it is a program of its own")]

use ircollect::{error::Result, run, store::Case};
use std::{ffi::OsString, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let words = std::iter::once(OsString::from("collect")).chain(std::env::args_os().skip(1));
    let code = run::main(words);
    match look(Path::new("ircollect-case")) {
        Ok(words) => println!("{words}"),
        Err(error) => println!("{error}"),
    }
    ExitCode::from(code)
}

/// Says what the case holds, and whether it is as it was written.
fn look(folder: &Path) -> Result<String> {
    let case = Case::read(folder)?;
    let status = case.status()?;
    let report = case.verify(&|_| ())?;
    let verdict = if report.ok { "as it was written" } else { "NOT as it was written" };
    Ok(format!("{} jobs, {} rows, {} files, {verdict}", status.jobs.len(), status.rows, status.files))
}
