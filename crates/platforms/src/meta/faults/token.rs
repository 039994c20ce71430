//! Rows about the token and the session or person behind it. (`tokens.md` §8.2)

use crate::catalog::{Entry, code, row, sub};

pub static ROWS: &[Entry] = &[
    row!(
        "meta",
        "token_damaged",
        Credential,
        Hold,
        [Credential],
        &[code(190)],
        "The token we hold is not byte for byte the one Meta issued.",
        "Copy the token again with the Copy button and add it: `holdfast credential add`."
    ),
    row!(
        "meta",
        "not_a_token",
        Credential,
        Hold,
        [Credential],
        &[code(190)],
        "What we sent as a token is not one of the Graph API.",
        "Look at the form that `holdfast credential show` describes, and add the right token."
    ),
    row!(
        "meta",
        "debug_only_token",
        Credential,
        Hold,
        [Credential],
        &[code(190)],
        "The token is for diagnosis only and may not call anything.",
        "Add the real token: `holdfast credential add`. The attenuated one may be shown to support, and is good for nothing else."
    ),
    row!(
        "meta",
        "session_key_malformed",
        Credential,
        Hold,
        [Credential],
        &[code(190)],
        "The token names a session that Meta cannot read.",
        "Exchange the short-lived token for a long-lived one first, and add that: `holdfast credential add`."
    ),
    row!(
        "meta",
        "token_expired",
        Credential,
        Hold,
        [Credential],
        &[sub(190, 463)],
        "The token has expired.",
        "Issue a new token, preferably of a system user, and add it: `holdfast credential add`."
    ),
    row!(
        "meta",
        "session_replaced",
        Credential,
        Hold,
        [Credential],
        &[sub(190, 452)],
        "The session behind the token was replaced.",
        "Sign in again and add the new token; probe the old one first, it may recover by itself."
    ),
    row!(
        "meta",
        "session_origin",
        Credential,
        Hold,
        [Credential],
        &[sub(190, 457)],
        "The session behind the token has an invalid origin.",
        "Sign in again through the right flow and add the new token."
    ),
    row!(
        "meta",
        "app_removed",
        Credential,
        Hold,
        [Credential],
        &[sub(190, 458)],
        "The user has removed the app, or never installed it.",
        "Have the user grant the app again, or use a system-user token."
    ),
    row!(
        "meta",
        "user_checkpoint",
        Credential,
        Hold,
        [Credential],
        &[sub(190, 459)],
        "Meta has stopped the person behind the token for a security check; the token itself is valid.",
        "That person logs in to facebook.com and passes the check. Then `holdfast credential verify`."
    ),
    row!(
        "meta",
        "password_changed",
        Credential,
        Hold,
        [Credential],
        &[sub(190, 460)],
        "The session ended because the password was changed, or for security reasons.",
        "Sign in again and add the new token; a system-user token does not depend on a password."
    ),
    row!(
        "meta",
        "user_unconfirmed",
        Credential,
        Hold,
        [Credential],
        &[sub(190, 464)],
        "The user or system user behind the token is not confirmed.",
        "Confirm the system user in Business settings, then `holdfast credential verify`."
    ),
    row!(
        "meta",
        "system_user_removed",
        Credential,
        Hold,
        [Credential],
        &[sub(190, 465)],
        "Sessions of this user are not allowed any more: the system user or integration was removed.",
        "Install the app again or issue a token for another system user, and add it."
    ),
    row!(
        "meta",
        "integration_uninstalled",
        Credential,
        Hold,
        [Credential],
        &[],
        "The client's business uninstalled the integration, which deletes its system user.",
        "Have the business install the app again, and add the token that this gives."
    ),
    row!(
        "meta",
        "deauthorized",
        Credential,
        Hold,
        [Credential],
        &[],
        "The person behind the token removed the app.",
        "Ask that person to grant the app again, or use a system user's token."
    ),
    row!(
        "meta",
        "token_revoked",
        Credential,
        Hold,
        [Credential],
        &[sub(190, 466)],
        "The token was revoked on purpose through the API.",
        "Find out who revoked it (the other side of the app, or a colleague), then add a new token."
    ),
    row!(
        "meta",
        "logged_out",
        Credential,
        Hold,
        [Credential],
        &[sub(190, 467)],
        "The token ended because its user logged out.",
        "Sign in again and add the new token; prefer a system-user token."
    ),
    row!(
        "meta",
        "page_role_lost",
        Permission,
        Hold,
        [Credential, Asset],
        &[sub(190, 492)],
        "The person behind the page token has lost the role on the page.",
        "Give the role back or derive a new page token, then `holdfast credential verify`."
    ),
    row!(
        "meta",
        "data_access_lapsed",
        Credential,
        Hold,
        [Credential],
        &[sub(190, 493)],
        "Access to data has lapsed: the person has not used the app for 90 days.",
        "That person signs in to the app once more; add the new token."
    ),
    row!(
        "meta",
        "page_permission",
        Permission,
        Hold,
        [Credential, Asset],
        &[code(190)],
        "The token is alive but may not act for this page.",
        "Grant the page task to the user or system user, then `holdfast credential verify`."
    ),
    row!(
        "meta",
        "token_refused",
        Credential,
        Hold,
        [Credential],
        &[code(190), code(102)],
        "Meta refuses the token and does not say why.",
        "Run `holdfast credential verify`; if the token is refused again, add a new one."
    ),
];
