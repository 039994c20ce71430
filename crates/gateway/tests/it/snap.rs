//! Events for Snap, from the native way in to Snap's wire format, and the story of a token that was
//! refused for five hours.

use holdfast_model::access::Role;
use holdfast_model::destination::Destination;
use holdfast_model::secret::Secret;
use holdfast_sandbox::{
    AssetCounts, RequestRecord, RunningSandbox, Sandbox, SandboxHandle, SandboxSettings,
    SnapTokenKind, TokenPlace,
};
use serde_json::{Value, json};

use crate::harness::{Answer, Harness};

const PIXEL: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const OTHER_PIXEL: &str = "1a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const ORGANIZATION: &str = "3a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

struct Shop {
    sandbox: RunningSandbox,
    harness: Harness,
    admin: Secret,
    key: Secret,
}

impl Shop {
    async fn open() -> Self {
        let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
        let snap = sandbox.handle();
        snap.add_organization(ORGANIZATION);
        snap.add_pixel(PIXEL, ORGANIZATION);
        snap.add_pixel(OTHER_PIXEL, ORGANIZATION);
        let harness = Harness::toward(&sandbox.base_url()).await;
        let admin = harness.key("boss", Role::Admin, &[]).await;
        let key = harness.key("sender", Role::Ingest, &[]).await;
        Self { sandbox, harness, admin, key }
    }

    fn snap(&self) -> &SandboxHandle {
        self.sandbox.handle()
    }

    fn counted(&self, pixel: &str) -> AssetCounts {
        self.snap().state().assets.get(pixel).cloned().unwrap_or_default()
    }

    /// Requests with events, taken or not, in order.
    fn deliveries(&self) -> Vec<RequestRecord> {
        let mut all = self.snap().requests(None, 10_000);
        all.retain(|request| request.events > 0 && !request.path.contains("validate"));
        all.sort_by_key(|request| request.number);
        all
    }

    /// As Snap has it, of the pixel.
    fn last_event(&self, pixel: &str) -> Value {
        self.snap().events(pixel, 10_000).last().unwrap().clone()
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.harness.call(method, path, Some(self.admin.expose()), body).await
    }

    /// A token that Snap takes for the organization's assets, as the credential's next version.
    async fn add_token(&self) -> String {
        let token = self.snap().issue_snap_token(ORGANIZATION, SnapTokenKind::default());
        let credential = json!({"id": "snap", "platform": "snap", "token": token});
        let added = self.call("POST", "/v1/credentials", &credential).await;
        assert!(matches!(added.status, 201 | 202), "{:#}", added.body);
        assert_eq!(added.body["activated"], true, "{:#}", added.body);
        token
    }

    /// Time passes for everybody.
    fn pass(&self, ms: u64) {
        self.snap().advance(ms);
        self.harness.gateway().clock.turn_on(ms);
    }

    async fn destination(&self, name: &str, asset: &str) -> Destination {
        let body = json!({"id": name, "platform": "snap", "asset": asset, "credential": "snap"});
        let added = self.call("POST", "/v1/destinations", &body).await.expect(201);
        assert_eq!(added.body["probes"][0]["answer"], "proved", "{:#}", added.body);
        serde_json::from_value(added.body).unwrap()
    }

