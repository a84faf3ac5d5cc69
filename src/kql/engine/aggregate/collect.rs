//! `make_list`, `make_set` and `make_bag`: dynamic values gathered from JSON cells.

use super::super::json;
use super::super::scalar::cells::texts;
use super::function::aggregation;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
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

pub(crate) fn gather(what: Gather, most: usize) -> Arc<AggregateUDF> {
    let name = match what {
        Gather::List | Gather::ListWithNulls => "make_list",
        Gather::Set => "make_set",
        Gather::Bag => "make_bag",
    };
    let factory = move || Box::new(Gathered { what, most, parts: Vec::new(), seen: HashSet::new(), bytes: 0 }) as Box<dyn Accumulator>;
    aggregation(name, format!("{what:?} {most}"), DataType::Utf8, vec![DataType::Utf8], factory)
}

#[derive(Debug)]
struct Gathered {
    what: Gather,
    most: usize,
    /// Elements, or members with their keys, as JSON.
    parts: Vec<String>,
    /// Elements or keys that are there already.
    seen: HashSet<String>,
    bytes: usize,
}

impl Gathered {
    fn add(&mut self, cell: Option<&str>) {
        match (self.what, cell) {
            (Gather::ListWithNulls, None) => self.push("null".to_owned()),
            (_, None) => {}
            (Gather::List | Gather::ListWithNulls, Some(cell)) => self.push(cell.to_owned()),
            (Gather::Set, Some(cell)) => self.add_to_set(cell),
            (Gather::Bag, Some(cell)) => self.add_members(cell),
        }
    }

    fn add_to_set(&mut self, cell: &str) {
        match json::elements(cell) {
            Some(items) => items.for_each(|item| self.push_new(item)),
            None => self.push_new(cell),
        }
    }

    fn push_new(&mut self, item: &str) {
        if item != "null" && self.parts.len() < self.most && !self.seen.contains(item) {
            self.seen.insert(item.to_owned());
            self.push(item.to_owned());
        }
    }

    fn add_members(&mut self, cell: &str) {
        for (key, value) in json::members(cell).into_iter().flatten() {
            if self.seen.insert(key.clone().into_owned()) {
                self.push(format!("{}:{value}", json::quoted(&key)));
            }
        }
    }

    fn push(&mut self, part: String) {
        if self.parts.len() < self.most {
            self.bytes += part.len();
            self.parts.push(part);
        }
    }

    fn made(&self) -> ScalarValue {
        let text = if self.what == Gather::Bag { format!("{{{}}}", self.parts.join(",")) } else { json::array(&self.parts) };
        ScalarValue::Utf8(Some(text))
    }
}

impl Accumulator for Gathered {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let cells = texts(&values[0])?;
        for row in 0..cells.len() {
            self.add(cells.is_valid(row).then(|| cells.value(row)));
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.made())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bytes * 2 + self.parts.capacity() * size_of::<String>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.made()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let made = texts(&states[0])?;
        for state in made.iter().flatten() {
            match self.what {
                Gather::Bag => self.add_members(state),
                _ => json::elements(state).into_iter().flatten().for_each(|item| match self.what {
                    Gather::Set => self.push_new(item),
                    _ => self.push(item.to_owned()),
                }),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::StringArray;

    fn run(what: Gather, most: usize, cells: Vec<Option<&str>>) -> String {
        let mut gathered = Gathered { what, most, parts: Vec::new(), seen: HashSet::new(), bytes: 0 };
        gathered.update_batch(&[Arc::new(StringArray::from(cells))]).unwrap();
        let state = gathered.state().unwrap().remove(0).to_array().unwrap();
        let mut merged = Gathered { what, most, parts: Vec::new(), seen: HashSet::new(), bytes: 0 };
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
