//! Credentials that nobody uses just now are looked after all the same.

use std::time::Duration;

use holdfast_model::access::Role;
use holdfast_sandbox::{
    AppState, Change, NewSnapToken, Proof, RunningSandbox, Sandbox, SandboxSettings, TokenKind,
    TokenState,
};
use holdfast_testkit::APP_ID;
use serde_json::{Value, json};

use crate::harness::{ASSET, Harness};

const HOUR_MS: u64 = 3_600_000;
const OTHER_ASSET: &str = "1234567891";
const PIXEL: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const OTHER_PIXEL: &str = "1a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const OTHER_ORGANIZATION: &str = "4a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
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
async fn an_app_that_is_sound_again_ends_the_hold_on_all_of_its_credentials() {
    let watch = Watch::begin().await;
    let control = watch.sandbox.handle();
    let app = json!({"id": APP_ID.to_string(), "platform": "meta", "label": "Shop"});
    watch.call("POST", "/v1/apps", &app).await;
    for (name, asset) in [("one", ASSET), ("two", OTHER_ASSET)] {
        let token = control.issue_token(APP_ID, TokenKind::SystemUser, &[asset]);
        let credential = json!({"id": name, "platform": "meta", "token": token,
            "app": APP_ID.to_string()});
        watch.call("POST", "/v1/credentials", &credential).await;
        let destination =
            json!({"id": name, "platform": "meta", "asset": asset, "credential": name});
        watch.call("POST", "/v1/destinations", &destination).await;
    }
    assert!(control.change(&Change::AppState { app: APP_ID, state: AppState::Blocked }));
    let event = json!(watch.harness.event_list(0..3));
    watch.call("POST", "/v1/events?destination=one", &event).await;
    watch.held_for(&["meta.api_blocked"]).await;
    watch.call("POST", "/v1/events?destination=two", &event).await;
    watch.pass(2 * HOUR_MS).await;
    watch.settled().await;
    watch.held_for(&["meta.api_blocked"]).await;
    assert_eq!(control.state().total.requests, 1, "no event tried the water meanwhile");
    assert!(control.change(&Change::AppState { app: APP_ID, state: AppState::Live }));
    watch.pass(2 * HOUR_MS).await;
    watch.held_for(&[]).await;
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

#[tokio::test]
async fn a_young_token_is_asked_about_soon_at_first_and_then_with_patience() {
    const MINUTE_MS: u64 = 60_000;
    let watch = Watch::begin().await;
    let snap = |active_after_s, age_s| {
        let organization = Some(ORGANIZATION.to_owned());
        let entry = NewSnapToken { organization, active_after_s, age_s, ..NewSnapToken::default() };
        watch.sandbox.handle().issue_snap(entry).unwrap().text
    };
    watch.add("snap", &snap(0, 86_400 * 30), &[PIXEL]).await;
    let added = watch.add("snap", &snap(5 * 3_600, 0), &[]).await;
    assert_eq!(added["activated"], false, "{added:#}");
    let mut asked = watch.settled().await;
    for (minutes, is_asked) in [(4, false), (2, true), (3, false), (4, true), (8, false), (6, true)]
    {
        watch.pass(minutes * MINUTE_MS).await;
        let now = watch.settled().await;
        assert_eq!(now > asked, is_asked, "after {minutes} minutes more");
        asked = now;
    }
    watch.held_for(&[]).await;
}

#[tokio::test]
async fn a_standby_that_dies_is_told_of_before_it_is_needed_and_does_not_take_over() {
    let watch = Watch::begin().await;
    let issue = || watch.sandbox.handle().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET]);
    let (first, spare) = (issue(), issue());
    watch.add("meta", &first, &[ASSET]).await;
    let credential = json!({"id": "spare", "platform": "meta", "token": spare});
    watch.call("POST", "/v1/credentials", &credential).await;
    let path = format!("/v1/destinations/to-{ASSET}/standby");
    let set = watch.call("PUT", &path, &json!({"credentials": ["spare"]})).await;
    assert_eq!(set["unproved"], json!([]), "{set:#}");
    assert!(watch.sandbox.handle().set_token_state(&spare, TokenState::Revoked));
    watch.settled().await;
    watch.pass(25 * HOUR_MS).await;
    watch.held_for(&["meta.token_revoked"]).await;
    let hold = watch.call("GET", "/v1/holds", &Value::Null).await[0].clone();
    assert_eq!(hold["scope"], json!({"credential": "spare"}), "{hold:#}");
    assert_eq!(hold["destinations"], json!([]), "nothing is stopped by it");
    let told = async {
        loop {
            let alerts = watch.call("GET", "/v1/alerts", &Value::Null).await;
            let says = |alert: &Value| {
                let title = alert["title"].as_str().unwrap_or_default();
                title.contains(&format!("credential=spare, which stands by for to-{ASSET}"))
            };
            if alerts.as_array().unwrap().iter().any(says) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), told).await.is_ok());
    // When the one in use dies too, the dead one is not tried.
    assert!(watch.sandbox.handle().set_token_state(&first, TokenState::Revoked));
    let event = json!(watch.harness.event_list(0..3));
    watch.call("POST", &format!("/v1/events?destination=to-{ASSET}"), &event).await;
    watch.held_for(&["meta.token_revoked", "meta.token_revoked"]).await;
    let shop = watch.call("GET", &format!("/v1/destinations/to-{ASSET}"), &Value::Null).await;
    assert_eq!(shop["credential"], "it", "{shop:#}");
    // Mended, it takes over without being asked.
    assert!(watch.sandbox.handle().set_token_state(&spare, TokenState::Valid));
    watch.pass(2 * HOUR_MS).await;
    let shop =
        async || watch.call("GET", &format!("/v1/destinations/to-{ASSET}"), &Value::Null).await;
    let taken_over = async {
        while shop().await["credential"] != "spare" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), taken_over).await;
    assert!(waited.is_ok(), "{:#}", shop().await);
    watch.held_for(&["meta.token_revoked"]).await;
}

