//! kill -9 at random moments under load: nothing acknowledged is lost, and the platform counts
//! nothing twice.
//!
//! `HOLDFAST_KILL_ROUNDS=100 cargo test -p holdfast-cli --test it kill` runs as many rounds as you
//! like.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use holdfast_model::time::UnixSeconds;
use holdfast_sandbox::{Misbehaviour, NewRule};
use holdfast_testkit::{Seeded, fake_event_at};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::rig::{DATASET, Rig, client};

const CLIENTS: usize = 4;
const EVENTS_PER_REQUEST: usize = 5;

/// A client that sends on and on, each request under a key of its own and again under the same
/// key until it is acknowledged.
struct Client {
    number: usize,
    url: watch::Receiver<String>,
    key: String,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
}

impl Client {
    async fn run(self) {
        let http = client();
        let mut round = 0_u64;
        while !self.stop.load(Ordering::Relaxed) {
            round += 1;
            self.send_until_acknowledged(&http, round).await;
        }
    }

    async fn send_until_acknowledged(&self, http: &reqwest::Client, round: u64) {
        let name = format!("{}-{round}", self.number);
        let events: Vec<Value> = (0..EVENTS_PER_REQUEST).map(|at| event(&name, at)).collect();
        let body = json!({ "data": events }).to_string();
        loop {
            let url = format!("{}/v1/events?destination=shop", self.url.borrow().clone());
            let answer = http
                .post(url)
                .bearer_auth(&self.key)
                .header("content-type", "application/json")
                .header("idempotency-key", &name)
                .body(body.clone())
                .send()
                .await;
            if let Ok(answer) = answer {
                let status = answer.status();
                let text = answer.text().await.unwrap_or_default();
                if status == 202 {
                    let receipt: Value = serde_json::from_str(&text).unwrap();
                    let accepted = receipt["accepted"].as_u64().unwrap();
                    self.acknowledged.fetch_add(accepted, Ordering::Relaxed);
                    return;
                }
                assert!(status.is_server_error(), "{status}: {text}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn event(name: &str, position: usize) -> Value {
    let now = holdfast_gateway::Clock::default().wall().to_seconds();
    let mut event = fake_event_at(position as u64, UnixSeconds(now.0 - 60));
    event["event_id"] = format!("{name}-{position}").into();
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost() {
    let rounds: u32 =
        std::env::var("HOLDFAST_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let seed: u64 = std::env::var("HOLDFAST_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(7);
    println!("{rounds} rounds, seed {seed}");
    let mut random = Seeded::new(seed);
    let mut rig = Rig::start().await;
    // Answers that come a little late leave requests in flight at the moment of the kill.
    rig.sandbox.handle().misbehave(NewRule {
        asset: Some(DATASET.to_owned()),
        times: None,
        percent: 30,
        what: Misbehaviour::Slow { ms: 40 },
    });
    let (url, watch_url) = watch::channel(rig.url.clone());
    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client = Client {
                number,
                url: watch_url.clone(),
                key: rig.key.clone(),
                stop: stop.clone(),
                acknowledged: acknowledged.clone(),
            };
            tokio::spawn(client.run())
        })
        .collect();

    for round in 0..rounds {
        tokio::time::sleep(Duration::from_millis(100 + random.below(900) as u64)).await;
        rig.gateway.kill().unwrap();
        rig.restart();
        url.send_replace(rig.url.clone());
        assert_eq!(rig.status()["lost"], 0, "after kill {round}");
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let status = rig.drained().await;
    let ledger = &status["ledger"];
    let acknowledged = acknowledged.load(Ordering::Relaxed);
    assert_eq!(status["lost"], 0, "{ledger}");
    assert_eq!(ledger["accepted"], acknowledged, "idempotency keys: each request counts once");
    assert_eq!(ledger["delivered"], acknowledged, "{ledger}");
    let platform = rig.sandbox.handle().state().total;
    assert_eq!(platform.distinct, acknowledged, "the sandbox's own count");
    assert_eq!(platform.counted_twice, 0);
    println!(
        "{acknowledged} events acknowledged, {} repetitions recognized",
        platform.deduplicated
    );
}
