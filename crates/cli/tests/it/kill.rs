//! kill -9 at random moments under load, with several destinations, poison among the events and
//! tokens that die: nothing acknowledged is lost, the platform counts nothing twice, and each
//! destination's ledger is exact.
//!
//! `HOLDFAST_KILL_ROUNDS=100 cargo test -p holdfast-cli --test it kill` runs as many rounds as you
//! like.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast_model::time::UnixSeconds;
use holdfast_sandbox::{Misbehaviour, NewRule, TokenKind, TokenState};
use holdfast_testkit::{Seeded, fake_event_at};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::rig::{APP, DATASET, Rig, client};

const CLIENTS: usize = 4;
const EVENTS_PER_REQUEST: usize = 5;

/// One request in so many holds an event that the platform refuses.
const POISON_EVERY: u64 = 40;
const POISON: &str = "Poison";

/// Every so many rounds a token dies, and in the round after it is replaced.
const DEATH_EVERY: u32 = 3;

/// Where events go: name, asset, credential. Two share a token; the first has a standby.
const SITES: [(&str, &str, &str); 4] = [
    ("shop", DATASET, "shop"),
    ("outlet", "1000000002", "shop"),
    ("app", "1000000003", "app"),
    ("store", "1000000004", "store"),
];

/// What the clients were promised, by destination.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Promised {
    accepted: u64,
    poison: u64,
}

type Books = Arc<Mutex<BTreeMap<&'static str, Promised>>>;

/// A client that sends on and on, each request under a key of its own and again under the same
/// key until it is acknowledged.
struct Client {
    number: usize,
    url: watch::Receiver<String>,
    key: String,
    stop: Arc<AtomicBool>,
    books: Books,
    requests: Arc<AtomicU64>,
}

impl Client {
    async fn run(self) {
        let http = client();
        let mut random = Seeded::new(self.number as u64);
        let mut round = 0_u64;
        while !self.stop.load(Ordering::Relaxed) {
            round += 1;
            let to = destinations(&mut random);
            let is_poisoned = random.below(POISON_EVERY as usize) == 0;
            self.send_until_acknowledged(&http, round, &to, is_poisoned).await;
        }
    }

