//! Rows as a table: from the JSON objects that the services send to CSV, to one JSON array, to Parquet.
//!
//! Columns are those of the answer's schema, in its order and with its types; where there is none, or a row does not keep to it, the
//! rows are read twice: once to learn the columns, once to write. A value that does not fit its column's type makes the column
//! text, so that nothing fails and no digit is lost. What is evidence is not written here: that is the rows themselves, byte for byte.
//!
//! Scanning is done by hand over rows that were checked when they came: members are found a word at a time, values looked at in place.
//! `arrow-json` was the other candidate; it neither widens types nor takes columns that turn up late, and reads for Arrow alone, where
//! CSV and learning read the same way here.

mod cells;
mod columns;
mod csv;
mod days;
mod encode;
mod fields;
mod glance;
mod json;
mod learn;
#[cfg(feature = "parquet")]
mod parquet;
mod scan;
#[cfg(feature = "parquet")]
mod splice;
#[cfg(feature = "sqlite")]
mod sqlite;
mod timesketch;
mod value;

pub(super) use columns::Columns;
pub(super) use days::Days;
pub use encode::About;
pub(super) use encode::{Refused, open};
pub use glance::{Glance, glance};
pub(super) use learn::learn;
#[cfg(feature = "parquet")]
pub(super) use splice::{are_alike, splice};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteTable, write_sqlite};

use super::Format;
use crate::{error::Result, journal::Column};
use std::io::Write;

/// Rows that can be gone through more than once.
pub trait Rows: Sync {
    /// Goes through all rows in order. Each is the text of one JSON object, without line breaks.
    ///
    /// # Errors
    /// Where they cannot be read, and those of `each`.
    fn each(&self, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()>;
}

/// Writes `rows` to `to` in `format`, and returns how many there were. `declared` is the answer's schema; empty where there is none.
///
/// # Errors
/// [`crate::error::Kind::Disk`] where reading or writing fails; [`crate::error::Kind::Usage`] for a format that was not built in.
pub fn write_table<W: Write + Send + 'static>(
    rows: &dyn Rows,
    declared: &[Column],
    format: Format,
    about: &About,
    to: W,
) -> Result<(W, u64)> {
    let columns = if format.has_columns() { learn(rows, declared)? } else { Columns::default() };
    write_with(rows, columns, format, about, to)
}

/// Writes rows whose columns are known.
pub(super) fn write_with<W: Write + Send + 'static>(
    rows: &dyn Rows,
    columns: Columns,
    format: Format,
    about: &About,
    to: W,
) -> Result<(W, u64)> {
    let (mut encoder, mut count) = (open(format, columns, about, to)?, 0);
    rows.each(&mut |row| {
        count += 1;
        encoder.row(row).map_err(Refused::into_error)
    })?;
    Ok((encoder.end()?, count))
}
