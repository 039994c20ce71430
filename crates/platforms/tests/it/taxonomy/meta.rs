//! `tokens.md` §8.2 and §8.3, `meta-conversions.md` §8.

use FaultAction::{DeadLetter, Expire, Hold, Note, Retry, RetryThenHold};
use FaultClass::{
    App, Asset, Configuration, Credential, Payload, Permission, Policy, Throttle, TooOld,
    Transient, Unknown,
};
use holdfast_model::fault::{FaultAction, FaultClass};
use holdfast_model::wire::HttpResponse;
use holdfast_platforms::meta::Meta;
use holdfast_platforms::{ItemVerdict, Platform, ProbeKind};
use serde_json::{Value, json};

use super::{
    ACCOUNT, APP, ASSET, CREDENTIAL, Expected, GRANT, NOTHING, Selectors, answer, fault_of, judge,
};

/// Row of the sheet; code, subcode, message; fault, class, selectors, action.
type Row = (
    &'static str,
    i64,
    Option<i64>,
    &'static str,
    &'static str,
    FaultClass,
    Selectors,
    FaultAction,
);

/// `tokens.md` §8.2. Row 33 and the 401 of row 34 are WhatsApp's and stand in its table too.
#[rustfmt::skip]
const AUTH: &[Row] = &[
    ("1", 190, None, "The access token could not be decrypted", "meta.token_damaged", Credential, CREDENTIAL, Hold),
    ("2", 190, None, "Invalid OAuth access token - Cannot parse access token", "meta.not_a_token", Credential, CREDENTIAL, Hold),
    ("3", 190, None, "Malformed access token AQfake", "meta.not_a_token", Credential, CREDENTIAL, Hold),
    ("4", 190, None, "Invalid OAuth access token signature.", "meta.app_secret_mismatch", App, APP, Hold),
    ("5 debug", 190, None, "Error validating application. Cannot get application info due to a system error.", "meta.app_invalid", App, APP, Hold),
    ("5 oauth", 101, None, "Error validating application. Cannot get application info due to a system error.", "meta.app_invalid", App, APP, Hold),
    ("6 deleted", 101, None, "Error validating application. Application has been deleted.", "meta.app_invalid", App, APP, Hold),
    ("6 deleted", 190, None, "Error validating application. Application has been deleted.", "meta.app_invalid", App, APP, Hold),
    ("6 id", 101, None, "Invalid application ID.", "meta.app_invalid", App, APP, Hold),
    ("6 id", 190, None, "Invalid application ID.", "meta.app_invalid", App, APP, Hold),
    ("7", 190, None, "Invalid OAuth access token data.", "meta.token_refused", Credential, CREDENTIAL, Hold),
    ("7", 190, None, "Invalid OAuth access token.", "meta.token_refused", Credential, CREDENTIAL, Hold),
    ("7", 190, None, "Invalid OAuth 2.0 Access Token", "meta.token_refused", Credential, CREDENTIAL, Hold),
    ("8", 190, None, "Invalid OAuth access token - Debug only access token", "meta.debug_only_token", Credential, CREDENTIAL, Hold),
    ("9", 190, None, "Error validating access token: Session key is malformed.", "meta.session_key_malformed", Credential, CREDENTIAL, Hold),
    ("9", 190, None, "Session key 5f.fake is malformed because of invalid user id.", "meta.session_key_malformed", Credential, CREDENTIAL, Hold),
    ("10", 190, Some(452), "The session key is invalid and does not match current stored session", "meta.session_replaced", Credential, CREDENTIAL, Hold),
    ("11", 190, Some(457), "The session has an invalid origin", "meta.session_origin", Credential, CREDENTIAL, Hold),
    ("12", 190, Some(458), "Error validating access token: The user has not authorized application 1.", "meta.app_removed", Credential, CREDENTIAL, Hold),
    ("13", 190, Some(459), "Error validating access token: The session is invalid because the user has been checkpointed", "meta.user_checkpoint", Credential, CREDENTIAL, Hold),
    ("14", 190, Some(460), "The session has been invalidated because the user changed their password or Facebook has changed the session for security reasons.", "meta.password_changed", Credential, CREDENTIAL, Hold),
    ("15", 190, Some(463), "Session has expired on Monday, 02-Nov-26 10:00:00 PDT. The current time is …", "meta.token_expired", Credential, CREDENTIAL, Hold),
    ("16", 190, Some(464), "The user is not confirmed", "meta.user_unconfirmed", Credential, CREDENTIAL, Hold),
    ("17", 190, Some(465), "Sessions for the user are not allowed", "meta.system_user_removed", Credential, CREDENTIAL, Hold),
    ("18", 190, Some(466), "The session was invalidated explicitly using an API call.", "meta.token_revoked", Credential, CREDENTIAL, Hold),
    ("19", 190, Some(467), "The session is invalid because the user logged out.", "meta.logged_out", Credential, CREDENTIAL, Hold),
    ("20", 190, Some(492), "The user behind the token lacks a role", "meta.page_role_lost", Permission, GRANT, Hold),
    ("21", 190, Some(493), "The access token is invalid since the user hasn't engaged the app in longer than 90 days.", "meta.data_access_lapsed", Credential, CREDENTIAL, Hold),
    ("22", 190, None, "Any of the pages_read_engagement permission(s) must be granted before impersonating a user's page.", "meta.page_permission", Permission, GRANT, Hold),
    ("22", 190, None, "The user must be an administrator of the page in order to impersonate it.", "meta.page_permission", Permission, GRANT, Hold),
    ("23", 100, None, "API calls from the server require an appsecret_proof argument", "meta.proof_required", App, APP, Hold),
    ("24", 100, None, "Invalid appsecret_proof provided in the API argument", "meta.proof_invalid", App, APP, Hold),
    ("25", 100, None, "(#100) You must provide an app access token, or a user access token that is an owner or developer of the app", "meta.inspection_needs_app_token", Configuration, NOTHING, Note),
    ("26", 100, None, "The App_id in the input_token did not match the Viewing App", "meta.inspection_of_another_app", Configuration, NOTHING, Note),
    ("27", 100, Some(33), "Unsupported post request. Object with ID '1' does not exist, cannot be loaded due to missing permissions, or does not support this operation.", "meta.asset_missing", Asset, GRANT, Hold),
    ("28", 102, None, "Session invalid", "meta.token_refused", Credential, CREDENTIAL, Hold),
    ("29", 104, None, "Incorrect signature", "meta.signature_required", Configuration, CREDENTIAL, Hold),
    ("30", 200, None, "Provide valid app ID", "meta.no_token_seen", Configuration, CREDENTIAL, Hold),
    ("31", 200, None, "API access blocked.", "meta.api_blocked", App, APP, Hold),
    ("32", 3, None, "Capability missing", "meta.permission_missing", Permission, GRANT, Hold),
    ("32", 10, None, "(#10) Application does not have permission for this action", "meta.permission_missing", Permission, GRANT, Hold),
    ("32", 200, None, "(#200) Requires ads_management permission to manage the object", "meta.permission_missing", Permission, GRANT, Hold),
    ("32", 200, None, "Ad account owner has NOT grant ads_management or ads_read permission", "meta.permission_missing", Permission, GRANT, Hold),
    ("32", 294, None, "Requires ads_management", "meta.permission_missing", Permission, GRANT, Hold),
    ("32", 299, None, "permission", "meta.permission_missing", Permission, GRANT, Hold),
    ("34", 190, None, "Authentication Error", "meta.token_refused", Credential, CREDENTIAL, Hold),
    ("35", 2500, None, "An active access token must be used to query information about the current user.", "meta.no_token_seen", Configuration, CREDENTIAL, Hold),
    ("36", 3962, None, "Provided permission is not valid for this user", "meta.scope_not_valid", Configuration, NOTHING, Note),
    ("ground rules: unknown subcode", 190, Some(999_999), "something new", "meta.token_refused", Credential, CREDENTIAL, Hold),
];

