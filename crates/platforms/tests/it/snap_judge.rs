//! Every row of Snap's table of outcomes: which fault, what is held, and what is known of each
//! event.

use holdfast_model::destination::{Destination, DestinationSettings};
use holdfast_model::fault::FaultAction;
use holdfast_model::id::{AssetId, CredentialId, DestinationId, LaneId, Seq};
use holdfast_model::item::{BatchGroup, ItemMeta};
use holdfast_model::platform::PlatformId;
use holdfast_model::scope::SelectorKind;
use holdfast_model::secret::Secret;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_model::wire::{HttpResponse, Method, TransportFailure, TransportFailureKind};
use holdfast_platforms::snap::Snap;
use holdfast_platforms::{
    BatchView, ItemVerdict, Judgement, Platform, ProofForm, RequestContext, Signing,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn judge_bytes(status: u16, headers: &[(&str, &str)], body: &[u8], events: usize) -> Judgement {
    let items: Vec<ItemMeta> = (0..events)
        .map(|at| ItemMeta {
            seq: Seq(at as u64 + 1),
            bytes: 2,
            admitted_at: UnixMillis(0),
            expires_at: UnixSeconds::NEVER,
            dedup_until: Some(UnixSeconds::NEVER),
            intent_recorded: false,
        })
        .collect();
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let response = HttpResponse { status, headers: headers.collect(), body: body.to_vec() };
    let fragments: Vec<&[u8]> = vec![b"{}"; events];
    let view = BatchView { items: &items, fragments: &fragments, now: UnixSeconds(1_790_000_000) };
    Snap.judge(&response, &view)
}

fn judge(status: u16, body: &Value) -> Judgement {
    judge_bytes(status, &[], body.to_string().as_bytes(), 4)
}

/// The fault, wherever the judgement has it.
fn fault_name(judgement: &Judgement) -> String {
    let hold = judgement.hold.as_ref().map(|fault| fault.name.clone());
    let unlocated = judgement.unlocated.as_ref().map(|unlocated| unlocated.fault.name.clone());
    let retry = judgement.retry.as_ref().map(|retry| retry.fault.name.clone());
    hold.or(unlocated).or(retry).unwrap_or_default()
}

fn invalid(event: Option<u64>, codes: &[&str], messages: &[&str]) -> Value {
    let mut body =
        json!({ "status": "INVALID", "errors": { "codes": codes, "error_msgs": messages } });
    if let Some(event) = event {
        body["event"] = event.into();
    }
    body
}

#[test]
fn success_is_read_from_the_body() {
    for word in ["VALID", "SUCCESS", "valid"] {
        let body = json!({ "status": word, "reason": "Events have been processed successfully." });
        let judgement = judge(200, &body);
        assert_eq!(judgement, Judgement::all(ItemVerdict::Accepted), "{word}");
    }
    let v2 = json!({ "status": "SUCCESS", "reason": "All records processed", "error_records": [] });
    assert_eq!(judge(200, &v2), Judgement::all(ItemVerdict::Accepted));
    let careful = json!({ "status": "VALID", "warnings": ["careful", {"reason": "slow"}] });
    assert_eq!(judge(200, &careful).warnings, ["careful", "slow"]);
}

#[test]
fn a_200_that_says_nothing_known_is_no_success() {
    for body in [
        "",
        "OK",
        "{}",
        "[]",
        "null",
        "\"VALID\"",
        "<html>login</html>",
        r#"{"status":"PENDING"}"#,
        r#"{"status":1}"#,
        r#"{"reason":"Events have been processed successfully."}"#,
    ] {
        let judgement = judge_bytes(200, &[], body.as_bytes(), 4);
        assert!(matches!(judgement.unnamed, ItemVerdict::Ambiguous(_)), "{body}");
        let retry = judgement.retry.unwrap();
        assert_eq!(retry.fault.name, "snap.unreadable_answer", "{body}");
        assert!(retry.hold_after.is_some(), "bounded, then a hold, never a drop");
        assert!(judgement.hold.is_none() && judgement.unlocated.is_none());
    }
}

#[test]
fn a_refusal_is_one_whatever_the_status_says() {
    for status in [200, 201, 400] {
        for word in ["INVALID", "FAILED", "FAILURE", "ERROR"] {
            let judgement = judge(status, &json!({ "status": word, "reason": "no" }));
            assert_eq!(fault_name(&judgement), "snap.event_refused", "{status} {word}");
            assert!(judgement.hold.is_none(), "a bad event never stops the lane");
        }
    }
    let ads =
        json!({ "request_status": "ERROR", "events": [{ "sub_request_error_reason": "bad" }] });
    let judgement = judge(200, &ads);
    let fault = judgement.unlocated.unwrap().fault;
    assert!(fault.platform_message.contains("bad"), "{}", fault.platform_message);
}

#[test]
fn codes_and_words_that_are_known_say_it_better() {
    for (codes, message, expected, code) in [
        (&["507"][..], "", "snap.no_identity", 507),
        (&[], "Insufficient PII in event", "snap.no_identity", 400),
        (&["517"], "something", "snap.event_refused", 517),
        (&["E-12"], "something", "snap.event_refused", 400),
        (&[], "Unrecognized event type FOO", "snap.event_name_refused", 400),
        (&[], "Timestamp is out of range", "snap.event_time_refused", 400),
        (&[], "event_time is too old", "snap.event_time_refused", 400),
        (&[], "unhashed PII", "snap.event_refused", 400),
    ] {
        let judgement = judge(400, &invalid(Some(1), codes, &[message]));
        let fault = judgement.unlocated.unwrap().fault;
        assert_eq!(fault.name, expected, "{codes:?} {message}");
        assert_eq!(fault.action, FaultAction::DeadLetter);
        assert_eq!(fault.code.unwrap().code, code);
        for said in codes.iter().chain([&message]) {
            assert!(fault.platform_message.contains(said), "{}", fault.platform_message);
        }
    }
}

#[test]
fn after_a_refusal_the_neighbors_are_not_known_unprocessed() {
    for status in [200, 400] {
        let judgement = judge(status, &invalid(Some(3), &[], &["no"]));
        assert!(matches!(judgement.unnamed, ItemVerdict::Ambiguous(_)), "{status}");
        assert_eq!(judgement.unlocated.unwrap().suspects, [2], "counted from 1, and confirmed");
        assert!(judgement.named.is_empty(), "an index is a suspicion until it is confirmed");
    }
    // One event alone: then it is certain.
    let body = invalid(None, &["507"], &["no"]).to_string();
    let judgement = judge_bytes(400, &[], body.as_bytes(), 1);
    assert_eq!(judgement.unnamed, ItemVerdict::NotProcessed);
    assert!(judgement.unlocated.is_some());
}

#[test]
fn whoever_is_named_is_suspected_first() {
    let logs = json!({ "status": "INVALID", "event_logs": [
        { "event": 1, "status": "VALID", "warnings": ["w"] },
        { "event": 2, "status": "INVALID", "errors": { "codes": ["517"], "error_msgs": ["m"] } },
        { "event": 4, "status": "INVALID" },
    ]});
    for (body, expected) in [
        (invalid(None, &[], &["no"]), &[][..]),
        (invalid(Some(0), &[], &["no"]), &[0]),
        (invalid(Some(1), &[], &["no"]), &[0]),
        (invalid(Some(4), &[], &["no"]), &[3]),
        (invalid(Some(5), &[], &["no"]), &[]),
        (invalid(Some(u64::MAX), &[], &["no"]), &[]),
        (logs.clone(), &[1, 3]),
        (records("FAILED", &[2]), &[1, 2]),
    ] {
        assert_eq!(judge(400, &body).unlocated.unwrap().suspects, expected, "{body}");
    }
    assert_eq!(judge(400, &logs).warnings, ["w"]);
}

#[test]
fn outside_the_records_of_a_good_answer_everything_was_taken() {
    for (indexes, unsure) in [
        (&[0_u64][..], &[0_u32][..]),
        (&[4], &[3]),
        (&[2], &[1, 2]),
        (&[0, 2], &[0, 2]),
        (&[2, 4], &[1, 3]),
    ] {
        let judgement = judge(200, &records("SUCCESS", indexes));
        for position in 0..4 {
            let is_taken = *judgement.verdict_of(position) == ItemVerdict::Accepted;
            assert_eq!(is_taken, !unsure.contains(&position), "{indexes:?} at {position}");
        }
        assert_eq!(judgement.unlocated.unwrap().suspects, unsure);
    }
    let unplaced =
        judge(200, &json!({ "status": "SUCCESS", "error_records": [{ "reason": "x" }] }));
    assert!(matches!(unplaced.unnamed, ItemVerdict::Ambiguous(_)), "nobody is known good");
    assert!(unplaced.unlocated.is_some());
}

fn records(status: &str, indexes: &[u64]) -> Value {
    json!({ "status": status, "error_records": [{ "reason": "bad", "record_indexes": indexes }] })
}

/// Status, headers and body of an answer; the fault and what it covers.
type Refusal<'a> = (u16, &'a [(&'a str, &'a str)], &'a str, &'a str, &'a [SelectorKind]);

#[test]
fn a_dead_token_holds_one_asset_and_nothing_was_processed() {
    let asset = [SelectorKind::Credential, SelectorKind::Asset];
    let credential = [SelectorKind::Credential];
    let words = json!({ "status": "INVALID", "reason": "Invalid access token" });
    let expired = r#"Bearer error="invalid_token", error_description="The access token expired""#;
    let expires = [("www-authenticate", expired)];
    let cases: [Refusal<'_>; 10] = [
        (401, &[], "", "snap.token_refused", &asset),
        (401, &[], "Unauthorized", "snap.token_refused", &asset),
        (401, &[], "{\"anything\":1}", "snap.token_refused", &asset),
        (401, &expires, "", "snap.oauth_expired", &credential),
        (403, &[], "", "snap.forbidden", &asset),
        (403, &[], "{\"status\":\"INVALID\"}", "snap.forbidden", &asset),
        (404, &[], "{}", "snap.asset_unknown", &asset),
        (400, &[], &words.to_string(), "snap.token_refused", &asset),
        (200, &[], &words.to_string(), "snap.token_refused", &asset),
        (
            400,
            &[],
            "{\"error\":\"OAuth: the access token expired\"}",
            "snap.oauth_expired",
            &credential,
        ),
    ];
    for (status, headers, body, expected, selectors) in cases {
        let judgement = judge_bytes(status, headers, body.as_bytes(), 4);
        let hold = judgement.hold.unwrap_or_else(|| panic!("{status} {body}"));
        assert_eq!((hold.name.as_str(), hold.selectors.as_slice()), (expected, selectors));
        assert_eq!(judgement.unnamed, ItemVerdict::NotProcessed, "{status} {body}");
        assert!(hold.code.is_some());
    }
    let about_an_event = invalid(Some(1), &[], &["event_source_url has an access_token"]);
    assert!(judge(400, &about_an_event).hold.is_none(), "an event that is named is the cause");
}

#[test]
fn silence_is_not_a_verdict() {
    for status in [408, 500, 502, 503, 504, 599] {
        for body in ["", "<html>", r#"{"status":"INVALID"}"#, r#"{"status":"VALID"}"#, "token"] {
            let judgement = judge_bytes(status, &[], body.as_bytes(), 4);
            assert!(matches!(judgement.unnamed, ItemVerdict::Ambiguous(_)), "{status} {body}");
            let retry = judgement.retry.unwrap();
            assert_eq!(retry.fault.name, "snap.server_error");
            assert_eq!(retry.hold_after, None, "until the events' deadlines");
            assert!(judgement.hold.is_none());
        }
    }
    let page = [("content-type", "text/HTML; charset=utf-8")];
    for status in [200, 302, 400, 401, 403, 404, 451] {
        for (headers, body) in [(&[][..], " <!doctype html>"), (&page[..], "Please log in")] {
            let judgement = judge_bytes(status, headers, body.as_bytes(), 4);
            assert!(judgement.hold.is_none(), "{status}");
            assert_eq!(fault_name(&judgement), "snap.unreadable_answer");
        }
    }
    for status in [302, 405, 410, 422] {
        let judgement = judge_bytes(status, &[], br#"{"status":"INVALID"}"#, 4);
        assert_eq!(fault_name(&judgement), "snap.unreadable_answer", "{status}");
    }
    let contradiction = judge(400, &json!({ "status": "VALID" }));
    assert_eq!(fault_name(&contradiction), "snap.unreadable_answer");
}

#[test]
fn throttles_wait_and_bodies_that_are_too_large_are_halved() {
    let plain = judge_bytes(429, &[], b"<html>slow down</html>", 4);
    assert_eq!(plain.unnamed, ItemVerdict::NotProcessed);
    assert_eq!(fault_name(&plain), "snap.throttled");
    let throttle = plain.throttle.unwrap();
    assert_eq!((throttle.selectors, throttle.wait_ms), (vec![SelectorKind::Credential], None));
    let told = judge_bytes(429, &[("retry-after", "7")], b"", 4);
    assert_eq!(told.throttle.unwrap().wait_ms, Some(7_000));

    let large = judge_bytes(413, &[], b"<html>too large</html>", 4);
    assert_eq!(large.unnamed, ItemVerdict::NotProcessed, "refused before anyone looked inside");
    let unlocated = large.unlocated.unwrap();
    assert_eq!(unlocated.fault.name, "snap.request_too_large");
    assert!(unlocated.suspects.is_empty(), "halved");
}

#[test]
fn tokens_in_an_answer_are_masked() {
    let token = format!("eyJ{}.eyJ{}.{}", "hb".repeat(20), "cd".repeat(40), "ef".repeat(20));
    let oauth = format!("hCgwKCj{}", "x9".repeat(40));
    for secret in [&token, &oauth] {
        for body in [
            json!({ "status": "INVALID", "reason": format!("Invalid access token {secret}") }),
            invalid(None, &[secret], &["x"]),
            json!({ "status": "INVALID", "errors": {"error_msgs": [format!("/v3/x?access_token={secret}")]} }),
            json!({ "status": "VALID", "warnings": [secret] }),
        ] {
            let shown = format!("{:?}", judge(400, &body));
            assert!(!shown.contains(&secret[..20]), "{shown}");
        }
        let shown = format!("{:?}", judge_bytes(401, &[], secret.as_bytes(), 1));
        assert!(!shown.contains(&secret[..20]), "{shown}");
    }
}

#[test]
fn the_token_is_in_the_query_and_nowhere_else() {
    let token = Secret::new(format!("a b/{}+=&", "t0ken".repeat(10)));
    let destination = destination();
    let request = Snap.request(
        &[b"{\"a\":1}", b"{}"],
        &RequestContext {
            destination: &destination,
            base_url: holdfast_platforms::snap::BASE_URL,
            signing: Signing { token: &token, app_secret: None, proof: ProofForm::Classic },
            group: &BatchGroup(r#"{"test_event_code":"T1"}"#.to_owned()),
            now: UnixMillis(0),
        },
    );
    assert_eq!(request.method, Method::Post);
    assert_eq!(request.path, "/v3/0a1b2c3d/events");
    assert_eq!(request.body, br#"{"data":[{"a":1},{}],"test_event_code":"T1"}"#);
    let encoded = format!("access_token=a%20b%2F{}%2B%3D%26", "t0ken".repeat(10));
    assert_eq!(request.query.as_str(), encoded);
    let elsewhere = format!("{request:?} {} {:?}", request.path, request.headers);
    assert!(!elsewhere.contains("t0ken") && !elsewhere.contains("authorization"), "{elsewhere}");
}

fn destination() -> Destination {
    Destination {
        id: DestinationId::new("shop").unwrap(),
        lane: LaneId(1),
        platform: PlatformId::Snap,
        asset: AssetId::new("0a1b2c3d").unwrap(),
        credential: CredentialId::new("snap").unwrap(),
        standby: Vec::new(),
        settings: DestinationSettings::default(),
        created_at: UnixMillis(0),
    }
}

#[test]
fn a_request_without_an_answer_is_told_in_the_clients_words() {
    let failure = TransportFailure {
        kind: TransportFailureKind::Timeout,
        may_have_arrived: true,
        detail: "after 30 s".to_owned(),
    };
    let fault = Snap.transport_fault(&failure);
    assert_eq!((fault.name.as_str(), fault.action), ("snap.no_answer", FaultAction::Retry));
    assert_eq!(fault.platform_message, "no answer in time: after 30 s");
}

#[test]
fn what_would_count_twice_travels_alone() {
    let limits = Snap.limits();
    assert_eq!((limits.max_items, limits.max_bytes), (2_000, 2_000_000));
    assert_eq!(limits.max_unsafe_items, 1, "a refusal of several leaves neighbors unknown");
}

proptest! {
    #[test]
    fn any_answer_is_judged(
        status in 100u16..600, body in prop::collection::vec(any::<u8>(), 0..300), events in 1usize..6,
    ) {
        check_every_event(&judge_bytes(status, &[], &body, events), events)?;
    }

    #[test]
    fn any_refusal_is_judged(
        status in prop::sample::select(vec![200u16, 400, 401, 403, 404, 413, 429, 500]),
        word in prop::sample::select(vec!["VALID", "SUCCESS", "INVALID", "FAILED", "?"]),
        event in any::<Option<u64>>(), indexes in prop::collection::vec(0u64..9, 0..4), text in "\\PC{0,60}",
        events in 1usize..6,
    ) {
        let mut body = json!({ "status": word, "reason": text, "event": event });
        if !indexes.is_empty() {
            body["error_records"] = json!([{ "reason": text, "record_indexes": indexes }]);
        }
        let judgement = judge_bytes(status, &[], body.to_string().as_bytes(), events);
        check_every_event(&judgement, events)?;
    }
}

/// Whatever is not accepted has a reason, and every position is within the batch.
fn check_every_event(judgement: &Judgement, events: usize) -> Result<(), TestCaseError> {
    let is_explained =
        judgement.hold.is_some() || judgement.unlocated.is_some() || judgement.retry.is_some();
    for position in 0..events as u32 {
        match judgement.verdict_of(position) {
            ItemVerdict::Accepted => {}
            ItemVerdict::NotProcessed | ItemVerdict::Ambiguous(_) => prop_assert!(is_explained),
            ItemVerdict::Refused(_) => prop_assert!(false, "an index is never believed at once"),
        }
    }
    let suspects = judgement.unlocated.iter().flat_map(|unlocated| &unlocated.suspects);
    let named = judgement.named.iter().map(|(at, _)| at);
    for position in suspects.chain(named) {
        prop_assert!((*position as usize) < events);
    }
    Ok(())
}
