//! `whatsapp.md` §6: every code of the table; `tokens.md` §8 for credentials and policy.
//!
//! The sheet's classes in the model's words: C credential, P permission, R throttle, X transient, B
//! and refused U and T payload; what is held for the account, a number, a template or a person
//! until somebody or something changes it is configuration or policy. "oU" is a matter of delivery,
//! not of the catalog.

use FaultAction::{DeadLetter, Expire, Hold, Note, Retry, RetryThenHold};
use FaultClass::{
    App, Asset, Configuration, Credential, Payload, Permission, Policy, Throttle, TooOld,
    Transient, Unknown,
};
use holdfast_model::fault::{FaultAction, FaultClass, PlatformCode};
use holdfast_model::platform::PlatformId;
use holdfast_model::scope::SelectorKind;
use holdfast_platforms::catalog;
use holdfast_platforms::whatsapp::{Refusal, classify};
use serde_json::json;

use super::{ACCOUNT, APP, ASSET, CREDENTIAL, Expected, GRANT, NOTHING, Selectors};

const PLATFORM: Selectors = &[SelectorKind::Platform];
const PAIR: Selectors = &[SelectorKind::Asset, SelectorKind::Recipient];
const PAIR_BY_CLASS: Selectors =
    &[SelectorKind::Asset, SelectorKind::Recipient, SelectorKind::MessageClass];
const NUMBER_BY_CLASS: Selectors = &[SelectorKind::Asset, SelectorKind::MessageClass];
const ACCOUNT_BY_CLASS: Selectors = &[SelectorKind::Account, SelectorKind::MessageClass];
/// The sheet's account and country: no answer names the country, so one of its people stands for it.
const ACCOUNT_AND_PERSON: Selectors = &[SelectorKind::Account, SelectorKind::Recipient];
const TEMPLATE: Selectors = &[SelectorKind::Account, SelectorKind::Template];

