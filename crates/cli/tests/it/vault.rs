//! The master key: where it may come from, what happens without it, and how it is changed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use holdfast_sandbox::TokenState;
use serde_json::Value;

use crate::rig::{BINARY, DATASET, Rig, client};
use crate::traffic::{body, counts, send};

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Starts a gateway that must refuse to, and says why.
fn refuses(dir: &Path, variables: &[(&str, &str)]) -> String {
    let mut command = std::process::Command::new(BINARY);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir", shown(dir)]);
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", error(&output));
    error(&output)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_master_key_changes_nothing_but_the_key() {
    let mut rig = Rig::start().await;
    let known = rig.holdfast(&["--json", "credential", "show", "shop"]);
    rig.holdfast(&["hold", "pause", "shop", "--reason", "waits"]);
    send(&rig, &client(), "shop", body("waits", 50)).await;
    let old_key = std::fs::read(rig.data_dir().join("master.key")).unwrap();
    let new_file = rig.data_dir().with_file_name("new.key");
    let rotate = ["--json", "vault", "rotate", "--new-key-file", shown(&new_file)];
    let refused = rig.run(&rotate);
    assert!(error(&refused).contains("another process has it open"), "{}", error(&refused));

    rig.gateway.terminate().unwrap();
    let rotated = rig.holdfast(&rotate);
    assert!(rotated["records"].as_u64().unwrap() >= 4, "{rotated:#}");
    let kept = rotated["old_key_kept_at"].as_str().unwrap();
    assert_eq!(std::fs::read(kept).unwrap(), old_key);
    let mode = std::fs::metadata(rig.data_dir().join("master.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    rig.restart();
    let now = rig.holdfast(&["--json", "credential", "show", "shop"]);
    assert_eq!(now, known, "recognized by the same fingerprint");
    // The same token is the last good one still.
    let doctor = rig.holdfast(&["--json", "doctor", "meta", "--credential", "shop", "--offline"]);
    assert_eq!(doctor["steps"][2]["outcome"], "PASS", "{doctor:#}");
    let holds = rig.holdfast(&["--json", "hold", "list"]);
    rig.holdfast(&["hold", "lift", holds[0]["id"].as_str().unwrap(), "--reason", "now"]);
    rig.drained().await;
    assert_eq!(counts(&rig, DATASET).distinct, 50, "what waited under the old key is delivered");

    let list = rig.holdfast(&["--json", "audit", "list"]);
    let has = |action: &str| list.as_array().unwrap().iter().any(|one| one["action"] == action);
    assert!(has("vault.rotate") && has("credential.add"), "{list:#}");
    let chain = rig.holdfast(&["--json", "audit", "verify"]);
    assert_eq!(chain["head"].as_str().unwrap().len(), 64);

    // Back, with the key in the variable of the environment from then on.
    rig.gateway.terminate().unwrap();
    let again = ["vault", "rotate", "--new-key-file", kept];
    rig.holdfast(&again);
    assert!(error(&rig.run(&again)).contains("is the one in use"));
    rig.restart();
    assert!(rig.sandbox.handle().set_token_state(&rig.token, TokenState::Valid));
    assert_eq!(rig.status()["lost"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_change_starts_under_neither_key_and_is_finished_by_another_call() {
    let mut rig = Rig::start().await;
    send(&rig, &client(), "shop", body("few", 20)).await;
    rig.drained().await;
    rig.gateway.terminate().unwrap();
    let data = rig.data_dir();
    let registry = data.join("registry.sqlite");
    let before = std::fs::read(&registry).unwrap();
    let old_key = std::fs::read(data.join("master.key")).unwrap();
    let new_file = data.with_file_name("new.key");
    let rotate = ["--json", "vault", "rotate", "--new-key-file", shown(&new_file)];
    rig.holdfast(&rotate);
    // As if it had ended between the two files: the ledger is under the new key.
    for name in ["registry.sqlite-wal", "registry.sqlite-shm"] {
        let _ = std::fs::remove_file(data.join(name));
    }
    std::fs::write(&registry, &before).unwrap();
    std::fs::write(data.join("master.key"), &old_key).unwrap();

    let said = refuses(&data, &[]);
    assert!(said.contains("another master key"), "{said}");
    let said = refuses(&data, &[("HOLDFAST_VAULT_MASTER_KEY_FILE", shown(&new_file))]);
    assert!(said.contains("run it again"), "{said}");
    let finished = rig.holdfast(&rotate);
    assert!(finished["done_before"].as_u64().unwrap() > 0, "{finished:#}");
    rig.restart();
    assert_eq!(rig.status()["ledger"]["delivered"], 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_key_nothing_starts_and_no_other_one_is_made() {
    let mut rig = Rig::start().await;
    rig.gateway.terminate().unwrap();
    let data = rig.data_dir();
    let file = data.join("master.key");
    let key = std::fs::read_to_string(&file).unwrap();
    let other = "ab".repeat(32);
    let said = refuses(&data, &[("HOLDFAST_VAULT_MASTER_KEY_ENV", "KEY"), ("KEY", &other)]);
    assert!(said.contains("does not belong to this data directory"), "{said}");
    let said = refuses(&data, &[("HOLDFAST_VAULT_MASTER_KEY_ENV", "KEY"), ("KEY", "short")]);
    assert!(
        said.contains("the variable KEY: expected 32 bytes") && !said.contains("short"),
        "{said}"
    );
    let two = [
        ("HOLDFAST_VAULT_MASTER_KEY_ENV", "KEY"),
        ("KEY", other.as_str()),
        ("HOLDFAST_VAULT_MASTER_KEY_FILE", shown(&file)),
    ];
    assert!(refuses(&data, &two).contains("it is another one than that from"));

    std::fs::remove_file(&file).unwrap();
    let said = refuses(&data, &[]);
    assert!(said.contains("is missing, and what is stored here is sealed with it"), "{said}");
    assert!(!file.exists(), "no other key was made");

    let script = data.with_file_name("kms");
    let write = |text: &str| {
        std::fs::write(&script, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    };
    let command = [("HOLDFAST_VAULT_MASTER_KEY_COMMAND", shown(&script))];
    write("echo down >&2; exit 3");
    assert!(refuses(&data, &command).contains("it failed: exit status: 3"));
    write(&format!("printf %s {}", key.trim()));
    let mut with_command = holdfast_testkit::ProcessHarness::new(BINARY)
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir", shown(&data)])
        .env(command[0].0, command[0].1)
        .ready_when_it_says("holdfast is ready at");
    with_command.start().unwrap();
    let status: Value = rig.status();
    assert_eq!(status["lost"], 0);
    with_command.terminate().unwrap();
}
