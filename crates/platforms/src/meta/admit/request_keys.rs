//! Keys beside `data`: they hold for a whole request, so only events with equal ones share one.

use std::collections::BTreeMap;

use holdfast_model::destination::DestinationSettings;
use holdfast_model::item::BatchGroup;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::refusal::refuse;
use super::text::is_blank;
use crate::Rejection;

/// Longest text of one key. Real ones have below a hundred bytes; they are kept with every item.
const MAX_TEXT_BYTES: usize = 1_024;

/// Most entries of `platforms`.
const MAX_PLATFORMS: usize = 16;

/// `partner_agent`: fewer characters than this, and at least so many letters.
const PARTNER_AGENT_BELOW: usize = 23;
const PARTNER_AGENT_LETTERS: usize = 2;

/// The canonical group of the keys beside `data`; empty for most requests.
///
/// Takes every key of the outer form as it comes: tokens, proofs, `data`, nulls, blank values and
/// keys that Meta's libraries add without meaning are ignored. From a form all values are strings;
/// then numbers and objects are read from their text. A `test_event_code` is refused unless the
/// destination allows test events, because Meta counts them for targeting and measurement like all
/// others.
pub fn request_keys(
    keys: &Map<String, Value>,
    settings: &DestinationSettings,
) -> Result<BatchGroup, Rejection> {
    let mut canonical = BTreeMap::new();
    for (key, value) in keys.iter().filter(|(_, value)| !is_absent(value)) {
        if let Some((key, value)) = one(key, value)? {
            canonical.insert(key, value);
        }
    }
    if canonical.contains_key("test_event_code") && !settings.allow_test_events {
        return Err(refuse(
            "meta.test_event_refused",
            "test_event_code",
            "test_event_code is not allowed for this destination: test events count like all others \
             at Meta; set allow_test_events if that is meant",
        ));
    }
    Ok(BatchGroup(written(&canonical)))
}

/// A known key with its canonical JSON text; `None` for what is ignored.
fn one(key: &str, value: &Value) -> Result<Option<(&'static str, String)>, Rejection> {
    let (key, written) = match key {
        "test_event_code" => ("test_event_code", quoted("test_event_code", value)?),
        "partner_agent" => ("partner_agent", partner_agent(value)?),
        "upload_tag" => ("upload_tag", quoted("upload_tag", value)?),
        "upload_id" => ("upload_id", quoted("upload_id", value)?),
        "upload_source" => ("upload_source", quoted("upload_source", value)?),
        "namespace_id" => ("namespace_id", quoted("namespace_id", value)?),
        "trace" => ("trace", parsed::<u64>("trace", value, "a whole number")?.to_string()),
        "progress" => ("progress", json(&parsed::<Progress>("progress", value, PROGRESS)?)),
        "platforms" => ("platforms", json(&platforms(value)?)),
        _ => return Ok(None),
    };
    Ok(Some((key, written)))
}

fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => is_blank(text),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// A text as JSON; ids may also be whole numbers.
fn quoted(key: &'static str, value: &Value) -> Result<String, Rejection> {
    match value {
        Value::String(text) if text.len() <= MAX_TEXT_BYTES => Ok(json(text)),
        Value::Number(number) if key.ends_with("_id") && !number.is_f64() => {
            Ok(json(&number.to_string()))
        }
        _ => Err(invalid(key, "a string of at most 1024 bytes")),
    }
}

fn partner_agent(value: &Value) -> Result<String, Rejection> {
    const KEY: &str = "partner_agent";
    let is_good = value.as_str().is_some_and(|text| {
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        text.chars().count() < PARTNER_AGENT_BELOW && letters >= PARTNER_AGENT_LETTERS
    });
    if !is_good {
        return Err(invalid(KEY, "fewer than 23 characters, at least two of them letters"));
    }
    quoted(KEY, value)
}

/// A value of a fixed shape, directly or as the JSON text in a form.
fn parsed<T: DeserializeOwned>(
    key: &'static str,
    value: &Value,
    expected: &'static str,
) -> Result<T, Rejection> {
    let found = match value {
        Value::String(text) => serde_json::from_str(text),
        other => T::deserialize(other),
    };
    found.map_err(|_| invalid(key, expected))
}

/// Texts, and objects of texts and numbers, can always be written.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

const PROGRESS: &str = "an object with start_inclusive and end_exclusive";

