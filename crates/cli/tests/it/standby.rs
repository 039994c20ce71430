//! A standby credential takes over when the one in use dies, and nothing waits for a person.

use holdfast_sandbox::{TokenKind, TokenState};
use serde_json::{Value, json};

use crate::rig::{APP, DATASET, Rig, client};
use crate::traffic::{body, counts, send, until};

/// A rig whose shop has two standby credentials, with their tokens.
async fn rig() -> (Rig, [String; 2]) {
    let rig = Rig::start().await;
    let control = rig.sandbox.handle();
    let tokens = ["spare", "last"].map(|name| {
        let token = control.issue_token(APP, TokenKind::SystemUser, &[DATASET]);
        rig.add_credential(name, &token);
        token
    });
    let set = rig.holdfast(&[
        "--json",
        "destination",
        "standby",
        "shop",
        "--credential",
        "spare",
        "--credential",
        "last",
    ]);
    assert_eq!(set["unproved"], json!([]), "{set}");
    (rig, tokens)
}

fn shop(rig: &Rig) -> Value {
    rig.holdfast(&["--json", "destination", "show", "shop"])
}

fn holds(rig: &Rig) -> Vec<String> {
    let status = rig.status();
    let holds = status["holds"].as_array().unwrap().iter();
    let mut faults: Vec<_> =
        holds.map(|hold| hold["fault"]["name"].as_str().unwrap().to_owned()).collect();
    faults.sort();
    faults
}

async fn deliver(rig: &Rig, name: &str, expected: u64) {
    let (accepted, _) = send(rig, &client(), "shop", body(name, 50)).await;
    assert_eq!(accepted, 50);
    until("it is delivered", || counts(rig, DATASET).distinct == expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn standby_credentials_take_over_one_after_the_other() {
    let (rig, tokens) = rig().await;
    let control = rig.sandbox.handle();
    deliver(&rig, "first", 50).await;

    control.set_token_state(&rig.token, TokenState::Expired);
    deliver(&rig, "second", 100).await;
    let now = shop(&rig);
    assert_eq!((&now["credential"], &now["standby"]), (&json!("spare"), &json!(["last", "shop"])));
    assert_eq!(holds(&rig), ["meta.token_expired"], "somebody still hears that it died");

    // The next one is dead already when its turn comes: the one after it takes over.
    control.set_token_state(&tokens[1], TokenState::Revoked);
    let third = control.issue_token(APP, TokenKind::SystemUser, &[DATASET]);
    rig.add_token(&third);
    assert_eq!(holds(&rig), Vec::<String>::new());
    assert_eq!(shop(&rig)["credential"], "spare", "it stays until somebody changes it");
    control.set_token_state(&tokens[0], TokenState::PasswordChanged);
    deliver(&rig, "third", 150).await;
    let now = shop(&rig);
    assert_eq!((&now["credential"], &now["standby"]), (&json!("shop"), &json!(["last", "spare"])));

    // With nobody left the lane stops, and a mended standby starts it again by itself.
    control.set_token_state(&third, TokenState::Expired);
    let (accepted, _) = send(&rig, &client(), "shop", body("fourth", 50)).await;
    assert_eq!(accepted, 50);
    until("the lane is held", || rig.destination("shop")["state"] == "held").await;
    let mended = control.issue_token(APP, TokenKind::SystemUser, &[DATASET]);
    rig.add_credential("last", &mended);
    until("the rest is delivered", || counts(&rig, DATASET).distinct == 200).await;
    assert_eq!(shop(&rig)["credential"], "last");

    let status = rig.drained().await;
    assert_eq!((&status["lost"], &status["ledger"]["delivered"]), (&json!(0), &json!(200)));
    assert_eq!(control.state().total.counted_twice, 0);
    let metrics = client().get(format!("{}/metrics", rig.url)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("holdfast_takeovers_total{destination=\"shop\"} 3"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_obeys_operators_and_evidence() {
    let (rig, tokens) = rig().await;
    let control = rig.sandbox.handle();

    // A pause is a decision, not a failure.
    let paused = client()
        .post(format!("{}/v1/destinations/shop/pause", rig.url))
        .bearer_auth(
            rig.holdfast(&["--json", "key", "create", "ops", "--role", "operator"])["text"]
                .as_str()
                .unwrap(),
        )
        .header("content-type", "application/json")
        .body(json!({"reason": "stocktaking"}).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(paused.status(), 201);
    assert_eq!(shop(&rig)["credential"], "shop");

    // What the platform refuses is refused here, and the list stays as it was.
    control.set_token_state(&tokens[0], TokenState::Revoked);
    let names = ["destination", "standby", "shop", "--credential", "last", "--credential", "spare"];
    let refused = rig.run(&names);
    assert!(!refused.status.success(), "{}", String::from_utf8_lossy(&refused.stdout));
    let says = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(says.contains("refuses credential spare on this asset"), "{says}");
    assert_eq!(shop(&rig)["standby"], json!(["spare", "last"]));
    for wrong in ["shop", "nobody"] {
        let refused = rig.run(&["destination", "standby", "shop", "--credential", wrong]);
        assert!(!refused.status.success(), "{wrong}");
    }

    // Somebody puts the other one in use by hand, and they trade places.
    rig.holdfast(&["destination", "rebind", "shop", "--credential", "last"]);
    let now = shop(&rig);
    assert_eq!((&now["credential"], &now["standby"]), (&json!("last"), &json!(["spare", "shop"])));
    rig.holdfast(&["destination", "standby", "shop"]);
    assert_eq!(shop(&rig)["standby"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_proved_on_the_asset_does_not_take_over() {
    let rig = Rig::start().await;
    let control = rig.sandbox.handle();
    control.add_asset("1000000002");
    let stranger = control.issue_token(APP, TokenKind::SystemUser, &["1000000002"]);
    rig.add_credential("stranger", &stranger);
    let add = ["destination", "add", "other", "--asset", "1000000002", "--credential", "stranger"];
    rig.holdfast(&add);
    let set =
        rig.holdfast(&["--json", "destination", "standby", "shop", "--credential", "stranger"]);
    assert_eq!(set["unproved"], json!(["stranger"]), "it may send without being able to read");
    control.set_token_state(&rig.token, TokenState::Expired);
    send(&rig, &client(), "shop", body("first", 50)).await;
    until("the lane is held", || rig.destination("shop")["state"] == "held").await;
    assert_eq!(shop(&rig)["credential"], "shop");
    assert_eq!(rig.destination("other")["state"], "flowing", "nobody else is touched");
    control.assign(&stranger, DATASET, true);
    rig.holdfast(&["--json", "credential", "verify", "stranger"]);
    until("it is delivered", || counts(&rig, DATASET).distinct == 50).await;
    assert_eq!(shop(&rig)["credential"], "stranger");
}
