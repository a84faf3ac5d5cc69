//! A row laid out over columns: which value stands in which cell.

use super::{
    columns::{Column, Columns, is_annotation},
    encode::Refused,
    fields::Fields,
    value::{self, Kind},
};
use crate::error::{Error, Kind as Failing};
use std::ops::Range;

/// The cells of one row at a time.
#[derive(Debug)]
pub(super) struct Cells {
    columns: Columns,
    /// Where in the row each value lies; empty where there is none.
    spans: Vec<(usize, usize)>,
    /// How the key of each column is written; empty where it may be written in several ways, or is not its first column's.
    keys: Vec<Vec<u8>>,
    /// Keys without a column get one.
    grows: bool,
}

const NONE: (usize, usize) = (0, 0);

impl Cells {
    pub(super) fn new(columns: Columns, grows: bool) -> Self {
        let keys = columns.list().iter().map(written).collect();
        Self { spans: vec![NONE; columns.list().len()], keys, columns, grows }
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    pub(super) fn into_columns(self) -> Columns {
        self.columns
    }

    /// Lays out a row.
    pub(super) fn lay(&mut self, row: &str) -> Result<(), Refused> {
        self.spans.fill(NONE);
        let (mut fields, mut hint) = (Fields::new(row), 0);
        loop {
            while let Some(value) = self.expected(&mut fields, hint) {
                self.spans[hint] = (value.start, value.end);
                hint += 1;
            }
            let Some(field) = fields.next() else { return Ok(()) };
            let field = field.map_err(|_| no_row(row))?;
            let key = row.get(field.key).unwrap_or_default();
            if let Some(column) = self.column(key, hint)? {
                self.spans[column] = (field.value.start, field.value.end);
                hint = column + 1;
            }
        }
    }

    /// Takes the next member if it is that of the column `hint`. Rows keep to one order, as a rule.
    #[inline]
    fn expected(&self, fields: &mut Fields<'_>, hint: usize) -> Option<Range<usize>> {
        let key = self.keys.get(hint).filter(|key| !key.is_empty() && self.spans[hint] == NONE)?;
        fields.take_value(key)
    }

    /// Returns the column of a member; none for annotations.
    #[inline]
    fn column(&mut self, key: &str, hint: usize) -> Result<Option<usize>, Refused> {
        if let Some(column) = self.columns.list().get(hint)
            && column.first
            && column.key == key
            && self.spans[hint] == NONE
        {
            return Ok(Some(hint));
        }
        let mut found = self.columns.of_key(key);
        while let Some(at) = found.filter(|at| self.spans[*at] != NONE) {
            found = self.columns.list()[at].next;
        }
        match found {
            Some(at) => Ok(Some(at)),
            None if is_annotation(key) => Ok(None),
            None if self.grows => Ok(Some(self.grow(key))),
            None => Err(Refused::Misfit),
        }
    }

    fn grow(&mut self, key: &str) -> usize {
        self.spans.push(NONE);
        self.keys.push(Vec::new());
        self.columns.add(value::plain(key, &mut String::new()), Kind::Text, false)
    }

    /// Returns the value in a cell of the row that was laid out; none for null.
    #[inline]
    pub(super) fn get<'a>(&self, row: &'a str, column: usize) -> Option<&'a str> {
        let &(from, to) = self.spans.get(column)?;
        row.get(from..to).filter(|value| !value.is_empty() && *value != "null")
    }
}

fn written(column: &Column) -> Vec<u8> {
    let plain = column.first && !column.key.bytes().any(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    if plain { [b"\"", column.key.as_bytes(), b"\":"].concat() } else { Vec::new() }
}

fn no_row(row: &str) -> Error {
    let shown: String = row.chars().take(80).collect();
    Error::new(Failing::Disk, format!("a stored row is no JSON object: {}", shown.escape_debug()))
        .hint("see what `ircollect case verify` says")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Column;

    fn cells(names: &[&str], grows: bool) -> Cells {
        let schema: Vec<_> = names.iter().map(|name| Column { name: (*name).to_owned(), kind: String::new() }).collect();
        Cells::new(Columns::declared(&schema), grows)
    }

    fn laid<'a>(cells: &mut Cells, row: &'a str) -> Vec<Option<&'a str>> {
        cells.lay(row).unwrap();
        (0..cells.columns().list().len()).map(|column| cells.get(row, column)).collect()
    }

    #[test]
    fn values_stand_under_their_names_in_any_order() {
        let mut cells = cells(&["a", "b", "a"], false);
        assert_eq!(laid(&mut cells, r#"{"b":1,"a":2,"a":3}"#), [Some("2"), Some("1"), Some("3")]);
        assert_eq!(laid(&mut cells, r#"{"@odata.type":"x","\u0061":null,"b@odata.type":"y"}"#), [None, None, None]);
        assert!(matches!(cells.lay(r#"{"c":1}"#), Err(Refused::Misfit)));
        assert!(matches!(cells.lay("[]"), Err(Refused::Failed(_))));
    }

    #[test]
    fn the_second_of_two_equal_keys_has_its_own_column_in_any_spelling() {
        let mut cells = cells(&["a", "a", "b"], false);
        assert_eq!(laid(&mut cells, r#"{"a":1,"a":2,"b":3}"#), [Some("1"), Some("2"), Some("3")]);
        assert_eq!(laid(&mut cells, r#"{"b":3,"\u0061":1, "a" : 2}"#), [Some("1"), Some("2"), Some("3")]);
        assert!(matches!(cells.lay(r#"{"a":1,"a":2,"a":3}"#), Err(Refused::Misfit)));
    }

    #[test]
    fn columns_that_turn_up_late_are_added() {
        let mut cells = cells(&["a"], true);
        assert_eq!(laid(&mut cells, r#"{"a":1,"a":2,"\"":3}"#), [Some("1"), Some("2"), Some("3")]);
        let names: Vec<&str> = cells.columns().list().iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["a", "a_2", "\""]);
    }
}
