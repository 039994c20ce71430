//! `POST /v1/events`.

use std::io::Write as _;

use futures_util::future::join_all;
use holdfast_model::access::Role;
use serde_json::{Value, json};

use crate::harness::{Answer, Harness, read};

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn statuses(answer: &Answer) -> Vec<(u64, &str)> {
    let receipts = answer.body["receipts"].as_array().unwrap();
    receipts
        .iter()
        .map(|receipt| (receipt["index"].as_u64().unwrap(), receipt["status"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn one_event_is_durable_when_it_is_acknowledged() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let event = harness.event(1);
    let answer = harness.send(&key, "?destination=shop", event.to_string()).await.expect(202);
    let receipt = &answer.body["receipts"][0];
    let item_id = receipt["item_id"].as_str().unwrap().to_owned();
    assert_eq!(
        answer.body,
        json!({"accepted": 1, "refused": 0, "receipts": [{
            "index": 0, "status": "accepted", "item_id": item_id, "event_id": event["event_id"],
            "destination": "shop", "held": true,
        }]})
    );
    let harness = harness.restart().await;
    assert_eq!(harness.accepted(&shop).await, 1);
    let found = harness.gateway().outbox.find(item_id.parse().unwrap()).await.unwrap();
    assert!(found.is_some_and(|found| found.lane == shop.lane));
    let waiting = harness.waiting(&shop).await;
    assert_eq!(waiting[0].0, event["event_id"]);
    assert_eq!(waiting[0].1["event_name"], "Purchase");
}

#[tokio::test]
async fn held_is_said_only_while_a_hold_covers_the_destination() {
    let harness = Harness::start().await;
    let (_, key) = harness.with_shop().await;
    let body = harness.event(1).to_string();
    let held = async || {
        let answer = harness.send(&key, "?destination=shop", body.clone()).await.expect(202);
        answer.body["receipts"][0].get("held").cloned()
    };
    assert_eq!(held().await, Some(json!(true)));
    let operator = harness.key("operator", Role::Operator, &[]).await;
    let operator = Some(operator.expose());
    let holds = harness.call("GET", "/v1/holds", operator, &Value::Null).await.expect(200);
    for hold in holds.body.as_array().unwrap() {
        let path = format!("/v1/holds/{}/lift", hold["id"].as_str().unwrap());
        harness.call("POST", &path, operator, &json!({"reason": "test"})).await.expect(200);
    }
    assert_eq!(held().await, None);
}

#[tokio::test]
async fn an_event_without_an_id_gets_the_item_id() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let mut event = harness.event(1);
    event.as_object_mut().unwrap().remove("event_id");
    let answer = harness.send(&key, "?destination=shop", event.to_string()).await.expect(202);
    let receipt = &answer.body["receipts"][0];
    assert_eq!(receipt["event_id"], receipt["item_id"]);
    let waiting = harness.waiting(&shop).await;
    assert_eq!(waiting[0].1["event_id"], receipt["item_id"]);
}

#[tokio::test]
async fn good_and_bad_are_answered_side_by_side() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let mut milliseconds = harness.event(2);
    milliseconds["event_time"] = json!(harness.now().0 * 1000);
    let body = json!([harness.event(1), milliseconds, "secret@example.com", harness.event(3)]);
    let answer = harness.send(&key, "?destination=shop", body.to_string()).await.expect(202);
    assert_eq!(
        statuses(&answer),
        [(0, "accepted"), (1, "refused"), (2, "refused"), (3, "accepted")]
    );
    assert_eq!((&answer.body["accepted"], &answer.body["refused"]), (&json!(2), &json!(2)));
    let refused = &answer.body["receipts"][1];
    assert_eq!(refused["fault"], "meta.event_time_in_milliseconds");
    assert_eq!(refused["field"], "event_time");
    assert!(!answer.body.to_string().contains("secret@"), "values are not repeated");
    assert_eq!(harness.accepted(&shop).await, 2);

    let body = json!({"data": [milliseconds]});
    let answer = harness.send(&key, "?destination=shop", body.to_string()).await.expect(422);
    assert_eq!(answer.body["accepted"], 0);
    assert_eq!(harness.accepted(&shop).await, 2);
}

#[tokio::test]
async fn request_keys_are_checked_and_travel_with_the_item() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let body = |keys: Value| {
        let mut body = keys;
        body["data"] = json!([harness.event(1)]);
        body.to_string()
    };
    let test_code = body(json!({"test_event_code": "TEST1"}));
    let refused = harness.send(&key, "?destination=shop", test_code).await.expect(422);
    assert_eq!(refused.fault(), "meta.test_event_refused");
    assert_eq!(harness.accepted(&shop).await, 0);
    let agent = body(json!({"partner_agent": "shop-plugin", "upload_id": null}));
    harness.send(&key, "?destination=shop", agent).await.expect(202);
    assert_eq!(harness.waiting(&shop).await[0].2, r#"{"partner_agent":"shop-plugin"}"#);
}

#[tokio::test]
async fn an_unknown_destination_is_a_refusal_and_never_a_silent_drop() {
    let harness = Harness::start().await;
    let (shop, anywhere) = harness.with_shop().await;
    harness.destination("blog", "555", json!({})).await;
    let shop_only = harness.key("shop-only", Role::Ingest, &["shop"]).await;
    let both = harness.key("both", Role::Ingest, &["shop", "blog"]).await;
    let body = harness.event(1).to_string();
    for (key, query, status, fault) in [
        (&anywhere, "?destination=nowhere", 404, "holdfast.unknown_destination"),
        (&anywhere, "?destination=shop,nowhere", 404, "holdfast.unknown_destination"),
        (&anywhere, "?destination=", 404, "holdfast.unknown_destination"),
        (&anywhere, "", 422, "holdfast.no_destination"),
        (&both, "", 422, "holdfast.no_destination"),
        (&shop_only, "?destination=blog", 403, "holdfast.destination_not_allowed"),
        (&shop_only, "?destination=nowhere", 403, "holdfast.destination_not_allowed"),
        (&shop_only, "?destination=shop,blog", 403, "holdfast.destination_not_allowed"),
    ] {
        let answer = harness.send(key, query, body.clone()).await.expect(status);
        assert_eq!(answer.fault(), fault, "{query}");
    }
    assert_eq!(harness.accepted(&shop).await, 0);
    harness.send(&shop_only, "", body).await.expect(202);
    assert_eq!(harness.accepted(&shop).await, 1);
}

#[tokio::test]
async fn several_destinations_have_receipts_of_their_own() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let blog = harness.destination("blog", "555", json!({})).await;
    let body = json!([harness.event(1), harness.event(2)]).to_string();
    let answer = harness.send(&key, "?destination=shop,blog,shop", body).await.expect(202);
    let receipts = answer.body["receipts"].as_array().unwrap();
    let places: Vec<_> =
        receipts.iter().map(|r| (r["index"].as_u64(), r["destination"].as_str())).collect();
    let expected = [(0, "shop"), (0, "blog"), (1, "shop"), (1, "blog")];
    assert_eq!(places, expected.map(|(index, name)| (Some(index), Some(name))));
    assert_eq!((harness.accepted(&shop).await, harness.accepted(&blog).await), (2, 2));

    // One is full: nothing of the request is accepted anywhere.
    let small = json!({"quota_bytes": 1 << 20});
    let tiny = harness.destination("tiny", "556", small).await;
    let body = Value::from(harness.event_list(0..2_000)).to_string();
    let answer = harness.send(&key, "?destination=shop,tiny", body).await.expect(429);
    assert_eq!(answer.fault(), "holdfast.quota_exceeded");
    assert!(answer.body["error"]["message"].as_str().unwrap().contains("tiny"));
    assert!(answer.header("retry-after").is_some());
    assert_eq!((harness.accepted(&shop).await, harness.accepted(&tiny).await), (2, 0));
}

