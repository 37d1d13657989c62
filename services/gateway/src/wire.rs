//! How values of the services look in JSON.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::openapi::kind;

/// Microseconds since 1970 as RFC 3339 in UTC, always with six decimals, so that texts sort as
/// times do.
pub(crate) struct Micros(pub(crate) i64);

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = jiff::Timestamp::from_microsecond(self.0).map_err(serde::ser::Error::custom)?;
        serializer.collect_str(&format_args!("{time:.6}"))
    }
}

/// The same of a time that was not counted yet.
pub(crate) struct Time(pub(crate) jiff::Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.6}", self.0))
    }
}

/// The text of a JSON object, put into other JSON as it is.
pub(crate) struct Object<'a>(pub(crate) &'a str);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = if self.0.is_empty() { "{}" } else { self.0 };
        let raw: &RawValue = serde_json::from_str(text).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// They look alike in JSON, whatever they are in Rust.
macro_rules! looks_like {
    ($($name:ty => $kind:ty),+) => {
        $(impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                <$kind>::schema_name()
            }

            fn json_schema(schemas: &mut SchemaGenerator) -> Schema {
                <$kind>::json_schema(schemas)
            }
        })+
    };
}
looks_like!(Micros => kind::Moment, Time => kind::Moment, Object<'_> => kind::Metadata);

/// A page of a list.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "{T}Page")]
pub(crate) struct List<T: Serialize> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<i64>,
}

impl<T: Serialize> List<T> {
    /// `next` is "" on the last page.
    pub(crate) fn new(items: Vec<T>, next: String, count: Option<i64>) -> Self {
        Self { items, next_cursor: Some(next).filter(|cursor| !cursor.is_empty()), count }
    }
}

/// 3.0 is a whole number in JSON, too. What is none is out of every range.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    f64::deserialize(deserializer).map(to_whole)
}

/// The same for a field that may be absent or null.
pub(crate) fn whole_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.map(to_whole))
}

fn to_whole(number: f64) -> i32 {
    if number.fract() == 0.0 { number as i32 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_one_length_and_objects_stay_as_they_are() {
        assert_eq!(serde_json::to_string(&Micros(0)).unwrap(), r#""1970-01-01T00:00:00.000000Z""#);
        let kept = r#"{"b":1,"a":1.50}"#;
        assert_eq!(serde_json::to_string(&Object(kept)).unwrap(), kept);
        assert_eq!(serde_json::to_string(&Object("")).unwrap(), "{}");
    }
}