/// The order of the fields is the canonical one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    start_inclusive: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    end_exclusive: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlatformEntry {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    name: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", default)]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    version: Option<String>,
}

fn platforms(value: &Value) -> Result<Vec<PlatformEntry>, Rejection> {
    const EXPECTED: &str = "at most 16 objects with name, type and version of at most 1024 bytes";
    let entries: Vec<PlatformEntry> = parsed("platforms", value, EXPECTED)?;
    let is_short =
        |text: &Option<String>| text.as_ref().is_none_or(|text| text.len() <= MAX_TEXT_BYTES);
    let is_bounded = entries.len() <= MAX_PLATFORMS
        && entries.iter().all(|e| [&e.name, &e.kind, &e.version].into_iter().all(is_short));
    if is_bounded { Ok(entries) } else { Err(invalid("platforms", EXPECTED)) }
}

/// A JSON object, or nothing at all where no key is set.
fn written(canonical: &BTreeMap<&'static str, String>) -> String {
    if canonical.is_empty() {
        return String::new();
    }
    let members: Vec<_> =
        canonical.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn invalid(key: &'static str, expected: &str) -> Rejection {
    refuse("meta.invalid_request_key", key, format!("{key} is not valid: expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(body: &str, allow_test_events: bool) -> Result<String, Rejection> {
        let settings = DestinationSettings { allow_test_events, ..DestinationSettings::default() };
        request_keys(&serde_json::from_str(body).unwrap(), &settings).map(|group| group.0)
    }

    #[test]
    fn groups_are_canonical() {
        for (body, expected) in [
            ("{}", ""),
            (
                r#"{"data":[],"access_token":"x","appsecret_proof":"y","id":"1","partner_agent":null}"#,
                "",
            ),
            (
                r#"{"upload_tag":"","partner_agent":"plshop1.0"}"#,
                r#"{"partner_agent":"plshop1.0"}"#,
            ),
            (
                r#"{"upload_tag":"t","namespace_id":12,"test_event_code":"TEST1"}"#,
                r#"{"namespace_id":"12","test_event_code":"TEST1","upload_tag":"t"}"#,
            ),
            (
                r#"{"progress":{"end_exclusive":9,"start_inclusive":1},"trace":7}"#,
                r#"{"progress":{"start_inclusive":1,"end_exclusive":9},"trace":7}"#,
            ),
            (
                r#"{"platforms":[{"version":"1","name":"a","type":null}]}"#,
                r#"{"platforms":[{"name":"a","version":"1"}]}"#,
            ),
        ] {
            assert_eq!(group(body, true).as_deref(), Ok(expected), "{body}");
        }
    }

    #[test]
    fn forms_give_the_same_groups() {
        for (form, json) in [
            (
                r#"{"trace":"7","upload_id":"12","namespace_id":" "}"#,
                r#"{"trace":7,"upload_id":12}"#,
            ),
            (
                r#"{"progress":"{\"end_exclusive\":9}","platforms":"[{\"name\":\"a\"}]"}"#,
                r#"{"progress":{"end_exclusive":9},"platforms":[{"name":"a"}]}"#,
            ),
        ] {
            assert_eq!(group(form, false), group(json, false));
            assert_ne!(group(form, false).unwrap(), "");
        }
    }

    #[test]
    fn refuses_what_meta_would_not_take() {
        for (body, fault, field) in [
            (r#"{"test_event_code":"TEST1"}"#, "meta.test_event_refused", "test_event_code"),
            (
                r#"{"partner_agent":"a-name-of-23-characters"}"#,
                "meta.invalid_request_key",
                "partner_agent",
            ),
            (r#"{"partner_agent":"a1"}"#, "meta.invalid_request_key", "partner_agent"),
            (r#"{"partner_agent":5}"#, "meta.invalid_request_key", "partner_agent"),
            (r#"{"trace":-1}"#, "meta.invalid_request_key", "trace"),
            (r#"{"progress":{"from":1}}"#, "meta.invalid_request_key", "progress"),
            (r#"{"platforms":{"name":"a"}}"#, "meta.invalid_request_key", "platforms"),
            (r#"{"upload_tag":["a"]}"#, "meta.invalid_request_key", "upload_tag"),
        ] {
            let refusal = group(body, false).unwrap_err();
            assert_eq!((refusal.fault, refusal.field.as_str()), (fault, field), "{body}");
            assert_eq!(refusal.code, (100, None));
        }
    }
}
