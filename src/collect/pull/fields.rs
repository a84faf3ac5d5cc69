//! The few members of an object that matter for collecting it, read without building the rest.

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

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
    /// Reads an object, as far as it must: that the rest is JSON was seen to when it came. What cannot be read has no fields, and is
    /// stored all the same.
    pub(super) fn read(&self, object: &[u8]) -> Fields {
        let mut fields = Fields::default();
        // A reader that stops in the middle of an object calls that an error.
        let _stopped = Seed { names: self, fields: &mut fields }.deserialize(&mut serde_json::Deserializer::from_slice(object));
        fields
    }

    fn all_in(&self, fields: &Fields) -> bool {
        let is_there = |name: &Option<String>, field: &Option<String>| name.is_none() || field.is_some();
        fields.id.is_some() && is_there(&self.updated, &fields.updated) && is_there(&self.time, &fields.time)
    }
}

struct Seed<'a> {
    names: &'a Names,
    fields: &'a mut Fields,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { names, fields } = self;
        let is = |name: Option<&str>, key: &str| name.is_some_and(|name| name.eq_ignore_ascii_case(key));
        while !names.all_in(fields)
            && let Some(key) = map.next_key::<Cow<'de, str>>()?
        {
            let (id, updated, time) = (is(Some(&names.id), &key), is(names.updated.as_deref(), &key), is(names.time.as_deref(), &key));
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
        Ok(())
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
        assert_eq!(names.read(br#"{"incidentId":7,"lastUpdateTime":"t","rest":"#).time.as_deref(), Some("t"));
        assert_eq!(names.read(br#"{"incidentId":"a\u00e9"}"#).id.as_deref(), Some("a\u{e9}"));
    }
}
