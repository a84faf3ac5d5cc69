//! Parts become one file a format.

use super::{
    case::Case,
    commit::Written,
    derive::NdjsonFiles,
    draft::Draft,
    intake::{Harvest, Wanted},
    place::{Format, Place},
};
use crate::{
    error::{Error, Kind, Result},
    journal::{Column, disk, hash},
};
use std::path::{Path, PathBuf};

impl Case {
    /// Writes the rows of stored NDJSON files, in order, to one file a format, which are to stand at `place`. What the journal says of
    /// their hashes is checked on the way. Nothing is part of the case until it is committed.
    ///
    /// # Errors
    /// [`Kind::Disk`], also where a file is not what was written.
    pub fn join(&self, place: &Place, parts: &[Written], schema: &[Column], wanted: &Wanted) -> Result<Harvest> {
        let paths = parts.iter().map(|part| self.path_of(part)).collect::<Result<Vec<PathBuf>>>()?;
        let mut files = Vec::new();
        if wanted.keeps() {
            let mut whole = Draft::create(&self.dir, place.format(Format::Ndjson))?;
            for (part, path) in parts.iter().zip(&paths) {
                whole.absorb(path, part.rows, &part.sha256)?;
            }
            files.push(whole.seal()?);
        } else {
            parts.iter().zip(&paths).try_for_each(|(part, path)| check(path, &part.sha256))?;
        }
        let others: Vec<Format> = wanted.others().collect();
        files.extend(self.derive(place, &NdjsonFiles(paths), schema, &others, &wanted.about)?);
        Ok(Harvest { files })
    }

    fn path_of(&self, file: &Written) -> Result<PathBuf> {
        self.resolve(&file.path).ok_or_else(|| Error::new(Kind::Disk, format!("`{}` is no path of a case", file.path)))
    }
}

fn check(path: &Path, sha256: &str) -> Result<()> {
    let (_, found) = hash::of_file(path, &|_| ()).map_err(|error| disk::failed("reading", path, error))?;
    if found == sha256 { Ok(()) } else { Err(super::draft::changed(path)) }
}