#[tokio::test]
async fn a_permission_that_is_named_no_more_is_told_of_and_never_held() {
    let watch = Watch::begin().await;
    let token = watch.sandbox.handle().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET]);
    watch.add("meta", &token, &[ASSET]).await;
    let version =
        async || watch.call("GET", "/v1/credentials/it", &Value::Null).await["versions"][0].clone();
    let had = version().await["scopes"].clone();
    let had: Vec<String> = serde_json::from_value(had).unwrap();
    assert!(had.len() > 1, "{had:?}");
    let scopes = |scopes: &[String]| {
        let change = Change::Scopes { token: token.clone(), scopes: scopes.to_vec() };
        assert!(watch.sandbox.handle().change(&change));
    };
    scopes(&had[1..]);
    watch.settled().await;
    watch.pass(25 * HOUR_MS).await;
    let until = async |lost: Value| {
        let looking = async {
            while version().await["scopes_lost"] != lost {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), looking).await;
        assert!(waited.is_ok(), "expected {lost}: {:#}", version().await);
    };
    until(json!([had[0]])).await;
    // Looked at once more it is still lost, and told once.
    watch.pass(25 * HOUR_MS).await;
    watch.settled().await;
    assert_eq!(version().await["scopes_lost"], json!([had[0]]));
    let alerts =
        async || watch.call("GET", "/v1/alerts", &Value::Null).await.as_array().unwrap().clone();
    let told = async {
        while alerts().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), told).await.is_ok());
    let told = alerts().await;
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["fault"], "holdfast.scopes_lost");
    assert!(told[0]["title"].as_str().unwrap().contains(&had[0]), "{told:#?}");
    watch.held_for(&[]).await;
    scopes(&had);
    watch.pass(25 * HOUR_MS).await;
    until(Value::Null).await;
}

