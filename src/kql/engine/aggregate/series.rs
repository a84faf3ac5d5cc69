//! The values of a series: each in its place, a default where there is none.

use super::super::json;
use super::super::scalar::cells::{texts, typed};
use super::function::aggregation;
use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// Gathers JSON values by their places into an array of `length` values.
pub(crate) fn series(length: usize, default: String) -> Arc<AggregateUDF> {
    let key = format!("{length} {default}");
    let factory = move || Box::new(Series { default: default.clone(), values: vec![None; length] }) as Box<dyn Accumulator>;
    aggregation("series", key, DataType::Utf8, vec![DataType::Utf8], factory)
}

#[derive(Debug)]
struct Series {
    default: String,
    values: Vec<Option<String>>,
}

impl Series {
    fn put(&mut self, place: usize, value: &str) {
        if let Some(slot) = self.values.get_mut(place) {
            *slot = Some(value.to_owned());
        }
    }
}

impl Accumulator for Series {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (places, cells) = (typed::<Int64Array>(&values[0])?, texts(&values[1])?);
        for row in (0..places.len()).filter(|row| places.is_valid(*row) && cells.is_valid(*row)) {
            self.put(usize::try_from(places.value(row)).unwrap_or(usize::MAX), cells.value(row));
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Utf8(Some(json::array(self.values.iter().map(|value| value.as_ref().unwrap_or(&self.default))))))
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.values.iter().map(|value| size_of::<Option<String>>() + value.as_ref().map_or(0, String::len)).sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Utf8(Some(json::array(self.values.iter().map(|value| value.as_deref().unwrap_or("null")))))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in texts(&states[0])?.iter().flatten() {
            for (place, value) in json::elements(state).into_iter().flatten().enumerate().filter(|(_, value)| *value != "null") {
                self.put(place, value);
            }
        }
        Ok(())
    }
}
