//! The columns of a table: names, types, and which key of a row goes where.

use super::value::{self, Kind};
use crate::journal;
use std::collections::{HashMap, HashSet};

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name, which no other column has.
    pub(crate) name: String,
    /// The key that its values have in the rows.
    pub(super) key: String,
    /// Its type.
    pub(crate) kind: Kind,
    /// The schema names it.
    pub(super) declared: bool,
    /// The first column of this key.
    pub(super) first: bool,
    /// The column of the next member with the same key.
    pub(super) next: Option<usize>,
}

/// The columns of a table, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    list: Vec<Column>,
    by_key: HashMap<String, usize>,
    names: HashSet<String>,
}

/// What a column without a name is called: some readers refuse an empty one.
const NAMELESS: &str = "_";

impl Columns {
    /// Takes the columns of a schema, in its order.
    pub(crate) fn declared(schema: &[journal::Column]) -> Self {
        let mut columns = Self::default();
        for column in schema {
            columns.add(&column.name, Kind::of(&column.kind), true);
        }
        columns
    }

    /// Adds a column for one more member of this key, and returns its number.
    pub(super) fn add(&mut self, key: &str, kind: Kind, declared: bool) -> usize {
        let at = self.list.len();
        let first = self.link(key, at);
        let name = self.unique(key);
        self.list.push(Column { name, key: key.to_owned(), kind, declared, first, next: None });
        at
    }

    /// Hangs a new column behind those of the same key. True where it is the first.
    fn link(&mut self, key: &str, at: usize) -> bool {
        let Some(&head) = self.by_key.get(key) else {
            self.by_key.insert(key.to_owned(), at);
            return true;
        };
        let mut last = head;
        while let Some(next) = self.list[last].next {
            last = next;
        }
        self.list[last].next = Some(at);
        false
    }

    /// Makes a name that no other column has. Names that differ in case alone differ: CSV and Parquet tell them apart.
    fn unique(&mut self, key: &str) -> String {
        let base = if key.is_empty() { NAMELESS } else { key };
        let mut name = base.to_owned();
        let mut number = 2;
        while !self.names.insert(name.clone()) {
            name = format!("{base}_{number}");
            number += 1;
        }
        name
    }

    /// Puts columns without a key before all others: names that are made up. Keys of those names are told apart from them.
    pub(super) fn behind(self, names: &[&str]) -> Self {
        let mut columns = Self { names: names.iter().map(|name| (*name).to_owned()).collect(), ..Self::default() };
        for column in self.list {
            columns.add(&column.key, column.kind, column.declared);
        }
        columns
    }

    /// Returns these, or, where there are none, one that is empty: readers refuse a table without columns.
    pub(super) fn or_one(mut self) -> Self {
        if self.list.is_empty() {
            self.add("", Kind::Text, true);
        }
        self
    }

    pub(crate) fn list(&self) -> &[Column] {
        &self.list
    }

    pub(super) fn set(&mut self, at: usize, kind: Kind) {
        if let Some(column) = self.list.get_mut(at) {
            column.kind = kind;
        }
    }

    /// Returns the first column of a key, escapes of JSON in it.
    pub(super) fn of_key(&self, key: &str) -> Option<usize> {
        let mut room = String::new();
        self.by_key.get(value::plain(key, &mut room)).copied()
    }
}

/// Tells whether a key is OData's word about a row or a member, and none of its data.
pub(super) fn is_annotation(key: &str) -> bool {
    key.contains("@odata.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(names: &[&str]) -> Columns {
        let schema: Vec<_> = names.iter().map(|name| journal::Column { name: (*name).to_owned(), kind: "long".to_owned() }).collect();
        Columns::declared(&schema)
    }

    fn names(columns: &Columns) -> Vec<&str> {
        columns.list().iter().map(|column| column.name.as_str()).collect()
    }

    #[test]
    fn names_are_told_apart() {
        assert_eq!(names(&declared(&["a", "A", "a", "a_2", "", "_"])), ["a", "A", "a_2", "a_2_2", "_", "__2"]);
    }

    #[test]
    fn columns_of_one_key_hang_together() {
        let columns = declared(&["a", "b", "a", "a"]);
        let list = columns.list();
        assert_eq!((columns.of_key("a"), list[0].next, list[2].next, list[3].next), (Some(0), Some(2), Some(3), None));
        assert_eq!((columns.of_key("\\u0062"), columns.of_key("c")), (Some(1), None));
    }

    #[test]
    fn made_up_names_come_first() {
        assert_eq!(names(&declared(&["x", "message"]).behind(&["message"])), ["x", "message_2"]);
    }

    #[test]
    fn annotations_are_known() {
        assert!(is_annotation("@odata.type") && is_annotation("Id@odata.type"));
        assert!(!is_annotation("odata.type") && !is_annotation("user@host"));
    }
}
