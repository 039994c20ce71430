//! Rows about how much may be sent.

use crate::catalog::{Entry, code, row};

pub static ROWS: &[Entry] = &[
    row!(
        "whatsapp",
        "throttled_app",
        Throttle,
        Retry,
        [App],
        &[code(4)],
        "The app's limit of calls is used up.",
        "Nothing: Holdfast waits. If it recurs, spread the calls."
    ),
    row!(
        "whatsapp",
        "throttled_account",
        Throttle,
        Retry,
        [Account],
        &[code(613), code(80007), code(80008)],
        "The account's limit of calls is used up.",
        "Nothing: Holdfast waits as many minutes as the header says."
    ),
    row!(
        "whatsapp",
        "throughput_reached",
        Throttle,
        Retry,
        [Asset],
        &[code(130429)],
        "The number's messages per second are used up.",
        "Nothing: Holdfast sends more slowly. For more, the number must qualify for the higher throughput."
    ),
    row!(
        "whatsapp",
        "spam_limit",
        Policy,
        Hold,
        [Asset, MessageClass],
        &[code(131048)],
        "The number may not start conversations for now: too much of what it sent was reported or blocked.",
        "Stop the campaign, look at the number's quality, and lift the hold when it has recovered."
    ),
    row!(
        "whatsapp",
        "marketing_limit_of_recipient",
        Throttle,
        Hold,
        [Asset, Recipient, MessageClass],
        &[code(131049)],
        "This person has had enough marketing for now, says Meta.",
        "Wait at least 24 hours, and try at most once more."
    ),
    row!(
        "whatsapp",
        "pair_rate",
        Throttle,
        Retry,
        [Asset, Recipient],
        &[code(131056)],
        "Too many messages to this one person in a short time.",
        "Nothing: Holdfast waits for this pair alone."
    ),
    row!(
        "whatsapp",
        "template_limit",
        Policy,
        Hold,
        [Account, MessageClass],
        &[code(131064)],
        "Sending of templates is limited, because templates were put into the wrong category.",
        "Correct the categories; lift the hold when Meta has lifted the limit."
    ),
    row!(
        "whatsapp",
        "flow_throttled",
        Throttle,
        Retry,
        [Account, Template],
        &[code(132069)],
        "This flow has been sent too often in the past hour.",
        "Nothing: Holdfast waits. Mend the flow's endpoint, whose health set the limit."
    ),
];
