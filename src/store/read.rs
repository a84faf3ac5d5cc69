//! The rows of a stored file, read back one by one. Whether they are as they were written is for `case verify` to say.

use super::case::Case;
use crate::{
    error::{Error, Kind, Result},
    journal::{disk, layout},
};
use std::{
    fs::File,
    io::{BufRead, BufReader},
};

impl Case {
    /// Hands the rows of a stored NDJSON file on, one by one.
    ///
    /// # Errors
    /// [`Kind::Disk`].
    pub fn each_row(&self, relative: &str, row: &mut dyn FnMut(&[u8])) -> Result<()> {
        let outside = || Error::new(Kind::Disk, format!("`{relative}` is no path of a case"));
        let path = layout::resolve(&self.dir, relative).ok_or_else(outside)?;
        let reading = |error| disk::failed("reading", &path, error);
        let mut file = BufReader::with_capacity(256 << 10, File::open(&path).map_err(reading)?);
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line).map_err(reading)? > 0 {
            row(line.strip_suffix(b"\n").unwrap_or(&line));
            line.clear();
        }
        Ok(())
    }
}
