//! What the lexer hands to the parser.

use crate::kql::ast::Span;
use crate::kql::keywords::AsName;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name.
    Identifier,
    /// A word with a meaning, and where it may be a name all the same.
    Keyword(&'static str, AsName),
    /// Punctuation, by its text.
    Punct(&'static str),
    /// A constant of that form.
    Literal(Form),
    /// A line that starts with `#`.
    Directive,
    /// A character that is not part of the language.
    Bad,
    /// The end of the text.
    End,
}

/// The forms of constants that are one token each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Bool,
    Long,
    Int,
    Real,
    Decimal,
    Datetime,
    Timespan,
    Guid,
    /// A GUID without `guid(...)` around it, which is always an error.
    RawGuid,
    String,
}

/// What is wrong with a token by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It lacks its end: the closing quote or parenthesis.
    Unended(&'static str),
    /// It is a character that is not part of the language.
    Unexpected,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: Kind,
    /// Where it stands.
    pub(super) span: Span,
    /// Space or a comment stands before it.
    pub(super) spaced: bool,
    /// A line break stands before it.
    pub(super) on_new_line: bool,
    /// What is wrong with it.
    pub(super) flaw: Option<Flaw>,
}

impl Kind {
    /// The text of a keyword or a punctuation.
    pub(super) fn fixed(self) -> Option<&'static str> {
        match self {
            Self::Keyword(text, _) | Self::Punct(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is a keyword.
    pub(super) fn is_keyword(self) -> bool {
        matches!(self, Self::Keyword(..))
    }

    /// Whether it may be a name anywhere.
    pub(super) fn is_name(self) -> bool {
        matches!(self, Self::Identifier | Self::Keyword(_, AsName::Anywhere))
    }

    /// Whether it may be a name where one is declared.
    pub(super) fn is_declared_name(self) -> bool {
        matches!(self, Self::Identifier | Self::Keyword(_, AsName::Anywhere | AsName::Declared))
    }
}
