//! The first of two readings: which columns the rows have, and which types hold all their values without loss.

use super::{
    Rows,
    cells::Cells,
    columns::Columns,
    encode::Refused,
    value::{self, Kind},
};
use crate::{error::Result, journal::Column};

/// Reads all rows. Columns that are declared keep their type where every value fits, and become text where not; the others, in
/// the order in which they turn up, get the narrowest type that fits.
pub(crate) fn learn(rows: &dyn Rows, declared: &[Column]) -> Result<Columns> {
    let mut cells = Cells::new(Columns::declared(declared), true);
    let mut seen: Vec<Seen> = Vec::new();
    rows.each(&mut |row| {
        cells.lay(row).map_err(Refused::into_error)?;
        let columns = cells.columns().list();
        seen.resize(columns.len(), Seen::default());
        for (at, (column, seen)) in columns.iter().zip(&mut seen).enumerate() {
            match cells.get(row, at) {
                Some(value) if column.declared => seen.misfit |= !column.kind.holds(value),
                Some(value) => seen.take(value),
                None => {}
            }
        }
        Ok(())
    })?;
    Ok(settled(cells.into_columns(), &seen))
}

fn settled(mut columns: Columns, seen: &[Seen]) -> Columns {
    for (at, seen) in seen.iter().enumerate() {
        let declared = columns.list().get(at).filter(|column| column.declared).map(|column| column.kind);
        let kind = declared.filter(|_| !seen.misfit).unwrap_or_else(|| if declared.is_some() { Kind::Text } else { seen.narrowest() });
        columns.set(at, kind);
    }
    columns
}

/// What the values of a column were; each is true until a value says otherwise.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is one question that every value answers")]
struct Seen {
    misfit: bool,
    none: bool,
    bool: bool,
    int: bool,
    double: bool,
    time: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self { misfit: false, none: true, bool: true, int: true, double: true, time: true }
    }
}

impl Seen {
    #[inline]
    fn take(&mut self, value: &str) {
        self.none = false;
        let number = value.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        self.bool &= matches!(value, "true" | "false");
        self.int &= number && value::int(value).is_some();
        self.double &= number && value::double(value).is_some();
        self.time &= value.ends_with("Z\"") && value::time(value).is_some();
    }

    fn narrowest(self) -> Kind {
        match self {
            Self { none: true, .. } => Kind::Text,
            Self { bool: true, .. } => Kind::Bool,
            Self { int: true, .. } => Kind::Int,
            Self { double: true, .. } => Kind::Double,
            Self { time: true, .. } => Kind::Time,
            _ => Kind::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Texts(Vec<&'static str>);

    impl Rows for Texts {
        fn each(&self, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
            self.0.iter().try_for_each(|row| each(row))
        }
    }

    fn learned(rows: &[&'static str], declared: &[(&str, &str)]) -> Vec<(String, Kind)> {
        let declared: Vec<_> = declared.iter().map(|(name, kind)| Column { name: (*name).into(), kind: (*kind).into() }).collect();
        let columns = learn(&Texts(rows.to_vec()), &declared).unwrap();
        columns.list().iter().map(|column| (column.name.clone(), column.kind)).collect()
    }

    #[test]
    fn what_is_not_declared_gets_the_narrowest_type() {
        let rows = [
            r#"{"n":null,"b":true,"i":1,"d":1,"t":"2026-01-01T00:00:00Z","s":"x"}"#,
            r#"{"b":false,"i":-5,"d":1.5,"t":"2026-01-01T00:00:00.0000001Z","s":1,"late":12345678901234567890123}"#,
        ];
        let expected = [
            ("n", Kind::Text),
            ("b", Kind::Bool),
            ("i", Kind::Int),
            ("d", Kind::Double),
            ("t", Kind::Time),
            ("s", Kind::Text),
            ("late", Kind::Text),
        ];
        assert_eq!(learned(&rows, &[]), expected.map(|(name, kind)| (name.to_owned(), kind)));
    }

    #[test]
    fn what_is_declared_stays_until_a_value_does_not_fit() {
        let rows = [r#"{"a":1,"b":1,"x":true}"#, r#"{"a":2,"b":9223372036854775808}"#];
        let expected = [("a", Kind::Int), ("b", Kind::Text), ("c", Kind::Time), ("x", Kind::Bool)];
        assert_eq!(
            learned(&rows, &[("a", "Int64"), ("b", "Int64"), ("c", "DateTime")]),
            expected.map(|(name, kind)| (name.to_owned(), kind))
        );
        assert_eq!(learned(&[], &[("c", "DateTime")]), [("c".to_owned(), Kind::Time)]);
    }
}
