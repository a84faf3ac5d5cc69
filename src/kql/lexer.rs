//! The lexer: text to tokens. Never fails; what is wrong with a token is noted on it and told where the parser takes it.

use crate::kql::ast::Span;
use crate::kql::keywords;
use crate::kql::scan;
use crate::kql::token::{Flaw, Form, Kind, Token};

/// Punctuation, longer before shorter where one begins another.
const PUNCTUATION: [&str; 29] = [
    "(", ")", "[", "]", "{", "}", "|", "..", ".", "+", "-", "*", "/", "%", "<=", "<|", "<>", "<", ">=", ">", "==", "=>", "=~", "=", "!=",
    "!~", ":", ";", ",",
];

/// Cuts `text` into tokens; the last is always [`Kind::End`].
pub(super) fn tokenize(text: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len() / 6 + 1);
    let mut position = 0;
    loop {
        let token = next(text, position);
        position = token.span.end;
        tokens.push(token);
        if token.kind == Kind::End {
            return tokens;
        }
    }
}

fn next(text: &str, from: usize) -> Token {
    let start = skip_trivia(text, from);
    let trivia = text.get(from..start).unwrap_or_default();
    let (kind, length, flaw) = classify(text.get(start..).unwrap_or_default());
    let span = Span { start, end: start + length };
    Token { kind, span, spaced: !trivia.is_empty(), on_new_line: trivia.contains(is_line_break), flaw }
}

/// Returns where the space and comments that start at `from` end.
fn skip_trivia(text: &str, from: usize) -> usize {
    let mut rest = text.get(from..).unwrap_or_default();
    loop {
        rest = rest.trim_start_matches(is_space);
        if !rest.starts_with("//") {
            return text.len() - rest.len();
        }
        rest = rest.find(is_line_break).and_then(|end| rest.get(end..)).map_or("", skip_line_break);
    }
}

fn skip_line_break(rest: &str) -> &str {
    let mut chars = rest.chars();
    chars.next();
    chars.as_str()
}

fn is_line_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{2028}' | '\u{2029}')
}

/// The characters that separate tokens, the byte order mark and the zero-width space among them.
fn is_space(c: char) -> bool {
    matches!(
        c,
        '\t' | ' ' | '\r' | '\n' | '\u{c}' | '\u{a0}' | '\u{1680}' | '\u{180e}' | '\u{2000}'
            ..='\u{200b}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}'
    )
}

type Classified = (Kind, usize, Option<Flaw>);

fn classify(rest: &str) -> Classified {
    let bytes = rest.as_bytes();
    let Some(first) = bytes.first().copied() else { return (Kind::End, 0, None) };
    if !first.is_ascii_alphanumeric()
        && let Some(found) = punctuation(rest).or_else(|| string(bytes)).or_else(|| directive(rest))
    {
        return found;
    }
    let word = keyword(rest).or_else(|| word(bytes)).or_else(|| number(bytes));
    word.unwrap_or_else(|| (Kind::Bad, rest.chars().next().map_or(0, char::len_utf8), Some(Flaw::Unexpected)))
}

fn punctuation(rest: &str) -> Option<Classified> {
    if rest.starts_with('@') {
        return string(rest.as_bytes()).or(Some((Kind::Punct("@"), 1, None)));
    }
    if rest.starts_with('?') {
        return Some((Kind::Punct("?"), 1, None));
    }
    PUNCTUATION.iter().find(|mark| rest.starts_with(**mark)).map(|mark| (Kind::Punct(mark), mark.len(), None))
}

fn directive(rest: &str) -> Option<Classified> {
    rest.starts_with('#').then(|| (Kind::Directive, rest.find(is_line_break).unwrap_or(rest.len()), None))
}

fn string(bytes: &[u8]) -> Option<Classified> {
    let (length, lacks) = scan::string(bytes)?;
    Some((Kind::Literal(Form::String), length, lacks.map(Flaw::Unended)))
}

/// A keyword, or a constant such as `datetime(...)`, whose parentheses are part of the token.
fn keyword(rest: &str) -> Option<Classified> {
    let bytes = rest.as_bytes();
    if bytes.first() == Some(&b'!') && keywords::longest(bytes).is_none() {
        return bytes.get(1).is_none_or(|byte| !scan::is_word(*byte)).then_some((Kind::Punct("!"), 1, None));
    }
    let (word, as_name) = keywords::longest(bytes)?;
    match bytes.get(word.len()).copied() {
        Some(b'(') if form_of(word).is_some() => form_of(word).map(|form| parenthesized(rest, word.len(), form)),
        Some(byte) if scan::is_word(byte) => None,
        _ => Some((Kind::Keyword(word, as_name), word.len(), None)),
    }
}

