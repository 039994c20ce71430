//! Credentials get their next tokens in time, against the sandbox and with both clocks turned.

mod trouble;

use std::time::Duration;

use holdfast_credentials::lifecycle::{SETTLE_MS, policy};
use holdfast_gateway::services::Actor;
use holdfast_gateway::services::credentials::{self, AddRequest, Given};
use holdfast_model::access::Role;
use holdfast_model::credential::Origin;
use holdfast_model::id::{AppId, CredentialId};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_sandbox::{
    AssetKind, Change, NewAsset, NewSnapToken, NewToken, Proof, RunningSandbox, Sandbox,
    SandboxHandle, SandboxSettings, SnapTokenKind, TokenKind, TokenState,
};
use holdfast_testkit::APP_ID;
use serde_json::{Value, json};

use crate::harness::{ASSET, Harness};

const PIXEL: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const ORGANIZATION: &str = "3a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const PAGE: &str = "5000000001";
const MINUTE_MS: u64 = 60_000;
const DAY_MS: i64 = 86_400_000;

struct Shop {
    sandbox: RunningSandbox,
    harness: Harness,
    admin: Secret,
    key: Secret,
}

impl Shop {
    /// With the app, its secret stored, and the asset.
    async fn open() -> Self {
        let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
        let secret = sandbox.handle().add_app(APP_ID, Proof::Optional);
        sandbox.handle().add_asset(ASSET);
        let harness = Harness::toward(&sandbox.base_url()).await;
        let admin = harness.key("boss", Role::Admin, &[]).await;
        let key = harness.key("sender", Role::Ingest, &[]).await;
        let shop = Self { sandbox, harness, admin, key };
        let app = json!({"id": APP_ID.to_string(), "platform": "meta", "secret": secret});
        shop.call("POST", "/v1/apps", &app).await;
        shop
    }

    fn platform(&self) -> &SandboxHandle {
        self.sandbox.handle()
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.harness.call(method, path, Some(self.admin.expose()), body).await;
        assert!(answer.status < 300, "{method} {path}: {} {:#}", answer.status, answer.body);
        answer.body
    }

    async fn refused(&self, path: &str, body: &Value) -> String {
        let answer = self.harness.call("POST", path, Some(self.admin.expose()), body).await;
        assert_eq!(answer.status, 409, "{:#}", answer.body);
        answer.body["error"]["message"].as_str().unwrap().to_owned()
    }

    /// A credential of our app with a destination `shop`, and its dates asked for.
    async fn add(&self, token: &str) {
        let credential =
            json!({"id": "it", "platform": "meta", "app": APP_ID.to_string(), "token": token});
        self.call("POST", "/v1/credentials", &credential).await;
        let destination = json!({"id": "shop", "platform": "meta", "asset": ASSET,
            "credential": "it", "settings": {"max_batch_items": 50}});
        self.call("POST", "/v1/destinations", &destination).await;
        self.call("POST", "/v1/credentials/it/verify", &json!({})).await;
    }

    /// The token of a page, as a sign-in brings it.
    async fn add_page(&self, token: &str) {
        let request = AddRequest {
            id: CredentialId::new("page").unwrap(),
            platform: PlatformId::Meta,
            app: Some(AppId::new(APP_ID.to_string()).unwrap()),
            origin: Some(Origin::Page {
                parent: CredentialId::new("it").unwrap(),
                page: PAGE.to_owned(),
            }),
            contact: None,
            accept_unverified: false,
        };
        let given = Given::from(Secret::new(token.to_owned()));
        let gateway = self.harness.gateway();
        credentials::add(gateway, Actor::HOLDFAST, request, given).await.unwrap();
    }

