//! The few members of an object that matter for collecting it, read without building the rest.

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Names of the members that matter.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) id: String,
    pub(super) updated: Option<String>,
    pub(super) time: Option<String>,
}

/// Their values, as they stand in the object: texts without their quotes, numbers as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) id: Option<String>,
    pub(super) updated: Option<String>,
    pub(super) time: Option<String>,
}

impl Names {
    /// Reads an object. What cannot be read has no fields, and is stored all the same.
    pub(super) fn read(&self, object: &[u8]) -> Fields {
        let mut reader = serde_json::Deserializer::from_slice(object);
        Seed(self).deserialize(&mut reader).unwrap_or_default()
    }
}

struct Seed<'a>(&'a Names);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Fields;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Fields, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        let is = |name: Option<&str>, key: &str| name.is_some_and(|name| name.eq_ignore_ascii_case(key));
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let (id, updated, time) = (is(Some(&self.0.id), &key), is(self.0.updated.as_deref(), &key), is(self.0.time.as_deref(), &key));
            if !(id || updated || time) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = plain(map.next_value::<&'de RawValue>()?);
            for (wanted, field) in [(id, &mut fields.id), (updated, &mut fields.updated), (time, &mut fields.time)] {
                if wanted {
                    field.clone_from(&value);
                }
            }
        }
        Ok(fields)
    }
}

fn plain(value: &RawValue) -> Option<String> {
    match value.get() {
        "null" => None,
        text if text.starts_with('"') => serde_json::from_str(text).ok(),
        other => Some(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_matters_in_any_case_and_leaves_the_rest() {
        let names = Names { id: "incidentId".into(), updated: Some("lastUpdateTime".into()), time: Some("lastUpdateTime".into()) };
        let object =
            br#"{"x":{"incidentId":1},"IncidentID":264,"big":123456789012345678901234567890,"lastUpdateTime":"2021-04-15T16:16:35.92Z"}"#;
        let time = Some("2021-04-15T16:16:35.92Z".to_owned());
        assert_eq!(names.read(object), Fields { id: Some("264".into()), updated: time.clone(), time });
        assert_eq!(names.read(br#"{"incidentId":null}"#), Fields::default());
        assert_eq!(names.read(b"[]"), Fields::default());
        assert_eq!(names.read(br#"{"incidentId":"a\u00e9"}"#).id.as_deref(), Some("a\u{e9}"));
    }
}
