//! The tables of a folder: files named by table, in folders named by table, and what the streaming API leaves.

use super::{Shelf, Source, envelope, form::Form, place, rows};
use crate::error::{Error, Kind, Result};
use std::{
    collections::BTreeSet,
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

/// How deep folders are looked into: the streaming API's are nine deep.
const DEEPEST: usize = 24;

/// Finds the tables of a folder.
///
/// # Errors
/// [`Kind::Usage`] where it cannot be listed or holds no table; [`Kind::Disk`] where a file in it cannot be read.
pub fn shelf_of_folder(folder: &Path) -> Result<Shelf> {
    let mut files = Vec::new();
    list(folder, DEEPEST, &mut files).map_err(|error| {
        Error::new(Kind::Usage, format!("cannot read the folder `{}`: {error}", folder.display()))
            .with_code("UnreadableData")
            .hint("name a folder that holds files like DeviceEvents.parquet or DeviceEvents.ndjson")
    })?;
    files.sort();
    let mut shelf = Shelf::default();
    for file in files {
        add(&mut shelf, folder, file)?;
    }
    if shelf.tables.is_empty() {
        return Err(Error::new(Kind::Usage, format!("the folder `{}` holds no tables", folder.display()))
            .with_code("NoTables")
            .hint("a table is a file like DeviceEvents.parquet, .ndjson, .jsonl or .json, or what the streaming API leaves"));
    }
    once(&mut shelf);
    Ok(shelf)
}

fn list(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if entry.file_type()?.is_dir() {
            if depth > 0 && !hidden {
                list(&entry.path(), depth - 1, files)?;
            }
        } else if !hidden && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn add(shelf: &mut Shelf, folder: &Path, path: PathBuf) -> Result<()> {
    let Some(form) = Form::of(&path)? else { return Ok(()) };
    let table = path.strip_prefix(folder).ok().and_then(place::table_of);
    if !form.has_envelope(&path) {
        if let Some(table) = table {
            shelf.add(table, Source { path, form, schema: Vec::new() });
        }
        return Ok(());
    }
    let container = path.iter().find_map(|part| envelope::table_of_container(&part.to_string_lossy()));
    let categories = match container {
        Some(table) => BTreeSet::from([envelope::category_of(table)]),
        None => categories(&path, &form)?,
    };
    for category in categories {
        if let Some(table) = envelope::table_of(&category) {
            shelf.add(table, Source { path: path.clone(), form: of_category(&form, category), schema: Vec::new() });
        }
    }
    Ok(())
}

fn of_category(form: &Form, category: String) -> Form {
    match form {
        Form::Json { gzip, loose, .. } => Form::Json { gzip: *gzip, loose: *loose, category: Some(category) },
        Form::Parquet => Form::Parquet,
    }
}

/// The categories of a file's rows.
fn categories(path: &Path, form: &Form) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let length = fs::metadata(path).map_or(0, |data| data.len());
    for piece in rows::pieces(path, form, length) {
        piece.each(&mut |row| {
            found.extend(envelope::category(row));
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(found)
}

/// A file that lies there in two formats is read once: the same rows would be counted twice.
fn once(shelf: &mut Shelf) {
    let mut notes = Vec::new();
    for (name, sources) in &mut shelf.tables {
        let columnar: BTreeSet<PathBuf> =
            sources.iter().filter(|source| source.form == Form::Parquet).map(|source| source.path.with_extension("")).collect();
        sources.retain(|source| {
            let twin = source.form != Form::Parquet && columnar.contains(&bare(&source.path));
            if twin {
                let note = format!("`{}` lies there as Parquet too, which is read: {name} has each row once", source.path.display());
                notes.push((name.clone(), note));
            }
            !twin
        });
    }
    shelf.notes.extend(notes);
}

fn bare(path: &Path) -> PathBuf {
    let path = if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gz")) { path.with_extension("") } else { path.to_owned() };
    path.with_extension("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(dir: &Path, name: &str, text: &str) {
        let path = dir.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    #[test]
    fn tables_are_found_by_name_by_folder_and_by_category() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "DeviceEvents.ndjson", "{\"a\":1}\n");
        put(dir.path(), "notes.txt", "not a table");
        put(dir.path(), ".hidden.ndjson", "{}");
        put(dir.path(), "Own/one.json", "[{\"a\":1}]");
        let row = |category: &str| format!("{{\"category\":\"AdvancedHunting-{category}\",\"properties\":{{\"a\":1}}}}\n");
        put(dir.path(), "stream/PT1H.json", &format!("{}{}", row("AlertInfo"), row("deviceinfo")));
        let shelf = shelf_of_folder(dir.path()).unwrap();
        assert_eq!(shelf.names().collect::<Vec<_>>(), ["AlertInfo", "DeviceEvents", "DeviceInfo", "Own"]);
        assert!(
            matches!(&shelf.tables["AlertInfo"][0].form, Form::Json { category: Some(name), .. } if name == "AdvancedHunting-AlertInfo")
        );
    }

    #[test]
    fn what_lies_there_twice_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "DeviceEvents.ndjson", "{\"a\":1}\n");
        put(dir.path(), "DeviceEvents.parquet", "");
        let shelf = shelf_of_folder(dir.path()).unwrap();
        assert_eq!((shelf.tables["DeviceEvents"].len(), shelf.notes.len()), (1, 1));
    }

    #[test]
    fn a_folder_without_tables_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(shelf_of_folder(dir.path()).unwrap_err().kind(), Kind::Usage);
        assert_eq!(shelf_of_folder(&dir.path().join("none")).unwrap_err().kind(), Kind::Usage);
    }
}