    /// A credential of Snap's with its refresh token, and a destination.
    async fn add_snap(&self, name: &str, destination: &str) {
        let snap = self.platform();
        let client = snap.add_organization(ORGANIZATION);
        snap.add_pixel(PIXEL, ORGANIZATION);
        let app =
            json!({"id": client.client_id, "platform": "snap", "secret": client.client_secret});
        self.call("POST", "/v1/apps", &app).await;
        let granted = snap
            .issue_snap(NewSnapToken {
                organization: Some(ORGANIZATION.to_owned()),
                kind: SnapTokenKind::Oauth,
                ..NewSnapToken::default()
            })
            .unwrap();
        let credential = json!({"id": name, "platform": "snap", "app": client.client_id,
            "token": granted.text, "refresh_token": granted.refresh_token});
        self.call("POST", "/v1/credentials", &credential).await;
        let destination =
            json!({"id": destination, "platform": "snap", "asset": PIXEL, "credential": name});
        self.call("POST", "/v1/destinations", &destination).await;
    }

    async fn it(&self) -> Value {
        self.call("GET", "/v1/credentials/it", &Value::Null).await
    }

    /// Time passes for everybody.
    fn pass(&self, ms: u64) {
        self.platform().advance(ms);
        self.harness.gateway().clock.turn_on(ms);
        self.harness.gateway().look_around();
    }

    async fn send(&self, numbers: std::ops::Range<u64>) {
        let count = numbers.end - numbers.start;
        let body = json!(self.harness.event_list(numbers)).to_string();
        let answer = self.harness.send(&self.key, "?destination=shop", body).await.expect(202);
        assert_eq!(answer.body["accepted"], count, "{:#}", answer.body);
    }

