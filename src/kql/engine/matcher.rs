//! Kusto's string operators over one needle: terms, prefixes, suffixes and substrings, with and without case.
//!
//! A term is a maximal run of letters and digits. `has` asks whether the needle stands in the text with no letter or digit
//! right before or after it (where the needle itself begins or ends with one).

use memchr::memmem::Finder;

/// Where a needle has to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Anywhere,
    Start,
    End,
    Whole,
    Term,
    TermStart,
    TermEnd,
}

/// One needle, ready to be looked for.
pub(crate) struct Needle {
    place: Place,
    search: Search,
}

enum Search {
    /// Byte for byte.
    Exact(Finder<'static>),
    /// ASCII letters in either case; the needle is lower-case ASCII.
    AsciiFold(Vec<u8>),
    /// Any letters in either case; the text is lowered first.
    Fold(Finder<'static>),
}

impl Needle {
    pub(crate) fn new(text: &str, place: Place, case_sensitive: bool) -> Self {
        let search = if case_sensitive {
            Search::Exact(Finder::new(text).into_owned())
        } else if text.is_ascii() {
            Search::AsciiFold(text.to_ascii_lowercase().into_bytes())
        } else {
            Search::Fold(Finder::new(&text.to_lowercase()).into_owned())
        };
        Self { place, search }
    }

    /// Whether `text` holds the needle where it has to stand.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match &self.search {
            Search::Exact(finder) => holds(text.as_bytes(), finder.needle(), self.place, |bytes| finder.find(bytes), |a, b| a == b),
            Search::AsciiFold(needle) => {
                holds(text.as_bytes(), needle, self.place, |bytes| find_folded(bytes, needle), <[u8]>::eq_ignore_ascii_case)
            }
            Search::Fold(finder) => {
                let lowered = text.to_lowercase();
                holds(lowered.as_bytes(), finder.needle(), self.place, |bytes| finder.find(bytes), |a, b| a == b)
            }
        }
    }
}

fn holds(text: &[u8], needle: &[u8], place: Place, find: impl Fn(&[u8]) -> Option<usize>, same: impl Fn(&[u8], &[u8]) -> bool) -> bool {
    match place {
        Place::Anywhere => find(text).is_some(),
        Place::Whole => text.len() == needle.len() && same(text, needle),
        Place::Start => text.get(..needle.len()).is_some_and(|start| same(start, needle)),
        Place::End => text.len().checked_sub(needle.len()).is_some_and(|at| same(&text[at..], needle)),
        Place::Term => find_bounded(text, needle, find, true, true),
        Place::TermStart => find_bounded(text, needle, find, true, false),
        Place::TermEnd => find_bounded(text, needle, find, false, true),
    }
}

/// Whether a needle that stands at a place of the text is neither begun nor gone on with by letters or digits of the text.
pub(super) fn is_bounded(text: &[u8], start: usize, end: usize) -> bool {
    let found = &text[start..end];
    !(starts_with_word(found) && ends_with_word(&text[..start]) || ends_with_word(found) && starts_with_word(&text[end..]))
}

fn find_bounded(text: &[u8], needle: &[u8], find: impl Fn(&[u8]) -> Option<usize>, before: bool, after: bool) -> bool {
    if needle.is_empty() {
        return true;
    }
    let (before, after) = (before && starts_with_word(needle), after && ends_with_word(needle));
    let mut from = 0;
    while let Some(found) = find(&text[from..]) {
        let (start, end) = (from + found, from + found + needle.len());
        if !(before && ends_with_word(&text[..start]) || after && starts_with_word(&text[end..])) {
            return true;
        }
        from = start + 1;
    }
    false
}

/// Finds a lower-case ASCII needle, ignoring case.
fn find_folded(text: &[u8], needle: &[u8]) -> Option<usize> {
    let Some((&first, rest)) = needle.split_first() else { return Some(0) };
    let last = text.len().checked_sub(needle.len())?;
    let upper = first.to_ascii_uppercase();
    let mut at = 0;
    while at <= last {
        at += memchr::memchr2(first, upper, &text[at..=last])?;
        if text[at + 1..=at + rest.len()].eq_ignore_ascii_case(rest) {
            return Some(at);
        }
        at += 1;
    }
    None
}

fn starts_with_word(bytes: &[u8]) -> bool {
    match bytes.first() {
        None => false,
        Some(byte) if byte.is_ascii() => byte.is_ascii_alphanumeric(),
        Some(_) => first_char(bytes).is_some_and(char::is_alphanumeric),
    }
}

fn ends_with_word(bytes: &[u8]) -> bool {
    match bytes.last() {
        None => false,
        Some(byte) if byte.is_ascii() => byte.is_ascii_alphanumeric(),
        Some(_) => last_char(bytes).is_some_and(char::is_alphanumeric),
    }
}

/// A character has at most four bytes.
fn first_char(bytes: &[u8]) -> Option<char> {
    let head = &bytes[..bytes.len().min(4)];
    let valid = std::str::from_utf8(head).map_or_else(|error| error.valid_up_to(), str::len);
    std::str::from_utf8(&head[..valid]).ok()?.chars().next()
}

fn last_char(bytes: &[u8]) -> Option<char> {
    (1..=bytes.len().min(4)).find_map(|length| std::str::from_utf8(&bytes[bytes.len() - length..]).ok()?.chars().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(text: &str, needle: &str) -> bool {
        Needle::new(needle, Place::Term, false).matches(text)
    }

    #[test]
    fn has_asks_for_whole_terms() {
        assert!(has("powershell.exe -enc AAA", "POWERSHELL"));
        assert!(!has("powershell.exe", "power"));
        assert!(has("powershell.exe -enc", "powershell.exe"));
        assert!(has("C:\\Windows\\system32", "\\Windows\\"));
        assert!(!has("C:\\Windows\\system32", "\\Win"));
        assert!(has("a_b", "b"), "an underscore separates terms");
        assert!(has("aab aa", "aa"), "a later occurrence counts");
        assert!(has("", "") && has("x", ""));
    }

    #[test]
    fn letters_outside_ascii_belong_to_terms() {
        assert!(!has("Größe", "gr"));
        assert!(has("die GRÖSSE", "grösse"));
        assert!(!has("éa", "a"));
    }

    #[test]
    fn prefixes_and_suffixes_of_terms() {
        assert!(Needle::new("sys", Place::TermStart, false).matches("C:\\SysWOW64"));
        assert!(!Needle::new("wow", Place::TermStart, false).matches("C:\\SysWOW64"));
        assert!(Needle::new("wow64", Place::TermEnd, false).matches("C:\\SysWOW64\\x"));
        assert!(!Needle::new("WOW", Place::TermEnd, true).matches("C:\\SysWOW64\\x"));
    }

    #[test]
    fn substrings_with_and_without_case() {
        assert!(Needle::new("ell.e", Place::Anywhere, false).matches("PowerShELL.exe"));
        assert!(!Needle::new("ell.e", Place::Anywhere, true).matches("PowerShELL.exe"));
        assert!(Needle::new(".EXE", Place::End, false).matches("a.exe"));
        assert!(!Needle::new("abc", Place::Start, true).matches("ab"));
        assert!(Needle::new("", Place::Anywhere, false).matches(""));
    }
}
