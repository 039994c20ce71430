//! What is known of attempts survives kill -9, and counts once the platform no longer recognizes
//! repetitions. The events are nearly two days old, so that this happens within seconds.

use std::time::Duration;

use holdfast_model::time::{HOUR_S, MINUTE_S, UnixSeconds};
use holdfast_sandbox::{Misbehaviour, NewRule, TokenKind, TokenState};
use holdfast_testkit::fake_event_at;
use serde_json::{Value, json};

use crate::rig::{APP, DATASET, Rig, client};

const EVENTS: u64 = 60;

/// For how long the platform recognizes a repetition, as admission counts it.
const RECOGNIZED_S: i64 = 48 * HOUR_S - 10 * MINUTE_S;

/// How long it does so yet when the events are sent. Long enough for a first attempt; if a slow
/// machine needs longer the outcome is the same.
const LEFT_S: i64 = 4;

fn now() -> UnixSeconds {
    holdfast_gateway::Clock::default().wall().to_seconds()
}

/// Sends events and returns when the platform begins to forget them.
async fn send(rig: &Rig) -> UnixSeconds {
    let until = now().plus_seconds(LEFT_S);
    let time = until.plus_seconds(-RECOGNIZED_S);
    let events: Vec<Value> = (0..EVENTS).map(|n| fake_event_at(n, time)).collect();
    let answer = client()
        .post(format!("{}/v1/events?destination=shop", rig.url))
        .bearer_auth(&rig.key)
        .header("content-type", "application/json")
        .body(json!({ "data": events }).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    until
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited in vain until {what}");
}

fn revive(rig: &Rig) {
    let token = rig.sandbox.handle().issue_token(APP, TokenKind::SystemUser, &[DATASET]);
    rig.add_token(&token);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_a_restart_and_a_long_hold_lose_nothing() {
    let mut rig = Rig::start().await;
    assert!(rig.sandbox.handle().set_token_state(&rig.token, TokenState::Expired));
    let forgotten_at = send(&rig).await;
    until("everything is held", || rig.status()["ledger"]["held"] == EVENTS).await;
    rig.gateway.kill().unwrap();
    rig.restart();
    until("the platform forgets", || now() > forgotten_at).await;
    revive(&rig);
    let status = rig.drained().await;
    assert_eq!(status["ledger"]["delivered"], EVENTS, "{}", status["ledger"]);
    assert_eq!(status["ledger"]["unknown"], 0, "a clear refusal leaves no doubt");
    assert_eq!(rig.sandbox.handle().state().total.counted_twice, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_not_forgotten_by_a_restart_and_a_long_hold() {
    let mut rig = Rig::start().await;
    let rule = rig.sandbox.handle().misbehave(NewRule {
        asset: Some(DATASET.to_owned()),
        times: None,
        percent: 100,
        what: Misbehaviour::CutAfter,
    });
    let forgotten_at = send(&rig).await;
    let platform = || rig.sandbox.handle().state().total;
    until("the platform has counted everything", || platform().distinct == EVENTS).await;
    rig.gateway.kill().unwrap();
    assert!(rig.sandbox.handle().behave(rule));
    assert!(rig.sandbox.handle().set_token_state(&rig.token, TokenState::Expired));
    let received = platform().received;
    rig.restart();
    until("the platform forgets", || now() > forgotten_at).await;
    revive(&rig);
    let status = rig.drained().await;
    assert_eq!(status["ledger"]["unknown"], EVENTS, "{}", status["ledger"]);
    assert_eq!(status["lost"], 0);
    let platform = rig.sandbox.handle().state().total;
    assert_eq!(platform.received, received, "nothing was sent again");
    // Somebody looked into the platform's own counts, and says so.
    let resolve = ["--json", "dead-letter", "resolve", "--all", "--as", "delivered"];
    assert_eq!(rig.holdfast(&resolve)["moved"], EVENTS);
    assert_eq!(rig.holdfast(&resolve)["moved"], 0);
    let status = rig.status();
    assert_eq!(status["ledger"]["delivered"], EVENTS, "{}", status["ledger"]);
    assert_eq!(status["ledger"]["unknown"], 0);
    assert_eq!(status["lost"], 0);
}
