//! Normalization profiles as an operator sets them and as what waits shows them.

use holdfast_model::access::Role;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{ASSET, Harness};

#[tokio::test]
async fn one_event_is_normalized_for_each_destination_by_its_own_profile() {
    let harness = Harness::start().await;
    let key = harness.key("sender", Role::Ingest, &[]).await;
    let mut destinations = Vec::new();
    for (name, settings) in [
        ("docs", json!({})),
        ("builder", json!({"profile": "param-builder"})),
        ("legacy", json!({"profile": "sdk-legacy"})),
    ] {
        destinations.push(harness.destination(name, ASSET, settings).await);
    }
    let mut event = harness.event(1);
    event["user_data"] = json!({"em": "a@example.com", "st": "New South Wales", "fn": "Jean-Luc",
        "external_id": "User-1"});
    let path = format!("/v25.0/{ASSET}/events");
    let body = json!({"data": [event]});
    harness.call("POST", &path, Some(key.expose()), &body).await.expect(200);
    for (destination, state, name, id) in [
        (&destinations[0], "newsouthwales", "jeanluc", hash("user-1")),
        (&destinations[1], "ne", "jeanluc", hash("user-1")),
        (&destinations[2], "newsouthwales", "jean-luc", "User-1".to_owned()),
    ] {
        let (_, fragment, _) = harness.waiting(destination).await.remove(0);
        let expected = json!({"em": hash("a@example.com"), "st": hash(state), "fn": hash(name),
            "external_id": id});
        assert_eq!(fragment["user_data"], expected, "{}", destination.id);
    }
}

#[tokio::test]
async fn settings_that_contradict_each_other_are_refused() {
    let harness = Harness::start().await;
    harness.destination("shop", ASSET, json!({"default_country": "US"})).await;
    let admin = harness.key("admin", Role::Admin, &[]).await;
    for (settings, field) in [
        (json!({"profile": "sdk-legacy", "default_country": "US"}), "settings.default_country"),
        (json!({"profile": "mine"}), "profile"),
    ] {
        let body = json!({"id": "other", "platform": "meta", "asset": ASSET,
            "credential": "c-shop", "settings": settings});
        let answer = harness.call("POST", "/v1/destinations", Some(admin.expose()), &body).await;
        assert!(matches!(answer.status, 400 | 422), "{:#}", answer.body);
        let message = answer.body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(field), "{message}");
    }
    let shown = harness.call("GET", "/v1/destinations/shop", Some(admin.expose()), &Value::Null);
    assert_eq!(shown.await.expect(200).body["settings"]["profile"], "meta-docs");
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}
