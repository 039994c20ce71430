//! Credentials that nobody uses just now are looked after all the same.

use std::time::Duration;

use holdfast_model::access::Role;
use holdfast_sandbox::{
    NewSnapToken, Proof, RunningSandbox, Sandbox, SandboxSettings, TokenKind, TokenState,
};
use holdfast_testkit::APP_ID;
use serde_json::{Value, json};

use crate::harness::{ASSET, Harness};

const HOUR_MS: u64 = 3_600_000;
const OTHER_ASSET: &str = "1234567891";
const PIXEL: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const ORGANIZATION: &str = "3a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

struct Watch {
    sandbox: RunningSandbox,
    harness: Harness,
    admin: String,
}

impl Watch {
    async fn begin() -> Self {
        let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
        let control = sandbox.handle();
        control.add_app(APP_ID, Proof::Optional);
        control.add_asset(ASSET);
        control.add_asset(OTHER_ASSET);
        control.add_organization(ORGANIZATION);
        control.add_pixel(PIXEL, ORGANIZATION);
        let harness = Harness::toward(&sandbox.base_url()).await;
        let admin = harness.key("boss", Role::Admin, &[]).await.expose().to_owned();
        Self { sandbox, harness, admin }
    }

    async fn add(&self, platform: &str, token: &str, assets: &[&str]) -> Value {
        let credential = json!({"id": "it", "platform": platform, "token": token});
        let added = self.call("POST", "/v1/credentials", &credential).await;
        for asset in assets {
            let destination = json!({"id": format!("to-{asset}"), "platform": platform, "asset": asset,
                    "credential": "it"});
            self.call("POST", "/v1/destinations", &destination).await;
        }
        added
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        self.harness.call(method, path, Some(&self.admin), body).await.body
    }

    async fn pass(&self, ms: u64) {
        self.sandbox.handle().advance(ms);
        self.harness.gateway().clock.turn_on(ms);
        self.harness.gateway().look_around();
    }

    /// Waits until the names of the open holds' faults are these.
    async fn held_for(&self, expected: &[&str]) {
        let looking = async {
            loop {
                let holds = self.call("GET", "/v1/holds", &Value::Null).await;
                let holds = holds.as_array().unwrap();
                if holds.iter().map(|hold| &hold["fault"]["name"]).eq(expected.iter()) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), looking).await;
        assert!(waited.is_ok(), "{:#}", self.call("GET", "/v1/holds", &Value::Null).await);
    }

    fn requests(&self) -> usize {
        self.sandbox.handle().requests(None, 10_000).len()
    }

    /// Waits until nothing more is asked.
    async fn settled(&self) -> usize {
        let mut before = self.requests();
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            match self.requests() {
                same if same == before => return same,
                more => before = more,
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_dies_unused_is_held_before_an_event_finds_out() {
    let watch = Watch::begin().await;
    let token = watch.sandbox.handle().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET]);
    watch.add("meta", &token, &[ASSET]).await;
    assert!(watch.sandbox.handle().set_token_state(&token, TokenState::Revoked));
    let asked = watch.settled().await;
    watch.pass(20 * HOUR_MS).await;
    assert_eq!(watch.settled().await, asked, "not yet");
    watch.pass(5 * HOUR_MS).await;
    watch.held_for(&["meta.token_revoked"]).await;
    assert_eq!(watch.sandbox.handle().state().total.requests, 0, "and no event was sent for it");
}

#[tokio::test]
async fn a_check_that_a_person_passes_ends_the_hold_by_itself() {
    let watch = Watch::begin().await;
    let token = watch.sandbox.handle().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET]);
    watch.add("meta", &token, &[ASSET]).await;
    assert!(watch.sandbox.handle().set_token_state(&token, TokenState::Checkpointed));
    let event = json!(watch.harness.event_list(0..3));
    let path = format!("/v1/events?destination=to-{ASSET}");
    watch.call("POST", &path, &event).await;
    watch.held_for(&["meta.user_checkpoint"]).await;
    watch.pass(2 * HOUR_MS).await;
    watch.settled().await;
    watch.held_for(&["meta.user_checkpoint"]).await;
    let sent = watch.sandbox.handle().state().total.requests;
    assert!(watch.sandbox.handle().set_token_state(&token, TokenState::Valid));
    watch.pass(2 * HOUR_MS).await;
    watch.held_for(&[]).await;
    assert_eq!(sent, 1, "nobody's event tried the water meanwhile");
}

#[tokio::test]
async fn a_proof_on_one_asset_ends_no_hold_on_another() {
    let watch = Watch::begin().await;
    let token =
        watch.sandbox.handle().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET, OTHER_ASSET]);
    watch.add("meta", &token, &[ASSET, OTHER_ASSET]).await;
    assert!(watch.sandbox.handle().assign(&token, ASSET, false));
    let event = json!(watch.harness.event_list(0..3));
    watch.call("POST", &format!("/v1/events?destination=to-{ASSET}"), &event).await;
    watch.held_for(&["meta.asset_missing"]).await;
    for _ in 0..3 {
        watch.pass(2 * HOUR_MS).await;
        watch.settled().await;
        watch.held_for(&["meta.asset_missing"]).await;
    }
    let all = watch.call("GET", "/v1/holds?all=true", &Value::Null).await;
    assert_eq!(all.as_array().unwrap().len(), 1, "the same hold all the time: {all:#}");
    assert!(watch.sandbox.handle().assign(&token, ASSET, true));
    watch.pass(2 * HOUR_MS).await;
    watch.held_for(&[]).await;
}

#[tokio::test]
async fn a_young_token_is_asked_about_again_until_it_is_accepted() {
    let watch = Watch::begin().await;
    let old = watch.sandbox.handle().issue_snap(NewSnapToken {
        organization: Some(ORGANIZATION.to_owned()),
        age_s: 86_400 * 30,
        ..NewSnapToken::default()
    });
    watch.add("snap", &old.unwrap().text, &[PIXEL]).await;
    let young = watch.sandbox.handle().issue_snap(NewSnapToken {
        organization: Some(ORGANIZATION.to_owned()),
        active_after_s: 5 * 3_600,
        ..NewSnapToken::default()
    });
    let added = watch.add("snap", &young.unwrap().text, &[]).await;
    assert_eq!(added["activated"], false, "{added:#}");
    let version = || async {
        let it = watch.call("GET", "/v1/credentials/it", &Value::Null).await;
        it["versions"][1]["state"].clone()
    };
    watch.pass(2 * HOUR_MS).await;
    watch.settled().await;
    assert_eq!(version().await, "candidate");
    watch.held_for(&[]).await;
    watch.pass(4 * HOUR_MS).await;
    let accepted = async {
        while version().await != "active" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), accepted).await;
    assert!(waited.is_ok(), "nobody had to ask for it");
}