/// Codes that share a row of the sheet; subcode; words in message or details; fault, class,
/// selectors, action.
type Row =
    (&'static [i64], Option<i64>, &'static str, &'static str, FaultClass, Selectors, FaultAction);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    (&[0], None, "AuthException: We were unable to authenticate the app user.", "whatsapp.token_refused", Credential, CREDENTIAL, Hold),
    (&[1], None, "", "whatsapp.unknown_error", Unknown, PAIR, RetryThenHold),
    (&[2], None, "", "whatsapp.server_error", Transient, PLATFORM, Retry),
    (&[3, 10], None, "", "whatsapp.permission_missing", Permission, GRANT, Hold),
    (&[4], None, "", "whatsapp.throttled_app", Throttle, APP, Retry),
    (&[33], None, "", "whatsapp.number_deleted", Configuration, ASSET, Hold),
    (&[100], None, "Invalid parameter", "whatsapp.parameter_invalid", Payload, NOTHING, DeadLetter),
    (&[100], Some(33), "Unsupported post request.", "whatsapp.asset_missing", Asset, GRANT, Hold),
    (&[102, 190], None, "Authentication Error", "whatsapp.token_refused", Credential, CREDENTIAL, Hold),
    // `tokens.md` §8.2 row 29: our own request first.
    (&[104], None, "", "whatsapp.signature_required", Configuration, CREDENTIAL, Hold),
    (&[190], Some(458), "", "whatsapp.access_withdrawn", Credential, CREDENTIAL, Hold),
    (&[190], Some(459), "", "whatsapp.user_checkpoint", Credential, CREDENTIAL, Hold),
    (&[190], Some(460), "", "whatsapp.session_ended", Credential, CREDENTIAL, Hold),
    (&[190], Some(463), "", "whatsapp.token_expired", Credential, CREDENTIAL, Hold),
    (&[190], Some(464), "", "whatsapp.user_checkpoint", Credential, CREDENTIAL, Hold),
    (&[190], Some(466), "", "whatsapp.access_withdrawn", Credential, CREDENTIAL, Hold),
    (&[190], Some(467), "", "whatsapp.session_ended", Credential, CREDENTIAL, Hold),
    (&[190], Some(999_999), "", "whatsapp.token_refused", Credential, CREDENTIAL, Hold),
    (&[190], None, "The access token could not be decrypted", "whatsapp.token_damaged", Credential, CREDENTIAL, Hold),
    (&[190], None, "Invalid OAuth access token - Cannot parse access token", "whatsapp.not_a_token", Credential, CREDENTIAL, Hold),
    (&[190], None, "Invalid OAuth access token signature.", "whatsapp.app_invalid", App, APP, Hold),
    (&[101], None, "Invalid application ID.", "whatsapp.app_invalid", App, APP, Hold),
    (&[100], None, "API calls from the server require an appsecret_proof argument", "whatsapp.proof_refused", App, APP, Hold),
    (&[100], None, "Invalid appsecret_proof provided in the API argument", "whatsapp.proof_refused", App, APP, Hold),
    (&[200], None, "Provide valid app ID", "whatsapp.no_token_seen", Configuration, CREDENTIAL, Hold),
    (&[200], None, "API access blocked.", "whatsapp.api_blocked", App, APP, Hold),
    (&[200, 294, 299], None, "permission", "whatsapp.permission_missing", Permission, GRANT, Hold),
    (&[368], None, "", "whatsapp.account_restricted", Policy, ACCOUNT_BY_CLASS, Hold),
    (&[613, 80_007], None, "", "whatsapp.throttled_account", Throttle, ACCOUNT, Retry),
    // `tokens.md` §8.3: management calls.
    (&[80_008], None, "", "whatsapp.throttled_account", Throttle, ACCOUNT, Retry),
    (&[130_403], None, "", "whatsapp.recipient_blocked", Configuration, PAIR, Hold),
    (&[130_429], None, "", "whatsapp.throughput_reached", Throttle, ASSET, Retry),
    (&[130_472], None, "", "whatsapp.in_experiment", Payload, NOTHING, DeadLetter),
    (&[130_497], None, "", "whatsapp.country_restricted", Policy, ACCOUNT_AND_PERSON, Hold),
    (&[131_000], None, "", "whatsapp.unknown_error", Unknown, PAIR, RetryThenHold),
    (&[131_005], None, "", "whatsapp.permission_missing", Permission, GRANT, Hold),
    (&[131_008], None, "", "whatsapp.parameter_missing", Payload, NOTHING, DeadLetter),
    (&[131_009], None, "", "whatsapp.parameter_invalid", Payload, NOTHING, DeadLetter),
    (&[131_016], None, "", "whatsapp.server_error", Transient, PLATFORM, Retry),
    (&[131_020, 131_041, 131_200, 131_215, 131_299], None, "", "whatsapp.group_message_refused", Payload, NOTHING, DeadLetter),
    (&[131_021], None, "", "whatsapp.recipient_is_sender", Payload, NOTHING, DeadLetter),
    (&[131_026], None, "", "whatsapp.recipient_unreachable", Payload, NOTHING, DeadLetter),
    (&[131_030], None, "", "whatsapp.test_number_limit", Configuration, NOTHING, DeadLetter),
    (&[131_031], None, "", "whatsapp.account_locked", Policy, ACCOUNT, Hold),
    (&[131_037], None, "", "whatsapp.display_name_pending", Configuration, ASSET, Hold),
    (&[131_042], None, "", "whatsapp.payment_problem", Configuration, ACCOUNT_BY_CLASS, Hold),
    (&[131_045], None, "", "whatsapp.number_not_registered", Configuration, ASSET, Hold),
    (&[131_047], None, "", "whatsapp.window_closed", TooOld, NOTHING, Expire),
    (&[131_048], None, "", "whatsapp.spam_limit", Policy, NUMBER_BY_CLASS, Hold),
    (&[131_049], None, "", "whatsapp.marketing_limit_of_recipient", Throttle, PAIR_BY_CLASS, Hold),
    (&[131_050], None, "", "whatsapp.marketing_stopped", Policy, PAIR_BY_CLASS, Hold),
    (&[131_051], None, "", "whatsapp.message_type_unsupported", Payload, NOTHING, DeadLetter),
    (&[131_052], None, "", "whatsapp.media_download_failed", Payload, NOTHING, Note),
    (&[131_053], None, "", "whatsapp.media_upload_failed", Payload, NOTHING, DeadLetter),
    (&[131_055], None, "", "whatsapp.wrong_endpoint", Payload, NOTHING, DeadLetter),
    (&[131_056], None, "", "whatsapp.pair_rate", Throttle, PAIR, Retry),
    (&[131_057], None, "", "whatsapp.maintenance", Transient, ASSET, Retry),
    (&[131_062], None, "", "whatsapp.needs_phone_number", Payload, NOTHING, DeadLetter),
    (&[131_063], None, "", "whatsapp.marketing_disabled", Configuration, ACCOUNT_BY_CLASS, Hold),
    (&[131_064], None, "", "whatsapp.template_limit", Policy, ACCOUNT_BY_CLASS, Hold),
    (&[132_000, 132_008, 132_012, 132_018], None, "", "whatsapp.template_parameters", Payload, NOTHING, DeadLetter),
    (&[132_001], None, "", "whatsapp.template_missing", Configuration, TEMPLATE, Hold),
    (&[132_005], None, "", "whatsapp.template_text_too_long", Payload, NOTHING, DeadLetter),
    (&[132_007], None, "", "whatsapp.template_content", Payload, NOTHING, DeadLetter),
    (&[132_015], None, "", "whatsapp.template_paused", Policy, TEMPLATE, Hold),
    (&[132_016], None, "", "whatsapp.template_disabled", Payload, NOTHING, DeadLetter),
    (&[132_068], None, "", "whatsapp.flow_blocked", Configuration, TEMPLATE, Hold),
    (&[132_069], None, "", "whatsapp.flow_throttled", Throttle, TEMPLATE, Retry),
    (&[133_000], None, "", "whatsapp.deregistration_failed", Configuration, NOTHING, Note),
    (&[133_004, 2_494_100], None, "", "whatsapp.maintenance", Transient, ASSET, Retry),
    (&[133_005, 133_006, 133_008, 133_009], None, "", "whatsapp.registration_pin", Configuration, NOTHING, Note),
    (&[133_010], None, "", "whatsapp.number_not_registered", Configuration, ASSET, Hold),
    (&[133_015, 133_016], None, "", "whatsapp.registration_limit", Throttle, NOTHING, Note),
    (&[134_011], None, "", "whatsapp.payments_terms", Configuration, ACCOUNT_BY_CLASS, Hold),
    (&[134_100], None, "", "whatsapp.wrong_endpoint", Payload, NOTHING, DeadLetter),
    (&[134_101], None, "", "whatsapp.template_syncing", Transient, TEMPLATE, Retry),
    (&[134_102], None, "", "whatsapp.template_unavailable", Configuration, NOTHING, DeadLetter),
    (&[135_000], None, "", "whatsapp.parameter_invalid", Payload, NOTHING, DeadLetter),
    (&[137_000], None, "", "whatsapp.identity_changed", Policy, PAIR, Hold),
    // Off the send path.
    (&[131_044, 138_000, 138_009, 138_018], None, "", "whatsapp.calling", Configuration, NOTHING, Note),
    (&[131_059], None, "", "whatsapp.pagination_cursor", Payload, NOTHING, Note),
    (&[136_024, 136_025], None, "", "whatsapp.number_verification", Configuration, NOTHING, Note),
    (&[139_000, 139_001, 139_002, 139_003, 139_004], None, "", "whatsapp.flow_lifecycle", Configuration, NOTHING, Note),
    (&[139_100, 139_101, 139_102, 139_103], None, "", "whatsapp.block_list", Payload, NOTHING, Note),
    (&[147_001, 147_002, 147_003, 147_004, 147_005], None, "", "whatsapp.username", Configuration, NOTHING, Note),
    (&[200_005, 200_006, 200_007], None, "", "whatsapp.template_insights", Configuration, NOTHING, Note),
    (&[1_752_041], None, "", "whatsapp.onboarding_duplicate", Configuration, NOTHING, Note),
    (&[2_388_012, 2_388_091, 2_388_093, 2_388_103], None, "", "whatsapp.number_migration", Configuration, NOTHING, Note),
    (&[2_388_019], None, "", "whatsapp.template_count", Configuration, NOTHING, Note),
    (&[2_388_039, 2_388_040, 2_388_047, 2_388_072, 2_388_073, 2_388_293, 2_388_299], None, "", "whatsapp.template_editing", Payload, NOTHING, Note),
    (&[2_593_107, 2_593_108], None, "", "whatsapp.coexistence_sync", Configuration, NOTHING, Note),
    // An unknown code never means that a token is dead.
    (&[-1, 5, 99, 189, 300, 130_000, 131_999, 987_654], None, "expired token 190", "whatsapp.unknown_code", Unknown, GRANT, RetryThenHold),
];

