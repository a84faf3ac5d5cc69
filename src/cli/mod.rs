//! What was typed: clap types, whose doc comments are the manual. No logic, no environment, no files.

mod app;
mod case;
mod check;
mod collect;
mod get;
mod hunt;
mod pull;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

pub use app::{
    AdminAuth, AppAction, AppArgs, ConsentArgs, CreateArgs, CredentialChoice, ExpiryArgs, ManifestArgs, PermissionArgs, PlaceArgs,
    RemoveArgs, RotateArgs, ShowArgs,
};
pub use case::{CaseAction, CaseArgs, ExportArgs, ExportFormat, ReportArgs, SealArgs};
pub use check::{CheckArgs, CheckWhat};
pub use collect::CollectArgs;
pub use get::{GetArgs, Pages};
pub use hunt::{ApiChoice, HuntArgs, Local, OutputFormat, Param, Slice};
pub use pull::{PullArgs, ViaChoice};

/// Collects alerts, incidents and raw events out of Microsoft's security APIs, whole and as evidence
#[derive(Debug, Parser)]
#[command(name = "ircollect", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// Flags that stand before or after any command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run advanced-hunting queries (KQL) and store every row
    Hunt(Box<HuntArgs>),
    /// Pull named sources (alerts, incidents, machines, sign-ins ...) and store every object
    Pull(Box<PullArgs>),
    /// Run a plan: many pulls and queries, for many tenants, over one window
    Collect(Box<CollectArgs>),
    /// Print an access token, for curl or a wrapper
    Token(TokenArgs),
    /// GET any URL of any API the credential may call, following its pages
    Get(GetArgs),
    /// Say whether a collection would work: configuration, vault, token, permissions, each API
    Check(CheckArgs),
    /// Make, show, grant, rotate and remove the app registration and its credential
    App(AppArgs),
    /// Look at what was collected
    Case(CaseArgs),
    /// Run a simulated tenant on this machine, and a command against it
    Lab(LabArgs),
    /// Write a commented starter configuration
    Init(InitArgs),
    /// Print shell completions
    Completions {
        /// The shell to complete for
        shell: clap_complete::Shell,
    },
    /// Write man pages
    Man {
        /// The folder to write them to
        #[arg(long, value_name = "DIR", default_value = "man")]
        output: PathBuf,
    },
}

/// Flags of every command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Configuration file [default: ./ircollect.toml, then the user's configuration directory]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Tenant profile to work with; may be given several times
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Vec<String>,
    /// Work with every profile of the configuration
    #[arg(long, global = true)]
    pub all_profiles: bool,
    /// Directory (tenant) id, or a verified domain; may be given several times
    #[arg(long, global = true, value_name = "TENANT")]
    pub tenant: Vec<String>,
    /// Application (client) id
    #[arg(long, global = true, value_name = "ID")]
    pub app_id: Option<String>,
    /// Cloud: public, usgov (GCC High), dod, gcc, china, or one from [clouds.NAME]
    #[arg(long, global = true, value_name = "NAME")]
    pub cloud: Option<String>,
    /// Case directory [default: ./ircollect-case]
    #[arg(long, global = true, value_name = "DIR")]
    pub case: Option<PathBuf>,
    /// Print the summary as JSON on standard output when done
    #[arg(long, global = true)]
    pub json: bool,
    /// Say more on standard error; -vv and -vvv say still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say less on standard error; -qq says nothing but errors
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub quiet: u8,
    /// Write the log to a file too
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Form of the log
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Show no progress bars
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub color: ColorChoice,
    /// Extra root certificates (PEM); added to the system's
    #[arg(long, global = true, value_name = "FILE")]
    pub ca_file: Vec<PathBuf>,
    /// Answer a host name by hand: HOST=ADDRESS, or HOST=ADDRESS:PORT; may be given several times
    #[arg(long, global = true, value_name = "HOST=ADDR")]
    pub resolve: Vec<String>,
    /// Longest total wait for quotas and retries before a job is given up as incomplete [default: 1h]
    #[arg(long, global = true, value_name = "DUR")]
    pub max_wait: Option<String>,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// When to colour what goes to a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Arguments of `token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The API the token is for
    #[arg(long, value_enum, required_unless_present = "scope", conflicts_with = "scope")]
    pub api: Option<TokenApi>,
    /// Any scope, such as `https://graph.microsoft.com/.default`
    #[arg(long, value_name = "URL/.default")]
    pub scope: Option<String>,
    /// Form in which it is printed
    #[arg(long, value_enum, default_value_t)]
    pub print: TokenForm,
    /// Print the decoded claims instead: audience, app, tenant, roles, expiry
    #[arg(long, conflicts_with = "print")]
    pub claims: bool,
    /// Fail unless the token is good for at least so long
    #[arg(long, value_name = "DUR")]
    pub min_valid: Option<String>,
}

/// What a token may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "named as the APIs are")]
pub enum TokenApi {
    Graph,
    Xdr,
    Mde,
    Vault,
    Arm,
}

/// Forms of a printed token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TokenForm {
    /// The token alone.
    #[default]
    Token,
    /// `Authorization: Bearer ...`.
    Header,
    /// The token endpoint's answer.
    Json,
    /// A line for `curl --config -`.
    Curl,
    /// A line for a shell.
    Env,
}

/// Arguments of `lab`.
#[derive(Debug, Args)]
pub struct LabArgs {
    /// Seed of the simulated company
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many times the rows
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub scale: u32,
    /// Misbehave: throttle, quota, unavailable, html, cut, malformed, drop, hang, expired-token, slow, each with a rate 0..1
    #[arg(long, value_name = "KIND=RATE")]
    pub fault: Vec<String>,
    /// Caps of a hunting answer: rows=N,bytes=N
    #[arg(long, value_name = "CAPS")]
    pub caps: Option<String>,
    /// Hunting calls a minute
    #[arg(long, value_name = "N")]
    pub calls_per_minute: Option<u32>,
    /// First port to listen on; the APIs take this one and those after it [default: any free]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Where to write lab.toml, ca.pem and lab.env
    #[arg(long, value_name = "DIR")]
    pub write: Option<PathBuf>,
    /// A command to run against it: `ircollect lab -- hunt --query FILE`
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<std::ffi::OsString>,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "ircollect.toml")]
    pub output: PathBuf,
    /// Overwrite a file that is there
    #[arg(long)]
    pub force: bool,
}
