//! The formats that were asked for, and the file of a job that `--output` copies.

use crate::{
    cli::OutputFormat,
    collect::report::{Job, JobStatus},
    error::{Error, Kind, Result},
    store::{Case, Format, Output, Written},
};
use std::path::Path;

/// Returns the formats asked for, each once.
pub(super) fn each_once(asked: &[OutputFormat]) -> Result<Vec<Format>> {
    let mut formats = Vec::new();
    for format in asked {
        let format = match format {
            OutputFormat::Ndjson => Format::Ndjson,
            OutputFormat::Csv => Format::Csv,
            OutputFormat::Json => Format::Json,
            OutputFormat::Parquet => Format::Parquet,
            OutputFormat::Timesketch => Format::Timesketch,
        };
        if format == Format::Parquet && !cfg!(feature = "parquet") {
            return Err(Error::new(Kind::Usage, "this collector was built without Parquet").hint("build with `--features parquet`"));
        }
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    Ok(formats)
}

/// Refuses a place that no file could be made at, before anything is asked for it.
pub(super) fn check_place(path: Option<&Path>) -> Result<()> {
    let Some(folder) = path.filter(|path| *path != Path::new("-")).and_then(Path::parent) else { return Ok(()) };
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let message = format!("--output: there is no folder `{}`", folder.display());
    Err(Error::new(Kind::Disk, message).with_code("NoFolder").hint("make it, or name another place"))
}

/// Copies the rows of a job to where `--output` says.
pub(super) fn output(case: &Case, path: Option<&Path>, formats: &[Format], job: Job) -> Job {
    let Some((path, file)) = path.and_then(|path| Some((path, file_for(path, formats, &job)?))) else { return job };
    match case.output(&file, &Output::new(path)) {
        Ok(()) => job,
        Err(error) => Job { status: JobStatus::Partial, error: Some((&error).into()), ..job },
    }
}

/// Returns the file of a job that is copied: in the format that the name of the copy says, if the rows are stored in it, else in the
/// first that was asked for. Rows in several files of a format are not copied.
fn file_for(path: &Path, formats: &[Format], job: &Job) -> Option<Written> {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let named = |format: &&Format| name.ends_with(&format!(".{}", format.extension()));
    let format = formats.iter().rev().find(named).or_else(|| formats.first())?;
    let mut files = job.files.iter().filter(|file| file.format == format.name());
    match (files.next(), files.next()) {
        (Some(file), None) => Some(file.into()),
        _ => None,
    }
}
