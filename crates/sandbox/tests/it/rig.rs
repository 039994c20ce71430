//! A sandbox with an app, a dataset and a token, and a client that takes every answer as it is.

use std::time::{SystemTime, UNIX_EPOCH};

use holdfast_sandbox::{
    Misbehaviour, NewToken, Proof, RunningSandbox, Sandbox, SandboxHandle, SandboxSettings, Step,
    TokenKind,
};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

pub const APP: u64 = 100_000_000_000_001;
pub const OTHER_APP: u64 = 24_000_000_000_000_001;
pub const DATASET: &str = "1000000001";
pub const OTHER_DATASET: &str = "1000000002";

pub struct Rig {
    pub sandbox: RunningSandbox,
    pub http: reqwest::Client,
    pub secret: String,
    pub token: String,
}

/// A status and a JSON body.
pub type Answer = (u16, Value);

impl Rig {
    pub async fn start() -> Self {
        let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
        let control = sandbox.handle();
        let secret = control.add_app(APP, Proof::Optional);
        control.add_app(OTHER_APP, Proof::Optional);
        control.add_asset(DATASET);
        control.add_asset(OTHER_DATASET);
        let token = control.issue_token(APP, TokenKind::SystemUser, &[DATASET]);
        Self { sandbox, http: client(), secret, token }
    }

    pub fn control(&self) -> &SandboxHandle {
        self.sandbox.handle()
    }

    pub fn app_token(&self) -> String {
        format!("{APP}|{}", self.secret)
    }

    pub fn issue(&self, entry: NewToken) -> String {
        self.control().issue(NewToken { app: Some(APP), ..entry }).unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.base_url())
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path))
    }

    /// A read with a token in the header.
    pub async fn get(&self, path: &str, token: &str) -> Answer {
        answer(self.request(Method::GET, path).bearer_auth(token).send().await.unwrap()).await
    }

    /// A read with everything in the query.
    pub async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Answer {
        answer(
            self.request(Method::GET, &format!("{path}?{}", encoded(query))).send().await.unwrap(),
        )
        .await
    }

    pub async fn control_post(&self, path: &str, body: Value) -> Answer {
        answer(json_post(self.request(Method::POST, path), &body).send().await.unwrap()).await
    }

    /// Delivers events to the dataset.
    pub async fn deliver(&self, events: &[Value]) -> Answer {
        answer(self.delivery(events).send().await.unwrap()).await
    }

    pub fn delivery(&self, events: &[Value]) -> RequestBuilder {
        self.delivery_with(&self.token, DATASET, events)
    }

    pub fn delivery_with(&self, token: &str, dataset: &str, events: &[Value]) -> RequestBuilder {
        let request = self.request(Method::POST, &format!("/v25.0/{dataset}/events"));
        json_post(request.bearer_auth(token), &json!({ "data": events }))
    }

    /// The next delivery goes wrong.
    pub fn once(&self, what: Misbehaviour) {
        let step = Step { times: Some(1), misbehave: Some(what), ..Step::default() };
        assert_ne!(self.control().misbehave(step), 0);
    }
}

pub async fn answer(response: Response) -> Answer {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub fn json_post(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

pub fn encoded(query: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        text.bytes()
            .map(
                |byte| {
                    if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
                },
            )
            .collect()
    };
    let pairs: Vec<String> =
        query.iter().map(|(key, value)| format!("{key}={}", escape(value))).collect();
    pairs.join("&")
}

#[allow(clippy::disallowed_methods, reason = "a client for a stand-in on loopback")]
fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .no_gzip()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

#[allow(clippy::disallowed_methods, reason = "events of a test are of today")]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// An event that is accepted.
pub fn event(id: &str) -> Value {
    json!({
        "event_name": "Lead", "event_time": now() - 60, "event_id": id, "action_source": "website",
        "user_data": { "em": "ab".repeat(32) },
    })
}

/// The event with other values at some keys; null takes a key away.
pub fn event_with(changes: Value) -> Value {
    let mut event = event("changed");
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            event.as_object_mut().unwrap().remove(key);
        } else {
            event[key] = value.clone();
        }
    }
    event
}
