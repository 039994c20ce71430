//! Every row of the error tables: which fault, what is held, and what it says about the events.

use holdfast_model::fault::{FaultAction, FaultClass};
use holdfast_model::id::Seq;
use holdfast_model::item::ItemMeta;
use holdfast_model::platform::PlatformId;
use holdfast_model::scope::SelectorKind;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_model::wire::HttpResponse;
use holdfast_platforms::{BatchView, ItemVerdict, Judgement, platform};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

fn judge_bytes(
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
    fragments: &[&[u8]],
) -> Judgement {
    let items: Vec<ItemMeta> = (0..fragments.len())
        .map(|at| ItemMeta {
            seq: Seq(at as u64 + 1),
            bytes: 100,
            admitted_at: UnixMillis(0),
            expires_at: UnixSeconds::NEVER,
            dedup_until: None,
            intent_recorded: false,
        })
        .collect();
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let response = HttpResponse { status, headers: headers.collect(), body: body.to_vec() };
    let view = BatchView { items: &items, fragments, now: NOW };
    platform(PlatformId::Meta).unwrap().judge(&response, &view)
}

fn judge(status: u16, error: &Value) -> Judgement {
    let fragments: [&[u8]; 4] = [b"{}"; 4];
    judge_bytes(status, &[], json!({ "error": error }).to_string().as_bytes(), &fragments)
}

/// The fault, wherever the judgement has it.
fn fault_name(judgement: &Judgement) -> String {
    let refused = judgement.named.iter().find_map(|(_, verdict)| match verdict {
        ItemVerdict::Refused(fault) => Some(fault.name.clone()),
        _ => None,
    });
    let hold = judgement.hold.as_ref().map(|fault| fault.name.clone());
    let unlocated = judgement.unlocated.as_ref().map(|unlocated| unlocated.fault.name.clone());
    let retry = judgement.retry.as_ref().map(|retry| retry.fault.name.clone());
    hold.or(refused).or(unlocated).or(retry).unwrap_or_default()
}

fn error(code: i64, subcode: Option<i64>, message: &str) -> Value {
    let mut error = json!({ "message": message, "type": "OAuthException", "code": code });
    if let Some(subcode) = subcode {
        error["error_subcode"] = subcode.into();
    }
    error
}

/// Whatever the HTTP status is, the code decides.
fn check(code: i64, subcode: Option<i64>, message: &str, expected: &str) {
    for status in [400, 401, 403, 500] {
        let judgement = judge(status, &error(code, subcode, message));
        assert_eq!(fault_name(&judgement), expected, "{code}/{subcode:?} {message:?} as {status}");
    }
}

#[test]
fn the_auth_family() {
    for (subcode, expected) in [
        (452, "meta.session_replaced"),
        (457, "meta.session_origin"),
        (458, "meta.app_removed"),
        (459, "meta.user_checkpoint"),
        (460, "meta.password_changed"),
        (463, "meta.token_expired"),
        (464, "meta.user_unconfirmed"),
        (465, "meta.system_user_removed"),
        (466, "meta.token_revoked"),
        (467, "meta.logged_out"),
        (492, "meta.page_role_lost"),
        (493, "meta.data_access_lapsed"),
        (999_999, "meta.token_refused"),
    ] {
        check(190, Some(subcode), "Error validating access token: …", expected);
    }
    for (message, expected) in [
        ("The access token could not be decrypted", "meta.token_damaged"),
        ("Invalid OAuth access token - Cannot parse access token", "meta.not_a_token"),
        ("Malformed access token AQB", "meta.not_a_token"),
        ("Invalid OAuth access token - Debug only access token", "meta.debug_only_token"),
        ("Session key is malformed", "meta.session_key_malformed"),
        ("Invalid OAuth access token signature.", "meta.app_secret_mismatch"),
        (
            "Error validating application. Cannot get application info due to a system error.",
            "meta.app_invalid",
        ),
        ("Error validating application. Application has been deleted.", "meta.app_invalid"),
        ("Invalid OAuth access token data.", "meta.token_refused"),
        (
            "Any of the pages_x permission(s) must be granted before impersonating a user's page.",
            "meta.page_permission",
        ),
        ("something nobody has seen", "meta.token_refused"),
    ] {
        check(190, None, message, expected);
    }
    check(101, None, "Invalid application ID.", "meta.app_invalid");
    check(102, None, "", "meta.token_refused");
    check(104, None, "", "meta.signature_required");
}

