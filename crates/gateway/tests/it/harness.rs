//! A running gateway and the ways in which tests call it.

use std::collections::BTreeMap;
use std::time::Duration;

use holdfast_gateway::config::Settings;
use holdfast_gateway::services::{Actor, keys};
use holdfast_gateway::{Gateway, Running, start};
use holdfast_model::access::Role;
use holdfast_model::destination::Destination;
use holdfast_model::id::{DestinationId, KeyId};
use holdfast_model::ledger::LedgerCounts;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixSeconds;
use holdfast_storage::{LaneCounts, LeaseAsk};
use holdfast_testkit::{APP_ID, fake_event_at, fake_token, free_port};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The asset of the destination `shop`.
pub const ASSET: &str = "1234567890";

pub struct Harness {
    pub running: Running,
    dir: TempDir,
    http: reqwest::Client,
    toml: String,
    platform: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The native error's fault.
    pub fn fault(&self) -> &str {
        self.body["error"]["fault"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:#}", self.body);
        self
    }
}

impl Harness {
    pub async fn start() -> Self {
        Self::with("").await
    }

    /// With more lines in the section `[ingest]` of the configuration.
    pub async fn with(ingest: &str) -> Self {
        let nobody = format!("http://127.0.0.1:{}", free_port().unwrap());
        Self::open(tempfile::tempdir().unwrap(), ingest.to_owned(), nobody).await
    }

    /// With a platform that listens at this address.
    pub async fn toward(platform: &str) -> Self {
        Self::open(tempfile::tempdir().unwrap(), String::new(), platform.to_owned()).await
    }

    /// The same with more lines of configuration.
    pub async fn toward_with(platform: &str, lines: &str) -> Self {
        Self::open(tempfile::tempdir().unwrap(), lines.to_owned(), platform.to_owned()).await
    }

    /// Stops the gateway and starts it again on the same data.
    pub async fn restart(self) -> Self {
        self.running.stop().await.unwrap();
        Self::open(self.dir, self.toml, self.platform).await
    }

    async fn open(dir: TempDir, ingest: String, platform: String) -> Self {
        let toml = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\ndrain_seconds = 5\n\
             [storage]\ndata_dir = {:?}\n\
             [platforms.meta]\nbase_url = \"{platform}\"\n\
             [platforms.snap]\nbase_url = \"{platform}\"\n[ingest]\n{ingest}\n",
            dir.path(),
        );
        let settings = Settings::parse(&toml, &BTreeMap::new()).unwrap();
        let running = start(settings).await.unwrap();
        Self { running, dir, http: client(), toml: ingest, platform }
    }

