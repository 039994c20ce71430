//! Rows about who asks: the token, its app and its permissions. (`tokens.md` §8.2, `whatsapp.md` §5)

use crate::catalog::{Entry, code, row, sub, with_range};

pub static ROWS: &[Entry] = &[
    row!(
        "whatsapp",
        "token_refused",
        Credential,
        Hold,
        [Credential],
        &[code(0), code(102), code(190)],
        "WhatsApp refuses the token and does not say why.",
        "Run `holdfast doctor whatsapp`; if the token is refused again, add a new one."
    ),
    row!(
        "whatsapp",
        "token_expired",
        Credential,
        Hold,
        [Credential],
        &[sub(190, 463)],
        "The token has expired.",
        "Issue a system user's token and add it: `holdfast credential add`."
    ),
    row!(
        "whatsapp",
        "access_withdrawn",
        Credential,
        Hold,
        [Credential],
        &[sub(190, 458), sub(190, 465), sub(190, 466)],
        "Somebody took the app's access away.",
        "Have the business grant the app again, then add the new token."
    ),
    row!(
        "whatsapp",
        "session_ended",
        Credential,
        Hold,
        [Credential],
        &[sub(190, 452), sub(190, 457), sub(190, 460), sub(190, 467), sub(190, 493)],
        "The session of the person behind the token has ended.",
        "Use a system user's token instead, and add it: `holdfast credential add`."
    ),
    row!(
        "whatsapp",
        "user_checkpoint",
        Credential,
        Hold,
        [Credential],
        &[sub(190, 459), sub(190, 464)],
        "Meta has stopped the person behind the token for a check; the token itself is valid.",
        "That person logs in to facebook.com and passes the check. Then `holdfast credential verify`."
    ),
    row!(
        "whatsapp",
        "token_damaged",
        Credential,
        Hold,
        [Credential],
        &[code(190)],
        "The token we hold is not byte for byte the one Meta issued.",
        "Copy the token again with the Copy button and add it: `holdfast credential add`."
    ),
    row!(
        "whatsapp",
        "not_a_token",
        Credential,
        Hold,
        [Credential],
        &[code(190)],
        "What was sent as a token is not one of the Graph API.",
        "See what `holdfast doctor whatsapp` says of its form, and add the right token."
    ),
    row!(
        "whatsapp",
        "signature_required",
        Configuration,
        Hold,
        [Credential],
        &[code(104)],
        "WhatsApp says that the request was not signed as it must be.",
        "See that nothing on the way removes the Authorization header; then check the app secret."
    ),
    row!(
        "whatsapp",
        "no_token_seen",
        Configuration,
        Hold,
        [Credential],
        &[code(200), code(2500)],
        "WhatsApp saw no token in the request.",
        "If a proxy stands between, see that it passes the Authorization header; else this is a defect worth reporting."
    ),
    row!(
        "whatsapp",
        "app_invalid",
        App,
        Hold,
        [App],
        &[code(101), code(190)],
        "The app is unknown, deleted or disabled, or its secret does not match.",
        "Check the app in the App dashboard and store its secret again: `holdfast app add`."
    ),
    row!(
        "whatsapp",
        "api_blocked",
        App,
        Hold,
        [App],
        &[code(200)],
        "Meta has blocked the app's or its developer's access to the API.",
        "The app's owner looks into the App dashboard and follows what Meta asks there."
    ),
    row!(
        "whatsapp",
        "proof_refused",
        App,
        Hold,
        [App],
        &[code(100)],
        "The app secret proof is missing or does not match the token.",
        "Store the secret of the app that made the token: `holdfast app add`; check this machine's clock."
    ),
    row!(
        "whatsapp",
        "permission_missing",
        Permission,
        Hold,
        [Credential, Asset],
        &with_range::<103>(&[code(3), code(10), code(131005)], 200),
        "The token is alive but lacks a permission for this number.",
        "Give the system user the WhatsApp account and the permission `whatsapp_business_messaging`; then `holdfast credential verify`."
    ),
    row!(
        "whatsapp",
        "asset_missing",
        Asset,
        Hold,
        [Credential, Asset],
        &[sub(100, 33)],
        "The phone number id does not exist, or this token may not see it.",
        "Compare the id with the one under API setup, and assign the account to the system user."
    ),
];
