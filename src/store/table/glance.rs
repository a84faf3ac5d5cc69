//! A few rows as text cells, for eyes.

use super::{cells::Cells, columns::Columns, encode::Refused, value};
use crate::{error::Result, journal::Column};

/// The names of columns, and rows of their texts; none for null. Columns that turn up late make later rows longer.
pub type Glance = (Vec<String>, Vec<Vec<Option<String>>>);

/// Lays out rows. `declared` is the answer's schema; empty where there is none.
///
/// # Errors
/// [`crate::error::Kind::Disk`] where one is no JSON object.
pub fn glance(rows: &[Vec<u8>], declared: &[Column]) -> Result<Glance> {
    let mut cells = Cells::new(Columns::declared(declared), true);
    let mut laid = Vec::with_capacity(rows.len());
    for row in rows {
        let row = String::from_utf8_lossy(row);
        cells.lay(&row).map_err(Refused::into_error)?;
        let text = |column| cells.get(&row, column).map(|value| value::text(value, &mut String::new()).to_owned());
        laid.push((0..cells.columns().list().len()).map(text).collect());
    }
    let names = cells.columns().list().iter().map(|column| column.name.clone()).collect();
    Ok((names, laid))
}
