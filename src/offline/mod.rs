//! What was collected, as tables that queries are answered from: Parquet files, rows as JSON, and what the streaming API leaves.
//!
//! ```text
//! folder ─► Shelf (tables by name, their files) ─► open: survey of columns and types ─► Opened: tables for the engine, inputs
//! ```
//!
//! Files are read as they are and never changed. Nothing is held whole: rows are read while a query runs. What a query means is not
//! known here; the engine asks for columns, and for rows of a span of time.

mod collected;
mod decode;
mod envelope;
mod folder;
mod form;
mod kinds;
mod lines;
mod members;
mod parquet;
mod place;
mod rows;
mod survey;
mod time_range;
mod values;

pub use collected::shelf_of_case;
pub use folder::shelf_of_folder;
pub use form::Form;

use crate::{
    error::{Error, Kind, Result},
    journal::hash,
    kql::{
        ast::TypeName,
        engine::{self, Column, Stored, Table},
        tables::{self, TableInfo},
    },
    time::Window,
};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A file that holds rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where.
    pub path: PathBuf,
    /// How they are written.
    pub form: Form,
    /// The types of columns, as whoever sent the rows said them.
    pub schema: Vec<(String, TypeName)>,
}

/// Tables by their names, and the files that hold their rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shelf {
    tables: BTreeMap<String, Vec<Source>>,
    /// What a person should know of a table.
    notes: Vec<(String, String)>,
}

impl Shelf {
    /// Adds a file to a table.
    pub fn add(&mut self, table: impl Into<String>, source: Source) {
        self.tables.entry(table.into()).or_default().push(source);
    }

    /// Returns what a person should know of the tables that are `wanted`.
    pub fn notes_of(&self, wanted: &dyn Fn(&str) -> bool) -> impl Iterator<Item = &str> {
        self.notes.iter().filter(|(table, _)| wanted(table)).map(|(_, note)| note.as_str())
    }

    /// Returns the names of the tables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// Opens the tables that are `wanted`: surveys their columns, so that queries can be planned.
    ///
    /// # Errors
    /// [`Kind::Disk`] where a file cannot be read, or does not hold what its name says.
    pub fn open(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Opened> {
        let mut opened = Opened::default();
        for (name, sources) in self.tables.iter().filter(|(name, _)| wanted(name)) {
            opened.take(name, sources)?;
        }
        Ok(opened)
    }
}

/// Tables ready to be asked.
#[derive(Debug, Default)]
pub struct Opened {
    /// The tables, for the engine.
    pub tables: BTreeMap<String, Table>,
    /// The files that they are read from, by table.
    pub inputs: BTreeMap<String, Vec<PathBuf>>,
    /// Columns of a table that no file has, though the table's documentation does: they are empty.
    pub missing: BTreeMap<String, Vec<String>>,
    /// From the first to the last of the times that rows have.
    pub span: Option<Window>,
    /// How rows are written: as those that were read are.
    pub form: engine::rows::Form,
}

/// What is known of a table's columns before its rows are looked at.
struct Documented {
    info: Option<&'static TableInfo>,
    /// The types that whoever sent the rows said; they win.
    said: BTreeMap<String, TypeName>,
}

impl Documented {
    fn of(name: &str, sources: &[Source]) -> Self {
        let mut said = BTreeMap::new();
        for (column, kind) in sources.iter().flat_map(|source| &source.schema) {
            said.entry(column.clone()).and_modify(|known| *known = kinds::joined(*known, *kind)).or_insert(*kind);
        }
        Self { info: tables::find(name), said }
    }

    fn columns(&self) -> impl Iterator<Item = (&'static str, TypeName)> {
        self.info.into_iter().flat_map(|info| info.columns.iter().copied())
    }

    /// The type of a column, by its exact name, else by another case of it.
    fn kind(&self, name: &str) -> Option<TypeName> {
        let exact = || self.info.and_then(|info| info.column(name));
        let other_case = || self.columns().find(|(column, _)| column.eq_ignore_ascii_case(name)).map(|(_, kind)| kind);
        self.said.get(name).copied().or_else(exact).or_else(other_case)
    }
}

/// A part of a table, surveyed: the columns of some files, and what reads them.
struct Part {
    columns: Vec<Column>,
    /// Names of columns that the files do have.
    present: Vec<String>,
    stored: Stored,
    /// First and last time, in nanoseconds since 1970.
    times: Option<(i64, i64)>,
    form: engine::rows::Form,
}

impl Opened {
    fn take(&mut self, name: &str, sources: &[Source]) -> Result<()> {
        let known = Documented::of(name, sources);
        let (columnar, written): (Vec<_>, Vec<_>) = sources.iter().cloned().partition(|source| source.form == Form::Parquet);
        let mut parts = Vec::new();
        if !columnar.is_empty() {
            parts.push(parquet::part(&columnar, &known)?);
        }
        if !written.is_empty() {
            parts.push(lines::part(&written, &known)?);
        }
        let columns = united(&parts);
        let present = |column: &Column| parts.iter().any(|part| part.present.contains(&column.name));
        let missing: Vec<String> = columns.iter().filter(|column| !present(column)).map(|column| column.name.clone()).collect();
        let time = place::time_column(&columns, known.info);
        self.form = parts.iter().fold(self.form, |form, part| joined(form, part.form));
        self.see(parts.iter().filter_map(|part| part.times));
        self.missing.insert(name.to_owned(), missing);
        self.inputs.insert(name.to_owned(), sources.iter().map(|source| source.path.clone()).collect());
        let stored = parts.into_iter().map(|part| part.stored).collect();
        self.tables.insert(name.to_owned(), Table::stored(columns, time, stored));
        Ok(())
    }

    fn see(&mut self, times: impl Iterator<Item = (i64, i64)>) {
        for (first, last) in times {
            let at = |nanos: i64| Timestamp::from_nanosecond(i128::from(nanos)).ok();
            let window = at(first).zip(at(last.saturating_add(100))).and_then(|(from, to)| Window::new(from, to).ok());
            self.span = match (self.span, window) {
                (Some(known), Some(window)) => Some(Window { from: known.from.min(window.from), to: known.to.max(window.to) }),
                (known, window) => known.or(window),
            };
        }
    }
}

fn joined(one: engine::rows::Form, other: engine::rows::Form) -> engine::rows::Form {
    engine::rows::Form { booleans: one.booleans || other.booleans, nested_dynamic: one.nested_dynamic || other.nested_dynamic }
}

/// The columns of all parts; where they differ in a type, the one that holds both.
fn united(parts: &[Part]) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for column in parts.iter().flat_map(|part| &part.columns) {
        match columns.iter_mut().find(|known| known.name == column.name) {
            Some(known) => known.kind = kinds::joined(known.kind, column.kind),
            None => columns.push(column.clone()),
        }
    }
    columns
}

/// Hashes a file that was read. Returns its length and its SHA-256.
///
/// # Errors
/// [`Kind::Disk`].
pub fn fingerprint(path: &Path) -> Result<(u64, String)> {
    hash::of_file(path, &|_| ()).map_err(|error| unreadable(path, &error.to_string()))
}

fn unreadable(path: &Path, why: &str) -> Error {
    Error::new(Kind::Disk, format!("cannot read `{}`: {why}", path.display()))
        .with_code("UnreadableInput")
        .hint("correct the file, or move it out of the folder; nothing was changed")
}
