//! Version 2: the asset in the body, the token in the header, records in the answer.

use reqwest::Method;
use serde_json::{Value, json};

use super::rig::{APP, FOREIGN_PIXEL, PIXEL, SnapRig, changed, event_v2};
use crate::rig::{encoded, json_post, now};

const DAY: i64 = 86_400;

#[tokio::test]
async fn a_bare_event_and_a_list_are_taken() {
    let snap = SnapRig::start().await;
    for body in [event_v2("1"), json!([event_v2("2"), event_v2("3")])] {
        let (status, answer) = snap.post_v2("", &body).await;
        let expected =
            json!({ "status": "SUCCESS", "reason": "All records processed", "error_records": [] });
        assert_eq!((status, answer), (200, expected));
    }
    assert_eq!(snap.counts(), (3, 0, 0));
    let seen = &snap.control().requests(Some(PIXEL), 1)[0];
    assert_eq!((seen.events, seen.path.as_str()), (2, "/v2/conversion"));
}

#[tokio::test]
async fn every_rule_refuses_and_names_the_record() {
    let snap = SnapRig::start().await;
    let old = ((now() - 28 * DAY - 5) * 1_000).to_string();
    for (what, changes, said) in [
        ("no type", json!({ "event_type": null }), "event_type is required"),
        ("a type of version 3", json!({ "event_type": "LEAD" }), "Unrecognized event type"),
        ("no time", json!({ "timestamp": null }), "timestamp is required"),
        ("a time in words", json!({ "timestamp": "now" }), "expected milliseconds"),
        ("seconds", json!({ "timestamp": (now() - 60).to_string() }), "out of range"),
        ("too old", json!({ "timestamp": old }), "out of range"),
        ("an odd source", json!({ "event_conversion_type": "website" }), "event_conversion_type"),
        ("nobody", json!({ "hashed_email": null }), "Insufficient PII"),
        ("not hashed", json!({ "hashed_email": "joe@example.com" }), "hashed_email"),
        ("a raw IP address", json!({ "hashed_ip_address": "192.0.2.1" }), "hashed_ip_address"),
        ("a purchase", json!({ "event_type": "PURCHASE", "price": "1" }), "currency is required"),
        ("a price of words", json!({ "price": "much" }), "price: expected a number"),
        ("a list of items", json!({ "item_ids": ["a"] }), "item_ids: expected a string"),
    ] {
        let bad = changed(event_v2("bad"), changes);
        let (status, body) = snap.post_v2("", &json!([event_v2("good"), bad])).await;
        assert_eq!((status, &body["status"]), (400, &json!("FAILED")), "{what}: {body}");
        let record = &body["error_records"][0];
        assert_eq!(record["record_indexes"], json!([2]), "{what}: {body}");
        assert!(record["reason"].as_str().unwrap().contains(said), "{what}: {body}");
    }
    assert_eq!(snap.received(), 0);
}

#[tokio::test]
async fn the_asset_is_in_the_body_and_one_for_all() {
    let snap = SnapRig::start().await;
    let with = |changes| changed(event_v2("x"), changes);
    let app = json!({
        "pixel_id": null, "snap_app_id": APP, "app_id": "1", "event_conversion_type": "MOBILE_APP",
    });
    let mut nameless = app.clone();
    nameless["app_id"] = Value::Null;
    for (what, body, status, said) in [
        ("an app", with(app), 200, "SUCCESS"),
        ("an app without its store's id", with(nameless), 400, "app_id is required"),
        ("none", with(json!({ "pixel_id": null })), 400, "pixel_id or snap_app_id is required"),
        ("of others", with(json!({ "pixel_id": FOREIGN_PIXEL })), 401, "Invalid access token"),
        ("unknown", with(json!({ "pixel_id": "4" })), 404, "Asset not found"),
        ("two", json!([with(json!({})), with(json!({ "pixel_id": APP }))]), 400, "the same asset"),
        ("no event", json!([]), 400, "no event"),
        ("no JSON object", json!("text"), 400, "an event or an array"),
    ] {
        let (found, answer) = snap.post_v2("", &body).await;
        assert!(found == status && answer.to_string().contains(said), "{what}: {found} {answer}");
    }
}

#[tokio::test]
async fn the_token_is_taken_in_the_header_alone() {
    let snap = SnapRig::start().await;
    let path = format!("/v2/conversion?{}", encoded(&[("access_token", &snap.token)]));
    let request = json_post(snap.rig.request(Method::POST, &path), &event_v2("x"));
    let (status, body) = crate::rig::answer(request.send().await.unwrap()).await;
    assert_eq!((status, &body["status"]), (401, &json!("FAILED")), "{body}");
}
