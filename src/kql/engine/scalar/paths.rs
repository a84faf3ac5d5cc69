//! Functions of file paths, versions and comma-separated text.

use super::super::json;
use super::super::value::Value;
use super::cells::{Made, Text, map1};
use super::{Args, Entry, sure};
use crate::kql::ast::TypeName;

pub(super) const FUNCTIONS: &[Entry] =
    &[sure("parse_path", 1, 1, parse_path), sure("parse_version", 1, 1, parse_version), sure("parse_csv", 1, 1, parse_csv)];

fn parse_path(args: &Args) -> Value {
    map1::<Text, Made>("parse_path", "", TypeName::Dynamic, args.text(0), |text| Some(Made(path_bag(text))))
}

fn path_bag(path: &str) -> String {
    let (scheme, rest) = path.split_once("://").map_or(("", path), |(scheme, rest)| (scheme, rest));
    let (rest, stream) = alternate_stream(rest);
    let separators = ['\\', '/'];
    let (directory, file) = rest.rfind(separators).map_or(("", rest), |at| (&rest[..at], &rest[at + 1..]));
    let root = if rest.as_bytes().get(1) == Some(&b':') { &rest[..2] } else { "" };
    let directory_name = directory.rsplit(separators).next().unwrap_or_default();
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    let members = [
        ("Scheme", scheme),
        ("RootPath", root),
        ("DirectoryPath", directory),
        ("DirectoryName", directory_name),
        ("Filename", file),
        ("Extension", extension),
        ("AlternateDataStreamName", stream),
    ];
    json::bag(members.map(|(key, text)| (key, json::quoted(text))))
}

/// A colon after the drive's names a stream.
fn alternate_stream(path: &str) -> (&str, &str) {
    match path.rfind(':') {
        Some(at) if at > 1 => (&path[..at], &path[at + 1..]),
        _ => (path, ""),
    }
}

fn parse_version(args: &Args) -> Value {
    map1::<Text, Made>("parse_version", "", TypeName::Decimal, args.text(0), |text| version(text).map(|number| Made(number.to_string())))
}

/// Up to four numbers of at most eight digits, each weighing 10^8 of the next.
fn version(text: &str) -> Option<u128> {
    let parts = text.trim().split('.').map(|part| part.parse::<u32>().ok()).collect::<Option<Vec<_>>>()?;
    if parts.len() > 4 {
        return None;
    }
    Some((0..4).fold(0, |sum: u128, at| sum * 100_000_000 + u128::from(parts.get(at).copied().unwrap_or(0))))
}

fn parse_csv(args: &Args) -> Value {
    map1::<Text, Made>("parse_csv", "", TypeName::Dynamic, args.text(0), |text| {
        let first = records(text, ',').into_iter().next().unwrap_or_default();
        Some(Made(json::array(first.iter().map(|field| json::quoted(field)))))
    })
}

/// Reads delimited text: quotes doubled inside quotes, records end at line ends.
pub(crate) fn records(text: &str, delimiter: char) -> Vec<Vec<String>> {
    let mut reader = Reader::default();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if reader.quoted && chars.peek() == Some(&'"') => {
                chars.next();
                reader.field.push('"');
            }
            '"' if reader.quoted || reader.field.is_empty() => reader.quoted = !reader.quoted,
            c if c == delimiter && !reader.quoted => reader.end_field(),
            '\n' if !reader.quoted => reader.end_record(),
            '\r' if !reader.quoted && chars.peek() == Some(&'\n') => {}
            c => reader.field.push(c),
        }
    }
    if !reader.field.is_empty() || !reader.record.is_empty() {
        reader.end_record();
    }
    reader.records
}

#[derive(Default)]
struct Reader {
    records: Vec<Vec<String>>,
    record: Vec<String>,
    field: String,
    quoted: bool,
}

impl Reader {
    fn end_field(&mut self) {
        self.record.push(std::mem::take(&mut self.field));
    }

    fn end_record(&mut self) {
        self.end_field();
        self.records.push(std::mem::take(&mut self.record));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let bag = path_bag("C:\\temp\\sub\\file.tar.gz:stream");
        assert_eq!(json::member(&bag, "Filename"), Some("\"file.tar.gz\""));
        assert_eq!(json::member(&bag, "DirectoryName"), Some("\"sub\""));
        assert_eq!(json::member(&bag, "AlternateDataStreamName"), Some("\"stream\""));
    }

    #[test]
    fn quotes_hold_delimiters_and_line_ends() {
        let read = records("a,\"b,\"\"c\nd\",\r\ne", ',');
        assert_eq!(read, [vec!["a", "b,\"c\nd", ""], vec!["e"]]);
    }
}
