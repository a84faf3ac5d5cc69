//! Rows into Arrow, a column at a time: a filler names a column and says what each row has there.
//!
//! A column that the table lacks is passed over, so that one filler serves all tables that share columns; a column that nobody
//! fills is empty text or null, as the service leaves it.

use super::clock::{Clock, Tick};
use crate::kql::ast::TypeName;
use crate::kql::engine::{Column, Table, arrow_schema, arrow_type};
use crate::kql::tables::TableInfo;
use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray, StringBuilder,
    TimestampNanosecondArray, new_null_array,
};
use std::fmt::Write;
use std::sync::Arc;

/// Rows a batch.
const BATCH: usize = 65_536;

/// Where a cell's text is written.
pub(super) struct Pen<'a>(&'a mut StringBuilder);

impl Pen<'_> {
    pub(super) fn put(&mut self, text: &str) {
        self.with(|out| out.write_str(text));
    }

    pub(super) fn args(&mut self, text: std::fmt::Arguments<'_>) {
        self.with(|out| out.write_fmt(text));
    }

    pub(super) fn with(&mut self, write: impl FnOnce(&mut StringBuilder) -> std::fmt::Result) {
        let written = write(self.0);
        debug_assert!(written.is_ok(), "a column takes every text");
    }
}

/// The rows of one batch and the columns made of them so far.
pub(super) struct Sheet<'a, R> {
    info: &'static TableInfo,
    rows: &'a [R],
    clock: Clock,
    arrays: Vec<Option<ArrayRef>>,
}

impl<'a, R> Sheet<'a, R> {
    fn new(info: &'static TableInfo, rows: &'a [R], clock: Clock) -> Self {
        Self { info, rows, clock, arrays: vec![None; info.columns.len()] }
    }

    pub(super) fn text(&mut self, column: &str, write: impl Fn(&R, &mut Pen<'_>)) {
        let Some(index) = self.position(column) else { return };
        let mut builder = StringBuilder::with_capacity(self.rows.len(), self.rows.len() * 16);
        for row in self.rows {
            write(row, &mut Pen(&mut builder));
            builder.append_value("");
        }
        self.set(index, Arc::new(builder.finish()));
    }

    /// Fills a column of texts that the world holds already.
    pub(super) fn word<'w>(&mut self, column: &str, word: impl Fn(&R) -> &'w str) {
        self.text(column, |row, pen| pen.put(word(row)));
    }

    /// Fills a column of texts that the rows themselves hold.
    pub(super) fn own(&mut self, column: &str, own: impl Fn(&R) -> &str) {
        self.text(column, |row, pen| pen.put(own(row)));
    }

    /// Fills a column with one text.
    pub(super) fn same(&mut self, column: &str, text: &str) {
        self.text(column, |_, pen| pen.put(text));
    }

    pub(super) fn time(&mut self, column: &str, time: impl Fn(&R) -> Tick) {
        self.maybe_time(column, |row| Some(time(row)));
    }

    pub(super) fn maybe_time(&mut self, column: &str, time: impl Fn(&R) -> Option<Tick>) {
        let clock = self.clock;
        self.fill(column, |rows| {
            let nanos: TimestampNanosecondArray = rows.iter().map(|row| time(row).map(|tick| clock.nanos(tick))).collect();
            Arc::new(nanos.with_timezone("UTC"))
        });
    }

    pub(super) fn int(&mut self, column: &str, value: impl Fn(&R) -> i32) {
        self.fill(column, |rows| Arc::new(rows.iter().map(|row| Some(value(row))).collect::<Int32Array>()));
    }

    pub(super) fn maybe_int(&mut self, column: &str, value: impl Fn(&R) -> Option<i32>) {
        self.fill(column, |rows| Arc::new(rows.iter().map(value).collect::<Int32Array>()));
    }

    pub(super) fn long(&mut self, column: &str, value: impl Fn(&R) -> i64) {
        self.maybe_long(column, |row| Some(value(row)));
    }

    pub(super) fn maybe_long(&mut self, column: &str, value: impl Fn(&R) -> Option<i64>) {
        self.fill(column, |rows| Arc::new(rows.iter().map(value).collect::<Int64Array>()));
    }

