//! Rows about the app, its permissions and the asset. (`tokens.md` §8.2, `meta-conversions.md` §8)

use holdfast_model::fault::PlatformCode;

use crate::catalog::{Entry, code, row, sub, with_range};

/// 3, 10, and 200 to 299.
const PERMISSION_CODES: &[PlatformCode] = &with_range::<102>(&[code(3), code(10)], 200);

pub static ROWS: &[Entry] = &[
    row!(
        "meta",
        "app_invalid",
        App,
        Hold,
        [App],
        &[code(101), code(190)],
        "The app itself is unknown, deleted or disabled.",
        "Check the app's id and state in the App dashboard, and store it again with `holdfast app add`."
    ),
    row!(
        "meta",
        "app_secret_mismatch",
        App,
        Hold,
        [App],
        &[code(190)],
        "The secret that came with the app's id is not that app's.",
        "Copy the app secret again from the App dashboard and store it: `holdfast app add APP_ID --secret-file PATH`."
    ),
    row!(
        "meta",
        "proof_required",
        App,
        Hold,
        [App],
        &[code(100)],
        "The app requires an app secret proof and none was sent.",
        "Store the app's secret: `holdfast app add APP_ID --secret-file PATH`, and name the app at the credential."
    ),
    row!(
        "meta",
        "proof_invalid",
        App,
        Hold,
        [App],
        &[code(100)],
        "The app secret proof does not match the token.",
        "Check that the stored secret is of the app that minted the token, and that this machine's clock is right."
    ),
    row!(
        "meta",
        "signature_required",
        Configuration,
        Hold,
        [Credential],
        &[code(104)],
        "Meta says that the request was not signed as it must be.",
        "Check the app secret; if it is right, this is a defect of Holdfast worth reporting."
    ),
    row!(
        "meta",
        "no_token_seen",
        Configuration,
        Hold,
        [Credential],
        &[code(200), code(2500)],
        "Meta saw no token in the request.",
        "If a proxy stands between, see that it passes the Authorization header; else this is a defect worth reporting."
    ),
    row!(
        "meta",
        "api_blocked",
        App,
        Hold,
        [App],
        &[code(200)],
        "Meta has blocked the app's or its developer's access to the API.",
        "The app's owner looks into the App dashboard and follows what Meta asks there."
    ),
    row!(
        "meta",
        "permission_missing",
        Permission,
        Hold,
        [Credential, Asset],
        PERMISSION_CODES,
        "The token is alive but lacks a permission for this.",
        "Compare what the token was granted with what the dataset needs; grant it and run `holdfast credential verify`."
    ),
    row!(
        "meta",
        "asset_missing",
        Asset,
        Hold,
        [Credential, Asset],
        &[sub(100, 33)],
        "The dataset does not exist, or is not assigned to this token.",
        "Assign the dataset to the system user in Business settings, or correct the id; then `holdfast credential verify`."
    ),
    row!(
        "meta",
        "alias_unknown",
        Asset,
        Hold,
        [Credential, Asset],
        &[code(803)],
        "Meta does not know the id of the dataset.",
        "Correct the asset id of the destination."
    ),
    row!(
        "meta",
        "bad_path",
        Configuration,
        Hold,
        [Credential, Asset],
        &[code(2500)],
        "Meta does not understand the path of the request.",
        "Check the asset id and the API version of the destination."
    ),
    row!(
        "meta",
        "version_retired",
        Configuration,
        Hold,
        [Credential, Asset],
        &[code(2635)],
        "The API version of the destination has been retired.",
        "Set a newer version: `holdfast destination add --api-version`, or leave it out for the newest known."
    ),
    row!(
        "meta",
        "policy_block",
        Policy,
        Hold,
        [Account],
        &[code(368)],
        "Meta has blocked the account for policy reasons; the token is valid.",
        "Read the notice in Business support home, and lift the hold when Meta has lifted the block."
    ),
    row!(
        "meta",
        "page_profile_link",
        Configuration,
        Hold,
        [Credential, Asset],
        &[sub(1, 2853001)],
        "The page and its profile are not linked as Meta needs it.",
        "Link page and profile in the page's settings, then lift the hold."
    ),
    row!(
        "meta",
        "page_terms_pending",
        Configuration,
        Hold,
        [Credential, Asset],
        &[sub(2, 2018344)],
        "Terms of the page have not been accepted.",
        "An admin of the page accepts the terms in Meta's settings, then lift the hold."
    ),
    row!(
        "meta",
        "inspection_needs_app_token",
        Configuration,
        Note,
        [],
        &[code(100)],
        "Inspecting a token needs the app's own token, and another one asked.",
        "Store the app's id and secret with `holdfast app add`; the doctor then asks as the app."
    ),
    row!(
        "meta",
        "inspection_of_another_app",
        Configuration,
        Note,
        [],
        &[code(100)],
        "A token was inspected by an app that did not make it.",
        "Name the app that made the token at the credential: `holdfast doctor meta` reads its id from the token."
    ),
    row!(
        "meta",
        "scope_not_valid",
        Configuration,
        Note,
        [],
        &[code(3962)],
        "A token was to be made with a permission that does not exist for it.",
        "Correct the list of permissions and make the token again."
    ),
    row!(
        "meta",
        "exchange_refused",
        Credential,
        Note,
        [],
        &[],
        "Meta does not give a token for what it was shown.",
        "Begin the sign-in anew: `holdfast connect meta`, or issue a token at Meta and add it."
    ),
];