#[test]
fn every_code_of_the_table() {
    for (codes, subcode, words, name, class, selectors, action) in TABLE {
        let expected = Expected { name, class: *class, action: *action, selectors };
        for code in *codes {
            // Words may stand in either place.
            for error in [
                json!({ "code": code, "error_subcode": subcode, "message": words }),
                json!({ "code": code, "error_subcode": subcode, "error_data": { "details": words } }),
            ] {
                let fault = Refusal::read(&error).fault();
                expected.check(&format!("{code}/{subcode:?} {words:?}"), &fault);
                assert_eq!(
                    fault.code,
                    Some(PlatformCode { code: *code, subcode: *subcode }),
                    "what was answered is kept"
                );
            }
        }
    }
}

/// The ranges in full, and that `holdfast explain whatsapp CODE` finds each code.
#[test]
fn every_code_is_found() {
    let listed = TABLE.iter().filter(|(.., action)| *action != RetryThenHold);
    let listed = listed.flat_map(|(codes, ..)| codes.iter().copied());
    let ranges = (200..=299).chain(131_200..=131_299).chain(138_000..=138_018);
    for code in listed.chain(ranges).chain([1, 131_000]) {
        let found = catalog::of(PlatformId::Whatsapp).by_code(PlatformCode { code, subcode: None });
        assert!(!found.is_empty(), "{code} is not found");
        let said = Refusal::read(&json!({ "code": code }));
        assert!(found.iter().any(|entry| entry.name == classify(&said).name), "{code}");
    }
    // And nothing is found that the sheet does not have.
    for code in [5, 199, 300, 131_199, 131_300, 137_999, 138_019, 200_004, 200_008] {
        let found = catalog::of(PlatformId::Whatsapp).by_code(PlatformCode { code, subcode: None });
        assert!(found.is_empty(), "{code}");
    }
}

/// Code in the table, else `is_transient`, else unknown.
#[test]
fn precedence() {
    for (code, is_transient, expected) in [
        (131_047, true, "whatsapp.window_closed"),
        (190, true, "whatsapp.token_refused"),
        (987_654, true, "whatsapp.server_error"),
        (987_654, false, "whatsapp.unknown_code"),
    ] {
        let said = Refusal::read(&json!({ "code": code, "is_transient": is_transient }));
        assert_eq!(classify(&said).name, expected, "{code} {is_transient}");
    }
    for nothing in [json!({}), json!({ "code": "x" }), json!(null), json!([190])] {
        assert_eq!(classify(&Refusal::read(&nothing)).name, "whatsapp.unknown_code", "{nothing}");
    }
}
