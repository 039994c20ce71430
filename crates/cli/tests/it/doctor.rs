//! The doctor from the command line: with a running gateway, beside a stopped one, and with nothing.

use holdfast_sandbox::TokenState;
use serde_json::Value;

use crate::rig::{DATASET, Rig};

/// Standard output, and the exit code.
fn said(rig: &Rig, args: &[&str]) -> (String, Option<i32>) {
    let config = rig.data_dir().with_file_name("holdfast.toml");
    let output = rig.run(&[args, &["--config", config.to_str().unwrap()]].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let is_data = args.contains(&"--json");
    assert!(
        is_data || said.lines().all(|line| line.chars().count() <= 80),
        "more than 80 columns:\n{said}"
    );
    (said, output.status.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_is_wrong_whether_a_gateway_runs_or_not() {
    let mut rig = Rig::start().await;
    let stored = ["doctor", "meta", "--credential", "shop"];
    let (healthy, code) = said(&rig, &stored);
    assert!(healthy.contains("It works.") && code == Some(0), "{healthy}");
    assert!(!healthy.contains(&rig.token[10..30]));

    assert!(rig.sandbox.handle().set_token_state(&rig.token, TokenState::Revoked));
    let (revoked, code) = said(&rig, &stored);
    assert!(revoked.contains("certain: meta.token_revoked") && code == Some(6), "{revoked}");
    assert!(revoked.contains("Waiting   0 items behind it, at shop"), "{revoked}");

    rig.gateway.terminate().unwrap();
    let (revoked, code) = said(&rig, &stored);
    assert!(revoked.contains("certain: meta.token_revoked") && code == Some(6), "{revoked}");
    let file = rig.data_dir().with_file_name("token");
    std::fs::write(&file, &rig.token[..rig.token.len() - 1]).unwrap();
    let file = file.to_str().unwrap();
    let given = ["doctor", "meta", "--token-file", file, "--asset", DATASET];
    let (cut, code) = said(&rig, &given);
    assert!(cut.contains("token.cut_or_altered") && code == Some(6), "{cut}");
    let (offline, _) = said(&rig, &[&given[..], &["--offline", "--json"]].concat());
    let offline: Value = serde_json::from_str(&offline).unwrap();
    assert_eq!(offline["steps"][5]["evidence"], "Offline, as asked.", "{offline:#}");

    std::mem::replace(&mut rig.sandbox, another_sandbox().await).stop().await;
    let (silence, code) = said(&rig, &stored);
    assert!(silence.contains("certain: platform.no_answer") && code == Some(7), "{silence}");
    let (_, code) = said(&rig, &["doctor", "meta"]);
    assert_eq!(code, Some(2), "nothing was named");
}

async fn another_sandbox() -> holdfast_sandbox::RunningSandbox {
    let settings = holdfast_sandbox::SandboxSettings::default();
    holdfast_sandbox::Sandbox::start(settings).await.unwrap()
}
