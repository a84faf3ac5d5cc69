//! `ircollect get`.

use clap::Args;
use std::path::PathBuf;

/// Gets any URL of any API that the credential may call, following its pages; bodies come out as they came
#[derive(Clone, Debug, Args)]
pub struct GetArgs {
    /// A URL, or `graph:/v1.0/PATH`, `xdr:/api/PATH`, `mde:/api/PATH`
    #[arg(value_name = "URL|API:/PATH")]
    pub url: String,
    /// How many pages to follow, or all
    #[arg(long, value_name = "N|all", value_parser = pages, default_value = "1")]
    pub pages: Pages,
    /// Where to write [default: standard output]
    #[arg(long, value_name = "FILE|-", default_value = "-")]
    pub output: PathBuf,
    /// Scope of the token for a URL that is at none of the cloud's APIs
    #[arg(long, value_name = "URL/.default")]
    pub scope: Option<String>,
}

/// How many pages to follow; none: all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages(pub Option<u64>);

fn pages(text: &str) -> Result<Pages, String> {
    match text {
        "all" => Ok(Pages(None)),
        number => number
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .map(|number| Pages(Some(number)))
            .ok_or_else(|| "give a number from 1 on, or all".to_owned()),
    }
}
