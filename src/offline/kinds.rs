//! Which type a column has: the documented one where every value fits it, else one that loses nothing.

use super::values;
use crate::kql::ast::TypeName;

/// What is known of a column's type by the values seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Guess {
    kind: Option<TypeName>,
    /// The type is the documentation's and no guess.
    declared: bool,
    /// Whole numbers were seen that no real holds.
    big: bool,
}

impl Guess {
    /// The type that the documentation names.
    pub(super) fn declared(kind: TypeName) -> Self {
        Self { kind: Some(kind), declared: true, big: false }
    }

    /// The type of the column; a column without a value is text.
    pub(super) fn kind(self) -> TypeName {
        self.kind.unwrap_or(TypeName::String)
    }

    /// Learns from a value as it is written.
    pub(super) fn see(&mut self, raw: &str) {
        if raw == "null" || (raw == "\"\"" && self.kind.is_none()) {
            return;
        }
        self.note_size(raw);
        let Some(kind) = self.kind else {
            self.kind = Some(narrowest(raw, self.big));
            return;
        };
        self.kind = Some(if self.declared { Self::declared_or_wider(kind, raw) } else { self.guessed(kind, raw) });
    }

    fn note_size(&mut self, raw: &str) {
        if !self.big && raw.len() >= 16 && !raw.starts_with('"') {
            self.big = values::long(raw).is_some_and(|value| value.unsigned_abs() > values::EXACT.unsigned_abs());
        }
    }

    fn declared_or_wider(kind: TypeName, raw: &str) -> TypeName {
        let mut kind = kind;
        while !values::fits(kind, raw) {
            kind = wider(kind);
        }
        kind
    }

    fn guessed(self, kind: TypeName, raw: &str) -> TypeName {
        let stays = match kind {
            TypeName::String => raw.starts_with('"'),
            TypeName::Datetime => raw == "\"\"" || values::is_iso(raw),
            TypeName::Dynamic => true,
            TypeName::Real | TypeName::Long | TypeName::Decimal | TypeName::Bool => narrowest(raw, self.big) == kind,
            _ => values::fits(kind, raw),
        };
        if stays { kind } else { self.both(kind, narrowest(raw, self.big)) }
    }

    /// Brings together what two readers of parts of one column know.
    pub(super) fn joined(self, other: Self) -> Self {
        let big = self.big || other.big;
        let joined = Self { big, ..self };
        let kind = match (self.kind, other.kind) {
            (Some(one), Some(other)) => Some(joined.both(one, other)),
            (one, other) => one.or(other),
        };
        Self { kind, ..joined }
    }

    fn both(self, one: TypeName, other: TypeName) -> TypeName {
        match (one, other) {
            (TypeName::Long | TypeName::Int, TypeName::Real) | (TypeName::Real, TypeName::Long | TypeName::Int) if self.big => {
                TypeName::Decimal
            }
            _ => joined(one, other),
        }
    }
}

/// The type that holds the values of both.
pub(super) fn joined(one: TypeName, other: TypeName) -> TypeName {
    use TypeName::{Datetime, Decimal, Dynamic, Guid, Int, Long, Real, String};
    match (one, other) {
        _ if one == other => one,
        (Int, Long) | (Long, Int) => Long,
        (Int | Long, Real) | (Real, Int | Long) => Real,
        (Int | Long | Real, Decimal) | (Decimal, Int | Long | Real) => Decimal,
        (Datetime | Guid, String) | (String, Datetime | Guid) => String,
        _ => Dynamic,
    }
}

fn wider(kind: TypeName) -> TypeName {
    match kind {
        TypeName::Int => TypeName::Long,
        TypeName::Long => TypeName::Decimal,
        TypeName::Datetime | TypeName::Timespan | TypeName::Guid => TypeName::String,
        _ => TypeName::Dynamic,
    }
}

/// The narrowest type of a value.
fn narrowest(raw: &str, big: bool) -> TypeName {
    match raw.as_bytes().first() {
        Some(b'"') if values::is_iso(raw) => TypeName::Datetime,
        Some(b'"') => TypeName::String,
        Some(b't' | b'f') => TypeName::Bool,
        Some(b'{' | b'[') => TypeName::Dynamic,
        _ if values::long(raw).is_some() && !raw.contains(['.', 'e', 'E']) => TypeName::Long,
        _ if values::is_exact(raw) && !big => TypeName::Real,
        _ => TypeName::Decimal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(start: Guess, values: &[&str]) -> TypeName {
        let mut guess = start;
        for raw in values {
            guess.see(raw);
        }
        guess.kind()
    }

    #[test]
    fn no_digit_is_lost() {
        let free = |values: &[&str]| guessed(Guess::default(), values);
        assert_eq!(free(&["1", "null", "-5"]), TypeName::Long);
        assert_eq!(free(&["1", "1.5"]), TypeName::Real);
        assert_eq!(free(&["9007199254740993", "1.5"]), TypeName::Decimal);
        assert_eq!(free(&["1.5", "9007199254740993"]), TypeName::Decimal);
        assert_eq!(free(&["18446744073709551615"]), TypeName::Decimal);
        assert_eq!(free(&["0.12345678901234567"]), TypeName::Decimal);
    }

    #[test]
    fn texts_are_times_only_where_all_are() {
        let free = |values: &[&str]| guessed(Guess::default(), values);
        assert_eq!(free(&["\"2026-01-01T00:00:00Z\"", "\"\""]), TypeName::Datetime);
        assert_eq!(free(&["\"2026-01-01T00:00:00Z\"", "\"soon\""]), TypeName::String);
        assert_eq!(free(&["\"x\"", "5"]), TypeName::Dynamic);
        assert_eq!(free(&["null", "\"\""]), TypeName::String);
        assert_eq!(free(&["true", "false"]), TypeName::Bool);
    }

    #[test]
    fn the_documented_type_holds_while_values_fit() {
        let long = |values: &[&str]| guessed(Guess::declared(TypeName::Int), values);
        assert_eq!(long(&["1", "\"2\"", "true"]), TypeName::Int);
        assert_eq!(long(&["3000000000"]), TypeName::Long);
        assert_eq!(long(&["\"N/A\""]), TypeName::Dynamic);
        assert_eq!(guessed(Guess::declared(TypeName::Datetime), &["\"\"", "\"2026-01-01\""]), TypeName::Datetime);
        assert_eq!(guessed(Guess::declared(TypeName::Bool), &["0", "1"]), TypeName::Bool);
    }

    #[test]
    fn two_readers_agree_with_one() {
        let (mut one, mut other) = (Guess::default(), Guess::default());
        one.see("9007199254740993");
        other.see("1.5");
        assert_eq!(one.joined(other).kind(), TypeName::Decimal);
        assert_eq!(other.joined(one).kind(), TypeName::Decimal);
    }
}
