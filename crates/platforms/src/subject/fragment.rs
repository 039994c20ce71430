//! Reading the identifiers of a fragment: `user_data`'s, and those that stand flat beside it in the
//! shapes of Snap's version 2.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Whether `is` says so of any value of a key, lists taken apart. Whole numbers are texts of their
/// digits. What is no JSON object has no identifiers.
pub fn any_value(fragment: &[u8], mut is: impl FnMut(&str, &str) -> bool) -> bool {
    let Ok(event) = serde_json::from_slice::<Members<'_>>(fragment) else { return false };
    event.0.iter().any(|(key, value)| match key.as_ref() {
        "user_data" => {
            let user = serde_json::from_str::<Members<'_>>(value.get());
            user.is_ok_and(|user| user.0.iter().any(|(key, value)| any_of(key, value, &mut is)))
        }
        flat => any_of(flat, value, &mut is),
    })
}

fn any_of(key: &str, value: &RawValue, is: &mut impl FnMut(&str, &str) -> bool) -> bool {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Text<'_>>(text).is_ok_and(|text| is(key, &text.0)),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(text)
            .is_ok_and(|values| values.into_iter().any(|value| any_of(key, value, is))),
        Some(b'0'..=b'9') => is(key, text),
        _ => false,
    }
}

#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of an object in their order, their values unread.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((Text(key), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            members.push((key, value));
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values_of(fragment: &str) -> Vec<String> {
        let mut values = Vec::new();
        any_value(fragment.as_bytes(), |key, value| {
            values.push(format!("{key}={value}"));
            false
        });
        values
    }

    #[test]
    fn values_are_read_whatever_their_shape() {
        let fragment = r#"{"event_name":"A","user_data":{"em":["a","\u0062",null,["c"]],
            "fb_login_id":12,"ph":"d","x":{"em":"e"}},"data":[1]}"#;
        let expected = ["event_name=A", "em=a", "em=b", "em=c", "fb_login_id=12", "ph=d", "data=1"];
        assert_eq!(values_of(fragment), expected);
        for nothing in ["", "[]", "{", "7", r#"{"user_data":7}"#] {
            assert!(values_of(nothing).is_empty() || nothing.contains("user_data"), "{nothing}");
        }
    }
}
