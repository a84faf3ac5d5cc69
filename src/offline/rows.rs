//! JSON objects cut out of a file, one after the other: lines as a rule, and by their braces where they are laid out otherwise.

use super::{
    form::{Form, opened},
    unreadable,
};
use crate::error::Result;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

/// The longest row: far beyond the 50 MB at which the services cut whole answers.
const LONGEST: usize = 64 << 20;
/// Bytes read at once.
const BUFFER: usize = 1 << 18;
/// Plain files are cut into pieces of this length, to be read side by side.
const PIECE: u64 = 32 << 20;

/// A stretch of a file: the rows whose first byte lies in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) path: PathBuf,
    pub(super) form: Form,
    from: u64,
    /// The first byte after it; none: to the end of the file.
    to: Option<u64>,
}

/// Takes a row; says whether more are wanted.
pub(super) type Take<'a> = dyn FnMut(&[u8]) -> Result<ControlFlow<()>> + 'a;

/// Cuts a file of `length` bytes into pieces. Only lines of a file that is not compressed can be found in its midst.
pub(super) fn pieces(path: &Path, form: &Form, length: u64) -> Vec<Piece> {
    let piece = |from, to| Piece { path: path.to_owned(), form: form.clone(), from, to };
    match form {
        Form::Json { gzip: false, loose: false, .. } if length > PIECE => {
            let count = length.div_ceil(PIECE);
            (0..count).map(|number| piece(number * PIECE, (number + 1 < count).then_some((number + 1) * PIECE))).collect()
        }
        _ => vec![piece(0, None)],
    }
}

/// Tells whether the objects that a file begins with are not one a line.
pub(super) fn is_loose(first: &[u8]) -> bool {
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    // A line longer than what was looked at is taken for a row.
    let whole = line.len() < text.len();
    text.first() == Some(&b'[') || (whole && !line.ends_with(b"}"))
}

/// Tells whether a key is one of OData's annotations, which are about the row and not of it.
pub(super) fn is_annotation(key: &str) -> bool {
    key.starts_with('@') || key.contains("@odata.")
}

impl Piece {
    /// Hands on each row.
    pub(super) fn each(&self, take: &mut Take<'_>) -> Result<()> {
        let read = |error: io::Error| unreadable(&self.path, &error.to_string());
        match self.form {
            Form::Json { gzip, loose: true, .. } => cut(&self.path, opened(&self.path, gzip).map_err(read)?, take),
            Form::Json { gzip: true, .. } => {
                let reader = BufReader::with_capacity(BUFFER, opened(&self.path, true).map_err(read)?);
                self.lines(reader, 0, take)
            }
            _ => {
                let (reader, at) = self.begin().map_err(read)?;
                self.lines(reader, at, take)
            }
        }
    }

    /// Opens the file at the first line that begins in the piece.
    fn begin(&self) -> io::Result<(BufReader<File>, u64)> {
        let mut file = File::open(&self.path)?;
        let Some(before) = self.from.checked_sub(1) else { return Ok((BufReader::with_capacity(BUFFER, file), 0)) };
        file.seek(SeekFrom::Start(before))?;
        let mut reader = BufReader::with_capacity(BUFFER, file);
        let skipped = reader.skip_until(b'\n')?;
        Ok((reader, before + u64::try_from(skipped).unwrap_or(u64::MAX)))
    }

    fn lines(&self, mut reader: impl BufRead, mut at: u64, take: &mut Take<'_>) -> Result<()> {
        let mut line = Vec::new();
        while self.to.is_none_or(|to| at < to) {
            line.clear();
            let read = read_line(&mut reader, &mut line).map_err(|error| unreadable(&self.path, &error.to_string()))?;
            if read == 0 {
                return Ok(());
            }
            let row = if at == 0 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line }.trim_ascii();
            if !row.is_empty() {
                let taken = take(row).map_err(|error| error.context(format_args!("`{}`, byte {at}", self.path.display())))?;
                if taken.is_break() {
                    return Ok(());
                }
            }
            at += read as u64;
        }
        Ok(())
    }
}

fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    let read = reader.by_ref().take(LONGEST as u64 + 1).read_until(b'\n', line)?;
    if read > LONGEST { Err(too_long()) } else { Ok(read) }
}

fn too_long() -> io::Error {
    io::Error::other(format!("a row is longer than {} MiB", LONGEST >> 20))
}

/// Cuts objects by their braces, whatever stands between them: commas, line breaks, the brackets of an array.
fn cut(path: &Path, reader: impl Read, take: &mut Take<'_>) -> Result<()> {
    let mut reader = BufReader::with_capacity(BUFFER, reader);
    let mut cutter = Cutter::default();
    loop {
        let bytes = reader.fill_buf().map_err(|error| unreadable(path, &error.to_string()))?;
        if bytes.is_empty() {
            return if cutter.row.is_empty() { Ok(()) } else { Err(unreadable(path, "it ends within a row")) };
        }
        let (length, taken) = (bytes.len(), cutter.feed(bytes, take).map_err(|error| error.context(format_args!("`{}`", path.display())))?);
        reader.consume(length);
        if taken.is_break() {
            return Ok(());
        }
    }
}

/// Finds where objects begin and end.
#[derive(Default)]
struct Cutter {
    row: Vec<u8>,
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl Cutter {
    fn feed(&mut self, bytes: &[u8], take: &mut Take<'_>) -> Result<ControlFlow<()>> {
        for &byte in bytes {
            if self.depth > 0 {
                self.row.push(byte);
            }
            if self.step(byte) {
                if take(&self.row)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                self.row.clear();
            }
            if self.row.len() > LONGEST {
                return Err(unreadable(Path::new(""), &too_long().to_string()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Moves on by a byte; true where it ends an object.
    fn step(&mut self, byte: u8) -> bool {
        if self.in_text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' if self.depth > 0 => self.in_text = true,
            b'{' => {
                if self.depth == 0 {
                    self.row.push(byte);
                }
                self.depth += 1;
            }
            b'}' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0 && !self.row.is_empty();
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("T.json");
        fs_err::write(&path, bytes).unwrap();
        let form = Form::of(&path).unwrap().unwrap();
        let mut rows = Vec::new();
        for piece in pieces(&path, &form, bytes.len() as u64) {
            let taken = piece.each(&mut |row| {
                rows.push(String::from_utf8_lossy(row).into_owned());
                Ok(ControlFlow::Continue(()))
            });
            taken.unwrap();
        }
        rows
    }

    #[test]
    fn lines_arrays_and_laid_out_objects_are_cut_alike() {
        let rows = [r#"{"a":"}\"{","b":[{}]}"#, r#"{"a":2}"#];
        assert_eq!(read(format!("\u{feff}{}\r\n\n{}", rows[0], rows[1]).as_bytes()), rows);
        assert_eq!(read(format!("[{},\n {}]\n", rows[0], rows[1]).as_bytes()), rows);
        assert_eq!(read(b"{\n \"a\": 1\n}\n{\"a\":2}"), ["{\n \"a\": 1\n}", r#"{"a":2}"#]);
    }

    #[test]
    fn pieces_of_a_file_hold_each_line_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("T.ndjson");
        let text = (0..1000).fold(String::new(), |text, number| text + &format!("{{\"n\":{number}}}\n"));
        fs_err::write(&path, &text).unwrap();
        let form = Form::of(&path).unwrap().unwrap();
        for cut in [1, 7, 8, 100, text.len() as u64 - 1] {
            let mut rows = 0;
            for (from, to) in [(0, Some(cut)), (cut, None)] {
                let piece = Piece { path: path.clone(), form: form.clone(), from, to };
                let counted = piece.each(&mut |_| {
                    rows += 1;
                    Ok(ControlFlow::Continue(()))
                });
                counted.unwrap();
            }
            assert_eq!(rows, 1000, "{cut}");
        }
    }
}