/// `tokens.md` §8.3, without WhatsApp's codes.
#[rustfmt::skip]
const DELIVERY: &[Row] = &[
    ("1", 1, None, "An unknown error occurred", "meta.transient", Transient, CREDENTIAL, Retry),
    ("1/2853001", 1, Some(2_853_001), "unknown", "meta.page_profile_link", Configuration, GRANT, Hold),
    ("2", 2, None, "Service temporarily unavailable", "meta.transient", Transient, CREDENTIAL, Retry),
    ("2/2018344", 2, Some(2_018_344), "unavailable", "meta.page_terms_pending", Configuration, GRANT, Hold),
    ("4", 4, None, "(#4) Application request limit reached", "meta.throttled_app", Throttle, APP, Retry),
    ("4/1504022", 4, Some(1_504_022), "limit", "meta.throttled_app", Throttle, APP, Retry),
    ("9", 9, None, "transient", "meta.transient", Transient, CREDENTIAL, Retry),
    ("341", 341, None, "limit reached", "meta.transient", Transient, CREDENTIAL, Retry),
    ("17", 17, Some(2_446_079), "User request limit reached", "meta.throttled_user", Throttle, CREDENTIAL, Retry),
    ("17", 17, None, "User request limit reached", "meta.throttled_user", Throttle, CREDENTIAL, Retry),
    ("32", 32, None, "Page request limit reached", "meta.throttled_page", Throttle, ASSET, Retry),
    ("613", 613, Some(1_487_742), "custom limit", "meta.throttled_account", Throttle, ACCOUNT, Retry),
    ("613", 613, Some(1996), "custom limit", "meta.throttled_account", Throttle, ACCOUNT, Retry),
    ("613", 613, Some(1_487_632), "custom limit", "meta.throttled_account", Throttle, ACCOUNT, Retry),
    ("80000", 80_000, None, "too many calls", "meta.throttled_business", Throttle, ACCOUNT, Retry),
    ("80004", 80_004, None, "(#80004) There have been too many calls to this ad-account. Wait a bit", "meta.throttled_business", Throttle, ACCOUNT, Retry),
    ("80008", 80_008, None, "too many calls", "meta.throttled_business", Throttle, ACCOUNT, Retry),
    ("80009", 80_009, None, "too many calls", "meta.throttled_business", Throttle, ACCOUNT, Retry),
    ("80014", 80_014, None, "too many calls", "meta.throttled_business", Throttle, ACCOUNT, Retry),
    ("368", 368, Some(1_390_008), "blocked", "meta.policy_block", Policy, ACCOUNT, Hold),
    ("368", 368, None, "blocked", "meta.policy_block", Policy, ACCOUNT, Hold),
    ("506", 506, None, "Duplicate status message", "meta.duplicate", Payload, NOTHING, Note),
    ("803", 803, None, "Some of the aliases you requested do not exist", "meta.alias_unknown", Asset, GRANT, Hold),
    ("100/2804003", 100, Some(2_804_003), "Invalid parameter", "meta.event_too_old", TooOld, NOTHING, Expire),
    ("100, other 28040xx", 100, Some(2_804_099), "Invalid parameter", "meta.event_refused", Payload, NOTHING, DeadLetter),
    ("100 other", 100, None, "Invalid parameter", "meta.event_refused", Payload, NOTHING, DeadLetter),
    ("5000", 5_000, None, "Unknown error", "meta.transient", Transient, CREDENTIAL, Retry),
    ("21009", 21_009, None, "Data set upload temporarily not ready", "meta.transient", Transient, CREDENTIAL, Retry),
    ("1487390", 1_487_390, None, "object", "meta.marketing_object", Payload, NOTHING, DeadLetter),
    ("1487301", 1_487_301, None, "object", "meta.marketing_object", Payload, NOTHING, DeadLetter),
    ("1487366", 1_487_366, None, "object", "meta.marketing_object", Payload, NOTHING, DeadLetter),
    ("2650", 2_650, None, "object", "meta.marketing_object", Payload, NOTHING, DeadLetter),
    ("2654", 2_654, None, "object", "meta.marketing_object", Payload, NOTHING, DeadLetter),
    ("2655", 2_655, None, "object", "meta.marketing_object", Payload, NOTHING, DeadLetter),
];

