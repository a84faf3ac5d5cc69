//! Percent-encoding of what stands in a URL's path segment or in the value of a query key.
//!
//! Not for forms, where a space is a plus sign.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is escaped. A plus sign means a space to some services and itself to others, so that neither is left as it is; what the
/// services' own page addresses leave readable stays readable.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'(')
    .remove(b')')
    .remove(b'\'')
    .remove(b',')
    .remove(b':')
    .remove(b'/')
    .remove(b'$');

/// As [`ESCAPED`], but a place that is yet to be filled, `{id}`, stays readable.
const ESCAPED_BUT_PLACES: &AsciiSet = &ESCAPED.remove(b'{').remove(b'}');

/// Percent-encodes a value.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// Percent-encodes a value in which `{id}` may stand for what only an earlier answer will tell.
pub(crate) fn encoded_but_places(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED_BUT_PLACES).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_plus_signs_and_separators_are_escaped() {
        assert_eq!(encoded("a ge 2026-01-01T00:00:00Z and n eq 'x+y&z'"), "a%20ge%202026-01-01T00:00:00Z%20and%20n%20eq%20'x%2By%26z'");
        assert_eq!(encoded("é#?%{x}"), "%C3%A9%23%3F%25%7Bx%7D");
        assert_eq!(encoded_but_places("{id} 1"), "{id}%201");
    }
}
