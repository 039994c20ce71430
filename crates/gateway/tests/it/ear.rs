//! A listener in the place of the platform that keeps what it hears: for what a whole request looks
//! like on the wire, which the sandbox does not tell.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::watch;

/// Longest request that is listened to.
const MAX_BODY_BYTES: usize = 4 << 20;

#[derive(Clone, Default)]
struct Memory {
    heard: Arc<Mutex<Vec<Value>>>,
    answers_to_lose: Arc<AtomicU32>,
    /// Requests wait as long as this is true, and are then answered with a failure.
    is_stalled: Arc<watch::Sender<bool>>,
}

pub struct Ear {
    pub url: String,
    memory: Memory,
    serving: tokio::task::JoinHandle<()>,
}

impl Ear {
    pub async fn open() -> Self {
        let memory = Memory::default();
        let router = Router::new().fallback(answer).with_state(memory.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, memory, serving }
    }

    /// Cuts the answers to the next requests with events, after having taken the events.
    pub fn lose_answers(&self, requests: u32) {
        self.memory.answers_to_lose.store(requests, Ordering::SeqCst);
    }

    /// Whether the next requests with events wait. Those that waited are told that it failed.
    pub fn stall(&self, is_stalled: bool) {
        self.memory.is_stalled.send_replace(is_stalled);
    }

    /// The bodies of the requests with events so far.
    pub fn heard(&self) -> Vec<Value> {
        self.memory.heard.lock().unwrap().clone()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(memory): State<Memory>, request: Request) -> Response {
    if request.method() != Method::POST || !request.uri().path().ends_with("/events") {
        // To probes it says nothing that could be taken for a verdict.
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let body = axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let events = body["data"].as_array().map_or(0, Vec::len);
    memory.heard.lock().unwrap().push(body);
    let mut stalled = memory.is_stalled.subscribe();
    if *stalled.borrow_and_update() {
        // Whoever could end it is gone with the test.
        let _ = stalled.wait_for(|is_stalled| !is_stalled).await;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let lose = |left: u32| left.checked_sub(1);
    if memory.answers_to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lose).is_ok() {
        let cut = stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
        return Body::from_stream(cut).into_response();
    }
    axum::Json(json!({"events_received": events, "messages": [], "fbtrace_id": "Aear"}))
        .into_response()
}
