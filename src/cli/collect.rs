//! `ircollect collect`.

use super::{OutputFormat, Param, hunt::param};
use clap::Args;

/// Runs a plan: many pulls and queries, for many tenants, over one window
#[derive(Clone, Debug, Args)]
pub struct CollectArgs {
    /// A plan in TOML, or the built-in one: `triage`
    #[arg(long, value_name = "FILE|triage")]
    pub plan: String,
    /// Begin of the window, inclusive, RFC 3339
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub from: Option<String>,
    /// End of the window, exclusive, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub to: Option<String>,
    /// The window as a duration back from now [default: the plan's, else 30d]
    #[arg(long, value_name = "DUR")]
    pub last: Option<String>,
    /// Formats to store in [default: the plan's, else ndjson]
    #[arg(long, value_name = "FORMATS", value_enum, value_delimiter = ',')]
    pub format: Vec<OutputFormat>,
    /// Value of a parameter that queries declare; wins over the plan's
    #[arg(long, value_name = "NAME=VALUE|NAME=@FILE", value_parser = param)]
    pub param: Vec<Param>,
    /// Go on with what an interrupted run left
    #[arg(long)]
    pub resume: bool,
    /// Show the calls that would be made and the time that the limits take; call nothing
    #[arg(long)]
    pub explain: bool,
}
