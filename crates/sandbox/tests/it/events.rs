//! `POST /{version}/{dataset}/events`: what is accepted, in which shapes, and what is refused.

use holdfast_sandbox::{NewToken, TokenKind, TokenPlace};
use reqwest::Method;
use serde_json::{Value, json};

use crate::rig::{DATASET, OTHER_DATASET, Rig, answer, encoded, event, event_with, json_post, now};

#[tokio::test]
async fn a_success_has_the_three_fields_that_clients_read() {
    let rig = Rig::start().await;
    let (status, body) = rig.deliver(&[event("1"), event("2")]).await;
    assert_eq!(status, 200);
    assert_eq!((&body["events_received"], &body["messages"]), (&json!(2), &json!([])));
    assert!(!body["fbtrace_id"].as_str().unwrap().is_empty());
    assert_eq!(body.as_object().unwrap().len(), 3);
}

#[tokio::test]
async fn every_shape_that_clients_send_is_read() {
    let rig = Rig::start().await;
    let path = format!("/v25.0/{DATASET}/events");
    let post = |path: &str| rig.request(Method::POST, path);
    let form = |body: String| ("application/x-www-form-urlencoded".to_owned(), body);
    let (one, two) = (event("1").to_string(), event("2").to_string());
    let double = json!([one, two]).to_string();
    let list = json!([event("1"), event("2")]).to_string();
    let part = |name: &str, value: &str| {
        format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let in_query = format!("{path}?{}", encoded(&[("access_token", &rig.token)]));
    let multipart =
        format!("{}{}--cut--\r\n", part("access_token", &rig.token), part("data", &list));
    let body_json = json!({
        "access_token": rig.token, "data": [event("1"), event("2")], "partner_agent": null,
        "namespace_id": null, "id": "stray",
    });
    for (what, path, (content_type, body), place) in [
        ("form, doubly encoded", &in_query, form(encoded(&[("data", &double)])), TokenPlace::Query),
        (
            "form, repeated data",
            &path,
            form(encoded(&[("access_token", &rig.token), ("data", &one), ("data", &two)])),
            TokenPlace::Body,
        ),
        (
            "form, repeated data[]",
            &in_query,
            form(encoded(&[("data[]", &one), ("data[]", &two)])),
            TokenPlace::Query,
        ),
        (
            "form, list",
            &path,
            form(encoded(&[("access_token", &rig.token), ("data", &list)])),
            TokenPlace::Body,
        ),
        (
            "JSON with nulls",
            &path,
            ("application/json".to_owned(), body_json.to_string()),
            TokenPlace::Body,
        ),
        ("JSON under a form's type", &path, form(body_json.to_string()), TokenPlace::Body),
        (
            "multipart",
            &path,
            ("multipart/form-data; boundary=cut".to_owned(), multipart),
            TokenPlace::Body,
        ),
    ] {
        let sent = post(path).header("content-type", content_type).body(body).send().await.unwrap();
        let (status, body) = answer(sent).await;
        assert_eq!((status, &body["events_received"]), (200, &json!(2)), "{what}: {body}");
        let seen = rig.control().requests(None, 1)[0].token.clone().unwrap();
        assert_eq!(seen.place, place, "{what}");
    }
    assert_eq!(rig.control().state().total.distinct, 2);
}

/// One bad event beside a good one, and the code and words of the refusal.
#[tokio::test]
async fn one_bad_event_refuses_the_whole_request() {
    let rig = Rig::start().await;
    let day = 86_400;
    let hash = "ab".repeat(32);
    let chat = |name: &str, channel: Value| json!({ "action_source": "business_messaging", "event_name": name, "messaging_channel": channel });
    for (what, changes, subcode, said) in [
        (
            "an unknown key",
            json!({ "advertiser_tracking_enabled": true }),
            Some(2_804_019),
            "Server Side Api Parameter Error: Unexpected key \"advertiser_tracking_enabled\" on param \"$['data'][1]\"",
        ),
        (
            "an unknown key in user_data",
            json!({ "user_data": { "em": hash, "click_id": "x" } }),
            Some(2_804_019),
            "Server Side Api Parameter Error: Unexpected key \"click_id\" on param \"$['data'][1]['user_data']\"",
        ),
        ("no name", json!({ "event_name": null }), None, "$['data'][1]['event_name']"),
        ("no source", json!({ "action_source": null }), None, "$['data'][1]['action_source']"),
        (
            "an odd source",
            json!({ "action_source": "moon" }),
            None,
            "$['data'][1]['action_source']",
        ),
        ("a time in text", json!({ "event_time": "now" }), None, "event_time"),
        ("too old", json!({ "event_time": now() - 7 * day - 5 }), Some(2_804_003), "timestamp"),
        ("milliseconds", json!({ "event_time": now() * 1_000 }), Some(2_804_003), "timestamp"),
        (
            "too old for a shop",
            json!({ "event_time": now() - 62 * day - 5, "action_source": "physical_store" }),
            Some(2_804_003),
            "timestamp",
        ),
        ("nobody", json!({ "user_data": {} }), Some(2_804_050), "not enough customer information"),
        (
            "nearly nobody",
            json!({ "user_data": { "fn": hash, "ge": hash } }),
            Some(2_804_050),
            "not enough customer information",
        ),
        (
            "not hashed",
            json!({ "user_data": { "em": "joe@example.com" } }),
            Some(2_804_016),
            "em must be hashed",
        ),
        (
            "not hashed in a list",
            json!({ "user_data": { "ph": [hash, "16505551212"] } }),
            Some(2_804_016),
            "ph must be hashed",
        ),
        (
            "a bad click id",
            json!({ "user_data": { "em": hash, "fbc": "IwAR" } }),
            Some(2_804_001),
            "click id",
        ),
        ("a purchase of nothing", json!({ "event_name": "Purchase" }), Some(2_804_009), "value"),
        ("no channel", chat("LeadSubmitted", Value::Null), Some(2_804_063), "messaging_channel"),
        (
            "a chat of the wrong name",
            chat("Lead", json!("whatsapp")),
            Some(2_804_066),
            "business messaging",
        ),
        (
            "odd data use",
            json!({ "data_processing_options": ["XYZ"] }),
            Some(2_804_030),
            "data processing",
        ),
        (
            "no OS version",
            json!({ "action_source": "app", "app_data": { "extinfo": ["a2", "", "", "", ""] } }),
            Some(2_804_043),
            "OS version",
        ),
    ] {
        let (status, body) = rig.deliver(&[event("good"), event_with(changes)]).await;
        let error = &body["error"];
        let found = (status, &error["code"], error["error_subcode"].as_i64());
        assert_eq!(found, (400, &json!(100), subcode), "{what}: {body}");
        assert_eq!(
            (&error["message"], &error["type"]),
            (&json!("Invalid parameter"), &json!("OAuthException"))
        );
        assert!(error["error_user_msg"].as_str().unwrap().contains(said), "{what}: {body}");
        assert_eq!(error["is_transient"].as_bool(), subcode.map(|_| false), "{what}");
    }
    assert_eq!(rig.control().state().total.received, 0, "the good event was refused with the bad");
}

#[tokio::test]
async fn what_is_documented_and_not_enforced_is_accepted() {
    let rig = Rig::start().await;
    let day = 86_400;
    let hash = "ab".repeat(32);
    for (what, changes) in [
        ("website without a user agent", json!({ "event_source_url": null })),
        (
            "lower-case currency and a numeric value",
            json!({ "event_name": "Purchase", "custom_data": { "value": 1.5, "currency": "usd" } }),
        ),
        (
            "free properties",
            json!({ "custom_data": { "colour": "blue", "event_id": "misplaced" } }),
        ),
        (
            "a late shop",
            json!({ "event_time": now() - 61 * day, "action_source": "physical_store" }),
        ),
        (
            "limited data use",
            json!({ "data_processing_options": ["LDU"], "data_processing_options_country": 1 }),
        ),
        ("no limits", json!({ "data_processing_options": [] })),
        (
            "appendixes",
            json!({ "user_data": { "em": format!("{hash}.AQQCAQMC"), "fbc": "fb.1.1700000000000.Ab_C.AQQCAQMC" } }),
        ),
        ("an MD5", json!({ "user_data": { "em": "ab".repeat(16) } })),
        ("a list", json!({ "user_data": { "em": [hash, hash], "external_id": "User-1" } })),
        (
            "a chat",
            json!({ "action_source": "business_messaging", "event_name": "Purchase",
                    "messaging_channel": "whatsapp", "custom_data": { "value": 1, "currency": "USD" } }),
        ),
    ] {
        let (status, body) = rig.deliver(&[event_with(changes)]).await;
        assert_eq!(status, 200, "{what}: {body}");
    }
}

#[tokio::test]
async fn a_request_has_from_one_to_a_thousand_events() {
    let rig = Rig::start().await;
    for (count, status) in [(0, 400), (1, 200), (1_000, 200), (1_001, 400)] {
        let events: Vec<Value> = (0..count).map(|n| event(&format!("{count}-{n}"))).collect();
        assert_eq!(rig.deliver(&events).await.0, status, "{count}");
    }
    for body in ["{", "[]", "{\"data\": 5}"] {
        let request = rig.request(Method::POST, &format!("/v25.0/{DATASET}/events"));
        let sent = request.bearer_auth(&rig.token).header("content-type", "application/json");
        let (status, answer) = answer(sent.body(body).send().await.unwrap()).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!(100)), "{body}");
    }
}