    pub fn gateway(&self) -> &std::sync::Arc<Gateway> {
        &self.running.gateway
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.addr)
    }

    /// A new key. `bound` only for ingest keys.
    pub async fn key(&self, name: &str, role: Role, bound: &[&str]) -> Secret {
        let bound = bound.iter().map(|id| DestinationId::new(*id).unwrap()).collect();
        let id = KeyId::new(name).unwrap();
        keys::create(self.gateway(), Actor::HOLDFAST, id, role, bound).await.unwrap().text
    }

    pub async fn revoke(&self, name: &str) {
        let id = KeyId::new(name).unwrap();
        keys::revoke(self.gateway(), Actor::HOLDFAST, &id).await.unwrap();
    }

    /// A destination that delivers nowhere, because it is paused: what is accepted stays.
    pub async fn destination(&self, name: &str, asset: &str, settings: Value) -> Destination {
        let admin = self.key(&format!("admin-{name}"), Role::Admin, &[]).await;
        let call = |path: String, body: Value| {
            let admin = admin.expose();
            async move { self.call("POST", &path, Some(admin), &body).await }
        };
        let token = fake_token(APP_ID, 7);
        let credential = json!({"id": format!("c-{name}"), "platform": "meta", "token": token,
            "accept_unverified": true});
        let added = call("/v1/credentials".to_owned(), credential).await;
        assert!(matches!(added.status, 201 | 202), "{:#}", added.body);
        let destination = json!({"id": name, "platform": "meta", "asset": asset,
            "credential": format!("c-{name}"), "settings": settings});
        let added = call("/v1/destinations".to_owned(), destination).await.expect(201);
        call(format!("/v1/destinations/{name}/pause"), json!({"reason": "test"})).await.expect(201);
        serde_json::from_value(added.body).unwrap()
    }

    /// Lets go what [`Self::destination`] paused.
    pub async fn resume(&self, name: &str) {
        let admin = self.key(&format!("resume-{name}"), Role::Admin, &[]).await;
        let holds = self.call("GET", "/v1/holds", Some(admin.expose()), &Value::Null).await;
        for hold in holds.expect(200).body.as_array().unwrap() {
            let is_of = |of: &Value| *of == *name;
            if hold["destinations"].as_array().unwrap().iter().any(is_of) {
                let path = format!("/v1/holds/{}/lift", hold["id"].as_str().unwrap());
                let reason = json!({"reason": "test"});
                let lifted = self.call("POST", &path, Some(admin.expose()), &reason).await;
                assert!(matches!(lifted.status, 200 | 204), "{:#}", lifted.body);
            }
        }
    }

    /// Waits until the destination's ledger is as expected.
    pub async fn until(&self, destination: &Destination, is: impl Fn(&LedgerCounts) -> bool) {
        /// Many times what the slowest machine needs.
        const PATIENCE: Duration = Duration::from_secs(60);
        let waiting = async {
            while !is(&self.counts(destination).await.ledger) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("not within {PATIENCE:?}: {:?}", self.counts(destination).await.ledger);
        }
    }

    /// A destination `shop` and an ingest key that is bound to nothing.
    pub async fn with_shop(&self) -> (Destination, Secret) {
        let shop = self.destination("shop", ASSET, json!({})).await;
        (shop, self.key("sender", Role::Ingest, &[]).await)
    }

    /// For calls to others than the gateway.
    pub fn client(&self) -> &reqwest::Client {
        &self.http
    }

    pub async fn call(&self, method: &str, path: &str, key: Option<&str>, body: &Value) -> Answer {
        let mut request = self.request(method, path).header("content-type", "application/json");
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        read(request.body(body.to_string())).await
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method.parse().unwrap(), self.url(path))
    }

    /// Posts to `/v1/events` with this query.
    pub async fn send(&self, key: &Secret, query: &str, body: impl Into<reqwest::Body>) -> Answer {
        read(self.events(key, query).body(body)).await
    }

    pub fn events(&self, key: &Secret, query: &str) -> reqwest::RequestBuilder {
        self.request("POST", &format!("/v1/events{query}")).bearer_auth(key.expose())
    }

    pub fn now(&self) -> UnixSeconds {
        self.gateway().clock.wall().to_seconds()
    }

    /// A good event of right now.
    pub fn event(&self, n: u64) -> Value {
        fake_event_at(n, self.now())
    }

    pub fn event_list(&self, numbers: std::ops::Range<u64>) -> Vec<Value> {
        numbers.map(|n| self.event(n)).collect()
    }

    pub fn lines(&self, numbers: std::ops::Range<u64>) -> String {
        numbers.map(|n| format!("{}\n", self.event(n))).collect()
    }

    pub async fn counts(&self, destination: &Destination) -> LaneCounts {
        self.gateway().outbox.counts(destination.lane).await.unwrap()
    }

    pub async fn accepted(&self, destination: &Destination) -> u64 {
        self.counts(destination).await.ledger.accepted
    }

    /// What waits, as event id and fragment with its request-level keys.
    pub async fn waiting(&self, destination: &Destination) -> Vec<(String, Value, String)> {
        let ask = LeaseAsk {
            max_items: 1_000,
            max_bytes: 100 << 20,
            now: self.gateway().clock.wall(),
            max_unsafe_items: 1_000,
        };
        let lease = self.gateway().outbox.lease(destination.lane, ask).await.unwrap();
        let group = lease.group.0;
        lease
            .items
            .into_iter()
            .map(|item| {
                (item.event_id, serde_json::from_slice(&item.fragment).unwrap(), group.clone())
            })
            .collect()
    }
}

pub async fn read(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    let body = serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned()));
    Answer { status, headers, body }
}

#[allow(clippy::disallowed_methods, reason = "this client talks to the gateway under test")]
fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .no_gzip()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}
