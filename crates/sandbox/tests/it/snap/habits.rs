//! What nobody outside of Snap knows: a sender is tried against every possibility.

use holdfast_sandbox::{Denial, Habits, Refusal};
use serde_json::{Value, json};

use super::rig::{FOREIGN_PIXEL, PIXEL, SnapRig, changed, event, event_v2};

fn bad() -> Value {
    changed(event("bad"), json!({ "event_time": null }))
}

fn bad_v2() -> Value {
    changed(event_v2("bad"), json!({ "timestamp": null }))
}

#[tokio::test]
async fn a_payload_is_refused_in_every_way_that_may_be() {
    let plain = Habits::default();
    for (habits, status, event_number, counted) in [
        (plain, 400, Some(2), 0),
        (Habits { refusal: Refusal::Ok, ..plain }, 200, Some(2), 0),
        (Habits { names_event: false, ..plain }, 400, None, 0),
        (Habits { names_event: false, refusal: Refusal::Ok, ..plain }, 200, None, 0),
        (Habits { counts_from_zero: true, ..plain }, 400, Some(1), 0),
        (Habits { takes_neighbors: true, ..plain }, 400, Some(2), 2),
        (Habits { takes_neighbors: true, refusal: Refusal::Ok, ..plain }, 200, Some(2), 2),
    ] {
        let snap = SnapRig::start().await;
        snap.habits(habits);
        let (found, body) = snap.send(&[event("1"), bad(), event("2")]).await;
        assert_eq!((found, &body["status"]), (status, &json!("INVALID")), "{habits:?}: {body}");
        assert_eq!(body["event"].as_u64(), event_number, "{habits:?}: {body}");
        assert_eq!(body["errors"]["codes"], json!(["501"]), "{habits:?}: {body}");
        assert_eq!(snap.received(), counted, "{habits:?}");
        let counts = snap.control().state().assets[PIXEL].clone();
        assert_eq!((counts.requests, counts.refused_requests), (1, 1), "{habits:?}");
    }
}

#[tokio::test]
async fn records_are_refused_likewise() {
    let plain = Habits::default();
    for (habits, status, word, indexes, counted) in [
        (plain, 400, "FAILED", json!([2]), 0),
        (Habits { refusal: Refusal::Ok, ..plain }, 200, "FAILED", json!([2]), 0),
        (Habits { names_event: false, ..plain }, 400, "FAILED", json!([]), 0),
        (Habits { counts_from_zero: true, ..plain }, 400, "FAILED", json!([1]), 0),
        (Habits { takes_neighbors: true, ..plain }, 400, "FAILED", json!([2]), 2),
        (
            Habits { takes_neighbors: true, refusal: Refusal::Ok, ..plain },
            200,
            "SUCCESS",
            json!([2]),
            2,
        ),
    ] {
        let snap = SnapRig::start().await;
        snap.habits(habits);
        let body = json!([event_v2("1"), bad_v2(), event_v2("2")]);
        let (found, body) = snap.post_v2("", &body).await;
        assert_eq!((found, &body["status"]), (status, &json!(word)), "{habits:?}: {body}");
        assert_eq!(body["error_records"][0]["record_indexes"], indexes, "{habits:?}: {body}");
        assert_eq!(snap.received(), counted, "{habits:?}");
    }
}

#[tokio::test]
async fn a_caller_is_refused_in_every_way_that_may_be() {
    let snap = SnapRig::start().await;
    for (denial, status) in
        [(Denial::Unauthorized, 401), (Denial::Forbidden, 403), (Denial::BadRequest, 400)]
    {
        snap.habits(Habits { dead_token: denial, ..Habits::default() });
        let dead = snap.send_with("nobody", PIXEL, &[event("x")]).await;
        let foreign = snap.send_with(&snap.token, FOREIGN_PIXEL, &[event("x")]).await;
        assert_eq!((dead.0, foreign.0), (status, 401), "{denial:?}");
        assert_eq!(dead.1["reason"], "Invalid access token", "the words name the token");
        snap.habits(Habits { foreign_asset: denial, ..Habits::default() });
        let dead = snap.send_with("nobody", PIXEL, &[event("x")]).await;
        let foreign = snap.send_with(&snap.token, FOREIGN_PIXEL, &[event("x")]).await;
        assert_eq!((dead.0, foreign.0), (401, status), "{denial:?}");
    }
}
