//! Test events: they are looked at, logged and counted apart.

use serde_json::{Value, json};

use super::rig::{PIXEL, SnapRig, changed, event, event_v2};

const HOUR_MS: u64 = 3_600_000;

#[tokio::test]
async fn validate_tells_of_every_event_and_counts_none() {
    let snap = SnapRig::start().await;
    let (status, body) = snap.validate(&[event("1"), event("2")]).await;
    assert_eq!((status, &body["status"]), (200, &json!("VALID")), "{body}");
    assert_eq!(body["test_event"], true);
    let bad = changed(event("3"), json!({ "user_data": { "fn": "ab".repeat(32) } }));
    let odd = changed(event("4"), json!({ "event_name": "LEAD" }));
    let (status, body) = snap.validate(&[event("1"), bad, odd]).await;
    assert_eq!((status, &body["status"]), (400, &json!("INVALID")), "{body}");
    let logs = body["event_logs"].as_array().unwrap();
    let told: Vec<_> =
        logs.iter().map(|log| (log["event"].as_u64(), log["status"].as_str())).collect();
    let expected = [(Some(1), Some("VALID")), (Some(2), Some("INVALID")), (Some(3), Some("VALID"))];
    assert_eq!(told, expected);
    assert_eq!(logs[1]["errors"]["codes"], json!(["507"]));
    assert_eq!(logs[0]["errors"], Value::Null);
    assert!(logs[2]["warnings"][0].as_str().unwrap().contains("LEAD"), "{body}");
    let counts = snap.control().state().total;
    assert_eq!((counts.received, counts.requests), (0, 0), "test events are no conversions");
}

#[tokio::test]
async fn validate_of_version_two_has_records_and_fields() {
    let snap = SnapRig::start().await;
    let odd = changed(event_v2("1"), json!({ "colour": "blue" }));
    let (status, body) = snap.post_v2("/validate", &odd).await;
    assert_eq!((status, &body["status"]), (200, &json!("SUCCESS")), "{body}");
    assert!(body["warning_records"][0]["reason"].as_str().unwrap().contains("colour"), "{body}");
    assert!(body["validated_fields"].to_string().contains("hashed_email"), "{body}");
    let bad = changed(event_v2("1"), json!({ "event_type": "LEAD" }));
    let (status, body) = snap.post_v2("/validate", &bad).await;
    assert_eq!((status, &body["status"]), (400, &json!("FAILED")), "{body}");
    assert_eq!(snap.received(), 0);
}

#[tokio::test]
async fn the_log_shows_test_events_for_a_day_in_both_versions() {
    let snap = SnapRig::start().await;
    let tagged = changed(event("1"), json!({ "event_name": "sign_up", "integration": "shop" }));
    snap.validate(&[tagged]).await;
    snap.validate(&[changed(event("2"), json!({ "event_time": null }))]).await;
    snap.send(&[event("live")]).await;
    let (status, body) = snap.read("logs", &snap.token).await;
    assert_eq!((status, &body["status"]), (200, &json!("SUCCESS")), "{body}");
    let logs = body["logs"].as_array().unwrap();
    assert_eq!(logs.len(), 2, "{body}");
    let (newest, first) = (&logs[0], &logs[1]);
    assert_eq!((&newest["status"], &first["status"]), (&json!("INVALID"), &json!("VALID")));
    assert!(newest["error_records"][0].as_str().unwrap().contains("event_time"), "{body}");
    assert_eq!(
        (&first["event_name"], &first["raw_event_name"]),
        (&json!("SIGN_UP"), &json!("sign_up"))
    );
    assert_eq!((&first["integration"], &first["asset_id"]), (&json!("shop"), &json!(PIXEL)));
    assert!(
        first["event_time"].is_string() && first["event_metadata"]["pixel_id"] == PIXEL,
        "{body}"
    );
    let path = format!("/v2/conversion/validate/logs?asset_id={PIXEL}");
    assert_eq!(snap.rig.get(&path, &snap.token).await, (200, body));
    snap.control().advance(24 * HOUR_MS);
    let (_, body) = snap.read("logs", &snap.token).await;
    assert_eq!(body["logs"], json!([]));
}

#[tokio::test]
async fn the_statistics_tell_live_events_from_tests() {
    let snap = SnapRig::start().await;
    let read = async || snap.read("stats", &snap.token).await.1["stats"].clone();
    let empty = json!({ "latest_event_ts": null, "event_count_past_hour": 0 });
    assert_eq!(read().await, json!({ "test": empty, "live": empty }));
    snap.send(&[event("1"), event("2")]).await;
    snap.validate(&[event("3")]).await;
    let body = json!({ "data": [event("4")], "test_event_code": "TEST" });
    assert_eq!(snap.post_v3(&snap.token, PIXEL, "/events", &body).await.0, 200);
    let stats = read().await;
    let count = |kind: &str| stats[kind]["event_count_past_hour"].as_u64();
    assert_eq!((count("live"), count("test")), (Some(2), Some(2)), "{stats}");
    assert!(stats["live"]["latest_event_ts"].is_i64(), "{stats}");
    assert_eq!(snap.received(), 2);
    let path = format!("/v2/conversion/validate/stats?asset_id={PIXEL}");
    assert_eq!(snap.rig.get(&path, &snap.token).await.1["stats"], stats);
    snap.control().advance(HOUR_MS);
    assert_eq!(read().await["live"]["event_count_past_hour"], 0);
    snap.control().reset();
    assert_eq!(read().await, json!({ "test": empty, "live": empty }));
}
