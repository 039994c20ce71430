//! Every way to misbehave, as a client meets it, and what was counted meanwhile.

use std::time::Duration;

use holdfast_sandbox::{Misbehaviour, Step, UsageForm};
use serde_json::{Value, json};

use crate::rig::{DATASET, OTHER_DATASET, Rig, answer, event};

fn received(rig: &Rig) -> u64 {
    rig.control().state().total.received
}

#[tokio::test]
async fn answers_go_wrong_before_or_after_the_events_are_counted() {
    let rig = Rig::start().await;
    for (what, status, says, counted) in [
        (Misbehaviour::Html { status: 502 }, 502, "<html", 0),
        (Misbehaviour::HtmlAfter { status: 200 }, 200, "<html", 1),
        (Misbehaviour::Empty { status: 503 }, 503, "", 0),
        (
            Misbehaviour::Error { status: 418, error: json!({"message": "teapot"}) },
            418,
            "teapot",
            0,
        ),
        (
            Misbehaviour::Refuse { code: 190, subcode: Some(463), status: None },
            401,
            "Session has expired",
            0,
        ),
        (Misbehaviour::EchoToken, 400, rig.token.as_str(), 0),
        (Misbehaviour::Miscount, 200, "events_received", 1),
        (Misbehaviour::Messages { text: "a remark".into() }, 200, "a remark", 1),
        (Misbehaviour::Gzip, 200, "events_received", 1),
        (Misbehaviour::Chunked, 200, "events_received", 1),
    ] {
        let before = received(&rig);
        rig.once(what.clone());
        let response = rig.delivery(&[event("x")]).send().await.unwrap();
        let is_gzip = response.headers().get("content-encoding").is_some();
        let has_length = response.headers().contains_key("content-length");
        let found = response.status().as_u16();
        let bytes = response.bytes().await.unwrap();
        assert_eq!(found, status, "{what:?}");
        match what {
            Misbehaviour::Gzip => assert!(is_gzip && bytes.starts_with(&[0x1f, 0x8b])),
            Misbehaviour::Chunked => assert!(!has_length),
            _ => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                assert!(text.contains(says), "{what:?}: {text}");
            }
        }
        assert_eq!(received(&rig) - before, counted, "{what:?}");
        let (status, _) = rig.deliver(&[event("afterwards")]).await;
        assert_eq!(status, 200, "{what:?} was for one request");
    }
}

#[tokio::test]
async fn connections_are_cut_before_and_after() {
    let rig = Rig::start().await;
    for (what, counted) in
        [(Misbehaviour::CutBefore, 0), (Misbehaviour::CutAfter, 1), (Misbehaviour::HalfAnswer, 1)]
    {
        let before = received(&rig);
        rig.once(what.clone());
        let read = match rig.delivery(&[event("x")]).send().await {
            Ok(response) => response.bytes().await.map(drop),
            Err(error) => Err(error),
        };
        assert!(read.is_err(), "{what:?}");
        assert_eq!(received(&rig) - before, counted, "{what:?}");
    }
}

#[tokio::test]
async fn limits_are_told_in_the_headers_that_the_platform_uses() {
    let rig = Rig::start().await;
    let throttle = |usage| Misbehaviour::Throttle {
        code: 80_004,
        subcode: Some(2_446_079),
        minutes: 3,
        usage,
        retry_after_seconds: Some(7),
    };
    for (usage, header) in [
        (UsageForm::BusinessUseCase, Some("x-business-use-case-usage")),
        (UsageForm::AdAccount, Some("x-ad-account-usage")),
        (UsageForm::App, Some("x-app-usage")),
        (UsageForm::None, None),
    ] {
        rig.once(throttle(usage));
        let response = rig.delivery(&[event("x")]).send().await.unwrap();
        assert_eq!(response.headers()["retry-after"], "7", "{usage:?}");
        let told: Vec<&str> = response
            .headers()
            .keys()
            .map(|name| name.as_str())
            .filter(|n| n.contains("usage"))
            .collect();
        assert_eq!(told, header.into_iter().collect::<Vec<_>>(), "{usage:?}");
        let (status, body) = answer(response).await;
        assert_eq!((status, &body["error"]["code"]), (400, &json!(80_004)), "{usage:?}");
    }
    rig.once(Misbehaviour::TooMany { retry_after_seconds: 9, as_date: false });
    let response = rig.delivery(&[event("x")]).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"9".parse().unwrap())
    );
    assert_eq!(received(&rig), 0);
}

