//! `snap-conversions.md` §7 and §8: outcomes and actions; §11: what each cause of a 401 looks like from
//! here. The sheet's class *credential* has two names in the model: 401 judges the token, 403 what
//! it may do. Both hold the token on the asset.

use FaultAction::{DeadLetter, Hold, Retry, RetryThenHold};
use FaultClass::{Asset, Credential, Payload, Permission, Throttle, Transient, Unknown};
use holdfast_model::fault::{FaultAction, FaultClass};
use holdfast_model::wire::{TransportFailure, TransportFailureKind};
use holdfast_platforms::snap::Snap;
use holdfast_platforms::{ItemVerdict, Judgement, Platform};

use super::{CREDENTIAL, Expected, GRANT, NOTHING, Selectors, answer, fault_of, judge};

/// Row of the sheet; status, headers, body; fault, class, selectors, action.
type Row = (
    &'static str,
    u16,
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
    FaultClass,
    Selectors,
    FaultAction,
);

const EXPIRED: &[(&str, &str)] = &[(
    "www-authenticate",
    r#"Bearer error="invalid_token", error_description="The access token expired""#,
)];

#[rustfmt::skip]
const OUTCOMES: &[Row] = &[
    // §7
    ("v3 error", 400, &[], r#"{"status":"INVALID","event":1,"errors":{"codes":["1"],"error_msgs":["no"]},"reason":"x"}"#, "snap.event_refused", Payload, NOTHING, DeadLetter),
    ("v3 validate", 400, &[], r#"{"status":"INVALID","test_event":true,"event_logs":[{"event":1,"status":"INVALID","errors":{"codes":["517"],"error_msgs":["x"]}}]}"#, "snap.event_refused", Payload, NOTHING, DeadLetter),
    ("v2 FAILED", 200, &[], r#"{"status":"FAILED","reason":"x","error_records":[{"reason":"bad","record_indexes":[0]}]}"#, "snap.event_refused", Payload, NOTHING, DeadLetter),
    ("507", 400, &[], r#"{"status":"INVALID","event":1,"errors":{"codes":["507"],"error_msgs":["x"]}}"#, "snap.no_identity", Payload, NOTHING, DeadLetter),
    ("insufficient PII", 400, &[], r#"{"status":"INVALID","event":1,"errors":{"codes":[],"error_msgs":["Insufficient PII"]}}"#, "snap.no_identity", Payload, NOTHING, DeadLetter),
    ("517", 400, &[], r#"{"status":"INVALID","event":1,"errors":{"codes":["517"],"error_msgs":["x"]}}"#, "snap.event_refused", Payload, NOTHING, DeadLetter),
    ("timestamp", 400, &[], r#"{"status":"INVALID","event":1,"errors":{"codes":[],"error_msgs":["Timestamp is out of range"]}}"#, "snap.event_time_refused", Payload, NOTHING, DeadLetter),
    ("unhashed PII", 400, &[], r#"{"status":"INVALID","event":1,"errors":{"codes":[],"error_msgs":["unhashed PII"]}}"#, "snap.event_refused", Payload, NOTHING, DeadLetter),
    ("the Ads API's dialect", 200, &[], r#"{"request_status":"ERROR","events":[{"sub_request_error_reason":"bad"}]}"#, "snap.event_refused", Payload, NOTHING, DeadLetter),
    // §8
    ("200 INVALID", 200, &[], r#"{"status":"INVALID","reason":"x"}"#, "snap.event_refused", Payload, NOTHING, DeadLetter),
    ("200 error_records", 200, &[], r#"{"status":"SUCCESS","error_records":[{"reason":"x"}]}"#, "snap.event_refused", Payload, NOTHING, DeadLetter),
    ("200 non-JSON", 200, &[], "OK", "snap.unreadable_answer", Unknown, GRANT, RetryThenHold),
    ("200 unknown status", 200, &[], r#"{"status":"PENDING"}"#, "snap.unreadable_answer", Unknown, GRANT, RetryThenHold),
    ("400 INVALID", 400, &[], r#"{"status":"INVALID"}"#, "snap.event_refused", Payload, NOTHING, DeadLetter),
    ("400 that names the token", 400, &[], r#"{"status":"INVALID","reason":"Invalid access token"}"#, "snap.token_refused", Credential, GRANT, Hold),
    ("401", 401, &[], "", "snap.token_refused", Credential, GRANT, Hold),
    ("403", 403, &[], "", "snap.forbidden", Permission, GRANT, Hold),
    ("404", 404, &[], "{}", "snap.asset_unknown", Asset, GRANT, Hold),
    ("408", 408, &[], "", "snap.server_error", Transient, NOTHING, Retry),
    ("429", 429, &[], "", "snap.throttled", Throttle, CREDENTIAL, Retry),
    ("500", 500, &[], r#"{"status":"INVALID"}"#, "snap.server_error", Transient, NOTHING, Retry),
    ("503", 503, &[], "<html>", "snap.server_error", Transient, NOTHING, Retry),
    ("413", 413, &[], "", "snap.request_too_large", Payload, NOTHING, DeadLetter),
];

/// §11. What tells the causes apart is offline or another question; the answer to a delivery is one
/// of a few, and none of them may say more than it knows.
#[rustfmt::skip]
const CAUSES_OF_A_401: &[Row] = &[
    ("1 damaged", 401, &[], "", "snap.token_refused", Credential, GRANT, Hold),
    ("2 not active yet", 401, &[], "Unauthorized", "snap.token_refused", Credential, GRANT, Hold),
    ("3 not before", 401, &[], "{}", "snap.token_refused", Credential, GRANT, Hold),
    ("4 another organization", 401, &[], r#"{"reason":"no"}"#, "snap.token_refused", Credential, GRANT, Hold),
    ("4 another organization", 403, &[], r#"{"reason":"no"}"#, "snap.forbidden", Permission, GRANT, Hold),
    ("5 deleted", 401, &[], r#"{"reason":"Invalid access token"}"#, "snap.token_refused", Credential, GRANT, Hold),
    ("6 OAuth expired", 401, EXPIRED, "", "snap.oauth_expired", Credential, CREDENTIAL, Hold),
    ("6 OAuth expired", 400, &[], r#"{"error":"OAuth: the access token expired"}"#, "snap.oauth_expired", Credential, CREDENTIAL, Hold),
    ("7 refresh token", 401, &[], "", "snap.token_refused", Credential, GRANT, Hold),
    ("8 scope", 403, &[], "", "snap.forbidden", Permission, GRANT, Hold),
    ("9 Camera Kit", 401, &[], "", "snap.token_refused", Credential, GRANT, Hold),
    ("10 transport", 401, &[], "", "snap.token_refused", Credential, GRANT, Hold),
    ("11 foreign token", 400, &[], r#"{"status":"INVALID","reason":"unauthorized"}"#, "snap.token_refused", Credential, GRANT, Hold),
    ("12 asset mixed up", 404, &[], "{}", "snap.asset_unknown", Asset, GRANT, Hold),
    ("12 asset mixed up", 401, &[], "{}", "snap.token_refused", Credential, GRANT, Hold),
];

fn check(rows: &[Row]) {
    for (row, status, headers, body, name, class, selectors, action) in rows {
        let row = format!("row {row}: {status} {body}");
        let judgement = judge(&Snap, &answer(*status, headers, body));
        assert_eq!(judgement.hold.is_some(), *action == Hold, "{row}");
        if *action == Hold {
            assert_eq!(judgement.unnamed, ItemVerdict::NotProcessed, "{row}");
        }
        let expected = Expected { name, class: *class, action: *action, selectors };
        expected.check(&row, &fault_of(judgement).unwrap());
    }
}

#[test]
fn outcomes() {
    check(OUTCOMES);
    for body in [
        r#"{"status":"VALID","reason":"Events have been processed successfully."}"#,
        r#"{"status":"SUCCESS","reason":"All records processed","error_records":[]}"#,
    ] {
        assert_eq!(judge(&Snap, &answer(200, &[], body)), Judgement::all(ItemVerdict::Accepted));
    }
}

#[test]
fn causes_of_a_401() {
    check(CAUSES_OF_A_401);
    for number in 1..=12 {
        let is_here = |row: &Row| row.0.split(' ').next() == Some(&number.to_string());
        assert!(CAUSES_OF_A_401.iter().any(is_here), "cause {number} of the sheet is missing");
    }
    for row in CAUSES_OF_A_401 {
        let fault = fault_of(judge(&Snap, &answer(row.1, row.2, row.3))).unwrap();
        let says = |word: &str| format!("{} {}", fault.summary, fault.remedy).contains(word);
        assert!(!says("wrong type") && !says("Canvas"), "{}: the form is never the reason", row.0);
        let is_oauth = fault.name == "snap.oauth_expired";
        assert!(is_oauth || !says("expired"), "{}: a static token does not expire", row.0);
    }
}

/// Timeout, TLS, DNS.
#[test]
fn no_answer_at_all() {
    let failure = TransportFailure {
        kind: TransportFailureKind::Timeout,
        may_have_arrived: true,
        detail: "timed out".to_owned(),
    };
    let expected =
        Expected { name: "snap.no_answer", class: Transient, action: Retry, selectors: NOTHING };
    expected.check("timeout", &Snap.transport_fault(&failure));
}
