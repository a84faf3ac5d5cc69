//! The list beside an export: what it holds, of which case and files, and the hash of each file.

use super::{Exported, Hashed, LeftOut, Selection, Target};
use crate::{
    error::{Error, Kind, Result},
    store::{CaseView, Outside},
    time::rfc3339,
};
use jiff::Timestamp;
use serde_json::json;
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// What the list says.
pub(super) struct Manifest<'a> {
    pub(super) case: &'a CaseView,
    pub(super) selection: &'a Selection,
    pub(super) target: Target,
    pub(super) now: Timestamp,
    pub(super) tables: &'a [Exported],
    pub(super) left_out: &'a [LeftOut],
    pub(super) files: &'a [Hashed],
}

/// Writes the list: `manifest.json` in a folder, `NAME.manifest.json` beside a file.
pub(super) fn write(manifest: &Manifest<'_>, output: &Path) -> Result<()> {
    let Manifest { case, selection, target, now, tables, left_out, files } = manifest;
    let info = &case.info;
    let whole = json!({
        "ircollect": env!("CARGO_PKG_VERSION"), "schema": 1, "made": rfc3339(*now), "format": target.name(),
        "case": { "id": info.id, "created": rfc3339(info.created), "directory": case.dir().display().to_string() },
        "selection": selection, "tables": tables, "left_out": left_out, "files": files,
    });
    let path = beside(output);
    let mut file = Outside::create(&path)?;
    writeln!(file, "{whole:#}").map_err(|error| Error::new(Kind::Disk, format!("writing `{}` failed", path.display())).caused_by(error))?;
    file.keep().map(drop)
}

fn beside(output: &Path) -> PathBuf {
    if output.is_dir() {
        return output.join("manifest.json");
    }
    let name = output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    output.with_file_name(format!("{name}.manifest.json"))
}
