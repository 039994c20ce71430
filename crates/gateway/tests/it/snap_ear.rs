//! A listener in the place of Snap: takes events while its token lives, and says 401 otherwise.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

/// Longest request that is listened to.
const MAX_BODY_BYTES: usize = 4 << 20;

#[derive(Default)]
struct Memory {
    /// Tokens that work, and where.
    tokens: BTreeSet<(String, String)>,
    /// Path and query of requests with events.
    requests: Vec<String>,
    bodies: Vec<Value>,
    distinct: BTreeSet<(String, String)>,
    again: u64,
}

pub struct SnapEar {
    pub url: String,
    memory: Arc<Mutex<Memory>>,
    serving: tokio::task::JoinHandle<()>,
}

impl SnapEar {
    pub async fn open() -> Self {
        let memory = Arc::<Mutex<Memory>>::default();
        let router = Router::new().fallback(answer).with_state(memory.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, memory, serving }
    }

    pub fn allow(&self, token: &str, asset: &str) {
        self.memory.lock().unwrap().tokens.insert((token.to_owned(), asset.to_owned()));
    }

    pub fn forbid(&self, token: &str, asset: &str) {
        self.memory.lock().unwrap().tokens.remove(&(token.to_owned(), asset.to_owned()));
    }

    /// How many requests with events came, taken or not.
    pub fn requests(&self) -> usize {
        self.memory.lock().unwrap().requests.len()
    }

    pub fn last_request(&self) -> (String, Value) {
        let memory = self.memory.lock().unwrap();
        (memory.requests.last().unwrap().clone(), memory.bodies.last().unwrap().clone())
    }

    /// The ids of the events of the asset that were taken, in order.
    pub fn ids(&self, asset: &str) -> Vec<String> {
        let memory = self.memory.lock().unwrap();
        let of_asset = memory.distinct.iter().filter(|(of, _)| of == asset);
        of_asset.map(|(_, id)| id.clone()).collect()
    }

    /// Distinct events of the asset that were taken, and how many came again.
    pub fn counted(&self, asset: &str) -> (u64, u64) {
        let memory = self.memory.lock().unwrap();
        let of_asset = memory.distinct.iter().filter(|(of, _)| of == asset);
        (of_asset.count() as u64, memory.again)
    }
}

impl Drop for SnapEar {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(memory): State<Arc<Mutex<Memory>>>, request: Request) -> Response {
    let uri = request.uri().clone();
    let is_delivery = request.method() == Method::POST;
    let body = axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await.unwrap();
    let mut memory = memory.lock().unwrap();
    let asset = uri.path().split('/').nth(2).unwrap_or_default().to_owned();
    let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let token = query.filter(|(key, _)| key == "access_token").map(|(_, value)| value.into_owned());
    let is_allowed =
        token.last().is_some_and(|token| memory.tokens.contains(&(token, asset.clone())));
    if is_delivery {
        memory.requests.push(uri.to_string());
        memory.bodies.push(serde_json::from_slice(&body).unwrap());
    }
    let (status, answer) = match (is_allowed, is_delivery) {
        (false, _) => (
            StatusCode::UNAUTHORIZED,
            json!({"status": "INVALID", "reason": "Invalid access token"}),
        ),
        (true, false) => (StatusCode::OK, json!({"status": "SUCCESS", "reason": "", "stats": {}})),
        (true, true) if uri.path().ends_with("/validate") => {
            memory.requests.pop();
            let checked = memory.bodies.pop().unwrap()["data"].as_array().unwrap().len();
            let logs: Vec<Value> =
                (1..=checked).map(|n| json!({"event": n, "status": "VALID"})).collect();
            let body =
                json!({"status": "VALID", "test_event": true, "reason": "", "event_logs": logs});
            (StatusCode::OK, body)
        }
        (true, true) => {
            let events = memory.bodies.last().unwrap()["data"].as_array().unwrap().clone();
            for event in events {
                let id = event["event_id"].as_str().unwrap().to_owned();
                let is_new = memory.distinct.insert((asset.clone(), id));
                memory.again += u64::from(!is_new);
            }
            let reason = "Events have been processed successfully.";
            (StatusCode::OK, json!({"status": "VALID", "reason": reason}))
        }
    };
    // Its clock is not what is tested here, and the gateway's is turned on by hours.
    (status, [("date", "unknown")], axum::Json(answer)).into_response()
}
