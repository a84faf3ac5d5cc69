//! Lists with commas, and how they end, go wrong and are allowed to be sloppy.

use super::{Parsed, Parser};

/// Whether the list ends before the token at that offset.
pub(super) type Ends = fn(&Parser<'_>) -> bool;

/// What a list of elements allows.
#[derive(Clone, Copy)]
pub(super) struct List {
    /// What an element is called where it is missing.
    pub(super) element: &'static str,
    /// Where the list ends; without it, it ends at the first element that no comma follows.
    pub(super) ends: Option<Ends>,
    /// At least one element.
    pub(super) some: bool,
    /// A comma may follow the last element.
    pub(super) trailing: bool,
}

impl List {
    /// A list that ends with the clause, possibly empty.
    pub(super) fn of(element: &'static str) -> Self {
        Self { element, ends: Some(common_end), some: false, trailing: false }
    }

    /// With at least one element.
    pub(super) fn some(self) -> Self {
        Self { some: true, ..self }
    }

    /// A comma may follow the last element.
    pub(super) fn trailing(self) -> Self {
        Self { trailing: true, ..self }
    }

    /// Ends at the first element that no comma follows.
    pub(super) fn open(self) -> Self {
        Self { ends: None, ..self }
    }

    /// Ends elsewhere.
    pub(super) fn until(self, ends: Ends) -> Self {
        Self { ends: Some(ends), ..self }
    }
}

/// The tokens that end any list: closing ones, `|`, `;`, the end.
pub(super) fn common_end(parser: &Parser<'_>) -> bool {
    matches!(parser.fixed(), ")" | "]" | "}" | "|" | ";") || parser.at_end()
}

impl Parser<'_> {
    pub(super) fn list<T>(&mut self, list: List, element: impl Fn(&mut Self) -> Parsed<Option<T>>) -> Parsed<Vec<T>> {
        let ended = |parser: &Self| list.ends.is_some_and(|ends| ends(parser));
        let mut found = Vec::new();
        let element = |parser: &mut Self| parser.beside(&element);
        let mut next = if ended(self) { None } else { element(self)? };
        if next.is_none() && (self.at(",") || list.some) {
            return Err(self.lacks(list.element));
        }
        while let Some(value) = next {
            found.push(value);
            next = if self.at_end() || ended(self) {
                None
            } else if self.eat(",") {
                self.after_comma(list, element)?
            } else if list.ends.is_some() {
                self.without_comma(element)?
            } else {
                None
            };
        }
        Ok(found)
    }

    fn after_comma<T>(&mut self, list: List, element: impl Fn(&mut Self) -> Parsed<Option<T>>) -> Parsed<Option<T>> {
        let ended = list.ends.is_some_and(|ends| ends(self));
        match if ended { None } else { element(self)? } {
            None if !list.trailing => Err(self.lacks(list.element)),
            next => Ok(next),
        }
    }

    /// Another element without a comma is a comma missing; nothing that could be one is for whoever comes next.
    fn without_comma<T>(&mut self, element: impl Fn(&mut Self) -> Parsed<Option<T>>) -> Parsed<Option<T>> {
        let before = self.position;
        match element(self) {
            Ok(None) => Ok(None),
            Ok(Some(_)) | Err(_) => Err(self.lacked_token(before, "expected `,`")),
        }
    }
}
