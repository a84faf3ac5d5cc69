//! Percentiles, exact: every value is kept until the end.

use super::super::scalar::cells::typed;
use super::function::aggregation;
use arrow::array::{ArrayRef, Float64Array, ListArray};
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// The nearest-rank percentile of reals.
pub(crate) fn percentile(percent: f64) -> Arc<AggregateUDF> {
    let state = DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)));
    aggregation("percentile", percent.to_string(), DataType::Float64, vec![state], move || {
        Box::new(Percentile { percent, values: Vec::new() })
    })
}

#[derive(Debug)]
struct Percentile {
    percent: f64,
    values: Vec<f64>,
}

impl Percentile {
    fn extend(&mut self, array: &Float64Array) {
        self.values.extend(array.iter().flatten());
    }
}

/// The value that at least `percent` of all are not greater than.
fn nearest_rank(values: &mut [f64], percent: f64) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    let size = super::super::numbers::to_f64(super::super::numbers::count(values.len()));
    let rank = super::super::numbers::to_i64((percent / 100.0 * size).ceil()).unwrap_or(1).max(1);
    let index = usize::try_from(rank - 1).unwrap_or(0).min(values.len() - 1);
    Some(values[index])
}

impl Accumulator for Percentile {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.extend(typed::<Float64Array>(&values[0])?);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(nearest_rank(&mut self.values, self.percent)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<f64>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Vec<ScalarValue> = self.values.iter().map(|value| ScalarValue::Float64(Some(*value))).collect();
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(&values, &DataType::Float64))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for list in typed::<ListArray>(&states[0])?.iter().flatten() {
            self.extend(typed::<Float64Array>(&list)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::nearest_rank;

    #[test]
    fn percentiles_are_values_that_occur() {
        let mut values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(nearest_rank(&mut values, 50.0), Some(2.0));
        assert_eq!(nearest_rank(&mut values, 100.0), Some(4.0));
        assert_eq!(nearest_rank(&mut values, 0.0), Some(1.0));
        assert_eq!(nearest_rank(&mut [], 50.0), None);
    }
}
