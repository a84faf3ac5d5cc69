//! The members of a JSON object, found without building anything: where each key and each value lies in the row's text.
//!
//! Rows were checked when they came, so that this only has to find ends; of what is no row it says so, and never panics.

use super::scan;
use std::ops::Range;

/// Goes through the members of a row.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    row: &'a [u8],
    at: usize,
    begun: bool,
    over: bool,
}

/// A member: its key without the quotes, escapes as they stand, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
}

/// The text is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoRow;

impl<'a> Fields<'a> {
    pub(super) fn new(row: &'a str) -> Self {
        Self { row: row.as_bytes(), at: 0, begun: false, over: false }
    }

    fn member(&mut self) -> Result<Option<Field>, NoRow> {
        let opened = if self.begun { b',' } else { b'{' };
        self.space();
        match self.row.get(self.at) {
            Some(b'}') if self.begun => return Ok(None),
            Some(byte) if *byte == opened => self.at += 1,
            _ => return Err(NoRow),
        }
        self.space();
        if !self.begun && self.row.get(self.at) == Some(&b'}') {
            return Ok(None);
        }
        self.begun = true;
        self.field().map(Some).ok_or(NoRow)
    }

    fn field(&mut self) -> Option<Field> {
        if self.row.get(self.at) != Some(&b'"') {
            return None;
        }
        let key = self.at + 1..text_end(self.row, self.at + 1)?;
        self.at = key.end + 1;
        self.space();
        if self.row.get(self.at) != Some(&b':') {
            return None;
        }
        self.at += 1;
        self.space();
        let value = self.at..value_end(self.row, self.at)?;
        self.at = value.end;
        Some(Field { key, value })
    }

    /// Returns where the value of the next member lies, if its key is written just so: `"key":`, with no space about it. Rows of one
    /// answer are written alike, as a rule, and looking for the key's end is saved. Otherwise nothing is taken.
    #[inline]
    pub(super) fn take_value(&mut self, key: &[u8]) -> Option<Range<usize>> {
        let (first, rest) = self.row.get(self.at..)?.split_first()?;
        let opened = if self.begun { b',' } else { b'{' };
        if self.over || *first != opened || !rest.starts_with(key) {
            return None;
        }
        let from = self.at + 1 + key.len();
        let value = from..value_end(self.row, from)?;
        (self.begun, self.at) = (true, value.end);
        Some(value)
    }

    #[inline]
    fn space(&mut self) {
        while matches!(self.row.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<Field, NoRow>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let member = self.member().transpose();
        self.over = !matches!(member, Some(Ok(_)));
        member
    }
}

/// Returns where the quote stands that ends a string whose text begins at `at`.
#[inline]
fn text_end(row: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = at + scan::quote_or_escape(row.get(at..)?)?;
        if row.get(found) == Some(&b'"') {
            return Some(found);
        }
        at = found + 2;
    }
}

#[inline]
fn value_end(row: &[u8], at: usize) -> Option<usize> {
    match row.get(at)? {
        b'"' => text_end(row, at + 1).map(|end| end + 1),
        b'{' | b'[' => nested_end(row, at),
        _ => {
            let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
            row.get(at..)?.iter().position(ends).filter(|length| *length > 0).map(|length| at + length)
        }
    }
}

fn nested_end(row: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match row.get(at)? {
            b'"' => at = text_end(row, at + 1)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn members(row: &str) -> Result<Vec<(&str, &str)>, NoRow> {
        Fields::new(row).map(|field| field.map(|field| (&row[field.key], &row[field.value]))).collect()
    }

    #[test]
    fn members_lie_where_they_stand() {
        let row = r#" { "a" : 1 ,"b\"":"x\\","c":{"d":["}",{"e":"]\""}]} , "":null,"ü":"\ud800", "t":true }"#;
        let expected =
            [("a", "1"), ("b\\\"", r#""x\\""#), ("c", r#"{"d":["}",{"e":"]\""}]}"#), ("", "null"), ("ü", r#""\ud800""#), ("t", "true")];
        assert_eq!(members(row).unwrap(), expected);
        assert_eq!(members("{}").unwrap(), []);
        assert_eq!(members(" { } ").unwrap(), []);
    }

    #[test]
    fn a_member_that_is_written_as_expected_is_taken_at_once() {
        let row = r#"{"a":"x","b": 1,"c":2}"#;
        let mut fields = Fields::new(row);
        assert_eq!(fields.take_value(br#""b":"#), None);
        assert_eq!(fields.take_value(br#""a":"#).map(|value| &row[value]), Some("\"x\""));
        assert_eq!(fields.take_value(br#""b":"#), None, "a space stands before the value");
        assert_eq!(fields.next().unwrap().map(|field| &row[field.value]), Ok("1"));
        assert_eq!(fields.take_value(br#""c":"#).map(|value| &row[value]), Some("2"));
        assert_eq!((fields.take_value(br#""d":"#), fields.next()), (None, None));
    }

    #[test]
    fn what_is_no_row_is_told() {
        for text in
            ["", "[]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":}", "{a:1}", "{\"a\":\"x", "{\"a\":[1", "{\"a\":1 2}", "{,}", "1"]
        {
            assert!(members(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[{}\\[\\]\",:\\\\a1 é]{0,24}") {
            drop(members(&text));
        }

        #[test]
        fn agrees_with_serde_json(names in proptest::collection::vec("(?s).{0,6}", 0..6), values in proptest::collection::vec("(?s).{0,9}", 6)) {
            let mut object = serde_json::Map::new();
            for (index, name) in names.iter().enumerate() {
                let value = &values[index % values.len()];
                object.insert(name.clone(), if index % 2 == 0 { serde_json::json!(value) } else { serde_json::json!({ value: [value, 1, null] }) });
            }
            let row = serde_json::Value::Object(object.clone()).to_string();
            let found = members(&row).unwrap();
            prop_assert_eq!(found.len(), object.len());
            for ((key, value), (name, expected)) in found.into_iter().zip(&object) {
                prop_assert_eq!(&serde_json::from_str::<String>(&format!("\"{key}\"")).unwrap(), name);
                prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(value).unwrap(), expected);
            }
        }
    }
}
