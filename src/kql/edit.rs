//! Changes to a query's text at places that the tree names, all at once. Everything else stays as its author wrote it.

use crate::kql::ast::Span;

/// A text in place of a span; an insertion where the span is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) span: Span,
    pub(super) text: String,
}

/// Applies edits, which do not overlap, in any order. One that lies within another that was applied is left out.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let mut out = String::with_capacity(text.len() + edits.iter().map(|edit| edit.text.len()).sum::<usize>());
    let mut done = 0;
    for edit in edits {
        if edit.span.start < done {
            continue;
        }
        out.push_str(text.get(done..edit.span.start).unwrap_or_default());
        out.push_str(&edit.text);
        done = edit.span.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_in_any_order() {
        let edit = |start: usize, end: usize, text: &str| Edit { span: Span { start, end }, text: text.to_owned() };
        assert_eq!(apply("abcdef", vec![edit(4, 5, "X"), edit(0, 0, "<"), edit(1, 3, "-")]), "<a-dXf");
        assert_eq!(apply("abc", vec![]), "abc");
    }
}
