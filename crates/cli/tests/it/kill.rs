//! kill -9 at random moments under load, with destinations of two platforms, poison among the events
//! and tokens that die: nothing acknowledged is lost, no platform counts anything twice, and each
//! destination's ledger is exact.
//!
//! `HOLDFAST_KILL_ROUNDS=100 cargo test -p holdfast-cli --test it kill` runs as many rounds as you
//! like.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast_model::time::UnixSeconds;
use holdfast_sandbox::{Habits, Misbehaviour, NewRule, SnapTokenKind, TokenKind, TokenState};
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

struct Site {
    name: &'static str,
    platform: &'static str,
    asset: &'static str,
    credential: &'static str,
    standby: Option<&'static str>,
}

const SITES: [Site; 4] = [
    Site {
        name: "shop",
        platform: "meta",
        asset: DATASET,
        credential: "shop",
        standby: Some("spare"),
    },
    Site { name: "app", platform: "meta", asset: "1000000002", credential: "app", standby: None },
    Site {
        name: "web",
        platform: "snap",
        asset: WEB,
        credential: "snap",
        standby: Some("snap-spare"),
    },
    Site { name: "mobile", platform: "snap", asset: MOBILE, credential: "snap", standby: None },
];

const WEB: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const MOBILE: &str = "1a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const ORGANIZATION: &str = "2a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

/// Every token there is, with its platform.
const CREDENTIALS: [(&str, &str); 5] = [
    ("shop", "meta"),
    ("app", "meta"),
    ("spare", "meta"),
    ("snap", "snap"),
    ("snap-spare", "snap"),
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
    (0..count).map(|at| SITES[(first + at) % SITES.len()].name).collect()
}

fn event(name: &str, position: usize) -> Value {
    let now = holdfast_gateway::Clock::default().wall().to_seconds();
    let mut event = fake_event_at(position as u64, UnixSeconds(now.0 - 60));
    event["event_id"] = format!("{name}-{position}").into();
    // Snap recognizes purchases by their order too, and all of these are of one.
    event["event_name"] = "ViewContent".into();
    event
}

/// The tokens that are valid now, by credential.
type Tokens = BTreeMap<&'static str, String>;

async fn rig() -> (Rig, Tokens) {
    let rig = Rig::start().await;
    let control = rig.sandbox.handle();
    control.add_asset("1000000002");
    control.add_organization(ORGANIZATION);
    control.add_pixel(WEB, ORGANIZATION);
    control.add_pixel(MOBILE, ORGANIZATION);
    // The good neighbors of a bad event are taken, and nobody says so.
    control.set_snap_habits(Habits { takes_neighbors: true, ..Habits::default() });
    let mut tokens = Tokens::new();
    for (credential, platform) in CREDENTIALS {
        let token = issue(&rig, platform);
        rig.add_credential_of(platform, credential, &token);
        tokens.insert(credential, token);
    }
    for Site { name, platform, asset, credential, standby } in &SITES {
        if *name != "shop" {
            let add = ["destination", "add", name, "--platform", platform, "--asset", asset];
            rig.holdfast(&[&add[..], &["--credential", credential]].concat());
        }
        if let Some(standby) = standby {
            rig.holdfast(&["destination", "standby", name, "--credential", standby]);
        }
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

fn issue(rig: &Rig, platform: &str) -> String {
    let control = rig.sandbox.handle();
    match platform {
        "snap" => control.issue_snap_token(ORGANIZATION, SnapTokenKind::default()),
        _ => control.issue_token(APP, TokenKind::SystemUser, &[DATASET, "1000000002"]),
    }
}

/// A token that died a round ago is replaced; now and then another one dies.
fn live_and_let_die(rig: &Rig, tokens: &mut Tokens, dead: &mut Vec<&'static str>, round: u32) {
    for credential in dead.drain(..) {
        let (_, platform) = CREDENTIALS.into_iter().find(|(name, _)| *name == credential).unwrap();
        let token = issue(rig, platform);
        rig.add_credential_of(platform, credential, &token);
        tokens.insert(credential, token);
    }
    if round.is_multiple_of(DEATH_EVERY) {
        let (name, _) = CREDENTIALS[(round / DEATH_EVERY) as usize % CREDENTIALS.len()];
        assert!(rig.sandbox.handle().set_token_state(&tokens[name], TokenState::Revoked));
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
    for Site { name, asset, .. } in SITES {
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
