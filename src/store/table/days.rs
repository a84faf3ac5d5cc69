//! Which column of a table says when, and on which day a row is.

use super::{
    cells::Cells,
    columns::{Column, Columns},
    encode::Refused,
    value::{self, Kind},
};
use crate::error::Result;

/// Columns that say when, the best first; else it is the first that holds times.
const TIMES: [&str; 5] = ["Timestamp", "TimeGenerated", "createdDateTime", "activityDateTime", "lastUpdateDateTime"];

/// Returns the column that says when.
pub(super) fn time_of(columns: &[Column]) -> Option<usize> {
    let named = |name: &&str| columns.iter().position(|column| column.key == *name);
    TIMES.iter().find_map(named).or_else(|| columns.iter().position(|column| column.kind == Kind::Time))
}

/// Tells the days of rows.
pub(crate) struct Days {
    cells: Cells,
    time: Option<usize>,
}

impl Days {
    pub(crate) fn new(columns: Columns) -> Self {
        let time = time_of(columns.list());
        Self { cells: Cells::new(columns, false), time }
    }

    /// Returns the day of a row in UTC, as `2026-01-31`; none where it has no time.
    pub(crate) fn of(&mut self, row: &str) -> Result<Option<String>> {
        self.cells.lay(row).map_err(Refused::into_error)?;
        let value = self.time.and_then(|time| self.cells.get(row, time));
        Ok(value.filter(|value| value::time(value).is_some()).and_then(|value| value.get(1..11)).map(str::to_owned))
    }
}
