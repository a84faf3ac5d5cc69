//! `ircollect check`.

use super::ApiChoice;
use clap::{Args, Subcommand};

/// Arguments of `check`.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// What would be collected [default: whatever the profile may]
    #[command(subcommand)]
    pub what: Option<CheckWhat>,
}

/// What to check for.
#[derive(Clone, Debug, Subcommand)]
pub enum CheckWhat {
    /// Check for hunting
    Hunt {
        /// The API to hunt with
        #[arg(long, value_enum, default_value_t)]
        api: ApiChoice,
    },
    /// Check for pulling sources
    Pull {
        /// Sources, such as alerts or mde/machines
        #[arg(value_name = "SOURCE", required_unless_present = "all")]
        sources: Vec<String>,
        /// Check all of them
        #[arg(long)]
        all: bool,
    },
}
