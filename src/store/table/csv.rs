//! Comma-separated values (RFC 4180): one header, UTF-8, and no cell that a spreadsheet would run.

use super::{
    cells::Cells,
    columns::Columns,
    encode::{Encode, Refused, written},
    scan, value,
};
use crate::error::Result;
use std::io::Write;

/// Lines are gathered to this many bytes, at which a draft writes them without a copy.
const GATHERED: usize = 256 << 10;

/// The lines of a CSV file on their way.
pub(super) struct Lines<W> {
    to: W,
    gathered: Vec<u8>,
    /// A cell was put on the line.
    begun: bool,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, gathered: Vec::with_capacity(GATHERED + (GATHERED >> 2)), begun: false }
    }

    /// Puts a cell that holds nothing.
    #[inline]
    pub(super) fn null(&mut self) {
        self.comma();
    }

    /// Puts a number, a boolean or nested JSON: what begins with a sign here is no formula.
    #[inline]
    pub(super) fn bare(&mut self, text: &str) {
        self.comma();
        if text.starts_with(['{', '[']) {
            put(&mut self.gathered, text, "");
        } else {
            self.gathered.extend_from_slice(text.as_bytes());
        }
    }

    /// Puts a text as it stands between the quotes of a JSON string. One without a backslash holds no quote, and has to be quoted for a
    /// comma alone.
    #[inline]
    pub(super) fn json(&mut self, inner: &str, room: &mut String) {
        let bytes = inner.as_bytes();
        match scan::not_for_csv(bytes) {
            None if !bytes.is_empty() => {
                self.comma();
                self.gathered.extend_from_slice(apostrophe(inner).as_bytes());
                self.gathered.extend_from_slice(bytes);
            }
            _ => self.text(value::plain(inner, room)),
        }
    }

    /// Puts a text.
    #[inline]
    pub(super) fn text(&mut self, text: &str) {
        self.comma();
        put(&mut self.gathered, text, apostrophe(text));
    }

    fn comma(&mut self) {
        if self.begun {
            self.gathered.push(b',');
        }
        self.begun = true;
    }

    /// Ends a line of `cells` cells. One empty cell alone is quoted: readers pass over empty lines.
    #[inline]
    pub(super) fn end_line(&mut self, cells: usize) -> std::io::Result<()> {
        if cells == 1 && self.gathered.last().is_none_or(|byte| *byte == b'\n') {
            self.gathered.extend_from_slice(b"\"\"");
        }
        self.gathered.extend_from_slice(b"\r\n");
        self.begun = false;
        if self.gathered.len() >= GATHERED { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.write_all(&self.gathered)?;
        self.gathered.clear();
        Ok(())
    }

    pub(super) fn end(mut self) -> Result<W> {
        self.flush().map_err(written)?;
        Ok(self.to)
    }
}

/// What stands before a text.
#[inline]
fn apostrophe(text: &str) -> &'static str {
    if is_formula(text) { "'" } else { "" }
}

/// Tells whether a spreadsheet would take a text for a formula: by its first character, the full-width forms included.
/// Source: "CSV Injection", OWASP.
#[inline]
fn is_formula(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n') => true,
        Some(0xef) => text.starts_with(['\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']),
        _ => false,
    }
}

/// Writes a cell. An empty text is quoted, so that readers that care can tell it from null.
#[inline]
fn put(line: &mut Vec<u8>, text: &str, before: &str) {
    let bytes = text.as_bytes();
    let plain = memchr::memchr3(b',', b'"', b'\n', bytes).is_none() && memchr::memchr(b'\r', bytes).is_none();
    if plain && !bytes.is_empty() {
        line.extend_from_slice(before.as_bytes());
        line.extend_from_slice(bytes);
        return;
    }
    line.push(b'"');
    line.extend_from_slice(before.as_bytes());
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'"', rest) {
        let (head, tail) = rest.split_at(at + 1);
        line.extend_from_slice(head);
        line.push(b'"');
        rest = tail;
    }
    line.extend_from_slice(rest);
    line.push(b'"');
}

/// A table as CSV.
pub(super) struct Csv<W> {
    lines: Lines<W>,
    cells: Cells,
    room: String,
    headed: bool,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(columns: Columns, to: W) -> Self {
        Self { lines: Lines::new(to), cells: Cells::new(columns, false), room: String::new(), headed: false }
    }

    fn head(&mut self) -> std::io::Result<()> {
        if std::mem::replace(&mut self.headed, true) {
            return Ok(());
        }
        let columns = self.cells.columns().list();
        for column in columns {
            self.lines.text(&column.name);
        }
        self.lines.end_line(columns.len())
    }
}

/// Puts the value of a cell.
#[inline]
pub(super) fn cell<W: Write>(lines: &mut Lines<W>, value: Option<&str>, room: &mut String) {
    match value {
        None => lines.null(),
        Some(value) => match value::quoted(value) {
            Some(inner) => lines.json(inner, room),
            None => lines.bare(value),
        },
    }
}

impl<W: Write + Send> Encode<W> for Csv<W> {
    fn row(&mut self, row: &str) -> Result<(), Refused> {
        self.head()?;
        self.cells.lay(row)?;
        let count = self.cells.columns().list().len();
        for column in 0..count {
            cell(&mut self.lines, self.cells.get(row, column), &mut self.room);
        }
        Ok(self.lines.end_line(count)?)
    }

    fn end(mut self: Box<Self>) -> Result<W> {
        self.head().map_err(written)?;
        self.lines.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Column;

    fn csv(names: &[&str], rows: &[&str]) -> String {
        let schema: Vec<_> = names.iter().map(|name| Column { name: (*name).to_owned(), kind: String::new() }).collect();
        let mut csv = Csv::new(Columns::declared(&schema), Vec::new());
        for row in rows {
            csv.row(row).unwrap();
        }
        String::from_utf8(Box::new(csv).end().unwrap()).unwrap()
    }

    #[test]
    fn no_rows_leave_the_header() {
        assert_eq!(csv(&["Timestamp", "A,b"], &[]), "Timestamp,\"A,b\"\r\n");
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let row = r#"{"a":"x \"y\", z","b":"two\r\nlines","c":{"k":[1,"v"]}}"#;
        assert_eq!(csv(&["a", "b", "c"], &[row]), "a,b,c\r\n\"x \"\"y\"\", z\",\"two\r\nlines\",\"{\"\"k\"\":[1,\"\"v\"\"]}\"\r\n");
        assert_eq!(csv(&["a", "b"], &[r#"{"a":"","b":null}"#]), "a,b\r\n\"\",\r\n");
        assert_eq!(csv(&["a"], &["{}", "{\"a\":null}"]), "a\r\n\"\"\r\n\"\"\r\n");
    }

    #[test]
    fn nothing_runs_in_a_spreadsheet() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-enc x", "'-enc x"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\\tx", "'\tx"),
            ("\\rx", "\"'\rx\""),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("\u{ff21}", "\u{ff21}"),
            ("a=1", "a=1"),
            ("=\\\"x\\\"", "\"'=\"\"x\"\"\""),
        ] {
            assert_eq!(csv(&["a"], &[&format!("{{\"a\":\"{text}\"}}")]), format!("a\r\n{cell}\r\n"));
        }
        assert_eq!(csv(&["=a"], &[r#"{"=a":-5}"#]), "'=a\r\n-5\r\n");
    }
}
