//! Rows about the service being unwell, and about what nobody has described.

use crate::catalog::{Entry, code, row};

pub static ROWS: &[Entry] = &[
    row!(
        "whatsapp",
        "server_error",
        Transient,
        Retry,
        [Platform],
        &[code(2), code(131016)],
        "WhatsApp is down or overloaded.",
        "Nothing, if it passes. If it stays, look at Meta's status page."
    ),
    row!(
        "whatsapp",
        "unknown_error",
        Unknown,
        RetryThenHold,
        [Asset, Recipient],
        &[code(1), code(131000)],
        "WhatsApp says that something went wrong, and no more.",
        "Compare the message with the reference, and look at the status page; then lift the hold."
    ),
    row!(
        "whatsapp",
        "maintenance",
        Transient,
        Retry,
        [Asset],
        &[code(131057), code(133004), code(2494100)],
        "The number is being worked on.",
        "Nothing: it takes a minute or a few."
    ),
    row!(
        "whatsapp",
        "unknown_code",
        Unknown,
        RetryThenHold,
        [Credential, Asset],
        &[],
        "WhatsApp answered with a code that nobody has described yet.",
        "Read its words at the hold; lift it to try again, and report the code so that it gets a row."
    ),
];
