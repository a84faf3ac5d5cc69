//! Functions of a row's cells made into functions of whole arrays. A null cell gives a null, except that texts are never null.

use super::super::value::Value;
use super::function::call;
use crate::kql::ast::TypeName;
use arrow::array::{
    Array, ArrayRef, BooleanArray, DurationNanosecondArray, Float64Array, Int32Array, Int64Array, StringArray, StringBuilder,
    TimestampNanosecondArray,
};
use datafusion::error::{DataFusionError, Result};
use std::any::type_name;
use std::sync::Arc;

/// How cells of an array are read.
pub(crate) trait Read: 'static {
    type Array: Array + 'static;
    type Item<'a>;
    fn value(array: &Self::Array, row: usize) -> Self::Item<'_>;
    /// What a null cell is read as, where it is read at all.
    fn null<'a>() -> Option<Self::Item<'a>> {
        None
    }
}

macro_rules! read {
    ($name:ident, $array:ty, $item:ty) => {
        pub(crate) struct $name;
        impl Read for $name {
            type Array = $array;
            type Item<'a> = $item;
            fn value(array: &Self::Array, row: usize) -> $item {
                array.value(row)
            }
        }
    };
}

read!(Bool, BooleanArray, bool);
read!(Int, Int32Array, i32);
read!(Long, Int64Array, i64);
read!(Real, Float64Array, f64);
read!(Time, TimestampNanosecondArray, i64);
read!(Span, DurationNanosecondArray, i64);

/// Cells of strings, guids and decimals: a null is the empty text.
pub(crate) struct Text;

impl Read for Text {
    type Array = StringArray;
    type Item<'a> = &'a str;
    fn value(array: &StringArray, row: usize) -> &str {
        array.value(row)
    }
    fn null<'a>() -> Option<&'a str> {
        Some("")
    }
}

/// Cells of dynamics: JSON text, or null.
pub(crate) struct Json;

impl Read for Json {
    type Array = StringArray;
    type Item<'a> = &'a str;
    fn value(array: &StringArray, row: usize) -> &str {
        array.value(row)
    }
}

/// What cells of an array are made from.
pub(crate) trait Make: Sized {
    fn collect(cells: impl Iterator<Item = Option<Self>>) -> ArrayRef;
}

impl Make for bool {
    fn collect(cells: impl Iterator<Item = Option<Self>>) -> ArrayRef {
        Arc::new(cells.collect::<BooleanArray>())
    }
}

impl Make for i32 {
    fn collect(cells: impl Iterator<Item = Option<Self>>) -> ArrayRef {
        Arc::new(cells.collect::<Int32Array>())
    }
}

impl Make for i64 {
    fn collect(cells: impl Iterator<Item = Option<Self>>) -> ArrayRef {
        Arc::new(cells.collect::<Int64Array>())
    }
}

impl Make for f64 {
    fn collect(cells: impl Iterator<Item = Option<Self>>) -> ArrayRef {
        Arc::new(cells.collect::<Float64Array>())
    }
}

/// A datetime to be made, in nanoseconds since 1970.
pub(crate) struct Instant(pub(crate) i64);

impl Make for Instant {
    fn collect(cells: impl Iterator<Item = Option<Self>>) -> ArrayRef {
        Arc::new(cells.map(|cell| cell.map(|cell| cell.0)).collect::<TimestampNanosecondArray>().with_timezone("UTC"))
    }
}

/// A timespan to be made, in nanoseconds.
pub(crate) struct Nanos(pub(crate) i64);

impl Make for Nanos {
    fn collect(cells: impl Iterator<Item = Option<Self>>) -> ArrayRef {
        Arc::new(cells.map(|cell| cell.map(|cell| cell.0)).collect::<DurationNanosecondArray>())
    }
}

impl Make for String {
    fn collect(cells: impl Iterator<Item = Option<Self>>) -> ArrayRef {
        Arc::new(cells.map(|cell| Some(cell.unwrap_or_default())).collect::<StringArray>())
    }
}

/// A dynamic to be made, as JSON text.
pub(crate) struct Made(pub(crate) String);

