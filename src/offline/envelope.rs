//! The envelope that the streaming API puts around a row: its `category` names the table, its `properties` are the row.

use crate::error::{Error, Kind, Result};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What a category begins with.
const PREFIX: &str = "AdvancedHunting-";
/// What the containers of a storage account begin with.
const CONTAINER: &str = "insights-logs-advancedhunting-";

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    category: Option<Cow<'a, str>>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
}

/// Tells whether a file begins with an enveloped row.
pub(super) fn begins(first: &[u8]) -> bool {
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    let Some(Ok(row)) = values.next() else { return false };
    category(row.get().as_bytes()).is_some()
}

fn parsed(row: &[u8]) -> Option<Envelope<'_>> {
    serde_json::from_slice(row).ok()
}

/// Returns the category of an enveloped row.
pub(super) fn category(row: &[u8]) -> Option<String> {
    let envelope = parsed(row)?;
    let category = envelope.category?.into_owned();
    (envelope.properties.is_some() && table_of(&category).is_some()).then_some(category)
}

/// Returns the row in its envelope; none where it is another table's.
pub(super) fn row_of<'a>(row: &'a [u8], wanted: &str) -> Result<Option<&'a [u8]>> {
    let envelope = parsed(row).ok_or_else(|| Error::new(Kind::Disk, "a row of the streaming API is not what it should be"))?;
    let own = envelope.category.is_some_and(|category| category.eq_ignore_ascii_case(wanted));
    Ok(envelope.properties.filter(|_| own).map(|row| row.get().as_bytes()))
}

/// Returns the table of a category, by the name that it has in hunting.
pub(super) fn table_of(category: &str) -> Option<String> {
    let start = category.get(..PREFIX.len())?;
    let name = category.get(PREFIX.len()..).filter(|name| !name.is_empty())?;
    start.eq_ignore_ascii_case(PREFIX).then(|| super::place::known_name(name).unwrap_or(name).to_owned())
}

/// Returns the table that a container of a storage account holds.
pub(super) fn table_of_container(folder: &str) -> Option<&'static str> {
    super::place::known_name(folder.to_ascii_lowercase().strip_prefix(CONTAINER)?)
}

/// Returns the category of a table.
pub(super) fn category_of(table: &str) -> String {
    format!("{PREFIX}{table}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &[u8] = br#"{"time":"2026-01-01T00:00:00Z","tenantId":"t","category":"AdvancedHunting-DeviceEvents","properties":{"a":1}}"#;

    #[test]
    fn the_category_names_the_table() {
        assert!(begins(ROW) && !begins(br#"{"category":"AdvancedHunting-X"}"#) && !begins(b"nothing"));
        assert_eq!(category(ROW).as_deref().and_then(table_of).as_deref(), Some("DeviceEvents"));
        assert_eq!(table_of("advancedhunting-deviceevents").as_deref(), Some("DeviceEvents"));
        assert_eq!(table_of_container("insights-logs-advancedhunting-deviceprocessevents"), Some("DeviceProcessEvents"));
    }

    #[test]
    fn rows_of_other_tables_are_passed_over() {
        assert_eq!(row_of(ROW, "AdvancedHunting-DeviceEvents").unwrap(), Some(&br#"{"a":1}"#[..]));
        assert_eq!(row_of(ROW, "AdvancedHunting-AlertInfo").unwrap(), None);
        assert!(row_of(b"{", "x").is_err());
    }
}
