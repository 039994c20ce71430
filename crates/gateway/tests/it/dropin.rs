//! Meta's Conversions API as its own clients speak it.

use holdfast_model::access::Role;
use holdfast_model::secret::Secret;
use serde_json::{Value, json};

use crate::harness::{ASSET, Answer, Harness, read};

const JSON: &str = "application/json";

async fn post(harness: &Harness, path: &str, content_type: &str, body: String) -> Answer {
    read(harness.request("POST", path).header("content-type", content_type).body(body)).await
}

#[track_caller]
fn assert_received(answer: Answer, status: u16, events: u64) {
    let answer = answer.expect(status);
    let trace = answer.body["fbtrace_id"].as_str().unwrap().to_owned();
    assert_eq!(trace.len(), 23);
    let expected = json!({"events_received": events, "messages": [], "fbtrace_id": trace});
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn any_version_and_the_header_are_fine() {
    let harness = Harness::start().await;
    let (_, key) = harness.with_shop().await;
    let body = json!({"data": [harness.event(1)]});
    for version in ["v25.0", "v26.0", "v3.3"] {
        let path = format!("/{version}/{ASSET}/events");
        assert_received(harness.call("POST", &path, Some(key.expose()), &body).await, 200, 1);
    }
    let path = format!("/v25/{ASSET}/events");
    let answer = harness.call("POST", &path, Some(key.expose()), &body).await.expect(404);
    assert_eq!(answer.fault(), "holdfast.not_found");
}

#[tokio::test]
async fn one_bad_event_refuses_all_in_metas_words() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let mut old = harness.event(1);
    old["event_time"] = json!(harness.now().0 - 9 * 86_400);
    let body = json!({"data": [harness.event(0), old, harness.event(2)]});
    let path = format!("/v25.0/{ASSET}/events");
    let answer = harness.call("POST", &path, Some(key.expose()), &body).await.expect(400);
    let error = &answer.body["error"];
    assert_eq!((&error["code"], &error["error_subcode"]), (&json!(100), &json!(2_804_003)));
    assert_eq!(error["type"], "OAuthException");
    assert_eq!(error["is_transient"], false);
    assert_eq!(error["message"], "(#100) Invalid parameter: $['data'][1]['event_time']");
    assert_eq!(error["error_user_title"], "meta.event_too_old");
    let words = error["error_user_msg"].as_str().unwrap();
    assert!(words.starts_with("event 1, event_time: "), "{words}");
    assert!(error["fbtrace_id"].is_string());
    assert_eq!(harness.accepted(&shop).await, 0);
}

#[tokio::test]
async fn keys_and_assets_are_refused_in_metas_words() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    harness.destination("blog", "555", json!({})).await;
    let blog_only = harness.key("blog-only", Role::Ingest, &["blog"]).await;
    let operator = harness.key("operator", Role::Operator, &[]).await;
    let body = json!({"data": [harness.event(1)]});
    let path = |asset: &str| format!("/v25.0/{asset}/events");
    let made_up = Secret::new("hfk_made-up".to_owned());
    for (key, asset, status, code, subcode, kind) in [
        (Some(&made_up), ASSET, 401, 190, Value::Null, "OAuthException"),
        (None, ASSET, 401, 104, Value::Null, "OAuthException"),
        (Some(&operator), ASSET, 403, 200, Value::Null, "OAuthException"),
        (Some(&key), "999", 400, 100, json!(33), "GraphMethodException"),
        (Some(&key), "a%2Fb", 400, 100, json!(33), "GraphMethodException"),
        (Some(&blog_only), ASSET, 400, 100, json!(33), "GraphMethodException"),
    ] {
        let answer = harness.call("POST", &path(asset), key.map(Secret::expose), &body).await;
        let error = &answer.body["error"];
        assert_eq!(
            (answer.status, &error["code"], &error["error_subcode"], &error["type"]),
            (status, &json!(code), &subcode, &json!(kind)),
            "{asset} {error:#}"
        );
    }
    let query = format!("{}?access_token=EAAB", path(ASSET));
    let answer = harness.call("POST", &query, None, &body).await.expect(401);
    let message = answer.body["error"]["message"].as_str().unwrap();
    assert_eq!(message, "Invalid OAuth access token - Cannot parse access token");
    assert_eq!(harness.accepted(&shop).await, 0);
}

#[tokio::test]
async fn a_body_without_events_is_refused_in_metas_words() {
    let harness = Harness::start().await;
    let (_, key) = harness.with_shop().await;
    let path = format!("/v25.0/{ASSET}/events");
    for (body, user_title) in [
        (json!({}), "holdfast.no_events"),
        (json!({"data": []}), "holdfast.no_events"),
        (json!({"data": "x"}), "holdfast.invalid_body"),
        (json!({"data": [{}], "test_event_code": "T"}), "meta.test_event_refused"),
    ] {
        let answer = harness.call("POST", &path, Some(key.expose()), &body).await.expect(400);
        let error = &answer.body["error"];
        assert_eq!((&error["code"], &error["error_user_title"]), (&json!(100), &json!(user_title)));
    }
    let wrong = harness.call("GET", &path, Some(key.expose()), &Value::Null).await.expect(405);
    assert_eq!(wrong.body["error"]["code"], 100);
}

#[tokio::test]
async fn the_gateway_shape_is_answered_with_202() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let path = format!("/capi/{ASSET}/events");
    let body = json!({"data": harness.event_list(0..2), "accessKey": key.expose()});
    assert_received(post(&harness, &path, JSON, body.to_string()).await, 202, 2);
    assert_eq!(harness.accepted(&shop).await, 2);
    let body = json!({"data": harness.event_list(0..2), "accessKey": "nonsense"});
    post(&harness, &path, JSON, body.to_string()).await.expect(401);
}

#[tokio::test]
async fn an_asset_of_several_destinations_feeds_those_the_key_may_use() {
    let harness = Harness::start().await;
    let shop = harness.destination("shop", ASSET, json!({})).await;
    let copy = harness.destination("shop-copy", ASSET, json!({})).await;
    let third = harness.destination("third", ASSET, json!({})).await;
    let key = harness.key("two", Role::Ingest, &["shop", "shop-copy"]).await;
    let path = format!("/v25.0/{ASSET}/events");
    let body = json!({"data": [harness.event(1)]});
    assert_received(harness.call("POST", &path, Some(key.expose()), &body).await, 200, 1);
    for (destination, accepted) in [(&shop, 1), (&copy, 1), (&third, 0)] {
        assert_eq!(harness.accepted(destination).await, accepted, "{}", destination.id);
    }
}

#[tokio::test]
async fn a_full_destination_is_back_pressure_that_clients_retry() {
    let harness = Harness::start().await;
    let tiny = harness.destination("tiny", "556", json!({"quota_bytes": 1 << 20})).await;
    let key = harness.key("sender", Role::Ingest, &[]).await;
    let body = json!({"data": harness.event_list(0..3_000)});
    let answer = harness.call("POST", "/v25.0/556/events", Some(key.expose()), &body).await;
    let answer = answer.expect(429);
    let error = &answer.body["error"];
    assert_eq!((&error["code"], &error["is_transient"]), (&json!(2), &json!(true)));
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert_eq!(harness.accepted(&tiny).await, 0);
}
