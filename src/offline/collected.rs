//! The tables of a case: what `case tables` lists, with the types that the services said.

use super::{Form, Shelf, Source};
use crate::{
    case::{CaseTable, TableFile, tables},
    error::{Error, Kind, Result},
    kql::engine::rows::type_of_service,
    store::CaseView,
};

/// Finds the tables of a case.
///
/// # Errors
/// [`Kind::Disk`] where the journal or a file cannot be read, or nothing in the case is a table.
pub fn shelf_of_case(case: &CaseView) -> Result<Shelf> {
    let mut shelf = Shelf::default();
    for table in tables(case)? {
        for file in &table.files {
            shelf.add(&table.name, source(file)?);
        }
        note(&mut shelf, &table);
    }
    if shelf.tables.is_empty() {
        return Err(Error::new(Kind::Disk, format!("the case `{}` holds no rows of a table yet", case.dir().display()))
            .with_code("NoTables")
            .hint("a hunt that hands a table's rows on as they are brings one (`ircollect hunt --kql DeviceEvents`), and so does a pull"));
    }
    Ok(shelf)
}

fn source(file: &TableFile) -> Result<Source> {
    let schema = file.schema.iter().filter_map(|column| Some((column.name.clone(), type_of_service(&column.kind)?)));
    let form = Form::of(&file.location)?.unwrap_or(Form::Json { gzip: false, loose: false, category: None });
    Ok(Source { path: file.location.clone(), form, schema: schema.collect() })
}

fn note(shelf: &mut Shelf, table: &CaseTable) {
    let name = &table.name;
    if table.filtered {
        shelf
            .notes
            .push((name.clone(), format!("of {name} there are only the rows that the hunts let through: see `ircollect case tables`")));
    }
    if table.overlapping {
        shelf.notes.push((name.clone(), format!("rows of {name} that several hunts or pulls brought are there several times")));
    }
}
