//! Apache Parquet: columns with the schema's types, zstd, and what the file is about in its metadata.
//!
//! Times are UTC in nanoseconds, the only unit that 100 ns ticks are whole numbers of. Rows are gathered to batches, batches to row
//! groups of about a million values; what is gathered is bounded in bytes too, however long a row is.

use super::{
    cells::Cells,
    columns::{Column, Columns},
    encode::{About, Encode, Refused},
    value::{self, Kind},
};
use crate::error::{Error, Kind as Failing, Result};
use ::parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
    },
    schema::types::ColumnPath,
};
use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampNanosecondBuilder},
    datatypes::{DataType, Field, Float64Type, Int64Type, Schema, TimeUnit, TimestampNanosecondType},
    record_batch::{RecordBatch, RecordBatchOptions},
};
use std::{
    collections::HashSet,
    io::Write,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

/// Values of a row group, over all columns. Readers work on groups side by side, and take one into memory at a time.
const GROUP: usize = 1_000_000;
/// A row group is ended at this many bytes too, encoded.
const GROUP_BYTES: usize = 32 << 20;
/// A batch is handed to the encoder at so many rows or bytes of rows.
const BATCH_ROWS: usize = 4_096;
const BATCH_BYTES: usize = 4 << 20;
/// Levels above 1 took half as long again for files no smaller.
const ZSTD: i32 = 1;
/// Rows of a page. A page is compressed when it is full: short ones leave little to do when the last row has come.
const PAGE_ROWS: usize = 8_192;
/// Fewer values say nothing of how they repeat.
const FEW: usize = 256;
/// Prefix of our words in a file's metadata.
const PREFIX: &str = "ircollect.";

/// Batches that may wait for the encoder.
const WAITING: usize = 2;

/// A table as Parquet. Cells are laid out and read on the caller's thread, and encoded on another.
pub(super) struct Parquet<W: Write + Send> {
    encoder: Encoder<W>,
    schema: Arc<Schema>,
    cells: Cells,
    builders: Vec<Builder>,
    gathered: (usize, usize),
    rows: u64,
    room: String,
}

impl<W: Write + Send + 'static> Parquet<W> {
    pub(super) fn new(columns: Columns, about: &About, to: W) -> Result<Self> {
        let schema = Arc::new(Schema::new(columns.list().iter().map(field).collect::<Vec<_>>()));
        let encoder = Encoder::start(Arc::clone(&schema), words(about), to)?;
        let builders = columns.list().iter().map(|column| Builder::new(column.kind)).collect();
        let cells = Cells::new(columns, false);
        Ok(Self { encoder, schema, cells, builders, gathered: (0, 0), rows: 0, room: String::new() })
    }

    /// Takes the cells of the row that was laid out. A misfit leaves the builders uneven: nothing is made of them then.
    fn append(&mut self, row: &str) -> Result<(), Refused> {
        for (at, builder) in self.builders.iter_mut().enumerate() {
            builder.append(self.cells.get(row, at), &mut self.room).ok_or(Refused::Misfit)?;
        }
        Ok(())
    }

    fn hand_on(&mut self) -> Result<()> {
        let options = RecordBatchOptions::new().with_row_count(Some(self.gathered.0));
        let arrays: Vec<ArrayRef> = self.builders.iter_mut().map(Builder::finish).collect();
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options);
        let batch = batch.map_err(|error| failed(ParquetError::ArrowError(error.to_string())))?;
        self.gathered = (0, 0);
        self.encoder.take(batch)
    }
}

impl<W: Write + Send + 'static> Encode<W> for Parquet<W> {
    fn row(&mut self, row: &str) -> Result<(), Refused> {
        self.cells.lay(row)?;
        self.append(row)?;
        self.rows += 1;
        self.gathered = (self.gathered.0 + 1, self.gathered.1 + row.len());
        if self.gathered.0 >= BATCH_ROWS || self.gathered.1 >= BATCH_BYTES {
            self.hand_on()?;
        }
        Ok(())
    }

    fn end(mut self: Box<Self>) -> Result<W> {
        if self.gathered.0 > 0 {
            self.hand_on()?;
        }
        let mut writer = self.encoder.end()?;
        writer.append_key_value_metadata(word("rows", self.rows.to_string()));
        writer.into_inner().map_err(failed)
    }
}

type Encoding<W> = (SyncSender<RecordBatch>, JoinHandle<Result<ArrowWriter<W>>>);

