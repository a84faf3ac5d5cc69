//! An export as one SQLite database: a table a query or source, with the rows of all tenants.

use super::{Exported, Hashed, select::Group};
use crate::{
    error::{Error, Kind, Result},
    store::{
        ByPath,
        table::{Rows, SqliteTable, write_sqlite},
    },
};
use std::path::Path;

/// Writes the groups. Returns what they became, and the file.
pub(super) fn write(groups: &[Group<'_>], output: &Path) -> Result<(Vec<Exported>, Vec<Hashed>)> {
    if output.is_dir() {
        return Err(Error::new(Kind::Usage, format!("`{}` is a folder, and a database is one file", output.display()))
            .hint("name a file with --output, such as case.db"));
    }
    // Groups are sorted by table: those of several tenants stand together.
    let parts: Vec<&[Group<'_>]> = groups.chunk_by(|left, right| (&left.table, left.kind) == (&right.table, right.kind)).collect();
    let tables: Vec<SqliteTable<'_>> = parts.iter().map(|part| table(part)).collect();
    let file = ByPath::create(output)?;
    let names = write_sqlite(file.temporary(), &tables)?;
    let (bytes, sha256) = file.keep()?;
    let written = parts.iter().zip(names).map(|(part, (name, rows))| Exported {
        path: String::new(),
        name,
        tenants: part.iter().map(|group| group.tenant.clone()).collect(),
        rows,
        of: part.iter().flat_map(Group::of).collect(),
    });
    let name = output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok((written.collect(), vec![Hashed { path: name, bytes, sha256 }]))
}

fn table<'a>(part: &'a [Group<'_>]) -> SqliteTable<'a> {
    let mut schema = Vec::new();
    for column in part.iter().flat_map(|group| &group.schema) {
        if !schema.contains(column) {
            schema.push(column.clone());
        }
    }
    SqliteTable {
        name: part.first().map(|group| group.table.clone()).unwrap_or_default(),
        schema,
        tenants: part.iter().map(|group| (group.tenant.clone(), &group.rows as &dyn Rows)).collect(),
    }
}