    /// Waits until something is held.
    async fn first_hold(&self) -> Value {
        let looking = async {
            loop {
                let holds = self.call("GET", "/v1/holds", &Value::Null).await.expect(200).body;
                if let Some(hold) = holds.as_array().unwrap().first() {
                    return hold.clone();
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), looking).await.unwrap()
    }

    fn event(&self, n: u64) -> Value {
        json!({
            "event_name": "PURCHASE", "event_time": self.harness.now().0 - 5, "event_id": format!("s-{n}"),
            "action_source": "WEB", "event_source_url": "https://shop.example/thanks",
            "user_data": {"em": "person@example.com"},
            "custom_data": {"value": 12.5, "currency": "EUR"},
        })
    }

    async fn send(&self, destination: &str, numbers: std::ops::Range<u64>) -> Answer {
        let events: Vec<Value> = numbers.map(|n| self.event(n)).collect();
        let query = format!("?destination={destination}");
        self.harness.send(&self.key, &query, json!(events).to_string()).await.expect(202)
    }
}

#[tokio::test]
async fn events_are_delivered_in_snaps_own_form() {
    let shop = Shop::open().await;
    shop.add_token().await;
    let destination = shop.destination("snap-web", PIXEL).await;
    shop.send("snap-web", 0..3).await;
    shop.harness.until(&destination, |ledger| ledger.delivered == 3).await;
    let sent = shop.deliveries().pop().unwrap();
    assert_eq!((sent.path, sent.status), (format!("/v3/{PIXEL}/events"), 200));
    assert_eq!(sent.token.unwrap().place, TokenPlace::Query);
    let hash = "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345";
    let event = shop.last_event(PIXEL);
    assert_eq!(event["user_data"]["em"], json!([hash]), "the vector of the documentation");
    assert_eq!((shop.counted(PIXEL).distinct, shop.counted(PIXEL).counted_twice), (3, 0));
}

#[tokio::test]
async fn what_is_not_snaps_is_refused_when_a_destination_is_added() {
    let shop = Shop::open().await;
    shop.add_token().await;
    let body = |asset: &str, settings: Value| json!({"id": "x", "platform": "snap", "asset": asset, "credential": "snap", "settings": settings});
    for (body, field) in [
        (body("1234567890", json!({})), "asset: expected the id of a Snap pixel"),
        (
            body(PIXEL, json!({"api_version": "v25.0"})),
            "settings.api_version: expected none for snap",
        ),
        (
            body(PIXEL, json!({"profile": "param-builder"})),
            "settings.profile: expected none for snap",
        ),
        (
            body(PIXEL, json!({"max_batch_items": 2_001})),
            "settings.max_batch_items: expected 1 to 2000",
        ),
    ] {
        let refused = shop.call("POST", "/v1/destinations", &body).await.expect(422);
        let message = refused.body["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(field), "{message}");
    }
    let token = holdfast_testkit::fake_token(holdfast_testkit::APP_ID, 1);
    let credential = json!({"id": "snap", "platform": "snap", "token": token});
    let refused = shop.call("POST", "/v1/credentials", &credential).await.expect(422);
    assert!(refused.body.to_string().contains("a token of Meta"), "{:#}", refused.body);
}

/// An ad engine lost 590 conversions this way: Snap answered 401 from midnight to five in the
/// morning, and whatever arrived meanwhile was written off.
#[tokio::test]
async fn five_hundred_and_ninety_events_survive_five_hours_of_401() {
    const MINUTE_MS: u64 = 60_000;
    let shop = Shop::open().await;
    let old = shop.add_token().await;
    let destination = shop.destination("snap-web", PIXEL).await;
    let other = shop.destination("snap-app", OTHER_PIXEL).await;
    shop.send("snap-web", 0..10).await;
    shop.harness.until(&destination, |ledger| ledger.delivered == 10).await;

    // One asset is refused. The first event finds out; within a minute everybody can know.
    assert!(shop.snap().assign(&old, PIXEL, false));
    shop.send("snap-web", 10..20).await;
    let hold = shop.first_hold().await;
    assert_eq!(hold["fault"]["name"], "snap.token_refused", "{hold:#}");
    assert!(hold["fault"]["platform_message"].as_str().unwrap().contains("Invalid access token"));
    assert_eq!((&hold["waiting"], &hold["confirmation"]), (&json!(10), &json!("confirmed")));
    let deadline = hold["first_deadline"].as_i64().unwrap() - shop.harness.now().0;
    assert!((6 * 86_400..=7 * 86_400).contains(&deadline), "until when: {deadline}");
    let metrics = shop.harness.request("GET", "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("holdfast_open_holds 1"), "{metrics}");

    // Five hours in which events arrive and nothing is attempted.
    let attempts = shop.deliveries().len();
    for half_hour in 0..10_u64 {
        shop.pass(30 * MINUTE_MS);
        let answer = shop.send("snap-web", 20 + half_hour * 57..20 + (half_hour + 1) * 57).await;
        let receipts = answer.body["receipts"].as_array().unwrap();
        assert!(receipts.iter().all(|one| one["held"] == true), "the producer hears it too");
        let number = 10_000 + half_hour;
        shop.send("snap-app", number..number + 1).await;
    }
    shop.harness.until(&other, |ledger| ledger.delivered == 10).await;
    assert_eq!(
        shop.deliveries().len(),
        attempts + 10,
        "only the other asset's, with the same token"
    );

    shop.add_token().await;
    shop.harness.until(&destination, |ledger| ledger.delivered == 590).await;
    assert_eq!((shop.counted(PIXEL).distinct, shop.counted(PIXEL).counted_twice), (590, 0));
    let ledger = shop.harness.counts(&destination).await.ledger;
    assert!(ledger.is_conserved() && ledger.queued == 0, "{ledger:?}");
    let holds = shop.call("GET", "/v1/holds", &Value::Null).await.expect(200).body;
    assert_eq!(holds, json!([]));
}

#[tokio::test]
async fn version_3_is_taken_as_snaps_clients_speak_it() {
    let shop = Shop::open().await;
    shop.add_token().await;
    let destination = shop.destination("snap-web", PIXEL).await;
    let key = shop.key.expose();
    let post = |query: String, body: Value| {
        let path = format!("/v3/{PIXEL}/events{query}");
        let shop = &shop;
        async move { shop.harness.call("POST", &path, None, &body).await }
    };
    let good = json!({"data": [shop.event(1), shop.event(2)]});
    let taken = post(format!("?access_token={key}"), good.clone()).await.expect(200);
    let reason = "Events have been processed successfully.";
    assert_eq!(taken.body, json!({"status": "VALID", "reason": reason}));
    shop.harness.until(&destination, |ledger| ledger.delivered == 2).await;

    let mut poor = shop.event(4);
    poor["custom_data"] = json!({"currency": "EUR"});
    let body = json!({"data": [shop.event(3), poor]});
    let refused = post(format!("?access_token={key}"), body).await.expect(400).body;
    assert_eq!((&refused["status"], &refused["event"]), (&json!("INVALID"), &json!(2)), "from 1");
    assert_eq!(refused["errors"]["codes"], json!(["snap.purchase_without_value"]), "{refused:#}");
    assert!(refused["reason"].as_str().unwrap().contains("custom_data.value"), "{refused:#}");

    let many: Vec<Value> = (0..2_001).map(|n| shop.event(n)).collect();
    let refused = post(format!("?access_token={key}"), json!({"data": many})).await.expect(400);
    assert!(
        refused.body["reason"].as_str().unwrap().contains("at most 2000"),
        "{:#}",
        refused.body
    );
    for query in [String::new(), "?access_token=hfk_nonsense".to_owned()] {
        let refused = post(query, good.clone()).await.expect(401);
        assert!(refused.body["reason"].as_str().unwrap().starts_with("Invalid access token"));
    }
    let elsewhere = format!("/v3/{OTHER_PIXEL}/events?access_token={key}");
    let refused = shop.harness.call("POST", &elsewhere, None, &good).await.expect(404);
    assert_eq!(refused.body["status"], "INVALID");
    let test = json!({"data": [shop.event(9)], "test_event_code": "T"});
    let refused = post(format!("?access_token={key}"), test).await.expect(400);
    assert_eq!(refused.body["errors"]["codes"], json!(["snap.test_event_refused"]));
    let ledger = shop.harness.counts(&destination).await.ledger;
    assert_eq!(ledger.accepted, 2, "all or nothing");
}

#[tokio::test]
async fn version_2_names_the_asset_in_each_event() {
    let shop = Shop::open().await;
    shop.add_token().await;
    let web = shop.destination("snap-web", PIXEL).await;
    let app = shop.destination("snap-app", OTHER_PIXEL).await;
    let now_ms = shop.harness.now().0 * 1_000;
    let event = |pixel: &str, id: &str| {
        json!({
            "pixel_id": pixel, "event_type": "PURCHASE", "event_conversion_type": "WEB",
            "timestamp": now_ms.to_string(), "page_url": "https://shop.example/", "client_dedup_id": id,
            "hashed_email": "ab".repeat(32), "price": "12.50", "currency": "EUR",
        })
    };
    let send = |body: Value| {
        let (harness, key) = (&shop.harness, shop.key.expose());
        async move { harness.call("POST", "/v2/conversion", Some(key), &body).await }
    };
    let one = send(event(PIXEL, "a")).await.expect(200);
    assert_eq!(one.body, json!({"status": "SUCCESS", "reason": "All records processed"}));
    let list = json!([event(PIXEL, "b"), event(OTHER_PIXEL, "c"), event(PIXEL, "d")]);
    send(list).await.expect(200);
    shop.harness.until(&web, |ledger| ledger.delivered == 3).await;
    shop.harness.until(&app, |ledger| ledger.delivered == 1).await;
    assert_eq!(shop.last_event(PIXEL)["event_name"], "PURCHASE", "version 3 goes out");
    assert!(shop.deliveries().iter().all(|sent| sent.path.starts_with("/v3/")));

    let mut bad = event(OTHER_PIXEL, "f");
    bad["price"] = Value::Null;
    let refused = send(json!([event(PIXEL, "e"), bad])).await.expect(400).body;
    assert_eq!(refused["status"], "FAILED", "{refused:#}");
    assert_eq!(refused["error_records"][0]["record_indexes"], json!([1]), "{refused:#}");
    let mut nowhere = event(PIXEL, "g");
    nowhere["pixel_id"] = Value::Null;
    send(nowhere).await.expect(400);
    send(event("2a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", "h")).await.expect(404);
    let ledger = shop.harness.counts(&web).await.ledger;
    assert_eq!(ledger.accepted, 3, "all or nothing, across assets");
}

#[tokio::test]
async fn events_are_checked_by_snap_and_counted_by_nobody() {
    let shop = Shop::open().await;
    let token = shop.add_token().await;
    let destination = shop.destination("snap-web", PIXEL).await;
    let path = format!("/v3/{PIXEL}/events/validate?access_token={}", shop.key.expose());
    let body = json!({"data": [shop.event(1), shop.event(2)]});
    let checked = shop.harness.call("POST", &path, None, &body).await.expect(200).body;
    assert_eq!(
        (&checked["test_event"], &checked["event_logs"][1]["event"]),
        (&json!(true), &json!(2))
    );
    let mut bad = shop.event(3);
    bad["user_data"] = json!({});
    let bad = json!({"data": [shop.event(1), bad]});
    let refused = shop.harness.call("POST", &path, None, &bad).await.expect(400).body;
    assert_eq!(
        (&refused["event"], &refused["errors"]["codes"][0]),
        (&json!(2), &json!("snap.no_identity"))
    );
    let key = shop.key.expose();
    for path in [
        format!("/v3/{PIXEL}/events/validate/stats?access_token={key}"),
        format!("/v3/{PIXEL}/events/validate/logs?access_token={key}"),
        format!("/v2/conversion/validate/stats?asset_id={PIXEL}"),
        format!("/v2/conversion/validate/logs?asset_id={PIXEL}"),
    ] {
        let told = shop.harness.call("GET", &path, Some(key), &Value::Null).await.expect(200).body;
        assert_eq!(told["status"], "SUCCESS", "{path}: {told:#}");
        let unknown = path.replace(PIXEL, OTHER_PIXEL);
        shop.harness.call("GET", &unknown, Some(key), &Value::Null).await.expect(404);
    }
    assert!(shop.snap().assign(&token, PIXEL, false));
    let refused = shop.harness.call("POST", &path, None, &body).await.expect(401).body;
    assert_eq!(refused["reason"], "Invalid access token", "Snap's own words");
    assert_eq!(shop.counted(PIXEL).received, 0);
    assert_eq!(shop.harness.accepted(&destination).await, 0);
}

/// Snap's own SDK for Python, with its base URL and its token changed and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn snaps_sdk_delivers_through_the_drop_in_route() {
    let shop = Shop::open().await;
    shop.add_token().await;
    let destination = shop.destination("snap-web", PIXEL).await;
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/python/run.sh");
    let mut command = std::process::Command::new("bash");
    command
        .arg(script)
        .arg("test_snap_business_sdk.py")
        .env("BASE_URL", shop.harness.url(""))
        .env("INGEST_KEY", shop.key.expose())
        .env("DATASET", PIXEL);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let listed = said.lines().find_map(|line| line.strip_prefix("{\"sent\": ")).unwrap();
    let mut listed: Vec<String> = serde_json::from_str(listed.strip_suffix('}').unwrap()).unwrap();
    let sent = listed.len() as u64;
    assert_eq!(sent, 2_041);
    shop.harness.until(&destination, |ledger| ledger.delivered == sent).await;
    let arrived = shop.snap().events(PIXEL, 10_000);
    let mut ids: Vec<&str> =
        arrived.iter().map(|event| event["event_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    listed.sort();
    assert_eq!(ids, listed, "every event once");
    let hashed = |text: &str| hex::encode(<sha2::Sha256 as sha2::Digest>::digest(text));
    for event in &arrived {
        assert_eq!(event["user_data"]["em"], json!([hashed("person@example.com")]));
        assert_eq!(event["user_data"]["ph"], json!([hashed("448444124653")]));
        assert_eq!(event["custom_data"]["value"], 123.45);
        assert_eq!(event["custom_data"]["content_ids"], json!(["sku-1", "sku-2"]));
        assert_eq!(event["custom_data"]["num_items"], 2);
        assert_eq!(event["event_source_url"], "https://shop.example/thank-you");
    }
}
