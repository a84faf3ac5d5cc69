//! Packs: the queries in files of several kinds. Text in, queries out; which files there are, and reading them, is not done here.

mod markdown;
mod rule;
mod sniff;

pub use rule::Rule;
pub use sniff::looks_like_a_query;

use std::path::Path;

/// What a file is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `.kql`, `.csl`: one query, blank lines and all.
    Query,
    /// `.txt`: one query where it is named; among the files of a folder, where it looks like one.
    Text,
    /// `.yaml`, `.yml`: Sentinel rules and hunting queries.
    Rule,
    /// `.md`: queries in fenced blocks.
    Markdown,
}

impl FileKind {
    /// Tells the kind by the extension, in either case; none where such files hold no queries.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match extension.as_str() {
            "kql" | "csl" => Self::Query,
            "txt" => Self::Text,
            "yaml" | "yml" => Self::Rule,
            "md" | "markdown" => Self::Markdown,
            _ => return None,
        })
    }
}

/// A query found in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The name that it gives itself.
    pub title: Option<String>,
    /// The text, as it stands in the file.
    pub text: String,
    /// Which block of the file it is, from 0: the fenced blocks of Markdown, all of them counted; the documents of YAML.
    pub block: usize,
    /// What a Sentinel rule says of itself.
    pub rule: Option<Rule>,
}

/// Why a text is not what its kind is, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What is wrong, in words that go on a sentence about the file.
    pub message: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// Returns the queries in the text of a file; none where it is of the kind but about something else.
///
/// # Errors
/// Where the text is not what its kind is, or a rule has no query.
pub fn queries(kind: FileKind, text: &str) -> Result<Vec<Found>, Unreadable> {
    match kind {
        FileKind::Query | FileKind::Text => Ok(vec![Found { text: text.to_owned(), ..Found::default() }]),
        FileKind::Rule => rule::rules(text),
        FileKind::Markdown => Ok(markdown::queries(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_go_by_the_extension() {
        let kinds = ["a.kql", "a.CSL", "b.Yml", "README.md", "x.txt", "kql", "a.kql.bak"].map(|name| FileKind::of(Path::new(name)));
        let expected = [
            Some(FileKind::Query),
            Some(FileKind::Query),
            Some(FileKind::Rule),
            Some(FileKind::Markdown),
            Some(FileKind::Text),
            None,
            None,
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn a_query_file_is_one_query_whatever_is_in_it() {
        for text in ["", "T\n\n\n| take 1\n", "not ( KQL"] {
            let found = queries(FileKind::Query, text).unwrap();
            assert_eq!(found.iter().map(|found| found.text.as_str()).collect::<Vec<_>>(), [text]);
        }
    }
}
