//! `POST /v3/{asset}/events`: what is accepted and what is refused, rule by rule.

use holdfast_sandbox::{SandboxSettings, Strictness};
use serde_json::{Value, json};

use super::rig::{APP, PIXEL, SnapRig, changed, event, purchase};
use crate::rig::now;

const DAY: i64 = 86_400;

fn hash() -> String {
    "ab".repeat(32)
}

#[tokio::test]
async fn a_success_is_what_the_description_shows() {
    let snap = SnapRig::start().await;
    let (status, body) = snap.send(&[event("1"), event("2")]).await;
    let expected =
        json!({ "status": "VALID", "reason": "Events have been processed successfully." });
    assert_eq!((status, body), (200, expected));
    assert_eq!(snap.counts(), (2, 0, 0));
    assert_eq!(snap.control().events(PIXEL, 1)[0]["event_id"], "2");
}

/// One bad event behind a good one: the code and what is said.
#[tokio::test]
async fn every_documented_cause_is_refused_with_the_number_of_the_event() {
    let snap = SnapRig::start().await;
    let user = |data: Value| json!({ "user_data": data });
    let custom = |data: Value| json!({ "event_name": "PURCHASE", "custom_data": data });
    for (what, changes, code, said) in [
        ("no name", json!({ "event_name": null }), "501", "event_name is required"),
        ("an empty name", json!({ "event_name": "" }), "501", "event_name is required"),
        ("no time", json!({ "event_time": null }), "501", "event_time is required"),
        ("no source", json!({ "action_source": null }), "501", "action_source is required"),
        ("nobody at all", json!({ "user_data": null }), "501", "user_data is required"),
        ("no page", json!({ "event_source_url": null }), "501", "event_source_url is required"),
        (
            "a name that is a number",
            json!({ "event_name": 7 }),
            "502",
            "event_name: expected a string",
        ),
        (
            "a time in text",
            json!({ "event_time": "now" }),
            "502",
            "event_time: expected an integer",
        ),
        ("a time with a fraction", json!({ "event_time": 1.5 }), "502", "event_time"),
        ("user data in a list", json!({ "user_data": [] }), "502", "user_data: expected an object"),
        ("an id that is a number", json!({ "event_id": 5 }), "502", "event_id: expected a string"),
        (
            "options in a text",
            json!({ "data_processing_options": "LMU" }),
            "502",
            "array of strings",
        ),
        ("an odd source", json!({ "action_source": "MOON" }), "508", "WEB, MOBILE_APP or OFFLINE"),
        ("eight days", json!({ "event_time": now() - 7 * DAY - 5 }), "503", "last 7 days"),
        (
            "eight days in ms",
            json!({ "event_time": (now() - 7 * DAY - 5) * 1_000 }),
            "503",
            "7 days",
        ),
        ("tomorrow", json!({ "event_time": now() + DAY }), "503", "timestamp"),
        ("an address not hashed", user(json!({ "em": "joe@example.com" })), "505", "user_data.em"),
        ("one of a list", user(json!({ "ph": [hash(), "16505551212"] })), "505", "user_data.ph"),
        (
            "a hashed IP address",
            user(json!({ "em": hash(), "client_ip_address": hash() })),
            "504",
            "client_ip_address",
        ),
        (
            "too little",
            user(json!({ "fn": hash(), "external_id": "a" })),
            "507",
            "Insufficient PII",
        ),
        (
            "an IP alone",
            user(json!({ "client_ip_address": "192.0.2.1" })),
            "507",
            "Insufficient PII",
        ),
        ("a device on the web", user(json!({ "madid": "x" })), "507", "Insufficient PII"),
        (
            "the hash of nothing",
            user(
                json!({ "em": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }),
            ),
            "507",
            "Insufficient PII",
        ),
        ("a purchase of nothing", json!({ "event_name": "PURCHASE" }), "506", "custom_data.value"),
        ("without a currency", custom(json!({ "value": 1 })), "506", "custom_data.currency"),
        ("without a value", custom(json!({ "currency": "USD" })), "506", "custom_data.value"),
        (
            "a value of words",
            custom(json!({ "value": "much", "currency": "USD" })),
            "502",
            "custom_data.value: expected a number",
        ),
        (
            "contents of texts",
            json!({ "custom_data": { "contents": ["a"] } }),
            "502",
            "array of objects",
        ),
        (
            "an app's event",
            json!({ "action_source": "MOBILE_APP", "app_data": {} }),
            "509",
            "the asset does not take",
        ),
    ] {
        let (status, body) = snap.send(&[event("good"), changed(event("bad"), changes)]).await;
        assert_eq!((status, &body["status"]), (400, &json!("INVALID")), "{what}: {body}");
        assert_eq!(body["event"], 2, "{what}: events count from one: {body}");
        assert_eq!(body["errors"]["codes"][0], code, "{what}: {body}");
        let messages = body["errors"]["error_msgs"].to_string();
        assert!(messages.contains(said), "{what}: {body}");
        assert!(body["reason"].is_string(), "{what}: {body}");
    }
    assert_eq!(snap.received(), 0, "the good event was refused with the bad");
    let refusals = snap.control().state();
    assert_eq!(refusals.refusals_by_code["507"], 4);
    assert_eq!(refusals.assets[PIXEL].refused_requests, refusals.assets[PIXEL].requests);
}