#[test]
fn permissions_assets_proofs_and_policy() {
    check(
        100,
        None,
        "API calls from the server require an appsecret_proof argument",
        "meta.proof_required",
    );
    check(100, None, "Invalid appsecret_proof provided in the API argument", "meta.proof_invalid");
    check(100, Some(33), "Unsupported post request.", "meta.asset_missing");
    check(200, None, "Provide valid app ID", "meta.no_token_seen");
    check(200, None, "API access blocked.", "meta.api_blocked");
    for code in [3, 10, 200, 294, 299] {
        check(code, None, "(#10) permission", "meta.permission_missing");
    }
    check(368, Some(1_390_008), "blocked", "meta.policy_block");
    check(803, None, "Some of the aliases you requested do not exist", "meta.alias_unknown");
    check(2500, None, "", "meta.bad_path");
    check(2635, None, "", "meta.version_retired");
}

#[test]
fn payload_codes_search_for_the_event() {
    for (subcode, expected) in [
        (2_804_001, "meta.click_id_malformed"),
        (2_804_003, "meta.event_too_old"),
        (2_804_009, "meta.purchase_without_value"),
        (2_804_016, "meta.not_hashed"),
        (2_804_019, "meta.unknown_key"),
        (2_804_030, "meta.ldu_selection"),
        (2_804_043, "meta.extinfo_os_version_empty"),
        (2_804_050, "meta.no_identity"),
        (2_804_063, "meta.messaging_channel_missing"),
        (2_804_066, "meta.messaging_event_not_allowed"),
        (2_804_072, "meta.messaging_page_mismatch"),
        (2_804_007, "meta.event_refused"),
        (2_804_017, "meta.event_refused"),
        (2_804_048, "meta.event_refused"),
    ] {
        check(100, Some(subcode), "Invalid parameter", expected);
        let judgement = judge(400, &error(100, Some(subcode), "Invalid parameter"));
        assert_eq!(judgement.unnamed, ItemVerdict::NotProcessed, "the whole request was refused");
        assert!(judgement.unlocated.is_some() && judgement.hold.is_none());
    }
    check(100, None, "Invalid parameter", "meta.event_refused");
}

#[test]
fn an_index_names_the_event_in_any_of_the_texts() {
    for key in ["message", "error_user_title", "error_user_msg"] {
        let mut refused = error(100, Some(2_804_019), "Invalid parameter");
        refused[key] = "Unexpected key \"x\" on param \"$['data'][2]['user_data']\"".into();
        let judgement = judge(400, &refused);
        let [(2, ItemVerdict::Refused(fault))] = judgement.named.as_slice() else {
            panic!("{key}: {judgement:?}")
        };
        assert_eq!(fault.action, FaultAction::DeadLetter);
    }
    let beyond = error(100, None, "on param \"$['data'][17]\"");
    assert!(judge(400, &beyond).unlocated.is_some(), "an index outside the batch names nobody");
}

#[test]
fn throttles_wait_as_long_as_the_header_says() {
    for (code, expected) in [
        (4, "meta.throttled_app"),
        (17, "meta.throttled_user"),
        (32, "meta.throttled_page"),
        (613, "meta.throttled_account"),
        (80_000, "meta.throttled_business"),
        (80_014, "meta.throttled_business"),
    ] {
        check(code, None, "too many calls", expected);
    }
    let body = json!({ "error": error(80_004, None, "too many calls") }).to_string();
    let usage = r#"{"1":[{"call_count":100,"estimated_time_to_regain_access":3}]}"#;
    let headers = [("x-business-use-case-usage", usage)];
    let throttle = judge_bytes(400, &headers, body.as_bytes(), &[b"{}"]).throttle.unwrap();
    assert_eq!(throttle.wait_ms, Some(180_000), "minutes, unlike everything else");
    let headers = [("retry-after", "7")];
    let too_many = judge_bytes(429, &headers, b"", &[b"{}"]);
    assert_eq!(too_many.throttle.unwrap().wait_ms, Some(7_000));
    assert_eq!(too_many.unnamed, ItemVerdict::NotProcessed);
}

