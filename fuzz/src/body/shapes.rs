//! Bodies into events, held against what `serde_json` says is in them.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use holdfast_gateway::bodies::split::{Text, split};
use holdfast_gateway::bodies::{IngestError, dropin_meta, lines};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::MAX_EVENTS;

/// More keys beside `data` than these are refused.
const MAX_KEYS: usize = 512;

const MAX_LINE: usize = 64;

/// A JSON body of the native route.
pub fn json(body: &[u8]) -> Vec<Vec<u8>> {
    let body = Bytes::copy_from_slice(body);
    let found = split(&body, MAX_EVENTS);
    let Ok(text) = std::str::from_utf8(&body) else {
        assert!(matches!(found, Err(IngestError::NotUtf8 { .. })), "{found:?}");
        return Vec::new();
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    match &found {
        Ok(Text::Events(_)) => assert!(is_json, "events out of what is no JSON: {text:?}"),
        Ok(Text::Lines) => {
            assert!(!is_json, "one JSON text was taken for lines: {text:?}");
            return lines(&body);
        }
        Err(_) => {}
    }
    // Where even the values are good, everything is known about what must be found.
    if serde_json::from_str::<Value>(text).is_ok() {
        expect(text, &found);
    } else if is_json {
        // Values that serde_json itself does not take: depth, numbers out of range, half pairs.
    } else {
        assert!(found.is_err(), "{found:?}");
    }
    match found {
        Ok(Text::Events(found)) => found.events.iter().map(|event| event.to_vec()).collect(),
        _ => Vec::new(),
    }
}

fn expect(text: &str, found: &Result<Text, IngestError>) {
    let expected = wanted(text);
    let said = match found {
        Ok(Text::Events(split)) => {
            let texts = split.events.iter().map(|e| String::from_utf8_lossy(e).into_owned());
            Wanted::Events(texts.collect(), Value::Object(split.keys.clone()))
        }
        Ok(Text::Lines) => Wanted::Refused("lines"),
        Err(IngestError::NoEvents) => Wanted::Refused("none"),
        Err(IngestError::TooManyEvents { bound }) => {
            assert_eq!(*bound, MAX_EVENTS);
            Wanted::Refused("too many")
        }
        Err(IngestError::Shape { field, .. }) => Wanted::Refused(field),
        Err(other) => panic!("{other} for {text:?}"),
    };
    match expected {
        Wanted::RefusedSomehow => assert!(matches!(said, Wanted::Refused(_)), "for {text:?}"),
        expected => assert_eq!(said, expected, "for {text:?}"),
    }
}

#[derive(Debug, PartialEq)]
enum Wanted {
    Events(Vec<String>, Value),
    Refused(&'static str),
    /// For more than one reason; which comes first does not matter.
    RefusedSomehow,
}

/// What a text that is JSON through and through must give.
fn wanted(text: &str) -> Wanted {
    let elements = |text: &str| -> Option<Wanted> {
        let list: Vec<&RawValue> = serde_json::from_str(text).ok()?;
        Some(match list.len() {
            0 => Wanted::Refused("none"),
            n if n > MAX_EVENTS => Wanted::Refused("too many"),
            _ => {
                let texts = list.iter().map(|raw| raw.get().to_owned()).collect();
                Wanted::Events(texts, Value::Object(serde_json::Map::new()))
            }
        })
    };
    if text.starts_with('[') {
        return elements(text).unwrap_or(Wanted::Refused("body"));
    }
    let Ok(Members(members)) = serde_json::from_str(text) else {
        return Wanted::Refused("body");
    };
    let (data, keys): (Vec<_>, Vec<_>) = members.into_iter().partition(|(key, _)| key == "data");
    match data.as_slice() {
        [] if keys.len() <= MAX_KEYS => {
            Wanted::Events(vec![text.to_owned()], Value::Object(serde_json::Map::new()))
        }
        [(_, data)] if keys.len() <= MAX_KEYS => match elements(data.get()) {
            Some(Wanted::Events(events, _)) => {
                let parsed = |(key, value): (Cow<'_, str>, &RawValue)| {
                    Some((key.into_owned(), serde_json::from_str(value.get()).ok()?))
                };
                Wanted::Events(events, Value::Object(keys.into_iter().filter_map(parsed).collect()))
            }
            Some(refused) => refused,
            None => Wanted::Refused("data"),
        },
        // `data` twice, or too many keys.
        _ => Wanted::RefusedSomehow,
    }
}

/// NDJSON, whole and piece by piece.
pub fn lines(body: &[u8]) -> Vec<Vec<u8>> {
    let bytes = Bytes::copy_from_slice(body);
    let expected: Vec<(u64, &[u8])> = (0..)
        .zip(body.split(|byte| *byte == b'\n'))
        .map(|(index, line)| (index, line.trim_ascii()))
        .filter(|(_, line)| !line.is_empty())
        .collect();
    match lines::all(&bytes, MAX_EVENTS) {
        Ok(found) => {
            let found: Vec<(u64, &[u8])> = found.iter().map(|(i, l)| (*i, &l[..])).collect();
            assert_eq!(found, expected);
        }
        Err(IngestError::NoEvents) => assert!(expected.is_empty()),
        Err(IngestError::TooManyEvents { .. }) => assert!(expected.len() > MAX_EVENTS),
        Err(other) => panic!("{other}"),
    }
    let piece = body.first().map_or(1, |byte| usize::from(*byte % 32) + 1);
    assert_eq!(streamed(body, piece), streamed(body, body.len().max(1)), "pieces matter");
    expected.into_iter().take(MAX_EVENTS).map(|(_, line)| line.to_vec()).collect()
}

fn streamed(body: &[u8], piece: usize) -> Vec<(u64, Option<Vec<u8>>)> {
    let mut reader = lines::Lines::new(MAX_LINE);
    let mut found = Vec::new();
    let mut take = |chunk: &lines::Chunk| {
        found.extend(chunk.lines().map(|(index, line)| (index, line.map(<[u8]>::to_vec))));
    };
    for mut piece in body.chunks(piece) {
        while let Some(chunk) = reader.push(&mut piece) {
            take(&chunk);
        }
    }
    take(&reader.finish());
    assert!(found.iter().all(|(_, l)| l.as_ref().is_none_or(|line| line.len() <= MAX_LINE)));
    assert!(found.is_sorted_by(|a, b| a.0 < b.0), "indices rise");
    found
}

/// A body of Meta's SDKs.
pub fn dropin(kind: u8, body: &[u8]) -> Vec<Vec<u8>> {
    let content_type = match kind % 4 {
        0 => "application/x-www-form-urlencoded",
        1 => "application/json",
        2 => "multipart/form-data; boundary=b0",
        _ => "",
    };
    let body = Bytes::copy_from_slice(body);
    let Ok(posted) = dropin_meta::decode("", content_type, &body, MAX_EVENTS) else {
        return Vec::new();
    };
    assert!(posted.events.len() <= MAX_EVENTS);
    for name in ["access_token", "accessKey", "appsecret_proof", "data"] {
        assert!(!posted.keys.contains_key(name), "{name} is not a key beside data");
    }
    assert!(posted.keys.values().all(|value| !value.is_null()));
    posted.events.iter().map(|event| event.to_vec()).collect()
}

/// The members of an object in order, with keys that come twice.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((Cow::Owned(key), value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}
