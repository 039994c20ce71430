//! Rows about operations that send nothing. They are here so that every number that Meta publishes for
//! WhatsApp can be looked up.

use crate::catalog::{Entry, code, row, with_range};

pub static ROWS: &[Entry] = &[
    row!(
        "whatsapp",
        "calling",
        Configuration,
        Note,
        [],
        &with_range::<20>(&[code(131044)], 138000),
        "An answer about calls, not about messages.",
        "Read the details; for 131044 mend the payment method for calls."
    ),
    row!(
        "whatsapp",
        "pagination_cursor",
        Payload,
        Note,
        [],
        &[code(131059)],
        "A list was asked for with a cursor that is no longer valid.",
        "Start the list anew."
    ),
    row!(
        "whatsapp",
        "number_verification",
        Configuration,
        Note,
        [],
        &[code(136024), code(136025)],
        "The code for the number's verification could not be sent or checked.",
        "Wait, then ask for a new code by the other way, SMS or call."
    ),
    row!(
        "whatsapp",
        "flow_lifecycle",
        Configuration,
        Note,
        [],
        &with_range::<5>(&[], 139000),
        "A flow cannot be changed in this state.",
        "Look at the flow's state in WhatsApp Manager."
    ),
    row!(
        "whatsapp",
        "block_list",
        Payload,
        Note,
        [],
        &with_range::<4>(&[], 139100),
        "Changing the block list failed, in part or as a whole.",
        "Repeat it for those that failed; 139102 and 139103 pass by themselves."
    ),
    row!(
        "whatsapp",
        "username",
        Configuration,
        Note,
        [],
        &with_range::<5>(&[], 147001),
        "The username of the number could not be set.",
        "Choose another, or wait until it may be changed."
    ),
    row!(
        "whatsapp",
        "template_insights",
        Configuration,
        Note,
        [],
        &with_range::<3>(&[], 200005),
        "Statistics of templates are not available.",
        "Switch the insights on for the account, which cannot be undone."
    ),
    row!(
        "whatsapp",
        "onboarding_duplicate",
        Configuration,
        Note,
        [],
        &[code(1752041)],
        "This business was invited already.",
        "Nothing."
    ),
    row!(
        "whatsapp",
        "number_migration",
        Configuration,
        Note,
        [],
        &[code(2388012), code(2388091), code(2388093), code(2388103)],
        "The number cannot be moved to this account.",
        "Read the details: two-step verification, the display name, or the payment method of the target."
    ),
    row!(
        "whatsapp",
        "template_count",
        Configuration,
        Note,
        [],
        &[code(2388019)],
        "The account has as many templates as it may have.",
        "Delete templates that are not used."
    ),
    row!(
        "whatsapp",
        "template_editing",
        Payload,
        Note,
        [],
        &[
            code(2388039),
            code(2388040),
            code(2388047),
            code(2388072),
            code(2388073),
            code(2388293),
            code(2388299)
        ],
        "The template's text or form was not accepted.",
        "Correct it as the details say."
    ),
    row!(
        "whatsapp",
        "coexistence_sync",
        Configuration,
        Note,
        [],
        &[code(2593107), code(2593108)],
        "The phone app's history cannot be synchronized now.",
        "Start it within 24 hours of onboarding, and only once."
    ),
];
