//! Refusals that mean the same on every platform: fault, path, and what was wrong, never a value.
//!
//! Their faults have no platform in front. Whoever admits gives them its own name and code before
//! they leave, so that a caller never sees one of these.

use super::json::{Flaw, Kind, MAX_DEPTH, MAX_MEMBERS};
use crate::Rejection;

pub const MALFORMED_JSON: &str = "malformed_json";
pub const WRONG_TYPE: &str = "wrong_type";
pub const INVALID_VALUE: &str = "invalid_value";
pub const MISSING_FIELD: &str = "missing_field";
pub const EVENT_TOO_LARGE: &str = "event_too_large";

/// All of them, for the tests that a platform names each.
#[cfg(test)]
pub const ALL: [&str; 5] =
    [MALFORMED_JSON, WRONG_TYPE, INVALID_VALUE, MISSING_FIELD, EVENT_TOO_LARGE];

/// Longest part of a caller's own key that is repeated in a message.
const MAX_KEY_CHARS: usize = 64;

pub fn refuse(
    fault: &'static str,
    field: impl Into<String>,
    message: impl Into<String>,
) -> Rejection {
    Rejection { fault, field: field.into(), message: message.into(), code: (0, None) }
}

pub fn missing(field: &str, expected: &str) -> Rejection {
    refuse(MISSING_FIELD, field, format!("{field} is missing; expected {expected}"))
}

pub fn wrong_type(field: String, found: Kind, expected: &str) -> Rejection {
    let message = format!("{field} is {}; expected {expected}", found.name());
    refuse(WRONG_TYPE, field, message)
}

pub fn invalid(field: impl Into<String>, expected: &str) -> Rejection {
    let field = field.into();
    let message = format!("{field} has a value that is not accepted; expected {expected}");
    refuse(INVALID_VALUE, field, message)
}

/// `parent` is empty for the event itself.
pub fn duplicate_key(parent: &str, key: &str) -> Rejection {
    let key = shown(key);
    refuse(MALFORMED_JSON, join(parent, &key), format!("the key \"{key}\" occurs twice"))
}

pub fn too_large(field: impl Into<String>, bound: String) -> Rejection {
    let field = field.into();
    let what = if field.is_empty() { "the event" } else { &field };
    let message = format!("{what} is larger than the bound of {bound}");
    refuse(EVENT_TOO_LARGE, field, message)
}

/// A caller's key as it is shown: cut, and without control characters.
pub fn shown(key: &str) -> String {
    key.chars().filter(|c| !c.is_control()).take(MAX_KEY_CHARS).collect()
}

pub fn join(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

/// The event as text, if it is no longer than the bound and valid UTF-8.
pub fn text_of(raw: &[u8], max_bytes: usize) -> Result<&str, Rejection> {
    if raw.len() > max_bytes {
        return Err(too_large("", format!("{max_bytes} bytes")));
    }
    std::str::from_utf8(raw).map_err(|error| {
        let message = format!("not valid UTF-8 at byte {}", error.valid_up_to());
        refuse(MALFORMED_JSON, "", message)
    })
}

impl From<Flaw> for Rejection {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Unexpected { at, expected } => refuse(
                MALFORMED_JSON,
                "",
                format!("not valid JSON at byte {at}: expected {expected}"),
            ),
            Flaw::NumberTooLarge { at } => refuse(
                INVALID_VALUE,
                "",
                format!("the number at byte {at} is too large; expected one that fits a double"),
            ),
            Flaw::DuplicateKey { key } => duplicate_key("", &key),
            Flaw::TooDeep { at } => too_large("", format!("{MAX_DEPTH} levels, at byte {at}")),
            Flaw::TooManyMembers { at } => {
                too_large("", format!("{MAX_MEMBERS} keys in one object, at byte {at}"))
            }
        }
    }
}
