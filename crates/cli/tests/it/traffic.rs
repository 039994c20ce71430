//! Traffic for a rig, and waiting for what comes of it.

use std::time::Duration;

use holdfast_model::time::UnixSeconds;
use holdfast_sandbox::AssetCounts;
use holdfast_testkit::fake_event_at;
use serde_json::{Value, json};

use crate::rig::Rig;

/// A request of so many events whose ids begin with the name.
pub fn body(name: &str, events: u64) -> String {
    let now = holdfast_gateway::Clock::default().wall().to_seconds();
    let event = |at| {
        let mut event = fake_event_at(at, UnixSeconds(now.0 - 60));
        event["event_id"] = format!("{name}-{at}").into();
        event
    };
    json!({ "data": (0..events).map(event).collect::<Vec<_>>() }).to_string()
}

/// Sends and returns how many were accepted, and how many of them were held.
pub async fn send(
    rig: &Rig,
    http: &reqwest::Client,
    destination: &str,
    body: String,
) -> (u64, u64) {
    let answer = http
        .post(format!("{}/v1/events?destination={destination}", rig.url))
        .bearer_auth(&rig.key)
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(status, 202, "{answer}");
    let held = answer["receipts"].as_array().unwrap().iter().filter(|r| r["held"] == true).count();
    (answer["accepted"].as_u64().unwrap(), held as u64)
}

/// What the sandbox counted of a dataset.
pub fn counts(rig: &Rig, dataset: &str) -> AssetCounts {
    rig.sandbox.handle().state().assets.get(dataset).cloned().unwrap_or_default()
}

/// Looks again and again until it is so.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    /// Many times what the slowest machine needs, also for a hundred thousand events.
    const PATIENCE: Duration = Duration::from_secs(120);
    let looking = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, looking).await.is_ok(), "in vain: {what}");
}
