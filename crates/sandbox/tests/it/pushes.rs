//! What the sandbox sends by itself, as a receiver sees it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_sandbox::{Loopback, NewApp, Sandbox, SandboxSettings, TokenKind};
use serde_json::{Value, json};
use sha2::Sha256;

const APP: u64 = 100_000_000_000_001;

type Heard = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A receiver that takes everything and answers with something to recognize.
async fn receiver() -> (Heard, Loopback) {
    async fn take(
        State(heard): State<Heard>,
        headers: HeaderMap,
        body: Bytes,
    ) -> (StatusCode, &'static str) {
        heard.lock().unwrap().push((headers, body));
        (StatusCode::ACCEPTED, "taken")
    }
    let heard = Heard::default();
    let router = Router::new().fallback(take).with_state(heard.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (heard, Loopback::try_from(url).unwrap())
}

fn hmac(secret: &str, text: &[u8]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256>>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

async fn control(base: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = client().post(format!("{base}{path}")).body(body.to_string());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

#[allow(clippy::disallowed_methods, reason = "a client that talks to our own stand-in")]
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn a_webhook_is_signed_over_the_bytes_as_they_are_sent() {
    let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
    let secret = sandbox.handle().add_app(APP, Default::default());
    let (heard, url) = receiver().await;
    let push = json!({"url": url, "object": "application", "field": "business_integration_uninstall",
        "value": {"business_manager_id": "77", "name": "Café"}});
    let (status, answer) = control(&sandbox.base_url(), "/_sandbox/pushes", &push).await;
    assert_eq!((status, &answer), (200, &json!({"status": 202, "body": "taken"})));
    let (headers, body) = heard.lock().unwrap()[0].clone();
    let expected = format!("sha256={}", hex::encode(hmac(&secret, &body)));
    assert_eq!(headers["x-hub-signature-256"], expected.as_str());
    assert!(std::str::from_utf8(&body).unwrap().contains(r"Caf\u00e9"), "as Meta writes it");
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["entry"][0]["id"], APP.to_string());
    assert_eq!(body["entry"][0]["changes"][0]["value"]["business_manager_id"], "77");
    for (wrong, status) in [
        (json!({"url": "http://192.0.2.1:80/", "object": "a", "field": "b"}), 422),
        (json!({"url": "https://127.0.0.1:80/", "object": "a", "field": "b"}), 422),
        (json!({"url": url, "object": "a", "field": "b", "app": 5}), 422),
    ] {
        let (answered, _) = control(&sandbox.base_url(), "/_sandbox/pushes", &wrong).await;
        assert_eq!(answered, status, "{wrong}");
    }
    assert_eq!(heard.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_app_hears_of_a_person_who_removes_it() {
    let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
    let (heard, url) = receiver().await;
    let app = NewApp { id: APP, deauthorize_url: Some(url), ..NewApp::default() };
    let secret = sandbox.handle().replace_app(app);
    let token = sandbox.handle().issue_token(APP, TokenKind::User, &[]);
    let url = format!("{}/v25.0/me/permissions", sandbox.base_url());
    let removed = client().delete(url).bearer_auth(&token).send().await.unwrap();
    assert_eq!(removed.status(), 200);
    let told = async {
        while heard.lock().unwrap().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), told).await.unwrap();
    let (headers, body) = heard.lock().unwrap()[0].clone();
    assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    let text = std::str::from_utf8(&body).unwrap().strip_prefix("signed_request=").unwrap();
    let (signature, payload) = text.split_once('.').unwrap();
    let expected = BASE64_URL_SAFE_NO_PAD.encode(hmac(&secret, payload.as_bytes()));
    assert_eq!(signature, expected, "over the encoded text, unpadded");
    let payload: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    assert_eq!(payload["algorithm"], "HMAC-SHA256");
    assert!(payload["user_id"].is_string() && payload["issued_at"].is_i64(), "{payload}");
}