/// `meta-conversions.md` §8, what the two tables above do not have.
#[rustfmt::skip]
const EVENTS: &[Row] = &[
    ("2500", 2_500, None, "Unknown path components: /x", "meta.bad_path", Configuration, GRANT, Hold),
    ("2635", 2_635, None, "You are calling a deprecated version", "meta.version_retired", Configuration, GRANT, Hold),
    ("613 alone", 613, None, "abuse", "meta.throttled_account", Throttle, ACCOUNT, Retry),
    ("2804001", 100, Some(2_804_001), "Invalid parameter", "meta.click_id_malformed", Payload, NOTHING, DeadLetter),
    ("2804009", 100, Some(2_804_009), "Invalid parameter", "meta.purchase_without_value", Payload, NOTHING, DeadLetter),
    ("2804016", 100, Some(2_804_016), "Invalid parameter", "meta.not_hashed", Payload, NOTHING, DeadLetter),
    ("2804019", 100, Some(2_804_019), "Invalid parameter", "meta.unknown_key", Payload, NOTHING, DeadLetter),
    ("2804030", 100, Some(2_804_030), "Invalid parameter", "meta.ldu_selection", Payload, NOTHING, DeadLetter),
    ("2804043", 100, Some(2_804_043), "Invalid parameter", "meta.extinfo_os_version_empty", Payload, NOTHING, DeadLetter),
    ("2804050", 100, Some(2_804_050), "Invalid parameter", "meta.no_identity", Payload, NOTHING, DeadLetter),
    ("2804063", 100, Some(2_804_063), "Invalid parameter", "meta.messaging_channel_missing", Payload, NOTHING, DeadLetter),
    ("2804066", 100, Some(2_804_066), "Invalid parameter", "meta.messaging_event_not_allowed", Payload, NOTHING, DeadLetter),
    ("2804072", 100, Some(2_804_072), "Invalid parameter", "meta.messaging_page_mismatch", Payload, NOTHING, DeadLetter),
    ("2804007", 100, Some(2_804_007), "Invalid parameter", "meta.event_refused", Payload, NOTHING, DeadLetter),
    ("2804017", 100, Some(2_804_017), "Invalid parameter", "meta.event_refused", Payload, NOTHING, DeadLetter),
    ("2804048", 100, Some(2_804_048), "Invalid parameter", "meta.event_refused", Payload, NOTHING, DeadLetter),
    ("anything else", 987_654, None, "new", "meta.unknown_code", Unknown, GRANT, RetryThenHold),
];

