//! Renewals while something is wrong: with one asset, with the platform, with what is stored, or with
//! whoever asked for them.

use holdfast_model::id::VersionNo;
use holdfast_sandbox::{Endpoint, Misbehaviour, Step, StepState};
use holdfast_storage::SealedRefreshToken;

use super::*;

const OTHER_ASSET: &str = "9876543210";
const OTHER_PIXEL: &str = "1b2c3d4e-5f60-7182-93a4-b5c6d7e8f90a";
const OTHER_ORGANIZATION: &str = "4b2c3d4e-5f60-7182-93a4-b5c6d7e8f90a";

impl Shop {
    /// The next request for a token is answered late.
    fn be_slow_once(&self, ms: u64) {
        self.platform().misbehave(Step {
            on: Endpoint::Tokens,
            times: Some(1),
            misbehave: Some(Misbehaviour::Slow { ms }),
            ..Step::default()
        });
    }

    /// That request has come.
    async fn until_asked(&self) {
        for _ in 0..3_000 {
            if self.platform().timeline().iter().all(|step| step.state == StepState::Over) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nobody asked for a token: {:#?}", self.platform().timeline());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_that_refuses_the_old_token_too_does_not_stop_the_renewal() {
    let shop = Shop::open().await;
    shop.add_snap("it", "shop").await;
    shop.until("it was renewed once", |it| state(it, 2) == "active").await;
    shop.platform().add_organization(OTHER_ORGANIZATION);
    shop.platform().add_pixel(OTHER_PIXEL, OTHER_ORGANIZATION);
    let other =
        json!({"id": "other", "platform": "snap", "asset": OTHER_PIXEL, "credential": "it"});
    shop.call("POST", "/v1/destinations", &other).await;
    shop.pass(31 * MINUTE_MS);
    let it = shop.until("version 3 is in use", |it| state(it, 3) == "active").await;
    assert_eq!(it["renewal"]["failures"], 0, "{it:#}");
    shop.send(0..5).await;
    shop.until_delivered(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_that_the_new_token_alone_is_refused_on_keeps_the_old_one_in_use() {
    let shop = Shop::open().await;
    shop.platform().add_asset(OTHER_ASSET);
    let assets = vec![ASSET.to_owned(), OTHER_ASSET.to_owned()];
    let name = Some("su".to_owned());
    let token = shop.platform().issue(NewToken { assets, name, ..due_in_a_minute() }).unwrap();
    shop.add(&token).await;
    let other =
        json!({"id": "other", "platform": "meta", "asset": OTHER_ASSET, "credential": "it"});
    shop.call("POST", "/v1/destinations", &other).await;
    // The new token is there before it is probed, and has lost an asset until then.
    shop.platform().misbehave(Step {
        on: Endpoint::Debug,
        misbehave: Some(Misbehaviour::Slow { ms: 300 }),
        ..Step::default()
    });
    shop.pass(2 * MINUTE_MS);
    for _ in 0..3_000 {
        if shop.platform().assign("su-2", OTHER_ASSET, false) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let it = shop.until("it has failed", |it| it["renewal"]["failures"] == 1).await;
    assert_eq!((state(&it, 1), state(&it, 2)), ("active", "candidate"));
    let outcome = it["renewal"]["outcome"].as_str().unwrap();
    assert_eq!(outcome, "it does not work for other as the one before does");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_another_credential_keeps_too_is_not_revoked() {
    let shop = Shop::open().await;
    let issue = || shop.platform().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET]);
    let (first, second) = (issue(), issue());
    shop.add(&first).await;
    let twin = json!({"id": "twin", "platform": "meta", "token": first});
    shop.call("POST", "/v1/credentials", &twin).await;
    shop.call("POST", "/v1/credentials/it/rotate", &json!({"token": second})).await;
    shop.pass(SETTLE_MS.unsigned_abs() + MINUTE_MS);
    for request in 0..20 {
        shop.send(request * 50..(request + 1) * 50).await;
        shop.until_delivered((request + 1) * 50).await;
    }
    shop.until("the old one is retired", |it| state(it, 1) == "retired").await;
    assert_eq!(shop.audit("credential.revoke").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_platform_holds_up_nobody_elses_renewal() {
    let shop = Shop::open().await;
    shop.add(&shop.platform().issue(due_in_a_minute()).unwrap()).await;
    shop.add_snap("hour", "snap").await;
    let hour = || async { shop.call("GET", "/v1/credentials/hour", &Value::Null).await };
    let newest = |it: &Value| it["versions"].as_array().unwrap().len();
    // The first token of Snap's is renewed at once: how long it lives is not known.
    while state(&hour().await, 2) != "active" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let before = newest(&hour().await);
    shop.be_slow_once(10_000);
    shop.pass(2 * MINUTE_MS);
    shop.until_asked().await;
    shop.pass(31 * MINUTE_MS);
    while newest(&hour().await) == before {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let it = shop.it().await;
    assert_eq!(newest(&it), 1, "its platform has not answered yet");
    assert_eq!(it["renewal"]["tried_at"], Value::Null, "{it:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_and_goes_away_loses_nothing() {
    let shop = Shop::open().await;
    let fresh = NewToken { age_s: 86_400, ..due_in_a_minute() };
    shop.add(&shop.platform().issue(fresh).unwrap()).await;
    shop.be_slow_once(1_000);
    let body = json!({});
    tokio::select! {
        answered = shop.call("POST", "/v1/credentials/it/extend", &body) => {
            panic!("it is slow: {answered:#}")
        }
        () = shop.until_asked() => {}
    }
    shop.until("version 2 is in use", |it| state(it, 2) == "active").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_the_token_that_was_asked_for() {
    let mut shop = Shop::open().await;
    shop.add(&shop.platform().issue(due_in_a_minute()).unwrap()).await;
    shop.be_slow_once(1_000);
    shop.pass(2 * MINUTE_MS);
    shop.until_asked().await;
    shop.harness = shop.harness.restart().await;
    let renewed = shop.audit("credential.renew").await;
    assert!(renewed[0].starts_with("credential.renew credential:it/2:"), "{renewed:?}");
    shop.until("version 2 is in use", |it| state(it, 2) == "active").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_cannot_be_opened_is_told() {
    let shop = Shop::open().await;
    shop.add_snap("it", "shop").await;
    shop.until("it was renewed once", |it| state(it, 2) == "active").await;
    let gateway = shop.harness.gateway();
    let id = CredentialId::new("it").unwrap();
    let newest = gateway.registry.refresh_token(&id).await.unwrap().unwrap();
    let version = VersionNo(newest.version.0 + 1);
    let unreadable = SealedRefreshToken { version, sealed: vec![7; 80] };
    gateway.registry.add_refresh_token(&id, &unreadable, gateway.clock.wall()).await.unwrap();
    shop.pass(31 * MINUTE_MS);
    let it = shop.until("it has failed", |it| it["renewal"]["failures"] == 1).await;
    let outcome = it["renewal"]["outcome"].as_str().unwrap();
    assert!(outcome.contains("cannot be opened"), "{outcome}");
    let alerts = shop.call("GET", "/v1/alerts", &Value::Null).await;
    let told = |alert: &Value| alert["key"].as_str().unwrap().ends_with("renewal_refused");
    assert!(alerts.as_array().unwrap().iter().any(told), "{alerts:#}");
    let extended = shop.call("POST", "/v1/credentials/it/extend", &json!({})).await;
    assert_eq!(extended["outcome"], "refused", "the lease was given back: {extended:#}");
}
