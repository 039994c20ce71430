//! Rows about templates and flows.

use crate::catalog::{Entry, code, row};

pub static ROWS: &[Entry] = &[
    row!(
        "whatsapp",
        "template_missing",
        Configuration,
        Hold,
        [Account, Template],
        &[code(132001)],
        "The template does not exist in this language, or is not approved.",
        "Correct name and language, or wait for the approval; then lift the hold."
    ),
    row!(
        "whatsapp",
        "template_parameters",
        Payload,
        DeadLetter,
        [],
        &[code(132000), code(132008), code(132012), code(132018)],
        "The parameters do not fit the template.",
        "Send as many parameters as the template has, in its formats."
    ),
    row!(
        "whatsapp",
        "template_text_too_long",
        Payload,
        DeadLetter,
        [],
        &[code(132005)],
        "With its values the text is too long.",
        "Shorten the values, or edit the template."
    ),
    row!(
        "whatsapp",
        "template_content",
        Payload,
        DeadLetter,
        [],
        &[code(132007)],
        "The content violates a policy.",
        "Edit the template or the values, and read why it was refused."
    ),
    row!(
        "whatsapp",
        "template_paused",
        Policy,
        Hold,
        [Account, Template],
        &[code(132015)],
        "The template is paused for its quality.",
        "Wait for the end of the pause, or use another template; a pacing pause needs an unpause by hand."
    ),
    row!(
        "whatsapp",
        "template_disabled",
        Payload,
        DeadLetter,
        [],
        &[code(132016)],
        "The template is disabled for good.",
        "Make a new template."
    ),
    row!(
        "whatsapp",
        "flow_blocked",
        Configuration,
        Hold,
        [Account, Template],
        &[code(132068)],
        "The flow in this message is blocked.",
        "Mend the flow in WhatsApp Manager, then lift the hold."
    ),
    row!(
        "whatsapp",
        "template_syncing",
        Transient,
        Retry,
        [Account, Template],
        &[code(134101)],
        "The template is still being prepared for marketing.",
        "Nothing: it takes up to ten minutes."
    ),
    row!(
        "whatsapp",
        "template_unavailable",
        Configuration,
        DeadLetter,
        [],
        &[code(134102)],
        "The template cannot be used through the marketing API.",
        "Send it through /messages instead."
    ),
];