    async fn send_until_acknowledged(
        &self,
        http: &reqwest::Client,
        round: u64,
        to: &[&'static str],
        is_poisoned: bool,
    ) {
        let name = format!("{}-{round}", self.number);
        let mut events: Vec<Value> = (0..EVENTS_PER_REQUEST).map(|at| event(&name, at)).collect();
        if is_poisoned {
            events[EVENTS_PER_REQUEST / 2]["event_name"] = POISON.into();
        }
        let body = json!({ "data": events }).to_string();
        loop {
            let base = self.url.borrow().clone();
            let answer = http
                .post(format!("{base}/v1/events?destination={}", to.join(",")))
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
                    let expected = EVENTS_PER_REQUEST * to.len();
                    assert_eq!(receipt["accepted"], expected, "{text}");
                    self.requests.fetch_add(1, Ordering::Relaxed);
                    let mut books = self.books.lock().unwrap();
                    for name in to {
                        let promised = books.entry(name).or_default();
                        promised.accepted += EVENTS_PER_REQUEST as u64;
                        promised.poison += u64::from(is_poisoned);
                    }
                    return;
                }
                assert!(status.is_server_error(), "{status}: {text}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Mostly one, sometimes several in one commit.
fn destinations(random: &mut Seeded) -> Vec<&'static str> {
    let first = random.below(SITES.len());
    let count = if random.below(4) == 0 { 2 + random.below(SITES.len() - 1) } else { 1 };
    (0..count).map(|at| SITES[(first + at) % SITES.len()].0).collect()
}

fn event(name: &str, position: usize) -> Value {
    let now = holdfast_gateway::Clock::default().wall().to_seconds();
    let mut event = fake_event_at(position as u64, UnixSeconds(now.0 - 60));
    event["event_id"] = format!("{name}-{position}").into();
    event
}

/// The tokens that are valid now, by credential.
type Tokens = BTreeMap<&'static str, String>;

async fn rig() -> (Rig, Tokens) {
    let rig = Rig::start().await;
    let control = rig.sandbox.handle();
    let assets: Vec<&str> = SITES.iter().map(|(_, asset, _)| *asset).collect();
    assets[1..].iter().for_each(|asset| control.add_asset(asset));
    for (name, asset, credential) in &SITES[1..] {
        if *credential != "shop" {
            rig.add_credential(
                credential,
                &control.issue_token(APP, TokenKind::SystemUser, &assets),
            );
        }
        rig.holdfast(&["destination", "add", name, "--asset", asset, "--credential", credential]);
    }
    let mut tokens = Tokens::new();
    for credential in ["shop", "app", "store", "spare"] {
        let token = control.issue_token(APP, TokenKind::SystemUser, &assets);
        rig.add_credential(credential, &token);
        tokens.insert(credential, token);
    }
    for name in ["shop", "outlet"] {
        rig.holdfast(&["destination", "standby", name, "--credential", "spare"]);
    }
    // Answers that come a little late leave requests in flight at the moment of the kill.
    control.misbehave(NewRule {
        asset: None,
        times: None,
        percent: 30,
        what: Misbehaviour::Slow { ms: 40 },
    });
    for with_index in [true, false] {
        control.misbehave(NewRule {
            asset: None,
            times: None,
            percent: if with_index { 50 } else { 100 },
            what: Misbehaviour::Poison { event_name: POISON.to_owned(), subcode: None, with_index },
        });
    }
    (rig, tokens)
}

/// A token that died a round ago is replaced; now and then another one dies.
fn live_and_let_die(rig: &Rig, tokens: &mut Tokens, dead: &mut Vec<&'static str>, round: u32) {
    let control = rig.sandbox.handle();
    let assets: Vec<&str> = SITES.iter().map(|(_, asset, _)| *asset).collect();
    for credential in dead.drain(..) {
        let token = control.issue_token(APP, TokenKind::SystemUser, &assets);
        rig.add_credential(credential, &token);
        tokens.insert(credential, token);
    }
    if round.is_multiple_of(DEATH_EVERY) {
        let mut names = tokens.keys();
        let name = *names.nth((round / DEATH_EVERY) as usize % tokens.len()).unwrap();
        control.set_token_state(&tokens[name], TokenState::Revoked);
        dead.push(name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost() {
    let rounds: u32 =
        std::env::var("HOLDFAST_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let seed: u64 = std::env::var("HOLDFAST_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(7);
    println!("{rounds} rounds, seed {seed}");
    let mut random = Seeded::new(seed);
    let (mut rig, mut tokens) = rig().await;
    let (url, watch_url) = watch::channel(rig.url.clone());
    let stop = Arc::new(AtomicBool::new(false));
    let (books, requests) = (Books::default(), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client = Client {
                number,
                url: watch_url.clone(),
                key: rig.key.clone(),
                stop: stop.clone(),
                books: books.clone(),
                requests: requests.clone(),
            };
            tokio::spawn(client.run())
        })
        .collect();

    let mut dead = Vec::new();
    for round in 0..rounds {
        live_and_let_die(&rig, &mut tokens, &mut dead, round);
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
    live_and_let_die(&rig, &mut tokens, &mut dead, 1);
    let status = rig.drained().await;
    assert_eq!(status["lost"], 0, "{}", status["ledger"]);
    let books = books.lock().unwrap().clone();
    for (name, asset, _) in SITES {
        exact(&rig, name, asset, books[name]);
    }
    let platform = rig.sandbox.handle().state().total;
    assert_eq!(platform.counted_twice, 0);
    println!(
        "{} requests acknowledged: {books:?}; {} repetitions recognized",
        requests.load(Ordering::Relaxed),
        platform.deduplicated
    );
}

/// The ledger holds what was promised and the platform counted what the ledger says.
fn exact(rig: &Rig, name: &str, asset: &str, promised: Promised) {
    let ledger = &rig.destination(name)["ledger"];
    let Promised { accepted, poison } = promised;
    assert_eq!(ledger["accepted"], accepted, "{name}: each request counts once");
    assert_eq!(ledger["rejected"], poison, "{name}: {ledger}");
    assert_eq!(ledger["delivered"], accepted - poison, "{name}: {ledger}");
    let counted = rig.sandbox.handle().state().assets[asset].clone();
    assert_eq!(counted.distinct, accepted - poison, "{name}: the sandbox's own count");
    assert_eq!(counted.counted_twice, 0, "{name}");
}