fn parenthesized(rest: &str, open: usize, form: Form) -> Classified {
    let inside = rest.get(open + 1..).unwrap_or_default();
    let stop = inside.find(|c| c == ')' || is_line_break(c)).unwrap_or(inside.len());
    let ended = inside.get(stop..).is_some_and(|tail| tail.starts_with(')'));
    let length = open + 1 + stop + usize::from(ended);
    (Kind::Literal(form), length, (!ended).then_some(Flaw::Unended(")")))
}

/// The constants written `type(value)`. `boolean(` and `string(` are not among them.
fn form_of(word: &str) -> Option<Form> {
    Some(match word {
        "long" | "int64" => Form::Long,
        "int" | "int32" => Form::Int,
        "real" | "double" => Form::Real,
        "decimal" => Form::Decimal,
        "bool" => Form::Bool,
        "datetime" | "date" => Form::Datetime,
        "time" | "timespan" => Form::Timespan,
        "guid" => Form::Guid,
        _ => return None,
    })
}

fn word(bytes: &[u8]) -> Option<Classified> {
    if !scan::is_word_start(*bytes.first()?) {
        return None;
    }
    let length = scan::identifier(bytes)?;
    let text = bytes.get(..length)?;
    if matches!(text, b"true" | b"True" | b"TRUE" | b"false" | b"False" | b"FALSE") {
        return Some((Kind::Literal(Form::Bool), length, None));
    }
    let hidden = if matches!(text, b"h" | b"H") { string(bytes) } else { None };
    let guid = || scan::raw_guid(bytes).map(|length| (Kind::Literal(Form::RawGuid), length, None));
    hidden.or_else(guid).or(Some((Kind::Identifier, length, None)))
}

fn number(bytes: &[u8]) -> Option<Classified> {
    let literal = |form: Form| move |length: usize| (Kind::Literal(form), length, None);
    (scan::raw_guid(bytes).map(literal(Form::RawGuid)))
        .or_else(|| scan::real(bytes).map(literal(Form::Real)))
        .or_else(|| scan::timespan(bytes).map(literal(Form::Timespan)))
        .or_else(|| scan::long(bytes).map(literal(Form::Long)))
        .or_else(|| scan::identifier(bytes).map(|length| (Kind::Identifier, length, None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<String> {
        let show = |token: Token| match token.kind {
            Kind::Keyword(word, _) => format!("k:{word}"),
            Kind::Punct(mark) => mark.to_owned(),
            Kind::Literal(form) => format!("{form:?}:{}", &text[token.span.start..token.span.end]),
            other => format!("{other:?}:{}", &text[token.span.start..token.span.end]),
        };
        tokenize(text).into_iter().filter(|token| token.kind != Kind::End).map(show).collect()
    }

    #[test]
    fn cuts_words_and_marks() {
        assert_eq!(kinds("T|where a!in~(1)"), ["Identifier:T", "|", "k:where", "Identifier:a", "k:!in~", "(", "Long:1", ")"]);
        assert_eq!(kinds("project-away a-b"), ["k:project-away", "Identifier:a", "-", "Identifier:b"]);
        assert_eq!(kinds("tolong(x) inner"), ["Identifier:tolong", "(", "Identifier:x", ")", "Identifier:inner"]);
        assert_eq!(kinds("a matches regex @'x'"), ["Identifier:a", "k:matches regex", "String:@'x'"]);
        assert_eq!(kinds("1..2 ago(1d)"), ["Long:1", "..", "Long:2", "Identifier:ago", "(", "Timespan:1d", ")"]);
    }

    #[test]
    fn takes_typed_constants_whole() {
        assert_eq!(kinds("datetime(2024-01-01 00:00)"), ["Datetime:datetime(2024-01-01 00:00)"]);
        assert_eq!(kinds("datetime (1)"), ["k:datetime", "(", "Long:1", ")"]);
        assert_eq!(kinds("h'x' h@\"y\" h"), ["String:h'x'", "String:h@\"y\"", "Identifier:h"]);
        assert_eq!(tokenize("datetime(2024").first().and_then(|token| token.flaw), Some(Flaw::Unended(")")));
    }

    #[test]
    fn skips_space_and_comments() {
        assert_eq!(kinds("\u{feff}// a; 'b\r\nT // c"), ["Identifier:T"]);
        assert!(tokenize("a\n b").get(1).is_some_and(|token| token.on_new_line && token.spaced));
        assert_eq!(kinds("é !x"), ["Bad:é", "Bad:!", "Identifier:x"]);
    }
}
