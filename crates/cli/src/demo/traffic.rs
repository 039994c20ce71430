//! Events, sent the way a careful client sends them: in small batches, with idempotency keys, and
//! again if an answer is missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Plan;
use super::stage::{BRAND, SHOP, Stage};

/// Events of one request.
const EVENTS_PER_REQUEST: u64 = 20;

/// An event of this name looks fine and is refused by the sandbox without saying which it is.
pub const POISON: &str = "DemoPoison";

/// Every so many requests to the shop carry one poison event.
const POISON_EVERY: u64 = 150;

/// Clients that send at the same time, per destination.
const CLIENTS: u64 = 2;

/// What the clients were told.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sent {
    pub accepted: u64,
    pub accepted_while_held: u64,
    pub poison: u64,
}

pub struct Traffic {
    clients: JoinSet<anyhow::Result<Sent>>,
    sent: Arc<AtomicU64>,
    failed: Arc<AtomicBool>,
    total: u64,
}

pub fn start(stage: &Stage, plan: &Plan) -> Traffic {
    let sent = Arc::new(AtomicU64::new(0));
    let failed = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    let destinations = [SHOP.0, BRAND.0];
    let requests = plan.events / EVENTS_PER_REQUEST / (CLIENTS * destinations.len() as u64);
    let pause = plan.length / u32::try_from(requests.max(1)).unwrap_or(u32::MAX);
    for destination in destinations {
        for client in 0..CLIENTS {
            let client = Client {
                http: reqwest_client(),
                url: stage.ingest_url(destination),
                key: stage.key.clone(),
                name: format!("{destination}-{client}"),
                poisons: destination == SHOP.0,
                sent: sent.clone(),
            };
            let failed = failed.clone();
            clients.spawn(async move {
                let told = client.run(requests, pause).await;
                failed.fetch_or(told.is_err(), Ordering::Relaxed);
                told
            });
        }
    }
    let total = requests * EVENTS_PER_REQUEST * CLIENTS * destinations.len() as u64;
    Traffic { clients, sent, failed, total }
}

impl Traffic {
    /// Share of the events that are sent, 0 to 1.
    pub fn progress(&self) -> f64 {
        self.sent.load(Ordering::Relaxed) as f64 / self.total.max(1) as f64
    }

    /// Every client has ended, well or not.
    pub fn is_over(&self) -> bool {
        self.progress() >= 1.0 || self.failed.load(Ordering::Relaxed)
    }

    pub async fn finish(mut self) -> anyhow::Result<Sent> {
        let mut all = Sent::default();
        while let Some(client) = self.clients.join_next().await {
            let one = client.context("a client failed")??;
            all.accepted += one.accepted;
            all.accepted_while_held += one.accepted_while_held;
            all.poison += one.poison;
        }
        Ok(all)
    }
}

#[allow(clippy::disallowed_methods, reason = "a client that sends to our own gateway")]
fn reqwest_client() -> reqwest::Client {
    reqwest::Client::new()
}

struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
    name: String,
    poisons: bool,
    sent: Arc<AtomicU64>,
}

impl Client {
    async fn run(self, requests: u64, pause: Duration) -> anyhow::Result<Sent> {
        let mut told = Sent::default();
        let mut ticks = tokio::time::interval(pause.max(Duration::from_millis(1)));
        for number in 0..requests {
            ticks.tick().await;
            let poison = self.poisons && number % POISON_EVERY == POISON_EVERY / 3;
            let body = self.body(number, poison);
            let answer = self.send(&format!("{}-{number}", self.name), &body).await?;
            told.accepted += answer["accepted"].as_u64().unwrap_or(0);
            told.poison += u64::from(poison);
            let receipts = answer["receipts"].as_array().map(Vec::as_slice).unwrap_or_default();
            let held = receipts.iter().filter(|receipt| receipt["held"] == true).count();
            told.accepted_while_held += held as u64;
            self.sent.fetch_add(EVENTS_PER_REQUEST, Ordering::Relaxed);
        }
        Ok(told)
    }

    fn body(&self, number: u64, poison: bool) -> String {
        let now = holdfast_gateway::Clock::default().wall().to_seconds().0;
        let event = |position: u64| {
            let id = format!("{}-{number}-{position}", self.name);
            let name = if poison && position == 7 { POISON } else { "Purchase" };
            json!({
                "event_name": name, "event_time": now - 30, "event_id": id,
                "action_source": "website", "event_source_url": "https://shop.example/thanks",
                "user_data": {
                    "em": format!("{id}@example.com"), "ph": "+1 202 555 0100",
                    "fn": "Robin", "ln": "Example", "ct": "Menlo Park", "country": "us",
                    "external_id": id, "client_ip_address": "192.0.2.1",
                    "client_user_agent": "Mozilla/5.0 (demo)",
                },
                "custom_data": { "value": 9.95, "currency": "USD", "order_id": id },
            })
        };
        let events: Vec<Value> = (0..EVENTS_PER_REQUEST).map(event).collect();
        json!({ "data": events }).to_string()
    }

    /// The same request under the same idempotency key, until it is answered.
    async fn send(&self, idempotency_key: &str, body: &str) -> anyhow::Result<Value> {
        const ATTEMPTS: u32 = 5;
        for attempt in 1..=ATTEMPTS {
            let request = self
                .http
                .post(&self.url)
                .bearer_auth(&self.key)
                .header("content-type", "application/json")
                .header("idempotency-key", idempotency_key)
                .body(body.to_owned());
            match request.send().await {
                Ok(answer) if answer.status().is_success() => {
                    let bytes = answer.bytes().await?;
                    return Ok(serde_json::from_slice(&bytes)?);
                }
                Ok(answer) if answer.status().is_client_error() && answer.status() != 429 => {
                    bail!("the gateway refused: {}", answer.text().await.unwrap_or_default());
                }
                _ => tokio::time::sleep(Duration::from_millis(100) * attempt).await,
            }
        }
        bail!("the gateway did not accept a request after {ATTEMPTS} attempts")
    }
}
