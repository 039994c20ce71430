//! Extending, rotating and revoking from the command line, with a gateway in a process of its own.
//! Rotation under traffic and a turned clock is in the gateway's tests.

use holdfast_sandbox::TokenKind;

use crate::rig::{APP, DATASET, Rig, client};
use crate::traffic::{body, counts, send, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_static_token_is_rotated_with_the_commands_that_extend_names() {
    let rig = Rig::start().await;
    let extended = rig.run(&["credential", "extend", "shop"]);
    let said = String::from_utf8_lossy(&extended.stdout).replace('\n', " ");
    assert!(extended.status.success(), "nothing to extend is an answer: {said}");
    assert!(said.contains("Nothing to extend"), "{said}");
    assert!(said.contains("credential rotate shop"), "{said}");

    let second = rig.sandbox.handle().issue_token(APP, TokenKind::SystemUser, &[DATASET]);
    let rotate = ["--json", "credential", "rotate", "shop", "--token-env", "TEST_TOKEN"];
    let rotated = rig.command(&rotate).env("TEST_TOKEN", &second).output().unwrap();
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    let rotated: serde_json::Value = serde_json::from_slice(&rotated.stdout).unwrap();
    assert_eq!((&rotated["activated"], &rotated["old"]), (&true.into(), &1.into()), "{rotated:#}");

    send(&rig, &client(), "shop", body("after", 40)).await;
    until("the new token has delivered", || counts(&rig, DATASET).distinct == 40).await;
    let shown = rig.holdfast(&["--json", "credential", "show", "shop"]);
    assert_eq!(shown["deliveries"][0]["signed_with"]["version"], 2, "{shown:#}");
    assert_eq!(shown["deliveries"][0]["items"], 40, "{shown:#}");
    let table = rig.run(&["credential", "show", "shop"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("It does not renew itself"), "{table}");

    // The app's secret is not known here: the token lives on at the platform, and that is said.
    let revoked = rig.holdfast(&["--json", "credential", "revoke", "shop", "--version", "1"]);
    assert_eq!(revoked["ended_at_platform"], false, "{revoked:#}");
    assert!(revoked["says"].as_str().unwrap().contains("Business Settings"), "{revoked:#}");
    let again = rig.run(&["credential", "revoke", "shop", "--version", "1"]);
    assert!(!again.status.success(), "it is retired already");
}
