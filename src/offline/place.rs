//! Which table a file belongs to, by where it lies and what it is called; which column its rows are cut by.

use super::envelope;
use crate::kql::{
    ast::TypeName,
    engine::Column,
    tables::{self, TableInfo},
};
use std::path::Path;

/// Returns a table's name as it is written, by any of its spellings.
pub(super) fn known_name(name: &str) -> Option<&'static str> {
    let hunting = tables::all().map(|table| table.name).find(|table| table.eq_ignore_ascii_case(name));
    hunting.or_else(|| tables::sentinel().find(|table| table.eq_ignore_ascii_case(name)))
}

/// Returns the table of a file by its path below the folder: a container of the streaming API, a table's own name, the folder it is
/// in (parts like `y=2026` aside), or the file's name as it is.
pub(super) fn table_of(below: &Path) -> Option<String> {
    let names: Vec<String> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let (file, folders) = names.split_last()?;
    if let Some(table) = folders.iter().find_map(|folder| envelope::table_of_container(folder)) {
        return Some(table.to_owned());
    }
    let stem = stem(file);
    if let Some(known) = known_name(stem) {
        return Some(known.to_owned());
    }
    let folder = folders.iter().rev().find(|folder| !folder.contains('='));
    Some(folder.map_or_else(|| stem.to_owned(), |folder| known_name(folder).map_or_else(|| folder.clone(), str::to_owned)))
}

/// Returns a file's name without its extensions.
fn stem(file: &str) -> &str {
    let lower = file.to_ascii_lowercase();
    let known = [".gz", ".parquet", ".ndjson", ".jsonl", ".json"];
    let mut length = file.len();
    while let Some(end) = known.iter().find(|end| lower.get(..length).is_some_and(|name| name.ends_with(*end))) {
        length -= end.len();
    }
    file.get(..length).unwrap_or(file)
}

/// Returns the column that a table's rows are cut by.
pub(super) fn time_column(columns: &[Column], info: Option<&TableInfo>) -> Option<String> {
    let is_time = |name: &str| columns.iter().any(|column| column.name == name && column.kind == TypeName::Datetime);
    let known = info.and_then(|info| info.time_column);
    known.into_iter().chain(["Timestamp", tables::SENTINEL_TIME]).find(|name| is_time(name)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_the_table_it_is_named_after() {
        let table = |path: &str| table_of(Path::new(path)).unwrap();
        assert_eq!(table("DeviceEvents.parquet"), "DeviceEvents");
        assert_eq!(table("deviceevents.ndjson.gz"), "DeviceEvents");
        assert_eq!(table("My.Own.jsonl"), "My.Own");
        assert_eq!(table("DeviceInfo/part-0.parquet"), "DeviceInfo");
        assert_eq!(table("x/insights-logs-advancedhunting-alertinfo/tenantId=1/y=2026/m=01/PT1H.json"), "AlertInfo");
        assert_eq!(table("Own/y=2026/a.json"), "Own");
    }
}
