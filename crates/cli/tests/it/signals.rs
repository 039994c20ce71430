//! kill -9 between the answer to a push and its consequence: what was answered is not forgotten.

use std::time::Duration;

use holdfast_sandbox::{
    Endpoint, Loopback, Misbehaviour, NewRule, NewSignedRequest, Step, TokenKind, TokenState,
};
use serde_json::Value;

use crate::rig::{APP, DATASET, Rig, client};

/// A gateway that knows the app's secret, and a person's token at a destination of its own.
async fn rig() -> (Rig, String, String) {
    let rig = Rig::start().await;
    let app = APP.to_string();
    let run = |args: &[&str], secret: &str| {
        let output = rig.command(args).env("TEST_SECRET", secret).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["app", "add", &app, "--secret-env", "TEST_SECRET"], &rig.app_secret);
    let token = rig.sandbox.handle().issue_token(APP, TokenKind::User, &[DATASET]);
    run(&["credential", "add", "person", "--app", &app, "--token-env", "TEST_SECRET"], &token);
    rig.holdfast(&["destination", "add", "theirs", "--asset", DATASET, "--credential", "person"]);
    let shown = rig.holdfast(&["--json", "credential", "show", "person"]);
    let user = shown["versions"][0]["subject"].as_str().expect("a probe told whose it is");
    let user = user.to_owned();
    (rig, user, token)
}

async fn call(rig: &Rig, path: &str, user: &str) -> Value {
    let url = Loopback::try_from(format!("{}{path}", rig.url)).unwrap();
    let wanted = NewSignedRequest::of(APP, user, url);
    let pushed = rig.sandbox.handle().signed_request(&wanted).await.unwrap();
    assert_eq!(pushed.status, 200, "{}", pushed.body);
    serde_json::from_str(&pushed.body).unwrap()
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 30 s: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_still_holds_what_a_person_took_away() {
    let (mut rig, user, token) = rig().await;
    // The platform keeps every probe waiting, so that nothing can follow before the kill.
    let what = Misbehaviour::Slow { ms: 3_000_000 };
    let rule = NewRule { asset: None, times: None, percent: 100, what };
    let step = rig.sandbox.handle().misbehave(Step { on: Endpoint::Any, ..rule.into() });
    call(&rig, "/deauthorize/meta", &user).await;
    let holds = rig.holdfast(&["--json", "hold", "list"]);
    assert_eq!(holds.as_array().map(Vec::len), Some(0), "{holds:#}");
    rig.gateway.kill().unwrap();
    assert!(rig.sandbox.handle().behave(step));
    assert!(rig.sandbox.handle().set_token_state(&token, TokenState::AppRemoved));
    rig.restart();
    let is_held = async || {
        let holds = rig.holdfast(&["--json", "hold", "list"]);
        holds.as_array().is_some_and(|holds| {
            holds.iter().any(|hold| hold["fault"]["name"] == "meta.deauthorized")
        })
    };
    until("the hold", is_held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_still_forgets_whom_it_was_asked_to_forget() {
    let (mut rig, user, _) = rig().await;
    let answer = call(&rig, "/data-deletion/meta", &user).await;
    rig.gateway.kill().unwrap();
    rig.restart();
    let path = answer["url"].as_str().unwrap();
    let path = &path[path.find("/data-deletion").unwrap()..];
    let page = async || {
        let page = client().get(format!("{}{path}", rig.url)).send().await.unwrap();
        page.text().await.unwrap()
    };
    until("the page", async || page().await.contains("Your data was deleted")).await;
    let page = page().await;
    assert!(page.contains("<dt>Access tokens deleted</dt><dd>1</dd>"), "{page}");
    let shown = rig.holdfast(&["--json", "credential", "show", "person"]);
    assert_eq!(shown["versions"][0]["state"], "retired", "{shown:#}");
}
