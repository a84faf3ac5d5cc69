//! The greatest or least key of each group so far, for `arg_max`, `arg_min` and `take_any`.
//!
//! Times and whole numbers are compared as they are; keys of other types as rows of bytes that sort alike.

use super::best::Choice;
use arrow::{
    array::{Array, ArrayRef, AsArray},
    datatypes::{DataType, DurationNanosecondType, Int64Type, TimeUnit, TimestampNanosecondType},
    row::{OwnedRow, Row, RowConverter, SortField},
};
use datafusion::error::Result;
use datafusion::logical_expr::EmitTo;

/// What is known of a group's key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known<K> {
    /// No row was seen.
    Nothing,
    /// Only rows whose key is null.
    Null,
    Key(K),
}

pub(super) struct Keys {
    pub(super) choice: Choice,
    form: Form,
}

enum Form {
    Numbers(Vec<Known<i64>>),
    Rows(Box<RowConverter>, Vec<Known<OwnedRow>>),
}

impl Keys {
    pub(super) fn new(choice: Choice, data_type: &DataType) -> Result<Self> {
        let form = match data_type {
            DataType::Int64 | DataType::Timestamp(TimeUnit::Nanosecond, _) | DataType::Duration(TimeUnit::Nanosecond) => {
                Form::Numbers(Vec::new())
            }
            other => Form::Rows(Box::new(RowConverter::new(vec![SortField::new(other.clone())])?), Vec::new()),
        };
        Ok(Self { choice, form })
    }

    /// Looks at the keys of rows; `group` tells whose each one is, or that it is nobody's. `take` is called with each row that wins over
    /// those before it.
    pub(super) fn look(
        &mut self,
        keys: &ArrayRef,
        groups: usize,
        group: impl Fn(usize) -> Option<usize>,
        take: impl FnMut(usize, usize),
    ) -> Result<()> {
        let choice = self.choice;
        match &mut self.form {
            Form::Numbers(known) => {
                known.resize(groups, Known::Nothing);
                let numbers = numbers(keys);
                let key = |row: usize| numbers[row];
                each(keys, known, group, key, |key, known| wins(choice, key.cmp(known)), |key| key, take);
            }
            Form::Rows(converter, known) => {
                known.resize_with(groups, || Known::Nothing);
                let rows = converter.convert_columns(std::slice::from_ref(keys))?;
                let better = |key: &Row<'_>, known: &OwnedRow| wins(choice, key.cmp(&known.row()));
                each(keys, known, group, |row| rows.row(row), better, |key| key.owned(), take);
            }
        }
        Ok(())
    }

    /// Forgets the first groups.
    pub(super) fn forget(&mut self, to: EmitTo) {
        match &mut self.form {
            Form::Numbers(known) => drop(to.take_needed(known)),
            Form::Rows(_, known) => drop(to.take_needed(known)),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match &self.form {
            Form::Numbers(known) => known.capacity() * size_of::<Known<i64>>(),
            Form::Rows(converter, known) => converter.size() + known.capacity() * (size_of::<Known<OwnedRow>>() + 16),
        }
    }
}

fn wins(choice: Choice, order: std::cmp::Ordering) -> bool {
    match choice {
        Choice::Max => order.is_gt(),
        Choice::Min => order.is_lt(),
        Choice::First => false,
    }
}

fn numbers(keys: &ArrayRef) -> &[i64] {
    match keys.data_type() {
        DataType::Timestamp(..) => keys.as_primitive::<TimestampNanosecondType>().values(),
        DataType::Duration(_) => keys.as_primitive::<DurationNanosecondType>().values(),
        _ => keys.as_primitive::<Int64Type>().values(),
    }
}

fn each<T, K>(
    keys: &ArrayRef,
    known: &mut [Known<K>],
    group: impl Fn(usize) -> Option<usize>,
    key: impl Fn(usize) -> T,
    better: impl Fn(&T, &K) -> bool,
    kept: impl Fn(T) -> K,
    mut take: impl FnMut(usize, usize),
) {
    let nulls = keys.nulls();
    for row in 0..keys.len() {
        let Some(group) = group(row) else { continue };
        let known = &mut known[group];
        if nulls.is_some_and(|nulls| nulls.is_null(row)) {
            if matches!(known, Known::Nothing) {
                *known = Known::Null;
                take(group, row);
            }
            continue;
        }
        let key = key(row);
        if !matches!(known, Known::Key(known) if !better(&key, known)) {
            *known = Known::Key(kept(key));
            take(group, row);
        }
    }
}
