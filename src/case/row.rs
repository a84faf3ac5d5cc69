//! Looks into a row of NDJSON: a few fields of it, or the first ones in the order in which they were sent.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// Names of fields that hold when a row happened, the better ones first: Kusto's, then those of the APIs' objects.
const TIMES: [&str; 12] = [
    "Timestamp",
    "TimeGenerated",
    "createdDateTime",
    "activityDateTime",
    "detectedDateTime",
    "alertCreationTime",
    "eventDateTime",
    "lastUpdateDateTime",
    "lastUpdatedDateTime",
    "creationDateTimeUtc",
    "lastSeen",
    "registrationDateTime",
];

/// What charts and counts need of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Glimpse {
    /// When it happened, as written, and how good the field's name is (0 is best).
    pub(super) time: Option<(usize, String)>,
    pub(super) id: Option<String>,
    pub(super) severity: Option<String>,
    pub(super) tactic: Option<String>,
}

impl Glimpse {
    /// Reads a row; nothing of it where it is no JSON object.
    pub(super) fn of(row: &[u8]) -> Self {
        serde_json::from_slice(row).unwrap_or_default()
    }

    fn take(&mut self, name: &str, value: Text) {
        let Some(value) = value.0 else { return };
        match name {
            "id" | "AlertId" => self.id = Some(value),
            "severity" | "Severity" => self.severity = Some(value),
            "category" | "Category" => self.tactic = Some(value),
            _ => {
                let Some(rank) = TIMES.iter().position(|time| *time == name) else { return };
                if self.time.as_ref().is_none_or(|(best, _)| rank < *best) {
                    self.time = Some((rank, value));
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Glimpse {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Glimpse;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Glimpse, A::Error> {
                let mut glimpse = Glimpse::default();
                while let Some(name) = map.next_key::<std::borrow::Cow<'_, str>>()? {
                    if is_wanted(&name) {
                        glimpse.take(&name, map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(glimpse)
            }
        }
        from.deserialize_map(Fields)
    }
}

fn is_wanted(name: &str) -> bool {
    matches!(name, "id" | "AlertId" | "severity" | "Severity" | "category" | "Category") || TIMES.contains(&name)
}

/// A text; of anything else nothing.
struct Text(Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(from)? {
            Value::String(text) => Some(text),
            _ => None,
        }))
    }
}

/// The first fields of a row, in order, each as a person would read it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    fields.push((name, words(value)));
                }
                Ok(Fields(fields))
            }
        }
        from.deserialize_map(InOrder)
    }
}

fn words(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_time_is_taken_whatever_the_order() {
        let of = |row: &str| Glimpse::of(row.as_bytes()).time.map(|(_, time)| time);
        assert_eq!(of(r#"{"lastUpdateDateTime":"b","createdDateTime":"a","x":{"Timestamp":"c"}}"#), Some("a".into()));
        assert_eq!(of(r#"{"Timestamp":"t","createdDateTime":"a"}"#), Some("t".into()));
        assert_eq!(of(r#"{"Timestamp":5}"#), None);
        assert_eq!(of("no json"), None);
    }

    #[test]
    fn fields_keep_their_order() {
        let fields: Fields = serde_json::from_str(r#"{"z":1,"a":"x","m":{"k":[null]},"n":null}"#).unwrap();
        let expected = [("z", "1"), ("a", "x"), ("m", r#"{"k":[null]}"#), ("n", "")];
        assert_eq!(fields.0, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
