//! Building refusals: fault name, path, and what was wrong, never a value.

use super::json::{Flaw, Kind, MAX_DEPTH, MAX_MEMBERS};
use crate::Rejection;

/// Longest part of a caller's own key that is repeated in a message.
const MAX_KEY_CHARS: usize = 64;

/// Meta's code for every invalid parameter. It says which kind by a subcode, or not at all.
const INVALID_PARAMETER: i64 = 100;

pub fn refuse(
    fault: &'static str,
    field: impl Into<String>,
    message: impl Into<String>,
) -> Rejection {
    Rejection {
        fault,
        field: field.into(),
        message: message.into(),
        code: (INVALID_PARAMETER, subcode(fault)),
    }
}

pub fn missing(field: &str, expected: &str) -> Rejection {
    refuse("meta.missing_field", field, format!("{field} is missing; expected {expected}"))
}

pub fn wrong_type(field: String, found: Kind, expected: &str) -> Rejection {
    let message = format!("{field} is {}; expected {expected}", found.name());
    refuse("meta.wrong_type", field, message)
}

pub fn invalid(field: impl Into<String>, expected: &str) -> Rejection {
    let field = field.into();
    let message = format!("{field} has a value that is not accepted; expected {expected}");
    refuse("meta.invalid_value", field, message)
}

/// `parent` is empty for the event itself. `hint` says where the key belongs, where that is known.
pub fn unknown_key(parent: &str, key: &str, hint: Option<&str>) -> Rejection {
    let key = shown(key);
    let place = if parent.is_empty() { "the event" } else { parent };
    let mut message =
        format!("unexpected key \"{key}\" in {place}: Meta refuses keys it does not know");
    if let Some(hint) = hint {
        message.push_str("; ");
        message.push_str(hint);
    }
    refuse("meta.unknown_key", join(parent, &key), message)
}

pub fn duplicate_key(parent: &str, key: &str) -> Rejection {
    let key = shown(key);
    refuse("meta.malformed_json", join(parent, &key), format!("the key \"{key}\" occurs twice"))
}

pub fn too_large(field: impl Into<String>, bound: String) -> Rejection {
    let field = field.into();
    let what = if field.is_empty() { "the event" } else { &field };
    let message = format!("{what} is larger than the bound of {bound}");
    refuse("meta.event_too_large", field, message)
}

/// A caller's key as it is shown: cut, and without control characters.
pub fn shown(key: &str) -> String {
    key.chars().filter(|c| !c.is_control()).take(MAX_KEY_CHARS).collect()
}

impl From<Flaw> for Rejection {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Unexpected { at, expected } => refuse(
                "meta.malformed_json",
                "",
                format!("not valid JSON at byte {at}: expected {expected}"),
            ),
            Flaw::NumberTooLarge { at } => refuse(
                "meta.invalid_value",
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

fn join(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

/// The subcode with which Meta itself would refuse, where it is known.
fn subcode(fault: &str) -> Option<i64> {
    Some(match fault {
        "meta.click_id_malformed" => 2_804_001,
        "meta.event_too_old" => 2_804_003,
        "meta.purchase_without_value" => 2_804_009,
        "meta.unknown_key" => 2_804_019,
        "meta.ldu_selection" => 2_804_030,
        "meta.extinfo_os_version_empty" => 2_804_043,
        "meta.no_identity" | "meta.invalid_match" => 2_804_050,
        "meta.messaging_channel_missing" => 2_804_063,
        "meta.messaging_event_not_allowed" => 2_804_066,
        _ => return None,
    })
}
