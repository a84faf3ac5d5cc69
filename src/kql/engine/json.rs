//! Dynamic values as JSON text: taken apart as slices of that text, without building a tree.
//!
//! Values made by this engine are valid and hold no blanks between tokens. Text that came with a table may be anything; what is
//! not JSON is read as a string by [`normal`], and yields nothing elsewhere.

use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::fmt::Write as _;

/// What a JSON text is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Null,
    Bool,
    Number,
    Text,
    Array,
    Bag,
}

/// Returns the shape of a value.
pub(crate) fn shape(json: &str) -> Shape {
    match json.trim_start().as_bytes().first() {
        Some(b'"') => Shape::Text,
        Some(b'[') => Shape::Array,
        Some(b'{') => Shape::Bag,
        Some(b't' | b'f') => Shape::Bool,
        Some(b'n') | None => Shape::Null,
        Some(_) => Shape::Number,
    }
}

/// Returns `text` as JSON without blanks between tokens, or nothing where it is not JSON.
pub(crate) fn compact(text: &str) -> Option<Cow<'_, str>> {
    let trimmed = text.trim();
    serde_json::from_str::<IgnoredAny>(trimmed).ok()?;
    if blanks_outside_strings(trimmed) { Some(Cow::Owned(without_blanks(trimmed))) } else { Some(Cow::Borrowed(trimmed)) }
}

/// Returns `text` as a dynamic value, as `parse_json` does: JSON where it is, otherwise a string; nothing where it is empty.
pub(crate) fn normal(text: &str) -> Option<Cow<'_, str>> {
    if text.is_empty() {
        return None;
    }
    match compact(text) {
        Some(json) if shape(&json) == Shape::Null => None,
        Some(json) => Some(json),
        None => Some(Cow::Owned(quoted(text))),
    }
}

fn blanks_outside_strings(json: &str) -> bool {
    let mut scan = Scan::default();
    json.bytes().any(|byte| !scan.inside(byte) && byte.is_ascii_whitespace())
}

fn without_blanks(json: &str) -> String {
    let mut scan = Scan::default();
    json.chars()
        .filter(|&c| {
            let inside = u8::try_from(c).map_or(scan.text, |byte| scan.inside(byte));
            inside || !c.is_ascii_whitespace()
        })
        .collect()
}

/// Whether a byte belongs to a string, told by feeding all bytes in order.
#[derive(Default)]
struct Scan {
    text: bool,
    escaped: bool,
}

impl Scan {
    fn inside(&mut self, byte: u8) -> bool {
        let was = self.text;
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.text => self.escaped = true,
            b'"' => self.text = !self.text,
            _ => {}
        }
        was || self.text
    }
}

/// Returns the end of the value that starts at `start`.
fn value_end(bytes: &[u8], start: usize) -> Option<usize> {
    match bytes.get(start)? {
        b'"' => text_end(bytes, start),
        b'[' | b'{' => container_end(bytes, start),
        _ => {
            let rest = bytes.get(start..)?;
            let length = rest.iter().position(|b| matches!(b, b',' | b']' | b'}' | b':') || b.is_ascii_whitespace()).unwrap_or(rest.len());
            (length > 0).then_some(start + length)
        }
    }
}

fn text_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn container_end(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = text_end(bytes, at)?;
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// The items of an array or a bag, as slices.
pub(crate) struct Items<'a> {
    json: &'a str,
    at: usize,
    keyed: bool,
}

impl<'a> Items<'a> {
    fn of(json: &'a str, open: u8, keyed: bool) -> Option<Self> {
        let at = skip_blanks(json.as_bytes(), 0);
        (json.as_bytes().get(at) == Some(&open)).then_some(Self { json, at: at + 1, keyed })
    }

    fn slice(&mut self) -> Option<&'a str> {
        let bytes = self.json.as_bytes();
        let start = skip_blanks(bytes, self.at);
        let end = value_end(bytes, start)?;
        self.at = skip_blanks(bytes, end);
        self.json.get(start..end)
    }

    fn skip(&mut self, byte: u8) {
        if self.json.as_bytes().get(self.at) == Some(&byte) {
            self.at += 1;
        }
    }
}

impl<'a> Iterator for Items<'a> {
    /// The key as written, quotes included (empty in arrays), and the value.
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.at = skip_blanks(self.json.as_bytes(), self.at);
        if matches!(self.json.as_bytes().get(self.at)?, b']' | b'}') {
            return None;
        }
        let key = if self.keyed { self.slice()? } else { "" };
        self.skip(b':');
        let value = self.slice()?;
        self.skip(b',');
        Some((key, value))
    }
}

/// The elements of an array; nothing where it is none.
pub(crate) fn elements(json: &str) -> Option<impl Iterator<Item = &str>> {
    Items::of(json, b'[', false).map(|items| items.map(|(_, value)| value))
}