#[tokio::test]
async fn a_refused_candidate_neither_hides_the_one_in_use_nor_outlives_its_successor() {
    let watch = Watch::begin().await;
    let issue = || watch.sandbox.handle().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET]);
    let (first, refused, next, late) = (issue(), issue(), issue(), issue());
    let states = async || {
        let it = watch.call("GET", "/v1/credentials/it", &Value::Null).await;
        let states = it["versions"].as_array().unwrap().iter().map(|one| one["state"].clone());
        Value::from_iter(states)
    };
    watch.add("meta", &first, &[ASSET]).await;
    assert!(watch.sandbox.handle().set_token_state(&refused, TokenState::Revoked));
    let added = watch.add("meta", &refused, &[]).await;
    assert_eq!(added["activated"], false, "{added:#}");
    // The one in use dies beside it, and that is found.
    assert!(watch.sandbox.handle().set_token_state(&first, TokenState::Expired));
    watch.settled().await;
    watch.pass(HOUR_MS).await;
    watch.held_for(&["meta.token_expired"]).await;
    let added = watch.add("meta", &next, &[]).await;
    assert_eq!((&added["activated"], added["holds_lifted"].as_u64()), (&json!(true), Some(1)));
    assert_eq!(states().await, json!(["superseded", "retired", "active"]));
    let trail = watch.call("GET", "/v1/audit?limit=100", &Value::Null).await;
    let is_retired = |entry: &Value| {
        entry["action"] == "credential.retire" && entry["subject"] == "credential:it/2"
    };
    assert!(trail.as_array().unwrap().iter().any(is_retired), "{trail:#}");
    // By name it is the one in use that is verified.
    let verified = watch.call("POST", "/v1/credentials/it/verify", &json!({})).await;
    assert_eq!(verified["version"]["version"], 3, "{verified:#}");
    // One that came after it is still waited for.
    assert!(watch.sandbox.handle().set_token_state(&late, TokenState::Unconfirmed));
    assert_eq!(watch.add("meta", &late, &[]).await["activated"], false);
    let verified = watch.call("POST", "/v1/credentials/it/verify", &json!({})).await;
    assert_eq!(verified["version"]["version"], 4, "{verified:#}");
}

#[tokio::test]
async fn a_token_that_is_refused_on_one_asset_comes_into_use_for_the_others() {
    let watch = Watch::begin().await;
    let control = watch.sandbox.handle();
    control.add_organization(OTHER_ORGANIZATION);
    control.add_pixel(OTHER_PIXEL, OTHER_ORGANIZATION);
    let issue = || {
        let organization = Some(ORGANIZATION.to_owned());
        let entry = NewSnapToken { organization, age_s: 86_400 * 30, ..NewSnapToken::default() };
        control.issue_snap(entry).unwrap().text
    };
    watch.add("snap", &issue(), &[PIXEL, OTHER_PIXEL]).await;
    let added = watch.add("snap", &issue(), &[]).await;
    assert_eq!(added["activated"], true, "{added:#}");
    assert!(added["because"].as_str().unwrap().contains("Elsewhere it was refused"), "{added:#}");
    let version =
        watch.call("GET", "/v1/credentials/it", &Value::Null).await["versions"][1].clone();
    assert_eq!(version["verification"], "proved", "{version:#}");
    // What it is refused on is held, and that alone.
    watch.settled().await;
    watch.pass(25 * HOUR_MS).await;
    let told = ["snap.token_refused", "snap.forbidden"];
    let holds = async || watch.call("GET", "/v1/holds", &Value::Null).await;
    let held = async {
        while holds().await.as_array().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), held).await.is_ok());
    let holds = holds().await;
    assert_eq!(holds.as_array().unwrap().len(), 1, "{holds:#}");
    assert!(told.contains(&holds[0]["fault"]["name"].as_str().unwrap()), "{holds:#}");
    assert_eq!(holds[0]["destinations"], json!([format!("to-{OTHER_PIXEL}")]), "{holds:#}");
}