#[tokio::test]
async fn a_client_is_sent_elsewhere_and_kept_waiting() {
    let rig = Rig::start().await;
    rig.once(Misbehaviour::Redirect { status: 307, location: rig.url("/v25.0/1/events") });
    let response = rig.delivery(&[event("x")]).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 307);
    assert_eq!(response.headers()["location"], rig.url("/v25.0/1/events").as_str());
    for what in [
        Misbehaviour::Slow { ms: 3_600_000 },
        Misbehaviour::SlowBody { chunk_bytes: 1, pause_ms: 3_600_000 },
    ] {
        rig.once(what.clone());
        let whole = async { rig.delivery(&[event("x")]).send().await?.bytes().await };
        let waited = tokio::time::timeout(Duration::from_millis(300), whole).await;
        assert!(waited.is_err(), "{what:?}");
    }
    rig.once(Misbehaviour::DateSkew { seconds: -7_200 });
    let response = rig.delivery(&[event("x")]).send().await.unwrap();
    let now = rig.delivery(&[event("x")]).send().await.unwrap();
    assert_ne!(response.headers()["date"], now.headers()["date"]);
}

#[tokio::test]
async fn poison_refuses_a_request_with_and_without_its_place() {
    let rig = Rig::start().await;
    let poison = |with_index| Misbehaviour::Poison {
        event_name: "Bad".to_owned(),
        subcode: Some(2_804_050),
        with_index,
    };
    let mut bad = event("bad");
    bad["event_name"] = "Bad".into();
    for with_index in [true, false] {
        rig.once(poison(with_index));
        let (status, _) = rig.deliver(&[event("fine")]).await;
        assert_eq!(status, 200, "it waits for what it is about");
        let (status, body) = rig.deliver(&[event("a"), bad.clone()]).await;
        let words = body["error"].to_string();
        assert_eq!((status, words.contains("['data'][1]")), (400, with_index), "{body}");
        assert_eq!(rig.deliver(&[bad.clone()]).await.0, 200, "it is spent");
    }
}

#[tokio::test]
async fn a_step_begins_ends_and_looks_where_it_was_told_to() {
    let rig = Rig::start().await;
    let control = rig.control();
    let html = || Some(Misbehaviour::Html { status: 502 });
    let status = |asset: &'static str| {
        let request = rig.delivery_with(&rig.token, asset, &[event("x")]);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    let other = rig.issue(holdfast_sandbox::NewToken {
        assets: vec![OTHER_DATASET.to_owned()],
        ..Default::default()
    });
    let step = Step {
        asset: Some(DATASET.to_owned()),
        after_requests: Some(2),
        times: Some(2),
        misbehave: html(),
        ..Step::default()
    };
    assert_ne!(control.misbehave(step), 0);
    let elsewhere = rig.delivery_with(&other, OTHER_DATASET, &[event("x")]).send().await.unwrap();
    assert_eq!(elsewhere.status().as_u16(), 200);
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(status(DATASET).await);
    }
    assert_eq!(seen, [200, 200, 502, 502, 200, 200]);

    let step =
        Step { at_ms: Some(1_000), for_ms: Some(1_000), misbehave: html(), ..Step::default() };
    assert_ne!(control.misbehave(step), 0);
    let mut seen = vec![status(DATASET).await];
    for _ in 0..2 {
        control.advance(1_000);
        seen.push(status(DATASET).await);
    }
    assert_eq!(seen, [200, 502, 200]);

    let step = Step { misbehave: html(), ..Step::default() };
    let id = control.misbehave(step);
    assert_eq!(status(DATASET).await, 502);
    let (found, _) = rig.ask(&format!("/v25.0/{DATASET}"), &[("access_token", &rig.token)]).await;
    assert_eq!(found, 200, "deliveries only, unless it says otherwise");
    assert!(control.behave(id));
    assert_eq!(status(DATASET).await, 200);
}

#[tokio::test]
async fn the_world_changes_by_itself_in_time() {
    let rig = Rig::start().await;
    let step = json!({ "after_events": 2, "change": { "token_state": { "token": rig.token, "state": "expired" } } });
    let (status, body) = rig.control_post("/_sandbox/timeline", step).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(rig.deliver(&[event("a"), event("b")]).await.0, 200);
    let (status, body) = rig.deliver(&[event("c")]).await;
    assert_eq!((status, &body["error"]["error_subcode"]), (401, &json!(463)), "{body}");
    let state: Value = rig.get("/_sandbox/state", "").await.1;
    assert_eq!(state["total"]["distinct"], 2);
}
