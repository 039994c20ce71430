//! The official SDKs, unmodified but for their base URL and token, against a real gateway.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::rig::{DATASET, Rig};

#[tokio::test(flavor = "multi_thread")]
async fn facebook_business_for_python_delivers_through_the_drop_in_route() {
    delivers("python").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facebook_business_for_node_delivers_through_the_drop_in_route() {
    delivers("node").await;
}

/// Runs the SDK's script and compares what it says it sent with what arrived.
async fn delivers(language: &str) {
    let rig = Rig::start().await;
    let said = run(&rig, language);
    let status = rig.drained().await;
    let sent: u64 = said
        .lines()
        .find_map(|line| line.strip_prefix("sent "))
        .and_then(|count| count.trim().parse().ok())
        .unwrap_or_else(|| panic!("the script did not say what it sent: {said}"));
    assert!(sent > 1_000, "the script sends a full request, among others: {sent}");
    assert_eq!(status["ledger"]["delivered"], sent);
    let arrived = rig.sandbox.handle().events(DATASET, 10_000);
    let mut arrived: Vec<&Value> = arrived.iter().map(|event| &event["event_id"]).collect();
    let listed = said.lines().find_map(|line| line.strip_prefix("{\"sent\":")).unwrap();
    let listed: Vec<Value> = serde_json::from_str(listed.strip_suffix('}').unwrap()).unwrap();
    let mut listed: Vec<&Value> = listed.iter().map(|event| &event["event_id"]).collect();
    arrived.sort_by_key(|id| id.to_string());
    listed.sort_by_key(|id| id.to_string());
    assert_eq!(arrived, listed, "every event once");
    let meant = hex::encode(Sha256::digest(b"joe@example.com"));
    let received = rig.sandbox.handle().events(DATASET, 10_000);
    let emails: Vec<&Value> =
        received.iter().filter_map(|event| event["user_data"].get("em")).collect();
    assert!(emails.len() > 1_000, "nearly all events name the person");
    for email in emails {
        assert_eq!(email[0], meant, "what the SDK meant arrives, hashed once");
    }
    drop(rig);
}

fn run(rig: &Rig, language: &str) -> String {
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e").join(language).join("run.sh");
    let output = Command::new("bash")
        .arg(script)
        .env("BASE_URL", &rig.url)
        .env("INGEST_KEY", &rig.key)
        .env("DATASET", DATASET)
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{said}");
    said
}
