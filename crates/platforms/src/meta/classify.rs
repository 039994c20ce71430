//! From an error answer to a row of the catalog: by code, subcode and the shape of the message,
//! never by HTTP status.

use super::answer::ErrorAnswer;
use super::faults::CATALOG;
use crate::catalog::Entry;

/// A row by name. Names are constants of this crate, and a test looks each of them up.
pub fn entry(name: &str) -> &'static Entry {
    CATALOG.row(name)
}

pub fn classify(error: &ErrorAnswer) -> &'static Entry {
    entry(name_of(error))
}

fn name_of(error: &ErrorAnswer) -> &'static str {
    match error.code {
        190 => token_fault(error),
        1 if error.subcode == Some(2_853_001) => "meta.page_profile_link",
        2 if error.subcode == Some(2_018_344) => "meta.page_terms_pending",
        1 if error.is_final => "meta.error_not_transient",
        101 => "meta.app_invalid",
        102 => "meta.token_refused",
        104 => "meta.signature_required",
        100 => parameter_fault(error),
        200 if error.says("provide valid app id") => "meta.no_token_seen",
        200 if error.says("api access blocked") => "meta.api_blocked",
        3 | 10 | 200..=299 => "meta.permission_missing",
        368 => "meta.policy_block",
        506 => "meta.duplicate",
        803 => "meta.alias_unknown",
        2500 if error.says("active access token") => "meta.no_token_seen",
        2500 => "meta.bad_path",
        2635 => "meta.version_retired",
        4 => "meta.throttled_app",
        17 => "meta.throttled_user",
        32 => "meta.throttled_page",
        613 => "meta.throttled_account",
        80_000..=80_014 => "meta.throttled_business",
        3962 => "meta.scope_not_valid",
        1_487_301 | 1_487_366 | 1_487_390 | 2650 | 2654 | 2655 => "meta.marketing_object",
        1 | 2 | 9 | 341 | 5_000 | 21_009 => "meta.transient",
        _ if error.is_transient => "meta.transient",
        _ => "meta.unknown_code",
    }
}

/// 190 is not one thing: about six of its messages are no token's death.
fn token_fault(error: &ErrorAnswer) -> &'static str {
    match error.subcode {
        Some(452) => "meta.session_replaced",
        Some(457) => "meta.session_origin",
        Some(458) => "meta.app_removed",
        Some(459) => "meta.user_checkpoint",
        Some(460) => "meta.password_changed",
        Some(463) => "meta.token_expired",
        Some(464) => "meta.user_unconfirmed",
        Some(465) => "meta.system_user_removed",
        Some(466) => "meta.token_revoked",
        Some(467) => "meta.logged_out",
        Some(492) => "meta.page_role_lost",
        Some(493) => "meta.data_access_lapsed",
        _ => token_fault_by_message(error),
    }
}

/// An unknown message never means "expired".
fn token_fault_by_message(error: &ErrorAnswer) -> &'static str {
    const SHAPES: [(&str, &str); 14] = [
        ("could not be decrypted", "meta.token_damaged"),
        ("cannot parse access token", "meta.not_a_token"),
        ("malformed access token", "meta.not_a_token"),
        ("debug only access token", "meta.debug_only_token"),
        ("session key", "meta.session_key_malformed"),
        ("access token signature", "meta.app_secret_mismatch"),
        ("error validating application", "meta.app_invalid"),
        ("application has been deleted", "meta.app_invalid"),
        ("invalid application id", "meta.app_invalid"),
        ("impersonat", "meta.page_permission"),
        ("hasn't engaged the app", "meta.data_access_lapsed"),
        ("has not authorized application", "meta.app_removed"),
        ("invalidated explicitly using an api call", "meta.token_revoked"),
        ("user has been checkpointed", "meta.user_checkpoint"),
    ];
    SHAPES
        .iter()
        .find_map(|(shape, name)| error.says(shape).then_some(*name))
        .unwrap_or("meta.token_refused")
}

fn parameter_fault(error: &ErrorAnswer) -> &'static str {
    match error.subcode {
        Some(33) => "meta.asset_missing",
        Some(2_804_001) => "meta.click_id_malformed",
        Some(2_804_003) => "meta.event_too_old",
        Some(2_804_009) => "meta.purchase_without_value",
        Some(2_804_016) => "meta.not_hashed",
        Some(2_804_019) => "meta.unknown_key",
        Some(2_804_030) => "meta.ldu_selection",
        Some(2_804_043) => "meta.extinfo_os_version_empty",
        Some(2_804_050) => "meta.no_identity",
        Some(2_804_063) => "meta.messaging_channel_missing",
        Some(2_804_066) => "meta.messaging_event_not_allowed",
        Some(2_804_072) => "meta.messaging_page_mismatch",
        _ => parameter_fault_by_message(error),
    }
}

fn parameter_fault_by_message(error: &ErrorAnswer) -> &'static str {
    if error.says("appsecret_proof") {
        return if error.says("invalid") { "meta.proof_invalid" } else { "meta.proof_required" };
    }
    if error.says("unsupported post request") || error.says("unsupported get request") {
        return "meta.asset_missing";
    }
    if error.says("must provide an app access token") {
        return "meta.inspection_needs_app_token";
    }
    if error.says("did not match the viewing app") {
        return "meta.inspection_of_another_app";
    }
    if error.says("unexpected key") {
        return "meta.unknown_key";
    }
    if error.is_transient { "meta.transient" } else { "meta.event_refused" }
}
