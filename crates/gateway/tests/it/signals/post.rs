//! A gateway that an app of the sandbox pushes to.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_gateway::services::Actor;
use holdfast_gateway::services::credentials::{self, AddRequest};
use holdfast_model::access::Role;
use holdfast_model::credential::Origin;
use holdfast_model::id::{AppId, CredentialId};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_sandbox::{
    Loopback, NewPush, NewSignedRequest, Proof, Pushed, RunningSandbox, Sandbox, SandboxSettings,
    TokenKind,
};
use holdfast_testkit::APP_ID;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{ASSET, Answer, Harness, read};

pub const VERIFY_TOKEN: &str = "a text of our choice";
pub const OTHER_ASSET: &str = "1234567891";

pub struct Post {
    pub sandbox: RunningSandbox,
    pub harness: Harness,
    pub admin: Secret,
    /// Of the app, as the sandbox signs with it.
    pub secret: String,
    _dir: tempfile::TempDir,
}

impl Post {
    /// With the app's secret stored.
    pub async fn open() -> Self {
        let post = Self::without_secret().await;
        post.store_secret(&post.secret).await;
        post
    }

    pub async fn without_secret() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("verify-token");
        std::fs::write(&file, format!("{VERIFY_TOKEN}\n")).unwrap();
        let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
        let secret = sandbox.handle().add_app(APP_ID, Proof::Optional);
        sandbox.handle().add_asset(ASSET);
        sandbox.handle().add_asset(OTHER_ASSET);
        let lines = format!("\n[webhooks]\nverify_token_file = {file:?}\n");
        let harness = Harness::toward_with(&sandbox.base_url(), &lines).await;
        let admin = harness.key("boss", Role::Admin, &[]).await;
        Self { sandbox, harness, admin, secret, _dir: dir }
    }

    pub async fn restart(self) -> Self {
        let Self { sandbox, harness, admin, secret, _dir } = self;
        Self { sandbox, harness: harness.restart().await, admin, secret, _dir }
    }

    pub async fn store_secret(&self, secret: &str) {
        let app = json!({"id": APP_ID.to_string(), "platform": "meta", "label": "ours",
            "secret": secret});
        self.call("POST", "/v1/apps", &app).await;
    }

    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.harness.call(method, path, Some(self.admin.expose()), body).await;
        assert!(answer.status < 300, "{path}: {:#}", answer.body);
        answer.body
    }

    /// A credential of the app with a fresh token, bound to this asset.
    pub async fn credential(
        &self,
        name: &str,
        kind: TokenKind,
        origin: Origin,
        asset: &str,
    ) -> String {
        let token = self.sandbox.handle().issue_token(APP_ID, kind, &[asset]);
        self.add(name, PlatformId::Meta, &token, origin).await;
        let destination = json!({"id": format!("to-{name}"), "platform": "meta", "asset": asset,
            "credential": name});
        self.call("POST", "/v1/destinations", &destination).await;
        token
    }

    pub async fn add(&self, name: &str, platform: PlatformId, token: &str, origin: Origin) {
        let request = AddRequest {
            id: CredentialId::new(name).unwrap(),
            platform,
            app: Some(AppId::new(APP_ID.to_string()).unwrap()),
            origin: Some(origin),
            contact: Some("somebody@example.com".to_owned()),
            accept_unverified: true,
        };
        let token = Secret::new(token.to_owned());
        let gateway = self.harness.gateway();
        credentials::add(gateway, Actor::HOLDFAST, request, token.into()).await.unwrap();
    }

    pub fn url(&self, path: &str) -> Loopback {
        Loopback::try_from(self.harness.url(path)).unwrap()
    }

    /// A webhook from the sandbox.
    pub async fn push(&self, object: &str, entry: &str, field: &str, value: Value) -> Pushed {
        let path = match object {
            "whatsapp_business_account" => "/webhooks/whatsapp",
            _ => "/webhooks/meta",
        };
        let wanted = NewPush {
            app: None,
            url: self.url(path),
            object: object.to_owned(),
            entry: Some(entry.to_owned()),
            field: field.to_owned(),
            value,
            wrong_secret: None,
        };
        self.sandbox.handle().push(&wanted).await.unwrap()
    }

    pub async fn callback(&self, path: &str, user: &str) -> Pushed {
        let wanted = NewSignedRequest::of(APP_ID, user, self.url(path));
        self.sandbox.handle().signed_request(&wanted).await.unwrap()
    }

    /// Posts these very bytes.
    pub async fn raw(&self, path: &str, signature: Option<&str>, body: Vec<u8>) -> Answer {
        let mut request = self.harness.request("POST", path);
        if let Some(signature) = signature {
            request = request.header("x-hub-signature-256", signature);
        }
        read(request.body(body)).await
    }

    pub fn pass(&self, ms: u64) {
        self.sandbox.handle().advance(ms);
        self.harness.gateway().clock.turn_on(ms);
        self.harness.gateway().look_around();
    }

    pub async fn holds(&self) -> Vec<Value> {
        self.call("GET", "/v1/holds", &Value::Null).await.as_array().unwrap().clone()
    }

    /// Waits until the open holds are these: fault, scope's credential or account, confirmation.
    pub async fn held(&self, expected: &[(&str, &str, &str)]) {
        let shown = |hold: &Value| {
            let scope = &hold["scope"];
            let what = scope["credential"].as_str().or(scope["account"].as_str());
            (
                hold["fault"]["name"].as_str().unwrap().to_owned(),
                what.unwrap_or_default().to_owned(),
                hold["confirmation"].as_str().unwrap().to_owned(),
            )
        };
        let mut expected: Vec<_> = expected
            .iter()
            .map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned()))
            .collect();
        expected.sort();
        let is_so = async || {
            let mut found: Vec<_> = self.holds().await.iter().map(shown).collect();
            found.sort();
            found == expected
        };
        if !until(is_so).await {
            panic!(
                "expected {expected:?}, found {:#?}\n{:#?}",
                self.holds().await,
                self.audit().await
            );
        }
    }

    /// What the audit trail says of signals, the oldest first.
    pub async fn audit(&self) -> Vec<String> {
        let all = self.call("GET", "/v1/audit?limit=500", &Value::Null).await;
        let is_signal = |entry: &&Value| {
            entry["action"].as_str().is_some_and(|action| action.starts_with("signal."))
        };
        let words = |entry: &Value| {
            format!("{} {}", entry["action"].as_str().unwrap(), entry["detail"].as_str().unwrap())
        };
        all.as_array().unwrap().iter().filter(is_signal).map(words).rev().collect()
    }

    /// Waits until a line of the trail begins and goes on like this.
    pub async fn recorded(&self, action: &str, words: &str) {
        let is_so = async || {
            let lines = self.audit().await;
            lines.iter().any(|line| line.starts_with(action) && line.contains(words))
        };
        assert!(until(is_so).await, "{action} … {words}: {:#?}", self.audit().await);
    }
}

/// False if it does not come to be.
pub async fn until(is_so: impl AsyncFn() -> bool) -> bool {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), looking).await.is_ok()
}

pub fn hmac(secret: &str, text: &[u8]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256>>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

pub fn signature(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hex::encode(hmac(secret, body)))
}

/// As Meta makes one of this payload.
pub fn signed_request(secret: &str, payload: &Value) -> String {
    let payload = BASE64_URL_SAFE_NO_PAD.encode(payload.to_string());
    format!("{}.{payload}", BASE64_URL_SAFE_NO_PAD.encode(hmac(secret, payload.as_bytes())))
}
