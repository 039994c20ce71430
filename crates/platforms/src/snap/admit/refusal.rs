//! Building Snap's refusals: fault name, path, and what was wrong, never a value.

use crate::Rejection;
use crate::admission::refusal as any;

/// The HTTP status of every refusal of an event.
const BAD_REQUEST: i64 = 400;

/// The one number of Snap's whose meaning is known.
const NO_IDENTITY: i64 = 507;

pub fn refuse(
    fault: &'static str,
    field: impl Into<String>,
    message: impl Into<String>,
) -> Rejection {
    in_snaps_words(any::refuse(fault, field, message))
}

/// Gives a refusal that every platform knows Snap's name for it, and every refusal a code.
pub fn in_snaps_words(refusal: Rejection) -> Rejection {
    let fault = match refusal.fault {
        any::MALFORMED_JSON => "snap.malformed_json",
        any::WRONG_TYPE => "snap.wrong_type",
        any::INVALID_VALUE => "snap.invalid_value",
        any::MISSING_FIELD => "snap.missing_field",
        any::EVENT_TOO_LARGE => "snap.event_too_large",
        snaps => snaps,
    };
    let code = if fault == "snap.no_identity" { NO_IDENTITY } else { BAD_REQUEST };
    Rejection { fault, code: (code, None), ..refusal }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snap::faults::CATALOG;

    #[test]
    fn every_common_refusal_has_a_row_of_snaps() {
        for fault in any::ALL {
            let named = in_snaps_words(any::refuse(fault, "", ""));
            assert_eq!(named.fault, format!("snap.{fault}"));
            assert!(CATALOG.by_name(named.fault).is_some());
        }
    }
}
