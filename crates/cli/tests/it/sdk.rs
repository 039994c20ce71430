//! The official Python SDK, unmodified but for its base URL and token, against a real gateway.

use std::path::Path;
use std::process::Command;

use sha2::{Digest as _, Sha256};

use crate::rig::{DATASET, Rig};

#[tokio::test(flavor = "multi_thread")]
async fn facebook_business_delivers_through_the_drop_in_route() {
    let rig = Rig::start().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/python/run.sh");
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
    let status = rig.drained().await;
    let sent: u64 = said
        .lines()
        .find_map(|line| line.strip_prefix("sent "))
        .and_then(|count| count.trim().parse().ok())
        .unwrap_or_else(|| panic!("the script did not say what it sent: {said}"));
    assert_eq!(status["ledger"]["delivered"], sent);
    let received = rig.sandbox.handle().events(DATASET, 1);
    let email = received[0]["user_data"]["em"][0].as_str().unwrap();
    let meant = hex::encode(Sha256::digest(b"joe@example.com"));
    assert_eq!(email, meant, "what the SDK meant arrives, hashed once");
    drop(rig);
}
