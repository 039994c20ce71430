//! Building Meta's refusals: fault name, path, and what was wrong, never a value.

use crate::Rejection;
use crate::admission::refusal as any;

pub use any::{duplicate_key, invalid, missing, shown, too_large, wrong_type};

/// Meta's code for every invalid parameter. It says which kind by a subcode, or not at all.
const INVALID_PARAMETER: i64 = 100;

pub fn refuse(
    fault: &'static str,
    field: impl Into<String>,
    message: impl Into<String>,
) -> Rejection {
    Rejection { code: (INVALID_PARAMETER, subcode(fault)), ..any::refuse(fault, field, message) }
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
    refuse("meta.unknown_key", any::join(parent, &key), message)
}

/// Gives a refusal that every platform knows Meta's name and code for it.
pub fn in_metas_words(refusal: Rejection) -> Rejection {
    let fault = match refusal.fault {
        any::MALFORMED_JSON => "meta.malformed_json",
        any::WRONG_TYPE => "meta.wrong_type",
        any::INVALID_VALUE => "meta.invalid_value",
        any::MISSING_FIELD => "meta.missing_field",
        any::EVENT_TOO_LARGE => "meta.event_too_large",
        metas => metas,
    };
    Rejection { fault, code: (INVALID_PARAMETER, subcode(fault)), ..refusal }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_refusal_has_a_row_of_metas() {
        for fault in any::ALL {
            let named = in_metas_words(any::refuse(fault, "", ""));
            assert_eq!(named.fault, format!("meta.{fault}"));
            assert!(super::super::super::faults::CATALOG.by_name(named.fault).is_some());
        }
    }
}
