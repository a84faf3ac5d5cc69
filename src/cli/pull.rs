//! `ircollect pull`.

use super::{ApiChoice, OutputFormat};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Pulls named sources (alerts, incidents, machines, sign-ins ...) and stores every object in the case
#[derive(Clone, Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(group = clap::ArgGroup::new("which").required(true).args(["source", "all", "list"]))]
pub struct PullArgs {
    /// What to pull: `api/name`, or a bare name, which means Graph's where there is one
    #[arg(value_name = "SOURCE")]
    pub source: Vec<String>,
    /// Pull all that the token may read, and say what is left out and why
    #[arg(long)]
    pub all: bool,
    /// List the sources; with a configuration, also which of them the token may read
    #[arg(long)]
    pub list: bool,
    /// The API that bare names mean, and that --all and --list keep to
    #[arg(long, value_enum, default_value_t)]
    pub api: ApiChoice,
    /// Begin of the window, inclusive, RFC 3339; an inventory is pulled whole
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub from: Option<String>,
    /// End of the window, exclusive, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub to: Option<String>,
    /// The window as a duration back from now [default: 30d]
    #[arg(long, value_name = "DUR")]
    pub last: Option<String>,
    /// From where the last complete pull of each source in this case ended
    #[arg(long, conflicts_with_all = ["from", "to", "last"])]
    pub since_last: bool,
    /// An OData filter, beside that of the window
    #[arg(long, value_name = "ODATA", conflicts_with = "all")]
    pub filter: Option<String>,
    /// Formats to store the objects in
    #[arg(long, value_name = "FORMATS", value_enum, value_delimiter = ',', default_value = "ndjson")]
    pub format: Vec<OutputFormat>,
    /// Write the objects of a single source to a file, or `-` for standard output, too
    #[arg(long, value_name = "FILE|-")]
    pub output: Option<PathBuf>,
    /// Go on with what an interrupted run left; what is stored is not stored again
    #[arg(long)]
    pub resume: bool,
    /// How assessment exports are had: as JSON pages, as files, or as files where the tenant is too large for pages
    #[arg(long, value_enum, default_value_t)]
    pub via: ViaChoice,
}

/// How assessment exports are had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ViaChoice {
    /// As pages, or as files where the tenant is too large for them.
    #[default]
    Auto,
    /// As JSON pages.
    Json,
    /// As files.
    Files,
}