#[test]
fn silence_is_not_a_verdict() {
    for (status, body) in [
        (502, "<html>Bad gateway</html>"),
        (500, ""),
        (200, "<html>login</html>"),
        (401, "<html>proxy</html>"),
        (200, "{}"),
    ] {
        let judgement = judge_bytes(status, &[], body.as_bytes(), &[b"{}"]);
        assert!(judgement.hold.is_none(), "{status} {body}");
        assert!(matches!(judgement.unnamed, ItemVerdict::Ambiguous(_)));
        assert!(judgement.retry.is_some_and(|retry| retry.hold_after.is_none()));
    }
    for code in [1, 2, 341, 5_000, 21_009] {
        check(code, None, "", "meta.transient");
    }
    let unknown = judge(400, &error(987_654, None, "new"));
    assert!(unknown.hold.is_none());
    assert!(unknown.retry.unwrap().hold_after.is_some(), "bounded, then a hold, never a drop");
}

#[test]
fn success_is_a_number_that_fits() {
    let two: [&[u8]; 2] = [b"{}", b"{}"];
    let body = br#"{"events_received":2,"messages":["careful"],"fbtrace_id":"A1"}"#;
    let judgement = judge_bytes(200, &[], body, &two);
    assert_eq!(judgement.unnamed, ItemVerdict::Accepted);
    assert_eq!(judgement.trace_id.as_deref(), Some("A1"));
    assert_eq!(judgement.warnings, ["careful"]);
    let judgement = judge_bytes(200, &[], br#"{"events_received":1}"#, &two);
    assert!(matches!(judgement.unnamed, ItemVerdict::Ambiguous(_)));
}

#[test]
fn scopes_are_the_narrowest_that_are_true() {
    let of = |code, subcode, message: &str| {
        let fault = judge(400, &error(code, subcode, message)).hold.unwrap();
        (fault.class, fault.selectors)
    };
    assert_eq!(of(190, Some(463), ""), (FaultClass::Credential, vec![SelectorKind::Credential]));
    let asset = vec![SelectorKind::Credential, SelectorKind::Asset];
    assert_eq!(of(100, Some(33), ""), (FaultClass::Asset, asset.clone()));
    assert_eq!(of(10, None, ""), (FaultClass::Permission, asset));
    assert_eq!(of(368, None, ""), (FaultClass::Policy, vec![SelectorKind::Account]));
}

#[test]
fn a_token_in_a_message_is_masked() {
    let token = format!("EAA{}", "Bc3".repeat(60));
    let judgement = judge(400, &error(190, None, &format!("Malformed access token {token}")));
    let shown = judgement.hold.unwrap().platform_message;
    assert!(!shown.contains(&token[..20]), "{shown}");
}

#[test]
fn the_oldest_event_is_suspected_of_being_too_old() {
    let time =
        |age: i64| format!("{{\"event_name\":\"x\",\"event_time\":{}}}", NOW.0 - age).into_bytes();
    let (young, old) = (time(60), time(604_000));
    let fragments: [&[u8]; 3] = [&young, &old, &young];
    let body = json!({ "error": error(100, Some(2_804_003), "Invalid parameter") }).to_string();
    let judgement = judge_bytes(400, &[], body.as_bytes(), &fragments);
    assert_eq!(judgement.unlocated.unwrap().suspects, [1]);
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(status in 100u16..600, body in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = judge_bytes(status, &[], &body, &[b"{}", b"{}"]);
    }

    #[test]
    fn any_error_object_is_judged(code in any::<i64>(), subcode in any::<Option<i64>>(), message in "\\PC{0,80}") {
        let judgement = judge(400, &error(code, subcode, &message));
        prop_assert!(!fault_name(&judgement).is_empty() || judgement.unnamed == ItemVerdict::Accepted);
    }
}
