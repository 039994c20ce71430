//! One event for three destinations: one delivers, one is held, one refuses. Each has a ledger of
//! its own, and what one meets is nothing to the others.

use holdfast_sandbox::{Misbehaviour, Step, TokenKind, TokenState};
use serde_json::{Value, json};

use crate::rig::{APP, Rig, client};
use crate::traffic::{counts, until};

const ROUTES: &str = "
[routes.all]
[[routes.all.to]]
destination = \"shop\"
[[routes.all.to]]
destination = \"held\"
rename_events = { Purchase = \"HeldPurchase\" }
[[routes.all.to]]
destination = \"refusing\"
";

const HELD: &str = "1000000002";
const REFUSING: &str = "1000000003";
const EVENTS: u64 = 200;

fn add(rig: &Rig, name: &str, asset: &str) -> String {
    let control = rig.sandbox.handle();
    control.add_asset(asset);
    let token = control.issue_token(APP, TokenKind::SystemUser, &[asset]);
    rig.add_credential(name, &token);
    rig.holdfast(&["destination", "add", name, "--asset", asset, "--credential", name]);
    token
}

fn ledger(rig: &Rig, name: &str) -> [u64; 4] {
    let ledger = &rig.destination(name)["ledger"];
    let count = |state: &str| ledger[state].as_u64().unwrap();
    let others: u64 = ["unknown", "expired"].map(count).iter().sum();
    assert_eq!(others, 0, "{name}: {ledger}");
    ["accepted", "delivered", "held", "rejected"].map(count)
}

/// One event in so many is one that the refusing destination's platform refuses.
const REFUSED_EVERY: u64 = 20;

fn body(first: u64) -> String {
    let events = (first..first + EVENTS).map(|n| {
        let mut event: Value = serde_json::from_slice(&holdfast_testkit::fake_event_json(
            n,
            holdfast_gateway::Clock::default().wall().to_seconds().plus_seconds(-60),
        ))
        .unwrap();
        let is_refused = n.is_multiple_of(REFUSED_EVERY);
        event["event_name"] = if is_refused { "Refused" } else { "Purchase" }.into();
        event["event_id"] = format!("routed-{n}").into();
        event
    });
    json!({ "data": events.collect::<Vec<_>>() }).to_string()
}

async fn send(rig: &Rig, first: u64) -> Value {
    let answer = client()
        .post(format!("{}/v1/events?route=all", rig.url))
        .bearer_auth(&rig.key)
        .header("content-type", "application/json")
        .body(body(first))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_destinations_of_one_event_are_conserved_each_for_itself() {
    let rig = Rig::start_with("info", ROUTES).await;
    let held_token = add(&rig, "held", HELD);
    add(&rig, "refusing", REFUSING);
    let control = rig.sandbox.handle();
    control.set_token_state(&held_token, TokenState::Expired);
    control.misbehave(Step {
        asset: Some(REFUSING.to_owned()),
        misbehave: Some(Misbehaviour::Poison {
            event_name: "Refused".to_owned(),
            subcode: None,
            with_index: true,
        }),
        ..Step::default()
    });

    let receipts = send(&rig, 0).await;
    assert_eq!(receipts["accepted"], 3 * EVENTS, "one commit for all three");
    until("the hold is open", || rig.destination("held")["state"] == "held").await;
    let receipts = send(&rig, EVENTS).await;
    let held = receipts["receipts"].as_array().unwrap().iter().filter(|one| one["held"] == true);
    assert_eq!(held.count() as u64, EVENTS, "the caller hears which ones wait");
    let (all, refused) = (2 * EVENTS, 2 * EVENTS / REFUSED_EVERY);
    until("the others are done", || {
        ledger(&rig, "shop")[1] == all && ledger(&rig, "refusing")[1] == all - refused
    })
    .await;
    assert_eq!(ledger(&rig, "shop"), [all, all, 0, 0]);
    assert_eq!(ledger(&rig, "held"), [all, 0, all, 0]);
    assert_eq!(ledger(&rig, "refusing"), [all, all - refused, 0, refused]);

    let token = control.issue_token(APP, TokenKind::SystemUser, &[HELD]);
    rig.add_credential("held", &token);
    until("nothing waits", || ledger(&rig, "held")[1] == all).await;
    assert_eq!(counts(&rig, HELD).distinct, all);
    assert_eq!(counts(&rig, HELD).counted_twice, 0);
    let renamed = control.events(HELD, 1_000);
    let renamed = renamed.iter().filter(|event| event["event_name"] == "HeldPurchase").count();
    assert_eq!(renamed as u64, all - refused, "by the rules of its own");
    assert_eq!(rig.status()["lost"], 0);
}