#[tokio::test]
async fn a_token_sends_to_its_own_datasets_and_with_the_permission() {
    let rig = Rig::start().await;
    let thin = rig.issue(NewToken {
        assets: vec![DATASET.to_owned()],
        scopes: Some(vec!["public_profile".to_owned()]),
        ..NewToken::default()
    });
    let events_manager = rig.issue(NewToken {
        kind: TokenKind::EventsManager,
        assets: vec![DATASET.to_owned()],
        ..NewToken::default()
    });
    let app_token = rig.app_token();
    let refused = Some((100, Some(33)));
    for (what, token, dataset, expected) in [
        ("its own", &rig.token, DATASET, None),
        ("made in Events Manager", &events_manager, DATASET, None),
        ("another's", &rig.token, OTHER_DATASET, refused),
        ("nobody's", &rig.token, "999", refused),
        ("an app", &app_token, DATASET, refused),
        ("without the permission", &thin, DATASET, Some((200, None))),
    ] {
        let sent = rig.delivery_with(token, dataset, &[event(what)]).send().await.unwrap();
        let (_, body) = answer(sent).await;
        let error = &body["error"];
        let found = error["code"].as_i64().map(|code| (code, error["error_subcode"].as_i64()));
        assert_eq!(found, expected, "{what}: {body}");
    }
    // What was asked for without existing takes no memory.
    assert!(!rig.control().state().assets.contains_key("999"));
}

#[tokio::test]
async fn the_version_must_be_there_and_alive() {
    let rig = Rig::start().await;
    for (path, status, code) in [
        (format!("/v21.0/{DATASET}/events"), 200, None),
        (format!("/v26.0/{DATASET}/events"), 200, None),
        (format!("/v20.0/{DATASET}/events"), 400, Some(2635)),
        (format!("/{DATASET}/events"), 400, Some(2500)),
        (format!("/nine/{DATASET}/events"), 400, Some(2500)),
        (format!("/v25.0/{DATASET}/dataset_quality"), 400, Some(2500)),
        ("/v25.0/a/b/c".to_owned(), 400, Some(2500)),
        ("/".to_owned(), 400, Some(2500)),
    ] {
        let request = rig.request(Method::POST, &path).bearer_auth(&rig.token);
        let sent = json_post(request, &json!({ "data": [event(&path)] })).send().await.unwrap();
        let (found, body) = answer(sent).await;
        assert_eq!((found, body["error"]["code"].as_i64()), (status, code), "{path}: {body}");
    }
}