/// The members of a bag, keys unescaped; nothing where it is none.
pub(crate) fn members(json: &str) -> Option<impl Iterator<Item = (Cow<'_, str>, &str)>> {
    Items::of(json, b'{', true).map(|items| items.map(|(key, value)| (unquoted(key), value)))
}

/// The value of a key of a bag; keys are case-sensitive.
pub(crate) fn member<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let (_, value) = Items::of(json, b'{', true)?.find(|(written, _)| is_key(written, key))?;
    (shape(value) != Shape::Null).then_some(value)
}

fn is_key(written: &str, key: &str) -> bool {
    let inner = written.get(1..written.len().saturating_sub(1)).unwrap_or_default();
    if inner.contains('\\') { unquoted(written) == key } else { inner == key }
}

/// The element at an index of an array; negative ones count from the end.
pub(crate) fn element(json: &str, index: i64) -> Option<&str> {
    let value = if index >= 0 {
        elements(json)?.nth(usize::try_from(index).ok()?)?
    } else {
        let all: Vec<_> = elements(json)?.collect();
        let back = usize::try_from(index.unsigned_abs()).ok()?;
        *all.get(all.len().checked_sub(back)?)?
    };
    (shape(value) != Shape::Null).then_some(value)
}

/// What `tostring` makes of a value: a string's text, nothing of null, the JSON of everything else.
pub(crate) fn text(json: &str) -> Cow<'_, str> {
    match shape(json) {
        Shape::Text => unquoted(json),
        Shape::Null => Cow::Borrowed(if json.trim() == "null" { "" } else { json }),
        _ => Cow::Borrowed(json),
    }
}

/// The text of a JSON string, escapes resolved; text that is none as it is.
pub(crate) fn unquoted(json: &str) -> Cow<'_, str> {
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        None => Cow::Borrowed(json),
        Some(inner) if !inner.contains('\\') => Cow::Borrowed(inner),
        Some(_) => Cow::Owned(serde_json::from_str(json).unwrap_or_else(|_| lossy(json))),
    }
}

/// Lone surrogates are no Rust text: they become U+FFFD, everything else stays.
fn lossy(json: &str) -> String {
    let mut bytes = json.as_bytes().to_vec();
    for at in 0..bytes.len().saturating_sub(5) {
        let surrogate = bytes[at..].starts_with(b"\\u")
            && matches!(bytes[at + 2], b'd' | b'D')
            && matches!(bytes[at + 3], b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F');
        if surrogate {
            bytes[at + 2..at + 6].copy_from_slice(b"fffd");
        }
    }
    serde_json::from_slice(&bytes).unwrap_or_else(|_| json.to_owned())
}

/// Returns a text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    push_quoted(&mut json, text);
    json
}

/// Appends a text as a JSON string.
pub(crate) fn push_quoted(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            c if c < ' ' => {
                // Writing to a string cannot fail.
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
}

/// Writes values between brackets.
pub(crate) fn array<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> String {
    let mut json = String::from("[");
    for value in values {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(value.as_ref());
    }
    json.push(']');
    json
}

/// Writes keys and JSON values between braces.
pub(crate) fn bag<K: AsRef<str>, V: AsRef<str>>(members: impl IntoIterator<Item = (K, V)>) -> String {
    let mut json = String::from("{");
    for (key, value) in members {
        if json.len() > 1 {
            json.push(',');
        }
        push_quoted(&mut json, key.as_ref());
        json.push(':');
        json.push_str(value.as_ref());
    }
    json.push('}');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_apart_as_slices() {
        let json = r#"{"a":{"b":[1,"x,]}",null,{"c":2}]},"d\"e":true}"#;
        let list = member(member(json, "a").unwrap(), "b").unwrap();
        assert_eq!(elements(list).unwrap().collect::<Vec<_>>(), ["1", "\"x,]}\"", "null", "{\"c\":2}"]);
        assert_eq!(element(list, -1), Some("{\"c\":2}"));
        assert_eq!(element(list, 2), None);
        assert_eq!(member(json, "d\"e"), Some("true"));
        assert_eq!(member(json, "A"), None);
    }

    #[test]
    fn what_is_not_json_is_a_string() {
        assert_eq!(normal("{ \"a\" : \"b c\" }").unwrap(), "{\"a\":\"b c\"}");
        assert_eq!(normal("C:\\x").unwrap(), "\"C:\\\\x\"");
        assert_eq!(normal(""), None);
        assert_eq!(normal("[1,"), Some("\"[1,\"".into()));
    }

    #[test]
    fn broken_text_yields_nothing() {
        for broken in ["{", "{\"a\"", "{\"a\":", "[1,", "[\"", "{\"a\":\"\\", "]", ""] {
            assert_eq!(member(broken, "a"), None, "{broken}");
            assert!(elements(broken).is_none_or(|items| items.count() < 2), "{broken}");
        }
    }

    #[test]
    fn lone_surrogates_do_not_stop_a_text() {
        assert_eq!(text(r#""a\ud83dz\n""#), "a\u{fffd}z\n");
    }
}