fn error(code: i64, subcode: Option<i64>, message: &str) -> Value {
    let mut error = json!({ "message": message, "type": "OAuthException", "code": code });
    if let Some(subcode) = subcode {
        error["error_subcode"] = subcode.into();
    }
    error
}

fn refused(status: u16, error: &Value) -> HttpResponse {
    answer(status, &[], &json!({ "error": error }).to_string())
}

/// Whatever the HTTP status is, code, subcode and message decide: for a delivery and for a question.
fn check(rows: &[Row]) {
    for (row, code, subcode, message, name, class, selectors, action) in rows {
        let row = format!("row {row}: {code}/{subcode:?} {message:?}");
        let expected = Expected { name, class: *class, action: *action, selectors };
        for status in [400, 401, 403, 500] {
            let response = refused(status, &error(*code, *subcode, message));
            let asked = Meta.read_probe(ProbeKind::Identity, &response).fault.unwrap();
            expected.check(&row, &asked);
            let judgement = judge(&Meta, &response);
            match (action, class) {
                // As good as success.
                (Note, Payload) => assert_eq!(judgement.unnamed, ItemVerdict::Accepted, "{row}"),
                // An answer to another call: never a success, never a token's death.
                (Note, _) => {
                    assert!(judgement.hold.is_none(), "{row}");
                    assert_ne!(judgement.unnamed, ItemVerdict::Accepted, "{row}");
                    let retry = judgement.retry.unwrap();
                    assert_eq!(retry.fault.name, "meta.unknown_code", "{row}");
                    assert!(retry.hold_after.is_some(), "{row}");
                }
                _ => {
                    assert_eq!(judgement.hold.is_some(), *action == Hold, "{row}");
                    expected.check(&row, &fault_of(judgement).unwrap());
                }
            }
        }
    }
}

