//! Rows as they are: one a line, or as one array.

use super::encode::{Encode, Refused, written};
use crate::error::Result;
use std::io::Write;

/// Rows between fixed texts.
pub(super) struct Json<W> {
    to: W,
    /// Before the first row, between two, after the last, and where there is none.
    marks: [&'static [u8]; 4],
    begun: bool,
}

impl<W> Json<W> {
    pub(super) fn array(to: W) -> Self {
        Self { to, marks: [b"[\n", b",\n", b"\n]\n", b"[]\n"], begun: false }
    }

    pub(super) fn lines(to: W) -> Self {
        Self { to, marks: [b"", b"\n", b"\n", b""], begun: false }
    }
}

impl<W: Write + Send> Encode<W> for Json<W> {
    fn row(&mut self, row: &str) -> Result<(), Refused> {
        self.to.write_all(self.marks[usize::from(self.begun)])?;
        self.begun = true;
        Ok(self.to.write_all(row.as_bytes())?)
    }

    fn end(mut self: Box<Self>) -> Result<W> {
        self.to.write_all(self.marks[if self.begun { 2 } else { 3 }]).map_err(written)?;
        Ok(self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(mut json: Json<Vec<u8>>, rows: &[&str]) -> String {
        for row in rows {
            json.row(row).unwrap();
        }
        String::from_utf8(Box::new(json).end().unwrap()).unwrap()
    }

    #[test]
    fn rows_stay_as_they_are() {
        assert_eq!(text(Json::array(Vec::new()), &[]), "[]\n");
        assert_eq!(text(Json::array(Vec::new()), &["{\"a\": 1}", "{}"]), "[\n{\"a\": 1},\n{}\n]\n");
        assert_eq!(text(Json::lines(Vec::new()), &["{}", "{}"]), "{}\n{}\n");
        assert_eq!(text(Json::lines(Vec::new()), &[]), "");
    }
}
