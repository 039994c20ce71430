//! Rows about single events: those that Meta's answers name first, then those that admission
//! finds.

use crate::catalog::{Entry, code, row, sub};

pub static ROWS: &[Entry] = &[
    row!(
        "meta",
        "event_too_old",
        TooOld,
        Expire,
        [],
        &[sub(100, 2804003)],
        "The event is older than Meta accepts.",
        "Send events within 7 days (62 for physical_store), best within an hour. It can be put back only if it is within the window."
    ),
    row!(
        "meta",
        "click_id_malformed",
        Payload,
        DeadLetter,
        [],
        &[sub(100, 2804001)],
        "The click id (fbc) is malformed.",
        "Send the `_fbc` cookie as it is: `fb.1.<milliseconds>.<fbclid>`. Never change the case of fbclid."
    ),
    row!(
        "meta",
        "purchase_without_value",
        Payload,
        DeadLetter,
        [],
        &[sub(100, 2804009)],
        "A Purchase has no value or currency.",
        "Send `custom_data.value` (a number) and `custom_data.currency` (ISO 4217) with every Purchase."
    ),
    row!(
        "meta",
        "not_hashed",
        Payload,
        DeadLetter,
        [],
        &[sub(100, 2804016)],
        "Meta says that an identifier is not hashed.",
        "Report it: Holdfast hashes every identifier, so this is a defect or a new rule of Meta's."
    ),
    row!(
        "meta",
        "unknown_key",
        Payload,
        DeadLetter,
        [],
        &[sub(100, 2804019)],
        "The event has a key that Meta does not know.",
        "Remove the key, or move it into `custom_data`, which accepts keys of your own."
    ),
    row!(
        "meta",
        "ldu_selection",
        Payload,
        DeadLetter,
        [],
        &[sub(100, 2804030)],
        "The data processing options are not valid.",
        "Send `data_processing_options: [\"LDU\"]` with country 1 and state, or 0 and 0, or an empty list."
    ),
    row!(
        "meta",
        "extinfo_os_version_empty",
        Payload,
        DeadLetter,
        [],
        &[sub(100, 2804043)],
        "app_data.extinfo has no OS version.",
        "Send all 16 values of extinfo; the fifth, the OS version, must not be empty."
    ),
    row!(
        "meta",
        "no_identity",
        Payload,
        DeadLetter,
        [],
        &[sub(100, 2804050)],
        "The event has too little information about the customer.",
        "Send at least one of: em, ph, external_id, fbc, fbp, or client_ip_address with client_user_agent."
    ),
    row!(
        "meta",
        "messaging_channel_missing",
        Payload,
        DeadLetter,
        [],
        &[sub(100, 2804063)],
        "A business messaging event has no messaging_channel.",
        "Send messaging_channel: whatsapp, messenger or instagram."
    ),
    row!(
        "meta",
        "messaging_event_not_allowed",
        Payload,
        DeadLetter,
        [],
        &[sub(100, 2804066)],
        "This event name is not allowed for business messaging.",
        "Use one of Meta's names for business messaging, such as Purchase or LeadSubmitted."
    ),
    row!(
        "meta",
        "messaging_page_mismatch",
        Payload,
        DeadLetter,
        [],
        &[sub(100, 2804072)],
        "The page is not the one that issued the click id.",
        "Send the page_id that the conversation came from."
    ),
    row!(
        "meta",
        "error_not_transient",
        Payload,
        DeadLetter,
        [],
        &[code(1), sub(1, 99)],
        "Meta calls it an unknown error and says that it will not pass.",
        "Read Meta's words at the dead letter, compare the event with the reference, and put it back when it is corrected."
    ),
    row!(
        "meta",
        "marketing_object",
        Payload,
        DeadLetter,
        [],
        &[code(1487301), code(1487366), code(1487390), code(2650), code(2654), code(2655)],
        "Meta refuses it as an object of the Marketing API.",
        "Look at which call it was: conversions do not make such objects."
    ),
    row!(
        "meta",
        "event_refused",
        Payload,
        DeadLetter,
        [],
        &[code(100), sub(100, 2804007), sub(100, 2804017), sub(100, 2804048)],
        "Meta refuses the event.",
        "Read Meta's words at the dead letter, correct the event and send it again."
    ),
    row!(
        "meta",
        "malformed_json",
        Payload,
        DeadLetter,
        [],
        &[],
        "The event is not valid JSON.",
        "Correct the JSON at the position that is named."
    ),
    row!(
        "meta",
        "wrong_type",
        Payload,
        DeadLetter,
        [],
        &[],
        "A field has the wrong type.",
        "Send the type that is named in the refusal."
    ),
    row!(
        "meta",
        "missing_field",
        Payload,
        DeadLetter,
        [],
        &[],
        "A required field is missing.",
        "Send the field that is named in the refusal."
    ),
    row!(
        "meta",
        "invalid_value",
        Payload,
        DeadLetter,
        [],
        &[],
        "A field has a value that Meta does not accept.",
        "Send one of the values that are named in the refusal."
    ),
    row!(
        "meta",
        "event_time_in_milliseconds",
        Payload,
        DeadLetter,
        [],
        &[],
        "event_time is in milliseconds.",
        "Send seconds: divide by 1000."
    ),
    row!(
        "meta",
        "event_in_future",
        Payload,
        DeadLetter,
        [],
        &[],
        "event_time is in the future.",
        "Send the time when the event happened, in UTC seconds; check the sender's clock."
    ),
    row!(
        "meta",
        "invalid_match",
        Payload,
        DeadLetter,
        [],
        &[],
        "The identifiers of the event are too weak for Meta to accept.",
        "Add a stronger identifier: em, ph, external_id, fbc or fbp."
    ),
    row!(
        "meta",
        "client_ip_invalid",
        Payload,
        DeadLetter,
        [],
        &[],
        "client_ip_address is not an IP address.",
        "Send one IPv4 or IPv6 address without a port and without spaces."
    ),
    row!(
        "meta",
        "test_event_refused",
        Payload,
        DeadLetter,
        [],
        &[],
        "test_event_code is not allowed for this destination.",
        "Remove it, or add the destination with --allow-test-events. It is no sandbox: such events count."
    ),
    row!(
        "meta",
        "event_too_large",
        Payload,
        DeadLetter,
        [],
        &[],
        "The event is larger than the bound.",
        "Send less in custom_data; see ingest.max_event_bytes."
    ),
    row!(
        "meta",
        "invalid_request_key",
        Payload,
        DeadLetter,
        [],
        &[],
        "A key beside data is not valid.",
        "Send the form that is named in the refusal."
    ),
];
