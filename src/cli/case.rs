//! The command line of `case`.

use clap::{Args, Subcommand, ValueEnum};
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
    /// Write stored rows in another form, outside of the case
    Export(ExportArgs),
}

/// Arguments of `case export`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ExportArgs {
    /// The form
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// Where to: a database or one file by its name, else a new folder with a file for each query and source
    #[arg(long, value_name = "PATH")]
    pub output: PathBuf,
    /// Only this source (alerts, mde/machines), or hunts whose rows are this table's; may be given several times
    #[arg(long, value_name = "NAME")]
    pub source: Vec<String>,
    /// Only the query of this name; may be given several times
    #[arg(long, value_name = "NAME")]
    pub query: Vec<String>,
    /// Only rows that happened since then, RFC 3339; rows without a time are kept
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub from: Option<String>,
    /// Only rows that happened before
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub to: Option<String>,
    /// Only rows of so long back from now
    #[arg(long, value_name = "DUR")]
    pub last: Option<String>,
}

/// Forms of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One row a line, as the API sent it.
    Ndjson,
    /// Tables for spreadsheets and timeline tools.
    Csv,
    /// The rows as one array.
    Json,
    /// A dataset that databases read as it lies: tenant=/query= folders.
    Parquet,
    /// One database, a table a query or source.
    Sqlite,
    /// Timelines for Timesketch.
    Timesketch,
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
