//! The fenced blocks of Markdown that are queries.

use super::{Found, looks_like_a_query};

/// Languages of a block that is a query whatever is in it.
const KUSTO: &[&str] = &["kql", "kusto", "csl"];

/// Languages that queries are given for want of a better one.
const VAGUE: &[&str] = &["", "c#", "csharp", "cs", "sql", "text", "txt", "plaintext", "plain", "query"];

/// The least length of a fence (`CommonMark` 4.5).
const FENCE: usize = 3;

/// Returns the blocks that are queries, in order.
pub(super) fn queries(text: &str) -> Vec<Found> {
    let is_query = |block: &Block| {
        let language = block.language.as_str();
        let blank = block.text.trim().is_empty();
        !blank && (KUSTO.contains(&language) || (VAGUE.contains(&language) && looks_like_a_query(block.text)))
    };
    let blocks = blocks(text).into_iter().enumerate().filter(|(_, block)| is_query(block));
    blocks.map(|(number, block)| Found { text: block.text.to_owned(), block: number, ..Found::default() }).collect()
}

/// A fenced block.
struct Block<'t> {
    /// First word of the info string, in lower case.
    language: String,
    text: &'t str,
}

/// A line of backticks or tildes.
struct Fence<'t> {
    mark: char,
    length: usize,
    info: &'t str,
    /// Where the line begins, and where the next one does.
    line: (usize, usize),
}

/// Cuts the blocks out. One without an end goes to the end of the text.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let fences = fences(text);
    let mut blocks = Vec::new();
    let mut open: Option<&Fence<'_>> = None;
    for (index, fence) in fences.iter().enumerate() {
        let Some(opened) = open else {
            open = Some(fence);
            continue;
        };
        let end = end(opened, fence, fences.get(index + 1));
        if end != End::None {
            blocks.push(block(opened, text.get(opened.line.1..fence.line.0)));
            open = (end == End::Next).then_some(fence);
        }
    }
    blocks.extend(open.map(|opened| block(opened, text.get(opened.line.1..))));
    blocks
}

fn fences(text: &str) -> Vec<Fence<'_>> {
    let mut fences = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        fences.extend(fence(line, (start, end)));
        start = end;
    }
    fences
}

/// What a fence is to the block that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Part of its text.
    None,
    /// Its end.
    Here,
    /// Its end, which its author forgot, and the beginning of the next.
    Next,
}

/// A fence with a language ends no block (`CommonMark` 4.5), but authors who write one mean to end theirs: with the next block where a
/// bare fence ends that, else with nothing.
fn end(opened: &Fence<'_>, fence: &Fence<'_>, next: Option<&Fence<'_>>) -> End {
    if fence.mark != opened.mark || fence.length < opened.length {
        End::None
    } else if !fence.info.is_empty() && next.is_some_and(|next| next.info.is_empty()) {
        End::Next
    } else {
        End::Here
    }
}

fn block<'t>(fence: &Fence<'_>, text: Option<&'t str>) -> Block<'t> {
    let word = fence.info.split([' ', '\t', ',', '{', '}']).find(|word| !word.is_empty()).unwrap_or_default();
    Block { language: word.trim_start_matches('.').to_ascii_lowercase(), text: text.unwrap_or_default() }
}

/// Reads a line as a fence. How far it is indented does not matter: blocks stand in lists.
fn fence(text: &str, line: (usize, usize)) -> Option<Fence<'_>> {
    let text = text.trim();
    let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let info = text.trim_start_matches(mark);
    let length = text.len() - info.len();
    // `code` may stand between three backticks within a line.
    let inline = mark == '`' && info.contains('`');
    (length >= FENCE && !inline).then(|| Fence { mark, length, info: info.trim(), line })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(usize, String)> {
        queries(text).into_iter().map(|found| (found.block, found.text)).collect()
    }

    #[test]
    fn takes_the_blocks_that_are_queries() {
        let text = "# Title\n```powershell\nGet-Process | where {1}\n```\nand\n```KQL\nDeviceInfo\n\n| take 1\n```\n```\nreg add\n```\n  ``` c#\nT | where A == 1\n  ```\n";
        assert_eq!(found(text), [(1, "DeviceInfo\n\n| take 1\n".to_owned()), (3, "T | where A == 1\n".to_owned())]);
    }

    #[test]
    fn fences_end_where_their_own_kind_does() {
        let text = "````kusto\n```\nprint '~~~'\n````\n~~~kql\nprint '```'\n```\n~~~~\n```kql\r\nprint 1\r\n```\r\n";
        assert_eq!(
            found(text),
            [(0, "```\nprint '~~~'\n".to_owned()), (1, "print '```'\n```\n".to_owned()), (2, "print 1\r\n".to_owned())]
        );
        assert_eq!(found("```kql print 1``` is inline\n"), []);
        assert_eq!(found("```{.kql}\nprint 1"), [(0, "print 1".to_owned())]);
        assert_eq!(found("```kql\n\n```\n``"), []);
    }

    #[test]
    fn an_end_that_was_forgotten_or_given_a_language_is_an_end() {
        let one_and_two = [(0, "print 1\n".to_owned()), (1, "print 2\n".to_owned())];
        assert_eq!(found("```kql\nprint 1\n```kql\nprint 2\n```\nwords"), one_and_two);
        assert_eq!(found("```kql\nprint 1\n```kql\nwords\n```kql\nprint 2\n```kql\nwords\n"), one_and_two);
    }
}