#[tokio::test]
async fn a_repeated_request_is_answered_alike_and_stored_once() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    harness.destination("blog", "555", json!({})).await;
    let other = harness.key("other-sender", Role::Ingest, &[]).await;
    let mut bad = harness.event(2);
    bad["event_time"] = json!("soon");
    let body = json!([harness.event(1), bad]).to_string();
    let send = |key, query: &'static str, body: String, harness: &Harness| {
        read(harness.events(key, query).header("idempotency-key", "order-1").body(body))
    };
    let first = send(&key, "?destination=shop", body.clone(), &harness).await.expect(202);
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = send(&key, "?destination=shop", body.clone(), &harness).await.expect(202);
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));

    let harness = harness.restart().await;
    let again = send(&key, "?destination=shop", body.clone(), &harness).await.expect(202);
    assert_eq!(again.body, first.body, "after a restart");
    assert_eq!(harness.accepted(&shop).await, 1);

    let changed = harness.event(9).to_string();
    for answer in [
        send(&key, "?destination=shop", changed, &harness).await,
        send(&key, "?destination=blog", body.clone(), &harness).await,
    ] {
        assert_eq!(answer.expect(422).fault(), "holdfast.idempotency_key_reused");
    }
    send(&other, "?destination=shop", body.clone(), &harness).await.expect(202);
    assert_eq!(harness.accepted(&shop).await, 2, "another caller's key is another key");
    let spaced = harness.events(&key, "?destination=shop").header("idempotency-key", "a b");
    assert_eq!(
        read(spaced.body(body)).await.expect(422).fault(),
        "holdfast.invalid_idempotency_key"
    );
}

