//! Rows about the message itself, and about the route it took.

use crate::catalog::{Entry, code, row, with_range};

pub static ROWS: &[Entry] = &[
    row!(
        "whatsapp",
        "parameter_missing",
        Payload,
        DeadLetter,
        [],
        &[code(131008)],
        "A required parameter is missing.",
        "Add the parameter that the details name."
    ),
    row!(
        "whatsapp",
        "parameter_invalid",
        Payload,
        DeadLetter,
        [],
        &[code(100), code(131009), code(135000)],
        "A parameter is not valid.",
        "Correct what the details name; for an id, see whether it is the phone number id."
    ),
    row!(
        "whatsapp",
        "message_type_unsupported",
        Payload,
        DeadLetter,
        [],
        &[code(131051)],
        "The type of the message is not supported.",
        "Use one of WhatsApp's types."
    ),
    row!(
        "whatsapp",
        "group_message_refused",
        Payload,
        DeadLetter,
        [],
        &with_range::<102>(&[code(131020), code(131041)], 131200),
        "The message to a group was refused.",
        "Look at the group: whether it exists, its members, and whether the number may write to it."
    ),
    row!(
        "whatsapp",
        "media_upload_failed",
        Payload,
        DeadLetter,
        [],
        &[code(131053)],
        "The media of the message could not be taken.",
        "Check type, size and, for a link, that it can be fetched without signing in."
    ),
    row!(
        "whatsapp",
        "media_download_failed",
        Payload,
        Note,
        [],
        &[code(131052)],
        "Media that a person sent could not be fetched.",
        "Ask the person to send it again."
    ),
    row!(
        "whatsapp",
        "wrong_endpoint",
        Payload,
        DeadLetter,
        [],
        &[code(131055), code(134100)],
        "This kind of message does not belong on this route.",
        "Send marketing through the marketing API and everything else through /messages."
    ),
];
