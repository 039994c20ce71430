//! Messages and exit codes.

use std::process::{Command, Output};

use crate::rig::{BINARY, Rig};

fn holdfast(args: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    Command::new(BINARY).args(args).current_dir(dir.path()).output().unwrap()
}

fn check(args: &[&str], code: i32, expected: &str) {
    let output = holdfast(args);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    assert!(said.contains(expected), "{args:?}: {expected:?} is not in: {said}");
}

#[test]
fn exit_codes_and_messages() {
    check(&["explain", "meta", "190/463"], 0, "meta.token_expired");
    check(&["explain", "meta", "meta.asset_missing"], 0, "does not exist, or is not assigned");
    check(&["explain", "meta", "190/999999"], 0, "meta.token_refused");
    check(&["explain", "meta", "424242"], 5, "not in the catalog");
    check(&["explain", "meta", "nonsense"], 2, "expected a code");
    check(&["explain", "myspace", "1"], 2, "expected one of meta, snap, whatsapp, holdfast");
    check(&["explain", "meta", "token_damaged"], 0, "Is it the wrong kind of token?");
    check(&["explain", "whatsapp", "131047"], 0, "whatsapp.window_closed");
    check(&["explain", "whatsapp", "190/463"], 0, "whatsapp.token_expired");
    check(&["explain", "whatsapp", "200005"], 0, "whatsapp.template_insights");
    check(&["explain", "holdfast", "operator_pause"], 0, "An operator has paused");
    check(&["doctor", "meta", "--waba", "1", "--token-env", "X"], 2, "are for whatsapp");
    check(&["status"], 3, "no gateway answers");
    check(&["credential", "add", "x", "--token-env", "SURELY_NOT_SET"], 2, "is not set");
    check(&["credential", "add", "x"], 2, "--token-file");
    check(&["--config", "missing.toml", "check"], 2, "missing.toml");
    check(&["no-such-command"], 2, "unrecognized subcommand");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_and_names_no_secret() {
    let rig = Rig::start().await;
    let status = rig.run(&["status"]);
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(said.contains("0 accepted = 0 queued"), "{said}");
    assert!(said.contains("shop"), "{said}");

    let unknown =
        rig.run(&["destination", "add", "other", "--asset", "1", "--credential", "nobody"]);
    assert_eq!(unknown.status.code(), Some(5));
    let twice = rig.run(&["destination", "add", "shop", "--asset", "1", "--credential", "shop"]);
    assert_eq!(twice.status.code(), Some(4));

    let verified = rig.holdfast(&["--json", "credential", "verify", "shop"]);
    assert_eq!(verified["version"]["verification"], "proved");
    for args in [["--json", "credential", "show", "shop"], ["--json", "credential", "list", ""]] {
        let args: Vec<&str> = args.into_iter().filter(|arg| !arg.is_empty()).collect();
        let shown = rig.run(&args);
        let said = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(said.contains("proved"), "{said}");
        assert!(!said.contains(&rig.token[..20]), "a token never comes out");
    }
    assert_eq!(rig.run(&["check"]).status.code(), Some(0));
    drop(rig);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_gateway_does_not_open_the_same_directory() {
    let rig = Rig::start().await;
    let second = rig.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("another process has it open"), "{said}");
}
