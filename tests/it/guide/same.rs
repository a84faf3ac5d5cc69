//! Whether two outputs say the same, whatever the time, the ids and the sizes are.

use regex::Regex;
use std::sync::LazyLock;

/// What differs from run to run, and what stands for it.
static VARYING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\d{8}T\d{6}-\d{7}Z", "STAMP"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?( UTC|Z|[+-]\d\d:\d\d)?", "TIME"),
        (r"\d{4}-\d\d-\d\d", "DATE"),
        (r"\b[0-9a-f]{64}\b", "HASH"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "ID"),
        (r"[\w/.+-]*/ircollect-lab-\w+", "LAB"),
        (r"/[\w/.-]*/lab/lab\.toml", "LAB"),
        (r"127\.0\.0\.1:\d+", "ADDRESS"),
        (r"[\d.,]+ (B|KB|MB)\b", "SIZE"),
        (r"\d+ days", "DAYS"),
        (r"[\d,]+ journal events", "EVENTS"),
        (r"[\d.]+ (s|ms)\b", "SECONDS"),
        (r"[ \t]+", " "),
        (r"[─━═-]{4,}", "LINE"),
    ]
    .map(|(pattern, name)| (Regex::new(pattern).unwrap(), name))
    .into()
});

fn settled(line: &str) -> String {
    let text = VARYING.iter().fold(line.to_owned(), |text, (pattern, name)| pattern.replace_all(&text, *name).into_owned());
    text.trim().to_owned()
}

/// Returns whether `written` describes `got`; a line `...` stands for any lines, also none.
pub(super) fn same(written: &str, got: &str) -> bool {
    let settle = |text: &str| -> Vec<String> { text.trim_end().lines().map(settled).collect() };
    matches(&settle(written), &settle(got))
}

fn matches(written: &[String], got: &[String]) -> bool {
    match written.split_first() {
        None => got.is_empty(),
        Some((line, rest)) if line == "..." => (0..=got.len()).any(|skipped| matches(rest, &got[skipped..])),
        Some((line, rest)) => got.split_first().is_some_and(|(first, others)| line_matches(line, first) && matches(rest, others)),
    }
}

/// ` ...` at the end of a line stands for the rest of it.
fn line_matches(written: &str, got: &str) -> bool {
    written.strip_suffix("...").map_or(written == got, |begin| got.starts_with(begin.trim_end()))
}

#[test]
fn what_varies_may_differ_and_nothing_else() {
    assert!(same("4 rows at 2026-01-01T00:00:00Z, 27.7 KB\n...\nend\n", "4 rows at 2027-01-01T10:00:00Z, 1 B\na\nb\nend"));
    assert!(same("a  b", "a b\n") && same("...", "") && same("{ \"tenant\": ...", "{ \"tenant\": 5 }"));
    assert!(!same("4 rows", "5 rows") && !same("a", "a\nb") && !same("a\nb", "a"));
}
