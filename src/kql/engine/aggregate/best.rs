//! `arg_max`, `arg_min` and `take_any`: whole rows chosen by the greatest or least key, or the first one met.
//!
//! Groups are many and rows wide, so the chosen rows are kept as places in the batches that they came in; batches of which
//! little is still needed are compacted.

use super::keys::Keys;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StructArray, UInt32Array};
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility};
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// Which row of a group is chosen. Rows with a null key are chosen only where there is no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Choice {
    Max,
    Min,
    First,
}

/// An aggregate over a key and the columns that come with it; its result is a struct of them in order.
pub(crate) fn best(choice: Choice, types: Vec<DataType>) -> Arc<AggregateUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(Best { choice, types, signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Best {
    choice: Choice,
    /// Of the key and the columns.
    types: Vec<DataType>,
    signature: Signature,
}

impl Best {
    fn fields(&self) -> Fields {
        self.types.iter().enumerate().map(|(index, data_type)| Field::new(format!("c{index}"), data_type.clone(), true)).collect()
    }

    fn chosen(&self) -> Result<Chosen> {
        let keys = Keys::new(self.choice, &self.types[0])?;
        Ok(Chosen { fields: self.fields(), batches: Vec::new(), places: Vec::new(), keys })
    }
}

impl AggregateUDFImpl for Best {
    fn name(&self) -> &'static str {
        "arg_best"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(self.fields()))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Single(self.chosen()?)))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let named = |(index, field): (usize, &FieldRef)| Arc::new(field.as_ref().clone().with_name(format!("{}[{index}]", args.name)));
        Ok(self.fields().iter().enumerate().map(named).collect())
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.chosen()?))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// Where a group's row is: which batch, which row of it.
type Place = (usize, usize);

struct Chosen {
    fields: Fields,
    batches: Vec<Vec<ArrayRef>>,
    places: Vec<Option<Place>>,
    /// The keys of the groups' rows.
    keys: Keys,
}

/// Batches are compacted when they hold this many times the rows that are needed.
const SLACK: usize = 4;

impl Chosen {
    /// Looks at rows; `group` tells whose each one is, or that it is nobody's.
    fn look(&mut self, values: &[ArrayRef], groups: usize, group: impl Fn(usize) -> Option<usize>) -> Result<()> {
        self.places.resize(groups.max(self.places.len()), None);
        let batch = self.batches.len();
        let (places, keys) = (&mut self.places, &mut self.keys);
        let mut used = false;
        keys.look(&values[0], places.len(), group, |group, row| {
            places[group] = Some((batch, row));
            used = true;
        })?;
        if used {
            self.batches.push(values.to_vec());
            self.compact()?;
        }
        Ok(())
    }

    fn compact(&mut self) -> Result<()> {
        let held: usize = self.batches.iter().map(|batch| batch[0].len()).sum();
        // Small tables are not worth the copying.
        if held < 65_536 || held < self.places.len() * SLACK {
            return Ok(());
        }
        let places: Vec<Place> = self.places.iter().flatten().copied().collect();
        let columns = self.gathered(&places)?;
        self.batches = vec![columns];
        for (row, place) in self.places.iter_mut().flatten().enumerate() {
            *place = (0, row);
        }
        Ok(())
    }

    fn gathered(&self, places: &[Place]) -> Result<Vec<ArrayRef>> {
        (0..self.fields.len()).map(|index| self.column(index, places)).collect()
    }

    fn column(&self, index: usize, places: &[Place]) -> Result<ArrayRef> {
        let arrays: Vec<&dyn Array> = self.batches.iter().map(|batch| batch[index].as_ref()).collect();
        if arrays.is_empty() {
            return Ok(arrow::array::new_null_array(self.fields[index].data_type(), places.len()));
        }
        Ok(interleave(&arrays, places)?)
    }

    /// Takes the rows of the first groups out; groups without a row have nulls.
    fn emit(&mut self, to: EmitTo) -> Result<Vec<ArrayRef>> {
        let places = to.take_needed(&mut self.places);
        self.keys.forget(to);
        let found: Vec<Place> = places.iter().flatten().copied().collect();
        let columns = self.gathered(&found)?;
        if found.len() == places.len() {
            return Ok(columns);
        }
        let mut next = 0_u32;
        let indices: UInt32Array = places
            .iter()
            .map(|place| {
                place.map(|_| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        columns.iter().map(|column| Ok(take(column, &indices, None)?)).collect()
    }

    fn made(&self, columns: Vec<ArrayRef>) -> ArrayRef {
        Arc::new(StructArray::new(self.fields.clone(), columns, None))
    }

    fn bytes(&self) -> usize {
        let batches: usize = self.batches.iter().flatten().map(Array::get_array_memory_size).sum();
        batches + self.places.capacity() * size_of::<Option<Place>>() + self.keys.bytes()
    }
}

impl GroupsAccumulator for Chosen {
    fn update_batch(&mut self, values: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>, total: usize) -> Result<()> {
        self.look(values, total, |row| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row)).then(|| groups[row]))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let columns = self.emit(emit_to)?;
        Ok(self.made(columns))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.emit(emit_to)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.look(values, total, |row| Some(groups[row]))
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        match filter {
            None => Ok(values.to_vec()),
            Some(_) => Err(DataFusionError::NotImplemented("a filter while aggregation is skipped".to_owned())),
        }
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}

/// The same without groups.
struct Single(Chosen);

impl std::fmt::Debug for Single {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0.keys.choice)
    }
}

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.look(values, 1, |_| Some(0))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut kept = self.kept()?;
        let columns = std::mem::take(&mut kept);
        Ok(ScalarValue::Struct(Arc::new(self.0.made(columns).as_struct().clone())))
    }

    fn size(&self) -> usize {
        self.0.bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.kept()?.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        // The state of no rows is a row of nulls: it must not win over anything.
        self.0.look(states, 1, |row| states.iter().any(|column| column.is_valid(row)).then_some(0))
    }
}

impl Single {
    fn kept(&self) -> Result<Vec<ArrayRef>> {
        match self.0.places.first().copied().flatten() {
            Some(place) => self.0.gathered(&[place]),
            None => Ok(self.0.fields.iter().map(|field| arrow::array::new_null_array(field.data_type(), 1)).collect()),
        }
    }
}