    pub(super) fn flag(&mut self, column: &str, value: impl Fn(&R) -> bool) {
        self.fill(column, |rows| Arc::new(rows.iter().map(|row| Some(value(row))).collect::<BooleanArray>()));
    }

    pub(super) fn real(&mut self, column: &str, value: impl Fn(&R) -> f64) {
        self.fill(column, |rows| Arc::new(rows.iter().map(|row| Some(value(row))).collect::<Float64Array>()));
    }

    fn fill(&mut self, column: &str, make: impl FnOnce(&[R]) -> ArrayRef) {
        if let Some(index) = self.position(column) {
            let array = make(self.rows);
            self.set(index, array);
        }
    }

    fn set(&mut self, index: usize, mut array: ArrayRef) {
        array.shrink_to_fit();
        let kind = self.info.columns.get(index).map(|(_, kind)| *kind);
        debug_assert_eq!(Some(array.data_type()), kind.map(arrow_type).as_ref(), "{} column {index}", self.info.name);
        if let Some(place) = self.arrays.get_mut(index) {
            *place = Some(array);
        }
    }

    fn position(&self, column: &str) -> Option<usize> {
        self.info.columns.iter().position(|(name, _)| *name == column)
    }

    fn finish(self, columns: &[Column]) -> Option<RecordBatch> {
        let count = self.rows.len();
        let kinds = self.info.columns.iter().map(|(_, kind)| *kind);
        let arrays = self.arrays.into_iter().zip(kinds).map(|(array, kind)| array.unwrap_or_else(|| blank(kind, count)));
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let batch = RecordBatch::try_new_with_options(arrow_schema(columns), arrays.collect(), &options);
        debug_assert!(batch.is_ok(), "{}: {batch:?}", self.info.name);
        batch.ok()
    }
}

/// Returns a column that nobody filled: text is never null in Kusto, everything else is.
fn blank(kind: TypeName, count: usize) -> ArrayRef {
    match kind {
        TypeName::String => Arc::new(StringArray::from_iter_values(std::iter::repeat_n("", count))),
        other => new_null_array(&arrow_type(other), count),
    }
}

/// Makes a table of rows, filling batch by batch; large tables on all processors.
pub(super) fn table<R: Sync>(info: &'static TableInfo, clock: Clock, rows: &[R], fill: impl Fn(&mut Sheet<'_, R>) + Sync) -> Table {
    let columns: Vec<Column> = info.columns.iter().map(|(name, kind)| Column::new(*name, *kind)).collect();
    let batch = |chunk: &&[R]| {
        let mut sheet = Sheet::new(info, chunk, clock);
        fill(&mut sheet);
        sheet.finish(&columns)
    };
    let batches = shared(&rows.chunks(BATCH).collect::<Vec<_>>(), batch);
    Table::new(columns, info.time_column.map(str::to_owned), batches)
}

/// Makes something of every item, in their order, the work shared between as many threads as there are processors.
fn shared<T: Sync, U: Send>(items: &[T], make: impl Fn(&T) -> Option<U> + Sync) -> Vec<U> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = items.len().div_ceil(workers).max(1);
    if items.len() < 2 {
        return items.iter().filter_map(make).collect();
    }
    let make = &make;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            items.chunks(share).map(|part| scope.spawn(move || part.iter().filter_map(make).collect::<Vec<U>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kql::tables;

    #[test]
    fn what_nobody_fills_is_empty_or_null() {
        let info = tables::find("DeviceFileEvents").unwrap();
        let clock = Clock::ending("2026-01-31T00:00:00Z".parse().unwrap());
        let table = table(info, clock, &[1, 2, 3], |sheet| {
            sheet.time("Timestamp", |row| *row);
            sheet.text("FileName", |row, pen| pen.args(format_args!("file {row}")));
            sheet.same("No such column", "");
        });
        let batch = &table.data[0];
        let nulls = |name: &str| batch.column_by_name(name).unwrap().null_count();
        assert_eq!((batch.num_rows(), nulls("Timestamp"), nulls("SHA1"), nulls("FileSize")), (3, 0, 0, 3));
    }
}