    /// Looks again and again until it is so.
    async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..3_000 {
            let it = self.it().await;
            if is_so(&it) {
                return it;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("in vain: {what}: {:#}\n{:#?}", self.it().await, self.audit("").await)
    }

    async fn until_delivered(&self, events: u64) {
        for _ in 0..3_000 {
            if self.platform().state().total.distinct == events {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{events} events were not delivered: {:#?}", self.platform().state());
    }

    /// What the audit trail says of an action, oldest first.
    async fn audit(&self, action: &str) -> Vec<String> {
        let entries = self.call("GET", "/v1/audit?limit=1000", &Value::Null).await;
        let entries = entries.as_array().unwrap().iter().rev();
        entries
            .filter(|entry| entry["action"].as_str().unwrap().starts_with(action))
            .map(|entry| {
                let text = |key: &str| entry[key].as_str().unwrap().to_owned();
                format!("{} {}: {}", text("action"), text("subject"), text("detail"))
            })
            .collect()
    }

    async fn holds(&self) -> usize {
        let holds = self.call("GET", "/v1/holds?all=true", &Value::Null).await;
        holds.as_array().unwrap().len()
    }
}

fn state(it: &Value, version: usize) -> &str {
    it["versions"][version - 1]["state"].as_str().unwrap_or_default()
}

/// A system user's token of sixty days that is due in a minute.
fn due_in_a_minute() -> NewToken {
    let half = 30 * DAY_MS - policy::jitter_ms("it", 60 * DAY_MS);
    NewToken {
        app: Some(APP_ID),
        kind: TokenKind::ExpiringSystemUser,
        assets: vec![ASSET.to_owned()],
        age_s: (half / 1_000 - 60).unsigned_abs(),
        ..NewToken::default()
    }
}

/// A thousand events a second, by one client that never waits for deliveries.
async fn traffic(shop: &Shop, from: u64, requests: u64) {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    for request in 0..requests {
        ticks.tick().await;
        let first = from + request * 50;
        shop.send(first..first + 50).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sixty_day_token_rotates_under_traffic_and_nothing_fails() {
    let shop = Shop::open().await;
    let token = shop.platform().issue(due_in_a_minute()).unwrap();
    shop.add(&token).await;
    let it = shop.it().await;
    assert_eq!(it["renewal"]["way"], "refresh_system_user", "{it:#}");

    traffic(&shop, 0, 30).await;
    assert_eq!(shop.it().await["versions"].as_array().unwrap().len(), 1, "not yet due");
    shop.pass(2 * MINUTE_MS);
    // It goes on while the token is exchanged, proved and taken into use.
    traffic(&shop, 1_500, 40).await;
    shop.until("version 2 is in use", |it| state(it, 2) == "active").await;
    traffic(&shop, 3_500, 30).await;
    shop.until_delivered(5_000).await;
    assert_eq!(state(&shop.it().await, 1), "superseded", "requests may still be under way with it");

    shop.pass(SETTLE_MS.unsigned_abs() + MINUTE_MS);
    let it = shop.until("version 1 is retired", |it| state(it, 1) == "retired").await;
    assert_eq!(shop.platform().state().total.refused_requests, 0);
    assert_eq!(shop.platform().state().total.counted_twice, 0);
    assert_eq!(shop.holds().await, 0);
    let ledger = &shop.call("GET", "/v1/status", &Value::Null).await["ledger"];
    assert_eq!((&ledger["accepted"], &ledger["delivered"]), (&json!(5_000), &json!(5_000)));
    assert_eq!(ledger["rejected"], 0);

    // Which fingerprint delivered what, and that the old one is dead at the platform.
    let counts = it["deliveries"].as_array().unwrap();
    let items: Vec<u64> = counts.iter().map(|count| count["items"].as_u64().unwrap()).collect();
    assert_eq!(items.len(), 2, "{counts:#?}");
    assert!(items[0] > 0 && items[1] > 0 && items.iter().sum::<u64>() == 5_000, "{items:?}");
    let fingerprint = |version: usize| it["versions"][version - 1]["fingerprint"].as_str().unwrap();
    assert_ne!(fingerprint(1), fingerprint(2));
    let audit = shop.audit("credential.").await;
    for expected in [
        format!(
            "credential.renew credential:it/2: refresh_system_user, fingerprint {}",
            fingerprint(2)
        ),
        format!("credential.activate credential:it/2: Proved, fingerprint {}", fingerprint(2)),
        format!("credential.deliver credential:it/1: fingerprint {} delivers", fingerprint(1)),
        format!("credential.deliver credential:it/2: fingerprint {} delivers", fingerprint(2)),
        format!("credential.revoke credential:it/1: fingerprint {}: ended", fingerprint(1)),
        format!(
            "credential.retire credential:it/1: fingerprint {}; delivered {} items in",
            fingerprint(1),
            items[0]
        ),
    ] {
        assert!(audit.iter().any(|entry| entry.starts_with(&expected)), "{expected}: {audit:#?}");
    }
    let debugged = shop.platform().set_token_state(&token, TokenState::Revoked);
    assert!(debugged, "the sandbox knows the old token");
    shop.send(5_000..5_010).await;
    shop.until_delivered(5_010).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_that_is_refused_in_use_gives_its_place_back() {
    let shop = Shop::open().await;
    let entry = NewToken { name: Some("su".to_owned()), ..due_in_a_minute() };
    let token = shop.platform().issue(entry).unwrap();
    shop.add(&token).await;
    shop.pass(2 * MINUTE_MS);
    shop.until("version 2 is in use", |it| state(it, 2) == "active").await;
    assert!(shop.platform().set_token_state("su-2", TokenState::Revoked));
    shop.send(0..10).await;
    shop.until_delivered(10).await;
    let it = shop.until("the new one is retired", |it| state(it, 2) == "retired").await;
    assert_eq!(state(&it, 1), "active");
    assert_eq!(it["renewal"]["failures"], 1, "{it:#}");
    let alerts = shop.call("GET", "/v1/alerts", &Value::Null).await;
    let told: Vec<&Value> = alerts.as_array().unwrap().iter().map(|a| &a["key"]).collect();
    assert!(told.iter().any(|key| key.as_str().unwrap().ends_with("renewal_refused")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hours_token_of_snaps_lives_for_days() {
    let shop = Shop::open().await;
    shop.add_snap("it", "shop").await;

    let newest = |it: &Value| it["versions"].as_array().unwrap().last().unwrap().clone();
    let mut sent = 0;
    let mut last = 0;
    for _ in 0..60 {
        // Nothing is delivered after its token's death, and the next one is there before.
        let it = shop
            .until("there is a newer version", |it| {
                newest(it)["state"] == "active" && newest(it)["version"].as_u64().unwrap() > last
            })
            .await;
        last = newest(&it)["version"].as_u64().unwrap();
        shop.send(sent..sent + 5).await;
        sent += 5;
        shop.until_delivered(sent).await;
        shop.pass(31 * MINUTE_MS);
    }
    assert_eq!(shop.platform().state().total.refused_requests, 0);
    assert_eq!(shop.holds().await, 0);
    let kept = shop.it().await["versions"].as_array().unwrap().len();
    assert!(kept <= 24, "{kept} versions are kept");
    let alerts = shop.call("GET", "/v1/alerts", &Value::Null).await;
    assert_eq!(alerts, json!([]), "what renews itself is no news");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_follows_its_parent_before_the_parents_old_token_ends() {
    let shop = Shop::open().await;
    shop.platform().add(NewAsset {
        id: PAGE.to_owned(),
        kind: AssetKind::Page,
        ticked: true,
        ..NewAsset::default()
    });
    let assets = vec![ASSET.to_owned(), PAGE.to_owned()];
    let token = shop.platform().issue(NewToken { assets, ..due_in_a_minute() }).unwrap();
    shop.add(&token).await;
    let derived = shop
        .platform()
        .issue(NewToken {
            app: Some(APP_ID),
            kind: TokenKind::Page,
            page: Some(PAGE.to_owned()),
            parent: Some(token.clone()),
            ..NewToken::default()
        })
        .unwrap();
    shop.add_page(&derived).await;
    let page = || async { shop.call("GET", "/v1/credentials/page", &Value::Null).await };
    assert_eq!(page().await["renewal"]["way"], "derive_page");
    shop.pass(2 * MINUTE_MS);
    shop.until("version 2 is in use", |it| state(it, 2) == "active").await;
    let parent_of = |it: &Value| {
        let versions = it["versions"].as_array().unwrap();
        let active = versions.iter().find(|version| version["state"] == "active").unwrap();
        active["made"]["parent"].clone()
    };
    for _ in 0..500 {
        if parent_of(&page().await) == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(parent_of(&page().await), 2, "{:#}", page().await);
    shop.pass(SETTLE_MS.unsigned_abs() + MINUTE_MS);
    shop.until("the old one is retired", |it| state(it, 1) == "retired").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_gets_it_extended_now_and_a_refused_app_changes_nothing() {
    let shop = Shop::open().await;
    let fresh = NewToken { age_s: 86_400, ..due_in_a_minute() };
    shop.add(&shop.platform().issue(fresh).unwrap()).await;
    let extended = shop.call("POST", "/v1/credentials/it/extend", &json!({})).await;
    assert_eq!(extended["outcome"], "renewed", "{extended:#}");
    assert_eq!(state(&shop.it().await, 2), "active");
    assert!(shop.platform().change(&Change::ResetAppSecret { app: APP_ID }));
    let refused = shop.call("POST", "/v1/credentials/it/extend", &json!({})).await;
    assert_eq!(refused["outcome"], "app_refused", "{refused:#}");
    let it = shop.it().await;
    assert_eq!((state(&it, 2), it["versions"].as_array().unwrap().len()), ("active", 2));
    assert_eq!(shop.holds().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_extended_is_rotated_with_an_overlap() {
    let shop = Shop::open().await;
    let issue = || shop.platform().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET]);
    let (first, second) = (issue(), issue());
    shop.add(&first).await;
    let extended = shop.call("POST", "/v1/credentials/it/extend", &json!({})).await;
    assert_eq!(extended["can_extend"], false);
    assert!(extended["says"].as_str().unwrap().contains("never expires"), "{extended:#}");
    let instead = extended["instead"].as_str().unwrap();
    assert!(instead.contains("holdfast credential rotate it --token-file"), "{instead}");

    let same = shop.refused("/v1/credentials/it/rotate", &json!({"token": first})).await;
    assert!(same.contains("version 1 already"), "{same}");
    let rotated = shop.call("POST", "/v1/credentials/it/rotate", &json!({"token": second})).await;
    assert_eq!((&rotated["activated"], &rotated["old"]), (&json!(true), &json!(1)), "{rotated:#}");
    assert!(rotated["then"].as_str().unwrap().contains("revoked at the platform"), "{rotated:#}");
    shop.pass(SETTLE_MS.unsigned_abs() + MINUTE_MS);
    for request in 0..19 {
        shop.send(request * 50..(request + 1) * 50).await;
        shop.until_delivered((request + 1) * 50).await;
    }
    shop.harness.gateway().look_around();
    assert_eq!(state(&shop.it().await, 1), "superseded", "nineteen deliveries are too few");
    shop.send(950..1_000).await;
    shop.until("the old one is retired", |it| state(it, 1) == "retired").await;
    assert_eq!(shop.audit("credential.revoke").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_that_something_waits_for_is_not_revoked_by_the_way() {
    let shop = Shop::open().await;
    let token = shop.platform().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET]);
    shop.add(&token).await;
    shop.call("POST", "/v1/destinations/shop/pause", &json!({"reason": "test"})).await;
    shop.send(0..3).await;
    let refused = shop.refused("/v1/credentials/it/revoke", &json!({})).await;
    assert!(refused.contains("3 items wait"), "{refused}");
    let revoked = shop.call("POST", "/v1/credentials/it/revoke", &json!({"force": true})).await;
    assert_eq!(revoked["ended_at_platform"], true, "{revoked:#}");
    let it = shop.it().await;
    assert_eq!(state(&it, 1), "retired");
    assert!(!it.to_string().contains(&token), "a token is never shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_version_in_use_is_revoked_the_one_before_takes_its_place_if_it_still_works() {
    let shop = Shop::open().await;
    let issue = || shop.platform().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET]);
    let (first, second) = (issue(), issue());
    let again = |token: &str| json!({"id": "it", "platform": "meta", "token": token});
    shop.add(&first).await;
    shop.call("POST", "/v1/credentials", &again(&second)).await;
    let revoked = shop.call("POST", "/v1/credentials/it/revoke", &json!({})).await;
    assert_eq!((&revoked["version"], &revoked["ended_at_platform"]), (&json!(2), &json!(true)));
    assert_eq!(revoked["then"], "Version 1 is in use again: it was proved.", "{revoked:#}");
    let it = shop.it().await;
    assert_eq!((state(&it, 1), state(&it, 2)), ("active", "retired"));
    shop.send(0..3).await;
    shop.until_delivered(3).await;

    shop.call("POST", "/v1/credentials", &again(&issue())).await;
    assert!(shop.platform().set_token_state(&first, TokenState::Revoked));
    let revoked = shop.call("POST", "/v1/credentials/it/revoke", &json!({})).await;
    assert!(revoked["then"].as_str().unwrap().starts_with("No version is in use"), "{revoked:#}");
    assert_eq!(state(&shop.it().await, 3), "retired");
    shop.send(3..6).await;
    let held = async {
        while shop.holds().await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), held).await.expect("what comes waits");
    assert_eq!(shop.platform().state().total.distinct, 3, "nothing was sent with a dead token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_version_before_is_no_reason_to_end_the_one_that_something_waits_for() {
    let shop = Shop::open().await;
    let issue = || shop.platform().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET]);
    let (first, second) = (issue(), issue());
    let again = |id: &str, token: &str| json!({"id": id, "platform": "meta", "token": token});
    shop.add(&first).await;
    shop.call("POST", "/v1/credentials", &again("it", &second)).await;
    assert!(shop.platform().set_token_state(&first, TokenState::Revoked));
    shop.call("POST", "/v1/destinations/shop/pause", &json!({"reason": "test"})).await;
    shop.send(0..3).await;
    let refused = shop.refused("/v1/credentials/it/revoke", &json!({})).await;
    assert!(refused.contains("3 items wait"), "{refused}");
    assert_eq!(state(&shop.it().await, 2), "active");

    // The same token under another name would end too.
    shop.call("POST", "/v1/credentials", &again("twin", &second)).await;
    let refused = shop.refused("/v1/credentials/twin/revoke", &json!({})).await;
    assert!(refused.contains("credential it is the same token"), "{refused}");
    let debugged = shop.call("POST", "/v1/credentials/it/verify", &json!({})).await;
    assert_eq!(debugged["activated"], true, "{debugged:#}");
}
