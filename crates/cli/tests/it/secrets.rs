//! Secrets do not travel: not even when everything is logged and the platform repeats them.

use holdfast_model::time::UnixSeconds;
use holdfast_sandbox::{Misbehaviour, NewRule};
use holdfast_testkit::fake_event_at;
use serde_json::json;

use crate::rig::{DATASET, Rig, client};

/// The shortest piece that counts as leaked.
const PIECE: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn no_piece_of_a_token_or_key_leaves_the_vault() {
    let mut rig = Rig::start_logging("trace").await;
    // A piece from the middle has no shape that could be recognized.
    let piece = rig.token[40..75].to_owned();
    for message in [format!("{piece} is odd"), format!("Malformed access token {}", rig.token)] {
        rig.sandbox.handle().misbehave(NewRule {
            asset: Some(DATASET.to_owned()),
            times: Some(2),
            percent: 100,
            what: Misbehaviour::Error {
                status: 400,
                error: json!({ "message": message, "error_user_msg": message, "code": 2,
                               "is_transient": true }),
            },
        });
    }
    let now = holdfast_gateway::Clock::default().wall().to_seconds();
    let answer = client()
        .post(format!("{}/v1/events?destination=shop", rig.url))
        .bearer_auth(&rig.key)
        .header("content-type", "application/json")
        .body(fake_event_at(1, UnixSeconds(now.0 - 60)).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    rig.drained().await;

    let mut said = String::new();
    for args in [
        &["--json", "status"][..],
        &["--json", "credential", "show", "shop"],
        &["--json", "hold", "list", "--all"],
        &["--json", "dead-letter", "list"],
        &["--json", "key", "list"],
    ] {
        let output = rig.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        said.push_str(&String::from_utf8_lossy(&output.stdout));
    }
    said.push_str(
        &client().get(format!("{}/metrics", rig.url)).send().await.unwrap().text().await.unwrap(),
    );
    // Once the process has ended, all it said is here.
    let log = rig.gateway.terminate().unwrap().stderr.join("\n");
    assert!(log.contains("[redacted] is odd"), "what the platform said is in the log, masked");
    said.push_str(&log);
    for secret in [&rig.token, &rig.key] {
        for start in 0..=secret.len() - PIECE {
            let piece = &secret[start..start + PIECE];
            let line = said.lines().find(|line| line.contains(piece));
            assert!(line.is_none(), "a secret is in: {}", line.unwrap_or_default());
        }
    }
}
