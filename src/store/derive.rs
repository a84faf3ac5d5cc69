//! Further formats of rows that are stored: written from their NDJSON, which is read twice where columns have to be learned.

use super::{
    Format,
    case::Case,
    draft::{Draft, Sealed},
    place::Place,
    table::{About, Columns, Rows, learn, write_with},
};
use crate::{
    error::{Error, Kind, Result},
    journal::{Column, disk},
};
use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    thread,
};

/// Files of one row a line, read one after the other as if they were one.
#[derive(Clone, Debug, Default)]
pub struct NdjsonFiles(pub Vec<PathBuf>);

/// What is read at once; a longer row takes its own length.
const PIECE: usize = 256 << 10;

impl Rows for NdjsonFiles {
    fn each(&self, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        self.0.iter().try_for_each(|path| each_line(path, each))
    }
}

fn each_line(path: &Path, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    let reading = |error| disk::failed("reading", path, error);
    let mut from = BufReader::with_capacity(PIECE, File::open(path).map_err(reading)?);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).map_err(reading)? > 0 {
        let row = std::str::from_utf8(&line).map_err(|error| no_text(path, error))?.trim_end_matches(['\n', '\r']);
        if !row.is_empty() {
            each(row)?;
        }
        line.clear();
    }
    Ok(())
}

fn no_text(path: &Path, error: std::str::Utf8Error) -> Error {
    Error::new(Kind::Disk, format!("`{}` holds a row that is not UTF-8", path.display()))
        .caused_by(error)
        .hint("see what `ircollect case verify` says")
}

impl Case {
    /// Writes the rows of NDJSON files in further formats, side by side. The files are to stand at `place`, each in its format, and
    /// are not part of the case until they are committed. `schema` is the answer's; empty where there is none.
    ///
    /// # Errors
    /// [`Kind::Disk`] where reading or writing fails; [`Kind::Usage`] for a format that was not built in.
    pub fn derive(&self, place: &Place, rows: &dyn Rows, schema: &[Column], formats: &[Format], about: &About) -> Result<Vec<Sealed>> {
        derive(&self.dir, place, rows, schema, formats, about)
    }
}

/// Does the work of [`Case::derive`].
pub(super) fn derive(
    dir: &Path,
    place: &Place,
    rows: &dyn Rows,
    schema: &[Column],
    formats: &[Format],
    about: &About,
) -> Result<Vec<Sealed>> {
    if formats.is_empty() {
        return Ok(Vec::new());
    }
    let laid_out = formats.iter().any(|format| format.has_columns());
    let columns = if laid_out { learn(rows, schema)? } else { Columns::default() };
    derive_with(dir, place, rows, &columns, formats, about)
}

/// Does the same where the columns are known.
pub(super) fn derive_with(
    dir: &Path,
    place: &Place,
    rows: &dyn Rows,
    columns: &Columns,
    formats: &[Format],
    about: &About,
) -> Result<Vec<Sealed>> {
    thread::scope(|scope| {
        let write = |format: Format| {
            let (columns, place) = (columns.clone(), place.format(format));
            scope.spawn(move || write_one(dir, place, rows, columns, format, about))
        };
        let threads: Vec<_> = formats.iter().map(|format| write(*format)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(Error::new(Kind::Failed, "a writing thread panicked"))))
            .collect()
    })
}

fn write_one(dir: &Path, place: Place, rows: &dyn Rows, columns: Columns, format: Format, about: &About) -> Result<Sealed> {
    let draft = Draft::create(dir, place)?;
    let (mut draft, count) = write_with(rows, columns, format, about, draft)?;
    draft.count(count);
    draft.seal()
}
