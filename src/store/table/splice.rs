//! Parquet files become one without being encoded again: row groups are copied as they are.

use super::{
    encode::About,
    parquet::{failed, properties, word, words},
};
use crate::{error::Result, journal::disk};
use ::parquet::{
    column::writer::ColumnCloseResult,
    file::{
        metadata::{KeyValue, ParquetMetaData},
        reader::{FileReader, SerializedFileReader},
        writer::SerializedFileWriter,
    },
};
use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Key under which Arrow keeps its own schema, with the zones of times.
const ARROW: &str = "ARROW:schema";

/// Tells whether files have the same columns, names and types, so that they can be one.
pub(crate) fn are_alike(parts: &[PathBuf]) -> Result<bool> {
    let mut first = None;
    for part in parts {
        let metadata = metadata(part)?;
        let schema = metadata.file_metadata().schema_descr().root_schema_ptr();
        if first.get_or_insert_with(|| Arc::clone(&schema)) != &schema {
            return Ok(false);
        }
    }
    Ok(first.is_some())
}

/// Writes the row groups of all parts to `to`, and returns how many rows they hold.
pub(crate) fn splice<W: Write + Send>(parts: &[PathBuf], about: &About, to: W) -> Result<(W, u64)> {
    let Some(first) = parts.first() else { return Ok((to, 0)) };
    let metadata = metadata(first)?;
    let columns = metadata.file_metadata().schema_descr().num_columns();
    let arrow = metadata.file_metadata().key_value_metadata().into_iter().flatten().filter(|word| word.key == ARROW).cloned();
    let words: Vec<KeyValue> = words(about).into_iter().chain(arrow).collect();
    let properties = Arc::new(properties(columns).set_key_value_metadata(Some(words)).build());
    let schema = metadata.file_metadata().schema_descr().root_schema_ptr();
    let mut writer = SerializedFileWriter::new(to, schema, properties).map_err(failed)?;
    let mut rows = 0;
    for part in parts {
        rows += append(&mut writer, part)?;
    }
    writer.append_key_value_metadata(word("rows", rows.to_string()));
    Ok((writer.into_inner().map_err(failed)?, rows))
}

fn append<W: Write + Send>(writer: &mut SerializedFileWriter<W>, part: &Path) -> Result<u64> {
    let file = open(part)?;
    let mut appended = 0;
    for group in metadata(part)?.row_groups() {
        let rows = u64::try_from(group.num_rows()).unwrap_or_default();
        let mut to = writer.next_row_group().map_err(failed)?;
        for column in group.columns() {
            let close = ColumnCloseResult {
                bytes_written: u64::try_from(column.compressed_size()).unwrap_or_default(),
                rows_written: rows,
                metadata: column.clone(),
                bloom_filter: None,
                column_index: None,
                offset_index: None,
            };
            to.append_column(&file, close).map_err(failed)?;
        }
        to.close().map_err(failed)?;
        appended += rows;
    }
    Ok(appended)
}

fn open(part: &Path) -> Result<File> {
    File::open(part).map_err(|error| disk::failed("reading", part, error))
}

fn metadata(part: &Path) -> Result<ParquetMetaData> {
    let reader = SerializedFileReader::new(open(part)?).map_err(failed)?;
    Ok(reader.metadata().clone())
}
