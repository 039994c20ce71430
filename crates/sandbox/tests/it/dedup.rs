//! Which repetitions are recognized, and which are counted twice.

use serde_json::{Value, json};

use crate::rig::{DATASET, Rig, event, event_with};

const HOUR_MS: u64 = 3_600_000;

fn chat(id: &str) -> Value {
    event_with(json!({
        "event_id": id, "action_source": "business_messaging", "event_name": "LeadSubmitted",
        "messaging_channel": "whatsapp",
    }))
}

#[tokio::test]
async fn the_pair_of_id_and_name_is_recognized_for_forty_eight_hours() {
    let rig = Rig::start().await;
    let renamed = event_with(json!({ "event_id": "a", "event_name": "Contact" }));
    let anonymous = event_with(json!({ "event_id": null }));
    for (what, events, advance_h, expected) in [
        ("new", vec![event("a")], 0, (1, 0, 0)),
        ("again", vec![event("a")], 0, (1, 1, 0)),
        ("twice in one request", vec![event("b"), event("b")], 0, (2, 2, 0)),
        ("the same id under another name", vec![renamed], 0, (3, 2, 0)),
        ("nearly two days later", vec![event("a")], 47, (3, 3, 0)),
        ("two days later", vec![event("a")], 1, (3, 3, 1)),
        ("and again: the window began anew", vec![event("a")], 1, (3, 4, 1)),
        ("without an id", vec![anonymous.clone(), anonymous], 0, (5, 4, 1)),
        ("a chat", vec![chat("c")], 0, (6, 4, 1)),
        ("a chat again", vec![chat("c")], 0, (6, 4, 2)),
    ] {
        rig.control().advance(advance_h * HOUR_MS);
        let (status, body) = rig.deliver(&events).await;
        assert_eq!(status, 200, "{what}: {body}");
        let counts = rig.control().state().assets[DATASET].clone();
        let found = (counts.distinct, counts.deduplicated, counts.counted_twice);
        assert_eq!(found, expected, "{what}");
        assert_eq!(counts.received, found.0 + found.1 + found.2, "{what}");
    }
}