#[tokio::test]
async fn the_same_request_many_times_at_once_is_stored_once() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let body = Value::from(harness.event_list(0..20)).to_string();
    let send = |_| {
        let request = harness.events(&key, "?destination=shop").header("idempotency-key", "k");
        read(request.body(body.clone()))
    };
    let answers = join_all((0..16).map(send)).await;
    assert!(answers.iter().all(|answer| answer.status == 202));
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    let first_hand = answers.iter().filter(|a| a.header("idempotency-replayed").is_none()).count();
    assert_eq!(first_hand, 1);
    assert_eq!(harness.accepted(&shop).await, 20);
}

#[tokio::test]
async fn a_request_that_stored_nothing_may_be_corrected_under_its_key() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let mut bad = harness.event(1);
    bad["event_time"] = json!("soon");
    for (body, status) in [(bad, 422), (harness.event(1), 202)] {
        let request = harness.events(&key, "?destination=shop").header("idempotency-key", "k");
        read(request.body(body.to_string())).await.expect(status);
    }
    assert_eq!(harness.accepted(&shop).await, 1);
}

#[tokio::test]
async fn ten_thousand_events_in_one_request() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let mut events = harness.event_list(0..10_000);
    let body = Value::from(events.clone()).to_string();
    assert!(body.len() > 9_000_000, "{}", body.len());
    let send = || {
        let request = harness.events(&key, "?destination=shop").header("idempotency-key", "big");
        read(request.body(body.clone()))
    };
    let answer = send().await.expect(202);
    assert_eq!(answer.body["accepted"], 10_000);
    assert_eq!(statuses(&answer).len(), 10_000);
    assert_eq!(send().await.body, answer.body);
    assert_eq!(harness.accepted(&shop).await, 10_000);

    events.push(harness.event(10_000));
    let body = Value::from(events).to_string();
    let answer = harness.send(&key, "?destination=shop", body).await.expect(413);
    assert_eq!(answer.fault(), "holdfast.too_many_events");
    assert_eq!(harness.accepted(&shop).await, 10_000);
}

#[tokio::test]
async fn compressed_bodies_and_bombs() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let send = |encoding: &'static str, body: Vec<u8>| {
        let request =
            harness.events(&key, "?destination=shop").header("content-encoding", encoding);
        read(request.body(body))
    };
    let plain = Value::from(harness.event_list(0..100)).to_string();
    let packed = gzip(plain.as_bytes());
    send("gzip", packed.clone()).await.expect(202);
    assert_eq!(harness.accepted(&shop).await, 100);
    for (encoding, body, status, fault) in [
        ("gzip", gzip(&vec![b' '; 200 << 20]), 413, "holdfast.body_too_large"),
        ("gzip", packed[..packed.len() - 5].to_vec(), 400, "holdfast.damaged_gzip"),
        ("gzip", plain.clone().into_bytes(), 400, "holdfast.damaged_gzip"),
        ("br", packed, 415, "holdfast.unsupported_encoding"),
    ] {
        assert_eq!(send(encoding, body).await.expect(status).fault(), fault);
    }
    assert_eq!(harness.accepted(&shop).await, 100);
}

