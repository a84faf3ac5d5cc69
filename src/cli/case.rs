//! The command line of `case`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `case`.
#[derive(Debug, Args)]
pub struct CaseArgs {
    /// What to do with it
    #[command(subcommand)]
    pub action: CaseAction,
}

/// What may be done with a case.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum CaseAction {
    /// Say what was asked, what is stored and what is missing
    Status,
    /// Recompute every hash and the journal's chain; exit 0 only if everything is as it was written
    Verify,
    /// End the case: write SHA256SUMS over everything in it; nothing can be added afterwards
    Seal(SealArgs),
    /// List the tables that offline hunting can read in it
    Tables,
    /// Write a report that a browser shows: coverage, gaps, charts, alerts, first rows; one file without scripts
    Report(ReportArgs),
}

/// Arguments of `case seal`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct SealArgs {
    /// Sign SHA256SUMS with the profile's certificate (SHA256SUMS.p7s), in the vault if the key lies there
    #[arg(long)]
    pub sign: bool,
}

/// Arguments of `case report`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ReportArgs {
    /// The file to write; `-` is standard output [default: CASE-report.html beside the case]
    #[arg(long, value_name = "FILE|-")]
    pub output: Option<PathBuf>,
    /// First rows shown of each query and source
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub rows: usize,
}