/// The thread that encodes. Dropped, it ends, and what it wrote to is gone.
struct Encoder<W: Write + Send>(Option<Encoding<W>>);

impl<W: Write + Send + 'static> Encoder<W> {
    fn start(schema: Arc<Schema>, words: Vec<KeyValue>, to: W) -> Result<Self> {
        let (queue, batches) = sync_channel(WAITING);
        let thread = thread::Builder::new().name("parquet-encoder".into()).spawn(move || encode(&batches, schema, words, to));
        let thread = thread.map_err(|error| Error::new(Failing::Failed, "an encoding thread cannot be started").caused_by(error))?;
        Ok(Self(Some((queue, thread))))
    }

    /// Hands a batch on, or returns why the thread has ended.
    fn take(&mut self, batch: RecordBatch) -> Result<()> {
        let taken = self.0.as_ref().is_some_and(|(queue, _)| queue.send(batch).is_ok());
        if taken { Ok(()) } else { self.end().map(drop) }
    }

    fn end(&mut self) -> Result<ArrowWriter<W>> {
        let ended = || Error::new(Failing::Failed, "the encoding thread has ended");
        let (queue, thread) = self.0.take().ok_or_else(ended)?;
        drop(queue);
        thread.join().unwrap_or_else(|_| Err(ended()))
    }
}

impl<W: Write + Send> Drop for Encoder<W> {
    fn drop(&mut self) {
        if let Some((queue, thread)) = self.0.take() {
            drop(queue);
            drop(thread.join());
        }
    }
}

fn encode<W: Write + Send>(batches: &Receiver<RecordBatch>, schema: Arc<Schema>, words: Vec<KeyValue>, to: W) -> Result<ArrowWriter<W>> {
    let first = batches.recv().ok();
    let properties = properties(schema.fields().len()).set_key_value_metadata(Some(words));
    let properties =
        first.iter().flat_map(unlike).fold(properties, |properties, column| properties.set_column_dictionary_enabled(column, false));
    let mut writer = ArrowWriter::try_new(to, schema, Some(properties.build())).map_err(failed)?;
    for batch in first.into_iter().chain(batches) {
        writer.write(&batch).map_err(failed)?;
        if writer.in_progress_size() >= GROUP_BYTES {
            writer.flush().map_err(failed)?;
        }
    }
    Ok(writer)
}

/// Returns the columns whose values hardly repeat, by the first rows: hashes, times, numbers of events. A dictionary of them would hold
/// every value, and takes longer to make than all else.
fn unlike(batch: &RecordBatch) -> Vec<ColumnPath> {
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    columns.filter(|(_, values)| !repeats(values)).map(|(field, _)| ColumnPath::new(vec![field.name().clone()])).collect()
}

fn repeats(values: &ArrayRef) -> bool {
    let (count, distinct) = (values.len() - values.null_count(), distinct(values));
    count < FEW || distinct.is_none_or(|distinct| distinct * 10 < count * 9)
}

/// Counts the values that differ; none for types that no dictionary is made of.
fn distinct(values: &ArrayRef) -> Option<usize> {
    match values.data_type() {
        DataType::Utf8 => Some(values.as_string::<i32>().iter().flatten().collect::<HashSet<&str>>().len()),
        DataType::Int64 => Some(values.as_primitive::<Int64Type>().iter().flatten().collect::<HashSet<i64>>().len()),
        DataType::Timestamp(..) => Some(values.as_primitive::<TimestampNanosecondType>().iter().flatten().collect::<HashSet<i64>>().len()),
        DataType::Float64 => Some(values.as_primitive::<Float64Type>().iter().flatten().map(f64::to_bits).collect::<HashSet<u64>>().len()),
        _ => None,
    }
}

/// Returns how all our files are written.
pub(super) fn properties(columns: usize) -> ::parquet::file::properties::WriterPropertiesBuilder {
    let zstd = ZstdLevel::try_new(ZSTD).unwrap_or_default();
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(zstd))
        .set_max_row_group_row_count(Some((GROUP / columns.max(1)).max(1)))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by(concat!("ircollect ", env!("CARGO_PKG_VERSION")).to_owned())
}

/// Returns what a file says of itself.
pub(super) fn words(about: &About) -> Vec<KeyValue> {
    let name = word("name", about.name.clone());
    std::iter::once(name).chain(about.facts.iter().map(|(key, value)| word(key, value.clone()))).collect()
}

