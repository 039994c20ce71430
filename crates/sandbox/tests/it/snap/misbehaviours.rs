//! Ways to misbehave, as a client of Snap meets them, and what was counted meanwhile.

use holdfast_sandbox::{Misbehaviour, Step, UsageForm};
use serde_json::{Value, json};

use super::rig::{PIXEL, SnapRig, changed, event, event_v2};

#[tokio::test]
async fn answers_go_wrong_before_or_after_the_events_are_counted() {
    let snap = SnapRig::start().await;
    let throttle = |retry_after_seconds| Misbehaviour::Throttle {
        code: 429,
        subcode: None,
        minutes: 1,
        usage: UsageForm::None,
        retry_after_seconds,
    };
    for (what, status, says, counted) in [
        (Misbehaviour::Html { status: 502 }, 502, "<html", 0),
        (Misbehaviour::HtmlAfter { status: 502 }, 502, "<html", 1),
        (Misbehaviour::Empty { status: 429 }, 429, "", 0),
        (Misbehaviour::Empty { status: 500 }, 500, "", 0),
        (throttle(None), 429, "Too many requests", 0),
        (throttle(Some(7)), 429, "Too many requests", 0),
        (
            Misbehaviour::Refuse { code: 507, subcode: None, status: None },
            400,
            "Insufficient PII",
            0,
        ),
        (Misbehaviour::Refuse { code: 517, subcode: None, status: Some(200) }, 200, "\"517\"", 0),
        (
            Misbehaviour::Error { status: 503, error: json!({ "status": "ERROR" }) },
            503,
            "{\"status\":\"ERROR\"}",
            0,
        ),
        (Misbehaviour::RefuseToken { status: 400 }, 400, "Invalid access token", 0),
        (Misbehaviour::RefuseToken { status: 403 }, 403, "Invalid access token", 0),
        (Misbehaviour::EchoToken, 401, snap.token.as_str(), 0),
        (Misbehaviour::Chunked, 200, "VALID", 1),
    ] {
        let before = snap.received();
        snap.rig.once(what.clone());
        let request =
            snap.request_v3(&snap.token, PIXEL, "/events", &json!({ "data": [event("x")] }));
        let response = request.send().await.unwrap();
        let wait = response.headers().get("retry-after").cloned();
        assert_eq!(response.status().as_u16(), status, "{what:?}");
        let text = response.text().await.unwrap();
        assert!(text.contains(says), "{what:?}: {text}");
        assert_eq!(wait.is_some(), what == throttle(Some(7)), "{what:?}");
        assert_eq!(snap.received() - before, counted, "{what:?}");
        assert_eq!(snap.send(&[event("afterwards")]).await.0, 200, "{what:?} was for once");
    }
}

#[tokio::test]
async fn connections_are_cut_before_and_after() {
    let snap = SnapRig::start().await;
    for (what, counted) in
        [(Misbehaviour::CutBefore, 0), (Misbehaviour::CutAfter, 1), (Misbehaviour::HalfAnswer, 1)]
    {
        let before = snap.received();
        snap.rig.once(what.clone());
        let body = json!({ "data": [event("x")] });
        let read = match snap.request_v3(&snap.token, PIXEL, "/events", &body).send().await {
            Ok(response) => response.bytes().await.map(drop),
            Err(error) => Err(error),
        };
        assert!(read.is_err(), "{what:?}");
        assert_eq!(snap.received() - before, counted, "{what:?}");
    }
}

#[tokio::test]
async fn poison_is_named_or_not_and_spent_when_it_bites() {
    let snap = SnapRig::start().await;
    for (with_index, number) in [(true, Some(2)), (false, None)] {
        snap.rig.once(Misbehaviour::Poison {
            event_name: "SHARE".to_owned(),
            subcode: Some(517),
            with_index,
        });
        assert_eq!(snap.send(&[event("1")]).await.0, 200, "nothing to bite");
        let poison = changed(event("2"), json!({ "event_name": "SHARE" }));
        let before = snap.received();
        let (status, body) = snap.send(&[event("1"), poison.clone()]).await;
        assert_eq!((status, body["event"].as_u64()), (400, number), "{body}");
        assert_eq!(body["errors"]["codes"], json!(["517"]), "{body}");
        assert_eq!(snap.received(), before);
        assert_eq!(snap.send(&[event("1"), poison]).await.0, 200, "it was for once");
    }
    let poison =
        Misbehaviour::Poison { event_name: "SHARE".to_owned(), subcode: None, with_index: true };
    snap.rig.once(poison);
    let poison = changed(event_v2("2"), json!({ "event_type": "SHARE" }));
    let (status, body) = snap.post_v2("", &json!([event_v2("1"), poison])).await;
    assert_eq!((status, &body["error_records"][0]["record_indexes"]), (400, &json!([2])), "{body}");
}

#[tokio::test]
async fn steps_look_at_one_asset_and_at_reads() {
    let snap = SnapRig::start().await;
    let step = |on, asset: Option<&str>| Step {
        on,
        asset: asset.map(str::to_owned),
        misbehave: Some(Misbehaviour::Empty { status: 503 }),
        ..Step::default()
    };
    let id = snap.control().misbehave(step(holdfast_sandbox::Endpoint::Reads, Some(PIXEL)));
    assert_eq!(snap.read("stats", &snap.token).await, (503, Value::String(String::new())));
    assert_eq!(snap.send(&[event("1")]).await.0, 200);
    assert!(snap.control().behave(id));
    snap.control().misbehave(step(holdfast_sandbox::Endpoint::Events, Some(PIXEL)));
    assert_eq!(snap.send(&[event("1")]).await.0, 503);
    assert_eq!(snap.read("stats", &snap.token).await.0, 200);
    assert_eq!(
        snap.rig.deliver(&[crate::rig::event("1")]).await.0,
        200,
        "Meta's dataset is another"
    );
}
