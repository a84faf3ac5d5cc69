//! Strings: their forms to text, and text to the form that is safe anywhere.

use crate::kql::scan;

/// Returns the text that a string token stands for. None where the token is not a whole string.
pub(in crate::kql) fn decode(token: &str) -> Option<String> {
    let plain = token.strip_prefix(['h', 'H']).unwrap_or(token);
    let verbatim = plain.strip_prefix('@');
    let body = verbatim.unwrap_or(plain);
    for quote in scan::LONG_QUOTES {
        if let Some(rest) = body.strip_prefix(quote) {
            return rest.strip_suffix(quote).map(str::to_owned);
        }
    }
    let quote = body.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let content = body.strip_prefix(quote)?.strip_suffix(quote)?;
    Some(match verbatim {
        Some(_) => content.replace(&format!("{quote}{quote}"), &quote.to_string()),
        None => unescape(content),
    })
}

fn unescape(content: &str) -> String {
    let mut out = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = rest.find('\\') {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        let length = scan::escape(tail.as_bytes()).max(1);
        let (escape, after) = tail.split_at_checked(length).unwrap_or((tail, ""));
        push_escape(&mut out, escape);
        rest = after;
    }
    out.push_str(rest);
    out
}

fn push_escape(out: &mut String, escape: &str) {
    let code = escape.get(1..).unwrap_or_default();
    match code.as_bytes().first() {
        Some(b'a') => out.push('\u{7}'),
        Some(b'b') => out.push('\u{8}'),
        Some(b'f') => out.push('\u{c}'),
        Some(b'n') => out.push('\n'),
        Some(b'r') => out.push('\r'),
        Some(b't') => out.push('\t'),
        Some(b'v') => out.push('\u{b}'),
        Some(b'u' | b'U' | b'x') => out.extend(scalar(code.get(1..).unwrap_or_default(), 16)),
        Some(b'0'..=b'7') => out.extend(scalar(code, 8)),
        _ => out.push_str(code),
    }
}

/// A lone surrogate is no character; Kusto's strings are UTF-8, where it becomes the replacement character.
fn scalar(digits: &str, radix: u32) -> Option<char> {
    let code = u32::from_str_radix(digits, radix).ok()?;
    Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// Returns `text` as a string constant of the language, so that no text can end it or add to the query.
///
/// ```
/// assert_eq!(ircollect::kql::literal::quote(r#"a"b\c"#), r#""a\"b\\c""#);
/// ```
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => out.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_every_form() {
        assert_eq!(decode("'a\\n\\x41\\u00e9\\101'").as_deref(), Some("a\nAéA"));
        assert_eq!(decode("@'a''b\\n'").as_deref(), Some("a'b\\n"));
        assert_eq!(decode("h@\"a\"\"b\"").as_deref(), Some("a\"b"));
        assert_eq!(decode("h'x'").as_deref(), Some("x"));
        assert_eq!(decode("```a\n'b\\```").as_deref(), Some("a\n'b\\"));
        assert_eq!(decode("'a"), None);
        assert_eq!(decode("'\\ud800'").as_deref(), Some("\u{fffd}"));
    }

    #[test]
    fn quotes_so_that_it_decodes_to_the_same() {
        for text in ["", "a", "\"", "\\", "\\\"", "a\nb\r\t\u{0}\u{2028}", "'; drop", "😀"] {
            assert_eq!(decode(&quote(text)).as_deref(), Some(text));
        }
    }
}
