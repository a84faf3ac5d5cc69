//! Whether a text that nobody calls a query is one. Authors fence queries without a language, or as C#, to have them coloured.

/// Words that a step of a query begins with, after its `|`. Those that shells pipe into as well (`sort`, `join`, `count`) are left out:
/// a query of use has one of these.
const STEPS: &[&str] = &[
    "where",
    "filter",
    "project",
    "project-away",
    "project-keep",
    "project-rename",
    "project-reorder",
    "extend",
    "summarize",
    "distinct",
    "take",
    "limit",
    "lookup",
    "mv-expand",
    "mvexpand",
    "mv-apply",
    "parse-where",
    "parse-kv",
    "make-series",
    "evaluate",
    "render",
    "getschema",
];

/// Tells whether a text looks like a query, a broken one too.
pub fn looks_like_a_query(text: &str) -> bool {
    text.split('|').skip(1).any(|step| is_step(step.trim_start()))
}

fn is_step(step: &str) -> bool {
    let end = step.find(|c: char| !(c.is_ascii_lowercase() || c == '-')).unwrap_or(step.len());
    let (word, rest) = step.split_at(end);
    // PowerShell pipes into `where {...}` too.
    let goes_on = rest.is_empty() || rest.starts_with(char::is_whitespace) || rest.starts_with('(');
    STEPS.contains(&word) && goes_on && !rest.trim_start().starts_with(['{', '$'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_queries_from_other_code() {
        for query in ["T | where X == 1", "T\n|\nsummarize count() by A", "union A, B | where(X)", "T|take 5", "T | where |"] {
            assert!(looks_like_a_query(query), "{query}");
        }
        for other in [
            "",
            "Get-Process | where {$_.Id}",
            "gp | Where-Object Id",
            "ls | sort | uniq | count",
            "CVE|Vendor",
            "reg add HKLM",
            "a | wherever x",
        ] {
            assert!(!looks_like_a_query(other), "{other}");
        }
    }
}
