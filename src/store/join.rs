//! Parts become one file a format: by copying what was encoded already where that is possible, else from their NDJSON.

use super::{
    case::Case,
    commit::Written,
    derive::NdjsonFiles,
    draft::{Draft, Sealed, changed},
    intake::{Harvest, Wanted},
    place::{Format, Place},
    table::About,
};
use crate::{
    error::{Error, Kind, Result},
    journal::{Column, disk, hash},
};
use std::{
    fs::File,
    io::{BufReader, Read},
    ops::Range,
    path::{Path, PathBuf},
};

/// A stored file, and where it lies.
type Part = (Written, PathBuf);

impl Case {
    /// Writes the rows of parts, in order, to one file a format, which are to stand at `place`. Each part is NDJSON, and the same rows in
    /// further formats, if they are there. What the journal says of hashes is checked on the way. Nothing is part of the case until it
    /// is committed.
    ///
    /// # Errors
    /// [`Kind::Disk`], also where a file is not what was written.
    pub fn join(&self, place: &Place, parts: &[Vec<Written>], schema: &[Column], wanted: &Wanted) -> Result<Harvest> {
        let rows = self.in_format(parts, Format::Ndjson)?;
        let rows = rows.ok_or_else(|| Error::new(Kind::Disk, "rows that are to be joined are not there as NDJSON"))?;
        let (mut files, mut left) = (Vec::new(), Vec::new());
        if wanted.keeps() {
            files.push(concatenate(self.draft(&place.format(Format::Ndjson))?, &rows, &vec![0..u64::MAX; rows.len()])?);
        }
        for format in wanted.others() {
            match self.in_format(parts, format)? {
                Some(parts) if parts.len() > 1 => match self.splice(&place.format(format), format, &parts, &wanted.about)? {
                    Some(file) => files.push(file),
                    None => left.push(format),
                },
                _ => left.push(format),
            }
        }
        if !(wanted.keeps() || left.is_empty()) {
            rows.iter().try_for_each(check)?;
        }
        let paths = rows.into_iter().map(|(_, path)| path).collect();
        files.extend(self.derive(place, &NdjsonFiles(paths), schema, &left, &wanted.about)?);
        files.sort_by_key(|file| wanted.formats.iter().position(|format| *format == file.place.kind()));
        // NDJSON that was not asked for, and is kept, comes first too.
        files.sort_by_key(|file| file.place.kind() != Format::Ndjson);
        Ok(Harvest { files })
    }

    /// Returns the files of a format; none where a part lacks it.
    fn in_format(&self, parts: &[Vec<Written>], format: Format) -> Result<Option<Vec<Part>>> {
        let of = |part: &Vec<Written>| part.iter().find(|file| file.format == format.name()).cloned();
        let Some(files) = parts.iter().map(of).collect::<Option<Vec<Written>>>() else { return Ok(None) };
        files.into_iter().map(|file| self.path_of(&file).map(|path| (file, path))).collect::<Result<_>>().map(Some)
    }

    fn path_of(&self, file: &Written) -> Result<PathBuf> {
        self.resolve(&file.path).ok_or_else(|| Error::new(Kind::Disk, format!("`{}` is no path of a case", file.path)))
    }

    /// Copies what was encoded; none where the parts' columns differ.
    fn splice(&self, place: &Place, format: Format, parts: &[Part], about: &About) -> Result<Option<Sealed>> {
        let ranges = match format {
            Format::Ndjson | Format::Json => Some(between_brackets(parts)),
            Format::Csv | Format::Timesketch => below_header(parts)?,
            Format::Parquet => return self.splice_parquet(place, parts, about),
        };
        let Some(ranges) = ranges else { return Ok(None) };
        let draft = self.draft(place)?;
        if format == Format::Json { list(draft, parts, &ranges) } else { concatenate(draft, parts, &ranges) }.map(Some)
    }

    #[cfg(feature = "parquet")]
    fn splice_parquet(&self, place: &Place, parts: &[Part], about: &About) -> Result<Option<Sealed>> {
        let paths: Vec<PathBuf> = parts.iter().map(|(_, path)| path.clone()).collect();
        parts.iter().try_for_each(check)?;
        if !super::table::are_alike(&paths)? {
            return Ok(None);
        }
        let (mut draft, rows) = super::table::splice(&paths, about, self.draft(place)?)?;
        draft.count(rows);
        draft.seal().map(Some)
    }

    #[cfg(not(feature = "parquet"))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "it has the shape of the full collector's")]
    fn splice_parquet(&self, _place: &Place, _parts: &[Part], _about: &About) -> Result<Option<Sealed>> {
        Ok(None)
    }
}

fn concatenate(mut whole: Draft, parts: &[Part], ranges: &[Range<u64>]) -> Result<Sealed> {
    for ((file, path), range) in parts.iter().zip(ranges) {
        whole.absorb_between(path, file.rows, &file.sha256, range.clone())?;
    }
    whole.seal()
}

/// Writes one array of what stands between the brackets of several.
fn list(mut whole: Draft, parts: &[Part], ranges: &[Range<u64>]) -> Result<Sealed> {
    let mut begun = false;
    for ((file, path), range) in parts.iter().zip(ranges) {
        if file.rows > 0 {
            whole.write(if begun { b",\n" } else { b"[\n" })?;
            begun = true;
        }
        whole.absorb_between(path, file.rows, &file.sha256, range.clone())?;
    }
    whole.write(if begun { b"\n]\n" } else { b"[]\n" })?;
    whole.seal()
}

/// Where the rows of arrays stand, without the brackets and the line breaks beside them.
fn between_brackets(parts: &[Part]) -> Vec<Range<u64>> {
    parts.iter().map(|(file, _)| if file.rows > 0 { 2..file.bytes.saturating_sub(3) } else { 0..0 }).collect()
}

/// Where the rows of CSV files stand, the first's header included; none where the headers differ.
fn below_header(parts: &[Part]) -> Result<Option<Vec<Range<u64>>>> {
    let headers = parts.iter().map(|(_, path)| header(path)).collect::<Result<Vec<_>>>()?;
    if headers.windows(2).any(|pair| pair[0] != pair[1]) {
        return Ok(None);
    }
    let rows = |(at, header): (usize, &Vec<u8>)| if at == 0 { 0..u64::MAX } else { header.len() as u64..u64::MAX };
    Ok(Some(headers.iter().enumerate().map(rows).collect()))
}

/// Reads the first line of a CSV file. Line breaks within quotes are part of it.
fn header(path: &Path) -> Result<Vec<u8>> {
    let reading = |error| disk::failed("reading", path, error);
    let mut header = Vec::new();
    let mut quoted = false;
    for byte in BufReader::new(File::open(path).map_err(reading)?).bytes() {
        let byte = byte.map_err(reading)?;
        header.push(byte);
        quoted ^= byte == b'"';
        if byte == b'\n' && !quoted {
            break;
        }
    }
    Ok(header)
}

pub(super) fn check((file, path): &Part) -> Result<()> {
    let (_, found) = hash::of_file(path, &|_| ()).map_err(|error| disk::failed("reading", path, error))?;
    if found == file.sha256 { Ok(()) } else { Err(changed(path)) }
}
