//! One row, member by member: who reads says which keys are wanted, and takes their values as they are written.

use crate::error::{Error, Kind, Result};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Takes members of a row.
pub(super) trait Members {
    /// Returns the place of a key; none where its value is not wanted.
    fn place(&mut self, key: &str) -> Option<usize>;
    /// Takes the value of the key at a place, as JSON text.
    fn value(&mut self, at: usize, raw: &str);
}

/// Reads a row.
///
/// # Errors
/// [`Kind::Disk`] where it is no JSON object.
pub(super) fn read(row: &[u8], members: &mut impl Members) -> Result<()> {
    Row(members).deserialize(&mut serde_json::Deserializer::from_slice(row)).map_err(not_a_row)
}

/// The error of a row that is none.
fn not_a_row(error: serde_json::Error) -> Error {
    Error::new(Kind::Disk, format!("this is not a row: {error}"))
        .with_code("UnreadableInput")
        .hint("rows are JSON objects, one a line or in one array; was the file cut off?")
        .caused_by(error)
}

struct Row<'a, M>(&'a mut M);

impl<'de, M: Members> DeserializeSeed<'de> for Row<'_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, M: Members> Visitor<'de> for Row<'_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(at) = map.next_key_seed(KeyOf(&mut *self.0))? {
            match at {
                Some(at) => self.0.value(at, map.next_value::<&RawValue>()?.get()),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Finds a key's place.
struct KeyOf<'a, M>(&'a mut M);

impl<'de, M: Members> DeserializeSeed<'de> for KeyOf<'_, M> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<M: Members> Visitor<'_> for KeyOf<'_, M> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.place(name))
    }
}