impl Make for Made {
    fn collect(cells: impl Iterator<Item = Option<Self>>) -> ArrayRef {
        Arc::new(cells.map(|cell| cell.map(|cell| cell.0)).collect::<StringArray>())
    }
}

/// Returns an array as the type that its Kusto type promises.
pub(crate) fn typed<T: Array + 'static>(array: &ArrayRef) -> Result<&T> {
    array
        .as_any()
        .downcast_ref::<T>()
        .ok_or_else(|| DataFusionError::Internal(format!("expected {}, found {}", type_name::<T>(), array.data_type())))
}

/// The strings of an array of texts.
pub(crate) fn texts(array: &ArrayRef) -> Result<&StringArray> {
    typed::<StringArray>(array)
}

fn cell<R: Read>(array: &R::Array, row: usize) -> Option<R::Item<'_>> {
    if array.is_null(row) { R::null() } else { Some(R::value(array, row)) }
}

/// A function of one cell.
pub(crate) fn map1<A: Read, O: Make>(
    name: &'static str,
    key: impl Into<String>,
    kind: TypeName,
    value: Value,
    body: impl Fn(A::Item<'_>) -> Option<O> + Send + Sync + 'static,
) -> Value {
    call(name, key, kind, vec![value], move |arrays, rows| {
        let array = typed::<A::Array>(&arrays[0])?;
        Ok(O::collect((0..rows).map(|row| cell::<A>(array, row).and_then(&body))))
    })
}

/// A function of two cells.
pub(crate) fn map2<A: Read, B: Read, O: Make>(
    name: &'static str,
    key: impl Into<String>,
    kind: TypeName,
    (first, second): (Value, Value),
    body: impl Fn(A::Item<'_>, B::Item<'_>) -> Option<O> + Send + Sync + 'static,
) -> Value {
    call(name, key, kind, vec![first, second], move |arrays, rows| {
        let (first, second) = (typed::<A::Array>(&arrays[0])?, typed::<B::Array>(&arrays[1])?);
        Ok(O::collect((0..rows).map(|row| body(cell::<A>(first, row)?, cell::<B>(second, row)?))))
    })
}

/// A function of three cells.
pub(crate) fn map3<A: Read, B: Read, C: Read, O: Make>(
    name: &'static str,
    key: impl Into<String>,
    kind: TypeName,
    (first, second, third): (Value, Value, Value),
    body: impl Fn(A::Item<'_>, B::Item<'_>, C::Item<'_>) -> Option<O> + Send + Sync + 'static,
) -> Value {
    call(name, key, kind, vec![first, second, third], move |arrays, rows| {
        let (first, second, third) = (typed::<A::Array>(&arrays[0])?, typed::<B::Array>(&arrays[1])?, typed::<C::Array>(&arrays[2])?);
        Ok(O::collect((0..rows).map(|row| body(cell::<A>(first, row)?, cell::<B>(second, row)?, cell::<C>(third, row)?))))
    })
}

/// A test of one text.
pub(crate) fn test(name: &'static str, key: impl Into<String>, value: Value, body: impl Fn(&str) -> bool + Send + Sync + 'static) -> Value {
    call(name, key, TypeName::Bool, vec![value], move |arrays, _| {
        let array = texts(&arrays[0])?;
        let hits = if array.null_count() == 0 {
            (0..array.len()).map(|row| Some(body(array.value(row)))).collect::<BooleanArray>()
        } else {
            array.iter().map(|text| Some(body(text.unwrap_or_default()))).collect::<BooleanArray>()
        };
        Ok(Arc::new(hits))
    })
}

/// A text made from one text, written into a buffer that is reused from row to row.
pub(crate) fn rewrite(
    name: &'static str,
    key: impl Into<String>,
    value: Value,
    body: impl Fn(&str, &mut String) + Send + Sync + 'static,
) -> Value {
    call(name, key, TypeName::String, vec![value], move |arrays, _| {
        let array = texts(&arrays[0])?;
        let mut made = StringBuilder::with_capacity(array.len(), array.value_data().len());
        let mut buffer = String::new();
        for text in array {
            buffer.clear();
            body(text.unwrap_or_default(), &mut buffer);
            made.append_value(&buffer);
        }
        Ok(Arc::new(made.finish()))
    })
}
