//! Rows about the business account and its numbers.

use crate::catalog::{Entry, code, row};

pub static ROWS: &[Entry] = &[
    row!(
        "whatsapp",
        "account_restricted",
        Policy,
        Hold,
        [Account, MessageClass],
        &[code(368)],
        "The account is restricted for policy reasons; the token is valid.",
        "Read the restriction in the account's quality page; lift the hold when it has ended."
    ),
    row!(
        "whatsapp",
        "account_locked",
        Policy,
        Hold,
        [Account],
        &[code(131031)],
        "The account is locked, or a check of its data failed.",
        "Look at the account in Business support home; if a PIN was wrong, correct it."
    ),
    row!(
        "whatsapp",
        "account_deleted",
        Policy,
        Hold,
        [Account],
        &[],
        "The WhatsApp Business Account was deleted or moved away.",
        "Ask the business where its account is now; then bind the destinations to it."
    ),
    row!(
        "whatsapp",
        "country_restricted",
        Policy,
        Hold,
        [Account, Recipient],
        &[code(130497)],
        "The account may not message people in that country.",
        "Block that country in your own lists, or read which restriction the account has."
    ),
    row!(
        "whatsapp",
        "number_deleted",
        Configuration,
        Hold,
        [Asset],
        &[code(33)],
        "The business phone number was deleted.",
        "Send from another number: rebind or add a destination."
    ),
    row!(
        "whatsapp",
        "payment_problem",
        Configuration,
        Hold,
        [Account, MessageClass],
        &[code(131042)],
        "The account's payment method does not work.",
        "Mend the payment method in Billing hub, then lift the hold."
    ),
    row!(
        "whatsapp",
        "display_name_pending",
        Configuration,
        Hold,
        [Asset],
        &[code(131037)],
        "The number's display name is not approved yet.",
        "Set a display name and wait for its approval."
    ),
    row!(
        "whatsapp",
        "test_number_limit",
        Configuration,
        DeadLetter,
        [],
        &[code(131030)],
        "The recipient is not on the test number's list.",
        "Add the recipient to the list under API setup, or send from a real number."
    ),
    row!(
        "whatsapp",
        "marketing_disabled",
        Configuration,
        Hold,
        [Account, MessageClass],
        &[code(131063)],
        "Marketing messages are switched off for this account on Cloud API.",
        "Send marketing through the marketing API, or switch it on for the account."
    ),
    row!(
        "whatsapp",
        "payments_terms",
        Configuration,
        Hold,
        [Account, MessageClass],
        &[code(134011)],
        "The terms for payments on WhatsApp are not accepted.",
        "An admin of the business accepts the terms; then lift the hold."
    ),
    row!(
        "whatsapp",
        "number_not_registered",
        Configuration,
        Hold,
        [Asset],
        &[code(131045), code(133010)],
        "The phone number is not registered with Cloud API.",
        "Register it with its PIN, then lift the hold."
    ),
    row!(
        "whatsapp",
        "deregistration_failed",
        Configuration,
        Note,
        [],
        &[code(133000)],
        "An earlier deregistration of the number did not finish.",
        "Deregister the number again, then register it."
    ),
    row!(
        "whatsapp",
        "registration_pin",
        Configuration,
        Note,
        [],
        &[code(133005), code(133006), code(133008), code(133009)],
        "The PIN for the registration was not accepted.",
        "Set the two-step PIN in WhatsApp Manager and register again after the time that the details name."
    ),
    row!(
        "whatsapp",
        "registration_limit",
        Throttle,
        Note,
        [],
        &[code(133015), code(133016)],
        "The number was registered, deregistered or deleted too recently.",
        "Wait: five minutes after a deletion, up to 72 hours after ten attempts."
    ),
];
