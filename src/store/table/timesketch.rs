//! CSV as Timesketch takes it: `message`, `datetime` and `timestamp_desc` first, then the columns.

use super::{
    cells::Cells,
    columns::Columns,
    csv::{Lines, cell},
    days::time_of,
    encode::{About, Encode, Refused, written},
    value,
};
use crate::error::Result;
use std::{
    fmt::Write as _,
    io::{self, Write},
};

/// What every event of a timeline has. Source: "Create a timeline from a CSV file", Timesketch.
const FIRST: [&str; 3] = ["message", "datetime", "timestamp_desc"];

/// A message is cut where a cell passes so many bytes.
const LONGEST: usize = 1_000;

/// A table as a timeline.
pub(super) struct Timesketch<W> {
    lines: Lines<W>,
    cells: Cells,
    name: String,
    time: Option<usize>,
    message: String,
    room: String,
    headed: bool,
}

impl<W: Write> Timesketch<W> {
    pub(super) fn new(columns: Columns, about: &About, to: W) -> Self {
        let columns = columns.behind(&FIRST);
        let time = time_of(columns.list());
        let cells = Cells::new(columns, false);
        let (message, room) = (String::new(), String::new());
        Self { lines: Lines::new(to), cells, name: about.name.clone(), time, message, room, headed: false }
    }

    fn head(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.headed, true) {
            return Ok(());
        }
        let columns = self.cells.columns().list();
        for name in FIRST.into_iter().chain(columns.iter().map(|column| column.name.as_str())) {
            self.lines.text(name);
        }
        self.lines.end_line(FIRST.len() + columns.len())
    }

    /// Tells what the row says: the name of the query, and what its cells hold.
    fn compose(&mut self, row: &str) {
        self.message.clear();
        self.message.push_str(&self.name);
        let columns = self.cells.columns().list().iter().enumerate().filter(|(at, _)| Some(*at) != self.time);
        for (at, column) in columns {
            let Some(value) = self.cells.get(row, at) else { continue };
            let text = value::text(value, &mut self.room);
            if !text.is_empty() && self.message.len() + text.len() < LONGEST {
                let _ = write!(self.message, " {}={text}", column.name);
            }
        }
    }
}

impl<W: Write + Send> Encode<W> for Timesketch<W> {
    fn row(&mut self, row: &str) -> Result<(), Refused> {
        self.head()?;
        self.cells.lay(row)?;
        self.compose(row);
        self.lines.text(&self.message);
        cell(&mut self.lines, self.time.and_then(|time| self.cells.get(row, time)), &mut self.room);
        let columns = self.cells.columns().list();
        self.lines.text(self.time.and_then(|time| columns.get(time)).map_or("", |column| &column.name));
        for column in 0..columns.len() {
            cell(&mut self.lines, self.cells.get(row, column), &mut self.room);
        }
        Ok(self.lines.end_line(FIRST.len() + columns.len())?)
    }

    fn end(mut self: Box<Self>) -> Result<W> {
        self.head().map_err(written)?;
        self.lines.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal;

    #[test]
    fn an_event_says_what_and_when() {
        let schema = [("Device", "String"), ("Seen", "DateTime"), ("Timestamp", "DateTime"), ("message", "String")];
        let schema = schema.map(|(name, kind)| journal::Column { name: name.into(), kind: kind.into() });
        let about = About { name: "logons".into(), facts: Vec::new() };
        let mut sketch = Timesketch::new(Columns::declared(&schema), &about, Vec::new());
        sketch.row(r#"{"Timestamp":"2026-01-01T00:00:00Z","Device":"pc-1","Seen":null,"message":"hi"}"#).unwrap();
        let text = String::from_utf8(Box::new(sketch).end().unwrap()).unwrap();
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines[0], "message,datetime,timestamp_desc,Device,Seen,Timestamp,message_2");
        assert_eq!(lines[1], "logons Device=pc-1 message_2=hi,2026-01-01T00:00:00Z,Timestamp,pc-1,,2026-01-01T00:00:00Z,hi");
    }
}