#[tokio::test]
async fn an_apps_events_go_to_an_app() {
    let snap = SnapRig::start().await;
    let app_event = |changes| {
        let base = json!({
            "action_source": "MOBILE_APP", "event_source_url": null, "app_data": {},
            "user_data": { "madid": "6e6cf6a5-0000-4000-8000-000000000000" },
        });
        changed(changed(event("a"), base), changes)
    };
    let blank = vec![""; 16];
    for (what, changes, status, said) in [
        ("a device", json!({}), 200, "VALID"),
        ("all of extinfo", json!({ "app_data": { "extinfo": blank } }), 200, "VALID"),
        ("no app data", json!({ "app_data": null }), 400, "app_data is required"),
        (
            "short extinfo",
            json!({ "app_data": { "extinfo": ["a2"] } }),
            400,
            "expected 16 elements",
        ),
        ("a web event", json!({ "action_source": "WEB", "event_source_url": "x" }), 400, "asset"),
    ] {
        let found = snap.send_with(&snap.token, APP, &[app_event(changes)]).await;
        assert!(found.0 == status && found.1.to_string().contains(said), "{what}: {found:?}");
    }
}

#[tokio::test]
async fn what_is_tolerated_is_accepted() {
    let snap = SnapRig::start().await;
    for (what, changes) in [
        ("milliseconds", json!({ "event_time": (now() - 60) * 1_000 })),
        ("nearly seven days", json!({ "event_time": now() - 7 * DAY + 60 })),
        ("lower case", json!({ "event_name": "sign_up", "action_source": "web" })),
        ("another word for a source", json!({ "action_source": "physical_store" })),
        ("a name off the list", json!({ "event_name": "LEAD" })),
        ("an unknown key", json!({ "colour": "blue" })),
        ("a null", json!({ "user_data": { "em": hash(), "ph": null } })),
        (
            "a browser",
            json!({ "user_data": { "client_ip_address": "2001:db8::1", "client_user_agent": "x" } }),
        ),
        ("a purchase whose value is a text", purchase("x", "1")),
        ("options", json!({ "data_processing_options": ["LMU"] })),
    ] {
        let (status, body) = snap.send(&[changed(event(what), changes)]).await;
        assert_eq!((status, &body["status"]), (200, &json!("VALID")), "{what}: {body}");
    }
    let text = changed(event("t"), json!({ "custom_data": { "value": "10", "currency": "USD" } }));
    assert_eq!(snap.send(&[text]).await.0, 200);
}

#[tokio::test]
async fn a_request_has_from_one_to_two_thousand_events() {
    let snap = SnapRig::start().await;
    for (count, status) in [(0, 400), (1, 200), (2_000, 200), (2_001, 400)] {
        let events: Vec<Value> = (0..count).map(|n| event(&format!("{count}-{n}"))).collect();
        let (found, body) = snap.send(&events).await;
        assert_eq!(found, status, "{count}: {body}");
        assert_eq!(body["event"], Value::Null, "{count}: no event is to blame");
    }
    assert_eq!(snap.received(), 2_001);
    for body in [json!([]), json!({}), json!({ "data": {} }), json!({ "data": [5] })] {
        let (status, answer) = snap.post_v3(&snap.token, PIXEL, "/events", &body).await;
        assert_eq!((status, &answer["status"]), (400, &json!("INVALID")), "{body}");
    }
}

#[tokio::test]
async fn a_sink_checks_the_token_and_counts() {
    let settings = SandboxSettings { strictness: Strictness::NullSink, ..Default::default() };
    let sandbox = holdfast_sandbox::Sandbox::start(settings).await.unwrap();
    let control = sandbox.handle();
    control.add_organization("mine");
    control.add_pixel(PIXEL, "mine");
    let token = control.issue_snap_token("mine", holdfast_sandbox::SnapTokenKind::Static);
    let rig = crate::rig::Rig { sandbox, ..crate::rig::Rig::start().await };
    let snap = SnapRig { organization: rig.control().add_organization("spare"), rig, token };
    let (status, body) = snap.send(&[json!({}), json!({ "a": {} })]).await;
    assert_eq!((status, &body["status"]), (200, &json!("VALID")));
    assert_eq!(snap.send_with("nobody", PIXEL, &[json!({})]).await.0, 401);
    assert_eq!(snap.counts(), (2, 0, 0));
}
