//! Which repetitions are recognized, and which are counted twice.

use serde_json::json;

use super::rig::{SnapRig, changed, event, event_v2, purchase};

const HOUR_MS: u64 = 3_600_000;

#[tokio::test]
async fn an_id_is_recognized_for_two_days_and_an_order_for_thirty() {
    let snap = SnapRig::start().await;
    let at = |event, hours: i64| {
        changed(event, json!({ "event_time": crate::rig::now() + hours * 3_600 }))
    };
    let renamed = changed(event("a"), json!({ "event_name": "SEARCH" }));
    let lower = changed(event("a"), json!({ "event_name": "sign_up" }));
    let anonymous = changed(event("a"), json!({ "event_id": null }));
    for (what, events, advance_h, expected) in [
        ("new", vec![event("a")], 0, (1, 0, 0)),
        ("again", vec![event("a")], 0, (1, 1, 0)),
        ("in lower case", vec![lower], 0, (1, 2, 0)),
        ("twice in one request", vec![event("b"), event("b")], 0, (2, 3, 0)),
        ("the same id under another name", vec![renamed], 0, (3, 3, 0)),
        ("nothing to tell it by", vec![anonymous.clone(), anonymous], 0, (5, 3, 0)),
        ("a purchase", vec![purchase("p", "o")], 0, (6, 3, 0)),
        ("the order under another id", vec![purchase("q", "o")], 0, (6, 4, 0)),
        ("nearly two days later", vec![at(event("a"), 47)], 47, (6, 5, 0)),
        ("two days later", vec![at(event("a"), 48)], 1, (6, 5, 1)),
        ("the order is still known", vec![at(purchase("p", "o"), 48)], 0, (6, 6, 1)),
        ("after thirty days", vec![at(purchase("p", "o"), 720)], 672, (6, 6, 2)),
    ] {
        snap.control().advance(advance_h * HOUR_MS);
        let (status, body) = snap.send(&events).await;
        assert_eq!(status, 200, "{what}: {body}");
        assert_eq!(snap.counts(), expected, "{what}");
    }
}

#[tokio::test]
async fn both_versions_know_each_others_events() {
    let snap = SnapRig::start().await;
    assert_eq!(snap.send(&[event("a")]).await.0, 200);
    let (status, body) = snap.post_v2("", &event_v2("a")).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(snap.counts(), (1, 1, 0));
}
