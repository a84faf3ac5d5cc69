//! Stored rows in another form, outside of the case: as files of any format, as a Parquet dataset, or as one SQLite database.
//!
//! What is read is held against the journal's hashes on the way, so that nothing leaves a case that was changed. What was written is
//! listed beside it, with hashes of its own and of where it came from.

mod files;
mod manifest;
mod select;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use select::Selection;

use super::{current, identifier, row};
use crate::{
    error::{Error, Kind, Result},
    store::{CaseView, Format},
};
use jiff::Timestamp;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What rows are made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Files of that format; Parquet as a dataset.
    Files(Format),
    /// One SQLite database, a table a source.
    Sqlite,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Files(format) => format.name(),
            Self::Sqlite => "sqlite",
        }
    }
}

/// A table or file that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Exported {
    /// The file, relative to where the export was to go; empty where that is the file.
    pub path: String,
    /// Name of the table, or of the query or source.
    pub name: String,
    /// Directory (tenant) ids.
    pub tenants: Vec<String>,
    /// How many rows.
    pub rows: u64,
    /// Files of the case that the rows are of, and the hash that each has there.
    pub of: Vec<(String, String)>,
}

/// Rows that were selected and are not stored as NDJSON, which alone an export is made of.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    /// Name of the query or source.
    pub name: String,
    /// Directory (tenant) id.
    pub tenant: String,
    /// The formats that they are stored in.
    pub formats: Vec<String>,
    /// Their files, by their paths in the case.
    pub files: Vec<String>,
}

impl LeftOut {
    /// Says what was left out, and what to do.
    pub fn error(&self) -> Error {
        let Self { name, tenant, formats, files } = self;
        let message =
            format!("the rows of {name} in {tenant} were not exported: they are stored as {}, not as NDJSON", formats.join(" and "));
        let error = Error::new(Kind::Incomplete, message).with_code("NoNdjson");
        let error = error.hint("collect them with NDJSON among the formats (--format ndjson,...): it is what further forms are made of");
        error.hint(format!("or use them as they lie in the case: {}", files.first().map_or("", String::as_str)))
    }
}

/// Exports what `selection` names to `output`. Returns what was written, and what could not be.
///
/// # Errors
/// [`Kind::Usage`] where nothing is named by the selection, or `output` does not fit; [`Kind::Incomplete`] where nothing of it is stored as
/// NDJSON; [`Kind::Disk`] where the case is not what was written, or the disk refuses.
pub fn export(
    case: &CaseView,
    selection: &Selection,
    target: Target,
    output: &Path,
    now: Timestamp,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(Vec<Exported>, Vec<LeftOut>)> {
    refuse_inside(case.dir(), output)?;
    let (groups, left_out) = select::groups(case, selection, progress)?;
    let (written, files) = match target {
        Target::Files(format) => files::write(&groups, format, output)?,
        #[cfg(feature = "sqlite")]
        Target::Sqlite => sqlite::write(&groups, output)?,
        #[cfg(not(feature = "sqlite"))]
        Target::Sqlite => return Err(Error::new(Kind::Usage, "SQLite was not built in").hint("build with `--features sqlite`")),
    };
    manifest::write(&manifest::Manifest { case, selection, target, now, tables: &written, left_out: &left_out, files: &files }, output)?;
    Ok((written, left_out))
}

/// A file that was written: where, relative to the export, how long, and its hash.
#[derive(Clone, Debug, Serialize)]
struct Hashed {
    path: String,
    bytes: u64,
    sha256: String,
}

/// Files of a case are what a run has stored, and nothing else.
fn refuse_inside(case: &Path, output: &Path) -> Result<()> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (case, output) = (absolute(case), absolute(output));
    let mut existing: &Path = &output;
    while !existing.exists() {
        let Some(above) = existing.parent() else { break };
        existing = above;
    }
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if real(existing).starts_with(real(&case)) {
        return Err(Error::new(Kind::Usage, format!("`{}` lies in the case, which only runs write to", output.display()))
            .hint("name a place outside of it with --output"));
    }
    Ok(())
}

/// Tells whether `output` is meant as one file of that ending.
fn is_file(output: &Path, ending: &str) -> bool {
    let name = output.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    name.ends_with(&format!(".{ending}")) && !output.is_dir()
}

/// Makes the folder of an export, which must be empty: files of two exports do not mix.
fn folder(output: &Path) -> Result<PathBuf> {
    let failed = |error| crate::journal::disk::failed("creating the folder", output, error);
    crate::journal::disk::create_folders(output).map_err(failed)?;
    if std::fs::read_dir(output).map_err(failed)?.next().is_some() {
        return Err(Error::new(Kind::Disk, format!("the folder `{}` is not empty", output.display()))
            .with_code("NotEmpty")
            .hint("name a new folder with --output: files of two exports do not mix"));
    }
    Ok(output.to_owned())
}