#[tokio::test]
async fn bodies_that_are_no_events_are_refused_with_the_place() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    for (body, status, fault, place) in [
        (&b"{\"event_name\":\"A\",}"[..], 400, "holdfast.malformed_json", "line 1, column 19"),
        (b"[{},\n  {\"a\" 1}]", 400, "holdfast.malformed_json", "line 2, column 8"),
        (b"{\"a\":\"caf\xe9\"}", 400, "holdfast.not_utf8", "byte 9"),
        (b"", 422, "holdfast.no_events", ""),
        (b"[]", 422, "holdfast.no_events", ""),
        (b"42", 422, "holdfast.invalid_body", "body"),
        (b"{\"data\":{}}", 422, "holdfast.invalid_body", "data"),
    ] {
        let answer = harness.send(&key, "?destination=shop", body).await.expect(status);
        assert_eq!(answer.fault(), fault);
        let message = answer.body["error"]["message"].as_str().unwrap();
        assert!(message.contains(place), "{message}");
    }
    assert_eq!(harness.accepted(&shop).await, 0);
}

#[tokio::test]
async fn large_bodies_and_large_events_are_refused_alone() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let large = vec![b' '; (16 << 20) + 1];
    let answer = harness.send(&key, "?destination=shop", large).await.expect(413);
    assert_eq!(answer.fault(), "holdfast.body_too_large");
    let mut event = harness.event(1);
    event["custom_data"]["note"] = json!("x".repeat(256 << 10));
    let body = json!([harness.event(0), event]).to_string();
    let answer = harness.send(&key, "?destination=shop", body).await.expect(202);
    assert_eq!(statuses(&answer), [(0, "accepted"), (1, "refused")]);
    assert_eq!(answer.body["receipts"][1]["fault"], "holdfast.event_too_large");
    assert_eq!(harness.accepted(&shop).await, 1);
}

#[tokio::test]
async fn a_key_has_a_rate_of_its_own() {
    let harness = Harness::with("max_requests_per_second_per_key = 3").await;
    let (_, key) = harness.with_shop().await;
    let other = harness.key("other-sender", Role::Ingest, &[]).await;
    let body = harness.event(1).to_string();
    let send = |_| harness.send(&key, "?destination=shop", body.clone());
    let answers = join_all((0..40).map(send)).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(refused.len() >= 20, "{} of 40 were refused", refused.len());
    assert!(refused.iter().all(|answer| answer.fault() == "holdfast.too_many_requests"));
    assert!(refused.iter().all(|answer| answer.header("retry-after") == Some("1")));
    harness.send(&other, "?destination=shop", body.clone()).await.expect(202);
}

#[tokio::test]
async fn health_readiness_and_metrics() {
    let harness = Harness::start().await;
    let (_, key) = harness.with_shop().await;
    harness.send(&key, "?destination=shop", harness.event(1).to_string()).await.expect(202);
    harness.send(&key, "?destination=shop", "{}").await.expect(422);
    let get = |path| harness.call("GET", path, None, &Value::Null);
    assert_eq!(get("/healthz").await.expect(200).body, json!({"status": "ok"}));
    assert_eq!(get("/readyz").await.expect(200).body, json!({"status": "ready"}));
    let page = get("/metrics").await.expect(200);
    let page = page.body.as_str().unwrap();
    for line in [
        "holdfast_ingest_requests_total{status=\"202\"} 1",
        "holdfast_ingest_requests_total{status=\"422\"} 1",
        "holdfast_items_admitted_total{platform=\"meta\"} 1",
        "holdfast_items_refused_total{fault=\"meta.missing_field\"} 1",
    ] {
        assert!(page.contains(line), "{line} is missing in\n{page}");
    }
    assert_eq!(get("/v1/nothing").await.expect(404).fault(), "holdfast.not_found");
    let wrong = harness.call("GET", "/v1/events", None, &Value::Null).await.expect(405);
    assert_eq!(wrong.fault(), "holdfast.method_not_allowed");
}
