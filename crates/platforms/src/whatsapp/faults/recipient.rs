//! Rows about the person a message is for.

use crate::catalog::{Entry, code, row};

pub static ROWS: &[Entry] = &[
    row!(
        "whatsapp",
        "window_closed",
        TooOld,
        Expire,
        [],
        &[code(131047)],
        "The 24-hour window of this conversation is closed.",
        "Send an approved template, or wait for the person's next message."
    ),
    row!(
        "whatsapp",
        "recipient_unreachable",
        Payload,
        DeadLetter,
        [],
        &[code(131026)],
        "WhatsApp could not deliver to this person.",
        "Reach the person by another way; ask whether the number is right and the app is up to date."
    ),
    row!(
        "whatsapp",
        "recipient_blocked",
        Configuration,
        Hold,
        [Asset, Recipient],
        &[code(130403)],
        "Your business has blocked this person.",
        "Unblock the person if that was not meant, then lift the hold."
    ),
    row!(
        "whatsapp",
        "in_experiment",
        Payload,
        DeadLetter,
        [],
        &[code(130472)],
        "The person is in an experiment of Meta's, and gets no marketing.",
        "Nothing; do not send it again."
    ),
    row!(
        "whatsapp",
        "marketing_stopped",
        Policy,
        Hold,
        [Asset, Recipient, MessageClass],
        &[code(131050)],
        "The person has stopped your marketing in WhatsApp.",
        "Respect it. The hold ends when the person resumes."
    ),
    row!(
        "whatsapp",
        "recipient_is_sender",
        Payload,
        DeadLetter,
        [],
        &[code(131021)],
        "The message would go to the number that sends it.",
        "Correct the recipient."
    ),
    row!(
        "whatsapp",
        "identity_changed",
        Policy,
        Hold,
        [Asset, Recipient],
        &[code(137000)],
        "The person registered anew: the identity key does not match.",
        "Make sure that it is still the same person, acknowledge the new key, then lift the hold."
    ),
    row!(
        "whatsapp",
        "needs_phone_number",
        Payload,
        DeadLetter,
        [],
        &[code(131062)],
        "This kind of template cannot be sent to a business-scoped user id.",
        "Send it to the person's phone number."
    ),
];
