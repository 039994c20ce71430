//! Keys beside `data`. Snap knows one: `test_event_code`, which makes tests of all events of the
//! request, so that none of them counts.

use holdfast_model::destination::DestinationSettings;
use holdfast_model::item::BatchGroup;
use serde_json::{Map, Value};

use super::refusal::refuse;
use crate::Rejection;
use crate::admission::encode;
use crate::admission::text::is_blank;

const KEY: &str = "test_event_code";

/// Longest code. Snap names no bound; real ones have about a dozen characters, and it is kept with
/// every item.
const MAX_CODE_BYTES: usize = 256;

/// The canonical group of the keys beside `data`; empty for most requests. Tokens, `data` itself
/// and keys of other platforms are ignored.
pub fn request_keys(
    keys: &Map<String, Value>,
    settings: &DestinationSettings,
) -> Result<BatchGroup, Rejection> {
    match keys.get(KEY) {
        None | Some(Value::Null) => Ok(BatchGroup::default()),
        Some(Value::String(code)) => with_code(code, settings),
        Some(_) => Err(refuse("snap.wrong_type", KEY, "test_event_code must be a string")),
    }
}

/// The group of one event, which may name the code itself, as Snap's library for Java lets it.
pub fn with_events_own(
    group: &BatchGroup,
    code: Option<&str>,
    settings: &DestinationSettings,
) -> Result<BatchGroup, Rejection> {
    match code {
        Some(code) => with_code(code, settings),
        None => Ok(group.clone()),
    }
}

fn with_code(code: &str, settings: &DestinationSettings) -> Result<BatchGroup, Rejection> {
    if is_blank(code) {
        return Ok(BatchGroup::default());
    }
    if !settings.allow_test_events {
        return Err(refuse(
            "snap.test_event_refused",
            KEY,
            "test_event_code is not allowed for this destination: Snap would count none of these \
             events; set allow_test_events if that is meant",
        ));
    }
    if code.len() > MAX_CODE_BYTES {
        let message = format!("test_event_code is longer than {MAX_CODE_BYTES} bytes");
        return Err(refuse("snap.invalid_value", KEY, message));
    }
    let mut group = b"{".to_vec();
    encode::write_text(&mut group, KEY, Some(code));
    group.push(b'}');
    Ok(BatchGroup(String::from_utf8(group).unwrap_or_default()))
}
