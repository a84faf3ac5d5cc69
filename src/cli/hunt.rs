//! `ircollect hunt`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Runs advanced-hunting queries and stores every row of their results in the case
#[derive(Clone, Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag that is given or not")]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["query", "kql", "pack"]))]
pub struct HuntArgs {
    /// File with one query (.kql, .csl, .txt); `-` is standard input; may be given several times
    #[arg(long, value_name = "FILE|-", num_args = 1..)]
    pub query: Vec<PathBuf>,
    /// A query as text
    #[arg(long, value_name = "TEXT")]
    pub kql: Vec<String>,
    /// Folder or file with queries: every .kql and .csl file, Sentinel .yaml/.yml rule, and fenced kql block of a .md
    #[arg(long, value_name = "DIR|FILE", num_args = 1..)]
    pub pack: Vec<PathBuf>,
    /// Value of a parameter that the query declares; `@FILE` is a list, one value a line (`@@...`: a text that begins with `@`)
    #[arg(long, value_name = "NAME=VALUE|NAME=@FILE", value_parser = param)]
    pub param: Vec<Param>,
    /// The API to hunt with
    #[arg(long, value_enum, default_value_t)]
    pub api: ApiChoice,
    /// Begin of the window, inclusive, RFC 3339
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub from: Option<String>,
    /// End of the window, exclusive, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub to: Option<String>,
    /// The window as a duration back from now [default: 30d]
    #[arg(long, value_name = "DUR")]
    pub last: Option<String>,
    /// Formats to store the rows in
    #[arg(long, value_name = "FORMATS", value_enum, value_delimiter = ',', default_value = "ndjson")]
    pub format: Vec<OutputFormat>,
    /// Keep each query's rows as a dataset, a folder a day (tenant=/query=/date=), instead of one file a format
    #[arg(long, conflicts_with = "output")]
    pub parts: bool,
    /// Write the rows of a single query to a file, or `-` for standard output, too
    #[arg(long, value_name = "FILE|-")]
    pub output: Option<PathBuf>,
    /// Cut a window whose result would pass the API's caps: auto, off, or always into slices of a duration
    #[arg(long, value_name = "auto|off|DUR", value_parser = slice, default_value = "auto")]
    pub slice: Slice,
    /// Go on with what an interrupted run left; what is stored is not fetched again
    #[arg(long)]
    pub resume: bool,
    /// Have the service count the window's rows and hold them against those stored
    #[arg(long)]
    pub reconcile: bool,
    /// Calls in flight a tenant and API
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub concurrency: u16,
    /// Say what each query reads and the exact KQL that would be sent; call nothing
    #[arg(long)]
    pub explain: bool,
    /// Answering from files.
    #[command(flatten)]
    pub local: Local,
}

/// Answering from what is on this disk.
#[derive(Clone, Debug, Default, Args)]
pub struct Local {
    /// Answer from what this case already holds (or from --data) instead of calling an API
    #[arg(long, conflicts_with_all = ["explain", "reconcile"])]
    pub offline: bool,
    /// Folder to answer from: DIR/TABLE.parquet, DIR/TABLE.ndjson, or what the streaming API leaves in a storage account
    #[arg(long, value_name = "DIR", requires = "offline")]
    pub data: Option<PathBuf>,
    /// Let `externaldata` of an offline query read the https addresses that it names, up to 64 MiB each; else it is refused
    #[arg(long, requires = "offline")]
    pub allow_external: bool,
    /// Memory that an offline query may hold; what is beyond goes on in temporary files (512MiB, 4GiB) [default: no limit]
    #[arg(long, value_name = "SIZE", requires = "offline", value_parser = size)]
    pub memory: Option<usize>,
}

/// Which API to hunt with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ApiChoice {
    /// The best one the token's permissions and the query's tables allow.
    #[default]
    Auto,
    /// Microsoft Graph.
    Graph,
    /// Microsoft Defender XDR (its hunting stops on 2027-02-01).
    Xdr,
    /// Microsoft Defender for Endpoint (its hunting stops on 2027-02-01).
    Mde,
}

/// Formats of stored rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// One row a line, exactly as the API sent it: the evidence.
    Ndjson,
    /// A table for spreadsheets and timeline tools; no cell runs as a formula.
    Csv,
    /// The rows as one array, each exactly as the API sent it.
    Json,
    /// A table with the types of the schema, compressed.
    Parquet,
    /// CSV for Timesketch: message, datetime and `timestamp_desc` first.
    Timesketch,
}

/// How a window is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slice {
    /// As the API's caps demand.
    #[default]
    Auto,
    /// Never.
    Off,
    /// Into slices of this length.
    Every(jiff::SignedDuration),
}

/// `NAME=VALUE`, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// The parameter's name.
    pub name: String,
    /// What stands after the first `=`.
    pub value: String,
}

pub(super) fn param(text: &str) -> Result<Param, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok(Param { name: name.trim().to_owned(), value: value.to_owned() }),
        _ => Err("write NAME=VALUE, or NAME=@FILE".to_owned()),
    }
}

fn size(text: &str) -> Result<usize, String> {
    const UNITS: [(&str, usize); 8] = [
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("m", 1 << 20),
        ("g", 1 << 30),
    ];
    let lower = text.trim().to_ascii_lowercase();
    let (number, unit) = UNITS.iter().find_map(|(name, unit)| Some((lower.strip_suffix(name)?, *unit))).unwrap_or((&lower, 1));
    let size = number.trim().parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
    size.filter(|size| *size >= SMALLEST).ok_or_else(|| "write a size such as 512MiB or 4GiB, at least 16MiB".to_owned())
}

/// With less memory than this, queries fail on their first batches.
const SMALLEST: usize = 16 << 20;

fn slice(text: &str) -> Result<Slice, String> {
    match text {
        "auto" => Ok(Slice::Auto),
        "off" => Ok(Slice::Off),
        length => crate::time::parse_duration(length).map(Slice::Every).map_err(|error| error.message().to_owned()),
    }
}