pub(super) fn word(key: &str, value: String) -> KeyValue {
    KeyValue::new(format!("{PREFIX}{key}"), value)
}

fn field(column: &Column) -> Field {
    let kind = match column.kind {
        Kind::Text => DataType::Utf8,
        Kind::Int => DataType::Int64,
        Kind::Double => DataType::Float64,
        Kind::Bool => DataType::Boolean,
        Kind::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
    };
    Field::new(&column.name, kind, true)
}

/// Gathers the values of a column.
enum Builder {
    Text(StringBuilder),
    Int(Int64Builder),
    Double(Float64Builder),
    Bool(BooleanBuilder),
    Time(TimestampNanosecondBuilder),
}

impl Builder {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Int => Self::Int(Int64Builder::new()),
            Kind::Double => Self::Double(Float64Builder::new()),
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::Time => Self::Time(TimestampNanosecondBuilder::new().with_timezone("UTC")),
        }
    }

    /// Takes a value, or null; none where it does not fit.
    #[inline]
    fn append(&mut self, value: Option<&str>, room: &mut String) -> Option<()> {
        match (self, value) {
            (Self::Text(to), Some(value)) => to.append_value(value::text(value, room)),
            (Self::Int(to), Some(value)) => to.append_value(value::int(value)?),
            (Self::Double(to), Some(value)) => to.append_value(value::double(value)?),
            (Self::Bool(to), Some(value)) => to.append_value(value::truth(value)?),
            (Self::Time(to), Some(value)) => to.append_value(value::time(value)?),
            (Self::Text(to), None) => to.append_null(),
            (Self::Int(to), None) => to.append_null(),
            (Self::Double(to), None) => to.append_null(),
            (Self::Bool(to), None) => to.append_null(),
            (Self::Time(to), None) => to.append_null(),
        }
        Some(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(from) => {
                // The next batch will be about as long: growing step by step would copy it several times.
                let length = from.values_slice().len();
                let text = from.finish();
                *from = StringBuilder::with_capacity(BATCH_ROWS, length + length / 8);
                Arc::new(text)
            }
            Self::Int(from) => Arc::new(from.finish()),
            Self::Double(from) => Arc::new(from.finish()),
            Self::Bool(from) => Arc::new(from.finish()),
            Self::Time(from) => Arc::new(from.finish()),
        }
    }
}

/// Returns the error of ours that lies at the bottom of one of Parquet's, or words it.
pub(super) fn failed(error: ParquetError) -> Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(error) => super::encode::written(*error),
            Err(cause) => Error::new(Failing::Disk, format!("writing Parquet failed: {cause}")).caused_by(cause),
        },
        error => Error::new(Failing::Disk, format!("writing Parquet failed: {error}")).caused_by(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal;
    use ::parquet::file::reader::{FileReader, SerializedFileReader};

    #[test]
    fn dictionaries_are_made_where_values_repeat() {
        let columns =
            [("Id", "String"), ("Name", "String"), ("At", "DateTime"), ("Count", "Int64"), ("Real", "Double"), ("Half", "String")];
        let columns = columns.map(|(name, kind)| journal::Column { name: name.into(), kind: kind.into() });
        let mut table = Parquet::new(Columns::declared(&columns), &About::default(), Vec::new()).unwrap();
        for number in 0..5_000 {
            let (name, half) = (number % 7, number / 2);
            let row = format!(
                r#"{{"Id":"{number}","Name":"{name}","At":"2026-01-01T00:00:00.{number:07}Z","Count":{number},"Real":{number}.5,"Half":"{half}"}}"#
            );
            table.row(&row).unwrap();
        }
        let reader = SerializedFileReader::new(bytes::Bytes::from(Box::new(table).end().unwrap())).unwrap();
        let with: Vec<bool> =
            reader.metadata().row_group(0).columns().iter().map(|column| column.dictionary_page_offset().is_some()).collect();
        assert_eq!(with, [false, true, false, false, false, true]);
    }

    #[test]
    fn a_table_without_rows_has_its_columns() {
        let columns = [journal::Column { name: "a.b".into(), kind: "long".into() }];
        let table = Parquet::new(Columns::declared(&columns), &About::default(), Vec::new()).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(Box::new(table).end().unwrap())).unwrap();
        assert_eq!(reader.metadata().file_metadata().schema_descr().column(0).name(), "a.b");
    }
}