#[test]
fn the_auth_family() {
    check(AUTH);
    let rows: Vec<u32> =
        AUTH.iter().filter_map(|(row, ..)| row.split(' ').next()?.parse().ok()).collect();
    for number in (1..=36).filter(|number| *number != 33) {
        assert!(rows.contains(&number), "row {number} of the sheet is missing");
    }
}

#[test]
fn the_delivery_family() {
    check(DELIVERY);
}

#[test]
fn the_conversions_sheet() {
    check(EVENTS);
    for code in (200..=299).chain([3, 10]) {
        check(&[(
            "3, 10, 200-299",
            code,
            None,
            "x",
            "meta.permission_missing",
            Permission,
            GRANT,
            Hold,
        )]);
    }
    for code in 80_000..=80_014 {
        check(&[(
            "80000-80014",
            code,
            None,
            "x",
            "meta.throttled_business",
            Throttle,
            ACCOUNT,
            Retry,
        )]);
    }
}

/// `is_transient` decides where the code alone does not.
#[test]
fn what_meta_says_of_passing_is_believed() {
    for (code, said, expected) in [
        (1, Some(false), "meta.error_not_transient"),
        (1, Some(true), "meta.transient"),
        (1, None, "meta.transient"),
        (987_654, Some(true), "meta.transient"),
        (987_654, Some(false), "meta.unknown_code"),
        // An outage stays one, whatever is said of it.
        (2, Some(false), "meta.transient"),
    ] {
        for subcode in [None, Some(99)] {
            let mut error = error(code, subcode, "x");
            if let Some(said) = said {
                error["is_transient"] = said.into();
            }
            let fault = fault_of(judge(&Meta, &refused(400, &error))).unwrap();
            assert_eq!(fault.name, expected, "{code} {subcode:?} {said:?}");
            // Where the work may have been done, nobody looks for a bad event by sending again.
            let judgement = judge(&Meta, &refused(500, &error));
            if code == 1 {
                assert!(matches!(judgement.unnamed, ItemVerdict::Ambiguous(_)), "{said:?}");
                assert!(judgement.unlocated.is_none(), "{said:?}");
            }
        }
    }
    let mut of_one_event = error(1, Some(99), "x");
    of_one_event["is_transient"] = false.into();
    let fault = fault_of(judge(&Meta, &refused(400, &of_one_event))).unwrap();
    Expected {
        name: "meta.error_not_transient",
        class: Payload,
        action: DeadLetter,
        selectors: NOTHING,
    }
    .check("1/99, not transient", &fault);
}

/// Timeouts, 5xx, HTML, throttles without a code: no verdict on the token.
#[test]
fn silence_is_not_a_verdict() {
    for (status, body, name, class) in [
        (500, "", "meta.server_error", Transient),
        (502, "<html>Bad gateway</html>", "meta.server_error", Transient),
        (401, "<html>sign in</html>", "meta.server_error", Transient),
        (200, "<html>portal</html>", "meta.server_error", Transient),
        (429, "", "meta.throttled", Throttle),
        (429, "<html>slow down</html>", "meta.throttled", Throttle),
    ] {
        let judgement = judge(&Meta, &answer(status, &[], body));
        assert!(judgement.hold.is_none(), "{status} {body}");
        let expected = Expected { name, class, action: Retry, selectors: CREDENTIAL };
        expected.check(&format!("{status} {body}"), &fault_of(judgement).unwrap());
    }
}
