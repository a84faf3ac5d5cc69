//! `make_list`, `make_set` and `make_bag`: dynamic values gathered from JSON cells.

use super::super::json;
use super::super::scalar::cells::texts;
use super::function::aggregation;
use arrow::array::{Array, ArrayRef};
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use datafusion::scalar::ScalarValue;
use std::collections::HashSet;
use std::sync::Arc;

/// The service keeps at most this many elements.
pub(crate) const MOST: usize = 1_048_576;

/// What is gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gather {
    List,
    ListWithNulls,
    /// Distinct values; arrays give their elements.
    Set,
    /// The members of bags; of keys that repeat the first counts.
    Bag,
}

/// Gathers a JSON cell; behind it come the keys that the rows are sorted by, each with its direction (ascending, nulls first).
pub(crate) fn gather(what: Gather, most: usize, directions: Vec<(bool, bool)>) -> Arc<AggregateUDF> {
    let name = match what {
        Gather::List | Gather::ListWithNulls => "make_list",
        Gather::Set => "make_set",
        Gather::Bag => "make_bag",
    };
    let key = format!("{what:?} {most} {directions:?}");
    let factory = move || Box::new(Gathered::new(what, most, directions.clone())) as Box<dyn Accumulator>;
    aggregation(name, key, DataType::Utf8, vec![DataType::Utf8], factory)
}

/// Something gathered: where it stands in the order (bytes that compare as the keys do; none without an order), and its JSON.
type Part = (Vec<u8>, String);

#[derive(Debug)]
struct Gathered {
    what: Gather,
    most: usize,
    directions: Vec<(bool, bool)>,
    /// Elements, or members with their keys.
    parts: Vec<Part>,
    /// Elements or keys that are there already, where there is no order to decide later which of equal ones counts.
    seen: HashSet<String>,
    bytes: usize,
}

impl Gathered {
    fn new(what: Gather, most: usize, directions: Vec<(bool, bool)>) -> Self {
        Self { what, most, directions, parts: Vec::new(), seen: HashSet::new(), bytes: 0 }
    }

    fn is_ordered(&self) -> bool {
        !self.directions.is_empty()
    }

    fn add(&mut self, place: &[u8], cell: Option<&str>) {
        match (self.what, cell) {
            (Gather::ListWithNulls, None) => self.push(place, "null".to_owned()),
            (_, None) => {}
            (Gather::List | Gather::ListWithNulls, Some(cell)) => self.push(place, cell.to_owned()),
            (Gather::Set, Some(cell)) => self.add_to_set(place, cell),
            (Gather::Bag, Some(cell)) => self.add_members(cell),
        }
    }

    fn add_to_set(&mut self, place: &[u8], cell: &str) {
        match json::elements(cell) {
            Some(items) => items.for_each(|item| self.push_new(place, item)),
            None => self.push_new(place, cell),
        }
    }

    fn push_new(&mut self, place: &[u8], item: &str) {
        if item == "null" {
            return;
        }
        if self.is_ordered() {
            self.push(place, item.to_owned());
        } else if self.parts.len() < self.most && !self.seen.contains(item) {
            self.seen.insert(item.to_owned());
            self.push(place, item.to_owned());
        }
    }

    fn add_members(&mut self, cell: &str) {
        for (key, value) in json::members(cell).into_iter().flatten() {
            if self.seen.insert(key.clone().into_owned()) {
                self.push(&[], format!("{}:{value}", json::quoted(&key)));
            }
        }
    }

    /// Without an order, what comes after the limit is of no use.
    fn push(&mut self, place: &[u8], part: String) {
        if self.is_ordered() || self.parts.len() < self.most {
            self.bytes += part.len() + place.len();
            self.parts.push((place.to_vec(), part));
        }
    }

    fn made(&mut self) -> String {
        self.parts.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut seen = HashSet::new();
        let once = self.what == Gather::Set && self.is_ordered();
        let kept = self.parts.iter().map(|(_, part)| part.as_str()).filter(|part| !once || seen.insert(*part)).take(self.most);
        if self.what == Gather::Bag { format!("{{{}}}", kept.collect::<Vec<_>>().join(",")) } else { json::array(kept) }
    }

    /// The bytes that rows of the keys compare by.
    fn places(&self, keys: &[ArrayRef]) -> Result<Option<Rows>> {
        if !self.is_ordered() {
            return Ok(None);
        }
        let field = |(array, (ascending, nulls_first)): (&ArrayRef, &(bool, bool))| {
            let options = SortOptions { descending: !ascending, nulls_first: *nulls_first };
            SortField::new_with_options(array.data_type().clone(), options)
        };
        let converter = RowConverter::new(keys.iter().zip(&self.directions).map(field).collect())?;
        Ok(Some(converter.convert_columns(keys)?))
    }
}

impl Accumulator for Gathered {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let cells = texts(&values[0])?;
        let places = self.places(&values[1..])?;
        for row in 0..cells.len() {
            let place = places.as_ref().map(|rows| rows.row(row));
            self.add(place.as_ref().map_or(&[], |place| place.as_ref()), cells.is_valid(row).then(|| cells.value(row)));
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Utf8(Some(self.made())))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bytes * 2 + self.parts.capacity() * size_of::<Part>()
    }

    /// Pairs of a place, in hexadecimal, and a part; members as bags.
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let bag = self.what == Gather::Bag;
        let pairs = self.parts.iter().map(|(place, part)| {
            let place: String = place.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
            json::array([format!("\"{place}\""), if bag { format!("{{{part}}}") } else { part.clone() }])
        });
        Ok(vec![ScalarValue::Utf8(Some(json::array(pairs)))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in texts(&states[0])?.iter().flatten() {
            for pair in json::elements(state).into_iter().flatten() {
                let mut pair = json::elements(pair).into_iter().flatten();
                let (Some(place), Some(part)) = (pair.next(), pair.next()) else { continue };
                let place = from_hex(&json::unquoted(place));
                match self.what {
                    Gather::Bag => self.add_members(part),
                    Gather::Set => self.push_new(&place, part),
                    Gather::List | Gather::ListWithNulls => self.push(&place, part.to_owned()),
                }
            }
        }
        Ok(())
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).filter_map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::StringArray;

    fn run(what: Gather, most: usize, cells: Vec<Option<&str>>) -> String {
        let mut gathered = Gathered::new(what, most, Vec::new());
        gathered.update_batch(&[Arc::new(StringArray::from(cells))]).unwrap();
        let state = gathered.state().unwrap().remove(0).to_array().unwrap();
        let mut merged = Gathered::new(what, most, Vec::new());
        merged.merge_batch(&[state]).unwrap();
        match merged.evaluate().unwrap() {
            ScalarValue::Utf8(Some(text)) => text,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn sets_take_arrays_apart_and_lists_do_not() {
        let cells = vec![Some("[1,2]"), Some("2"), None, Some("\"a]\"")];
        assert_eq!(run(Gather::Set, 9, cells.clone()), r#"[1,2,"a]"]"#);
        assert_eq!(run(Gather::List, 9, cells.clone()), r#"[[1,2],2,"a]"]"#);
        assert_eq!(run(Gather::ListWithNulls, 3, cells), "[[1,2],2,null]");
    }

    #[test]
    fn bags_keep_the_first_of_equal_keys() {
        assert_eq!(run(Gather::Bag, 9, vec![Some(r#"{"a":[1]}"#), Some(r#"{"a":2,"b":{}}"#)]), r#"{"a":[1],"b":{}}"#);
        assert_eq!(run(Gather::Bag, 9, vec![]), "{}");
    }
}
