//! `case report`: one HTML file, beside the case or where it is wanted.

use crate::{
    api::catalogue::{Catalogue, Source},
    case::{self, ReportOptions},
    cli::ReportArgs,
    console::Hashing,
    error::{Error, Kind, Result},
    run::Context,
    store::{CaseView, Outside},
};
use std::path::{Path, PathBuf};

pub(super) fn run(context: &Context, case: &CaseView, args: &ReportArgs) -> Result<u8> {
    let output = args.output.clone().unwrap_or_else(|| beside(case.dir()));
    let options = ReportOptions {
        rows: args.rows,
        sources: Catalogue::built_in()?.iter().map(Source::full_name).collect(),
        now: context.now,
        tool_version: env!("CARGO_PKG_VERSION"),
    };
    let bar = Hashing::new(context.console, case.status().map(|status| status.bytes).unwrap_or_default());
    let made = write(case, &options, &output, &|bytes| bar.advance(bytes));
    bar.end();
    made?;
    if output != Path::new("-") {
        context.console.say(&format!("wrote {}", output.display()));
    }
    Ok(0)
}

fn write(case: &CaseView, options: &ReportOptions, output: &Path, progress: &dyn Fn(u64)) -> Result<()> {
    if output == Path::new("-") {
        return case::report(case, options, progress, &mut std::io::stdout().lock()).or_else(unless_closed);
    }
    if case.status()?.sealed.is_some() && is_inside(output, case.dir()) {
        return Err(Error::new(Kind::Disk, format!("`{}` lies in a sealed case", output.display()))
            .with_code("CaseSealed")
            .hint("write the report beside it: leave out --output"));
    }
    let mut draft = Outside::create(output)?;
    case::report(case, options, progress, &mut draft)?;
    draft.keep().map(drop)
}

/// Whoever stops reading has had enough.
fn unless_closed(error: Error) -> Result<()> {
    let mut cause = std::error::Error::source(&error);
    while let Some(current) = cause {
        if current.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
            return Ok(());
        }
        cause = current.source();
    }
    Err(error)
}

/// `CASE-report.html` beside the case.
fn beside(case: &Path) -> PathBuf {
    let case = std::path::absolute(case).unwrap_or_else(|_| case.to_owned());
    let name = case.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    case.with_file_name(format!("{name}-report.html"))
}

fn is_inside(output: &Path, case: &Path) -> bool {
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (folder.canonicalize(), case.canonicalize()) {
        (Ok(folder), Ok(case)) => folder.starts_with(case),
        _ => false,
    }
}
