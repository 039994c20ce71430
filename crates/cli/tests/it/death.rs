//! A token dies while events keep arriving: nothing is attempted that the hold covers, the other
//! token's lane goes on, and everything is delivered once a verified token is there.
//!
//! `HOLDFAST_DEATH_EVENTS=100000 cargo test --release -p holdfast-cli --test it death -- --nocapture`
//! runs it at any size and prints the rates.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use holdfast_sandbox::{TokenKind, TokenState};

use crate::rig::{APP, DATASET, Rig, client};
use crate::traffic::{body, counts, send, until};

const OTHER_DATASET: &str = "1000000002";
const EVENTS_PER_REQUEST: u64 = 100;
const CLIENTS: u64 = 4;

/// Sends so many events to the shop with several clients; returns those accepted as held.
async fn arrive(rig: &Arc<Rig>, name: &str, events: u64) -> u64 {
    let requests = events / EVENTS_PER_REQUEST / CLIENTS;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client_number| {
            let (rig, name) = (rig.clone(), format!("{name}-{client_number}"));
            tokio::spawn(async move {
                let http = client();
                let mut held = 0;
                for number in 0..requests {
                    let body = body(&format!("{name}-{number}"), EVENTS_PER_REQUEST);
                    let (accepted, as_held) = send(&rig, &http, "shop", body).await;
                    assert_eq!(accepted, EVENTS_PER_REQUEST);
                    held += as_held;
                }
                held
            })
        })
        .collect();
    let mut held = 0;
    for client in clients {
        held += client.await.unwrap();
    }
    held
}

/// One client that sends to the other destination on and on.
fn keep_sending(
    rig: &Arc<Rig>,
    stop: &Arc<AtomicBool>,
    sent: &Arc<AtomicU64>,
) -> tokio::task::JoinHandle<()> {
    let (rig, stop, sent) = (rig.clone(), stop.clone(), sent.clone());
    tokio::spawn(async move {
        let http = client();
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        for number in 0_u64.. {
            ticks.tick().await;
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let body = body(&format!("other-{number}"), 10);
            sent.fetch_add(send(&rig, &http, "other", body).await.0, Ordering::Relaxed);
        }
    })
}

#[allow(clippy::disallowed_methods, reason = "rates are printed, never asserted")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_loses_nothing_and_stops_nobody_else() {
    let asked = std::env::var("HOLDFAST_DEATH_EVENTS").ok().and_then(|n| n.parse::<u64>().ok());
    let events = asked.unwrap_or(4_000).next_multiple_of(EVENTS_PER_REQUEST * CLIENTS);
    let rig = Rig::start().await;
    let control = rig.sandbox.handle();
    control.add_asset(OTHER_DATASET);
    let other_token = control.issue_token(APP, TokenKind::SystemUser, &[OTHER_DATASET]);
    rig.add_credential("other", &other_token);
    rig.holdfast(&[
        "destination",
        "add",
        "other",
        "--asset",
        OTHER_DATASET,
        "--credential",
        "other",
    ]);
    let rig = Arc::new(rig);
    let (stop, other_sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let other = keep_sending(&rig, &stop, &other_sent);

    // While the token lives: how fast the lane can be.
    let started = now();
    arrive(&rig, "before", events).await;
    until("the lane is drained", || counts(&rig, DATASET).distinct == events).await;
    let line_rate = events as f64 / started.elapsed().as_secs_f64();
    let other_before =
        counts(&rig, OTHER_DATASET).distinct as f64 / started.elapsed().as_secs_f64();

    // It dies. One request finds out; whatever arrives from then on waits.
    rig.sandbox.handle().set_token_state(&rig.token, TokenState::Expired);
    arrive(&rig, "witness", EVENTS_PER_REQUEST * CLIENTS).await;
    until("a hold is open", || !rig.status()["holds"].as_array().unwrap().is_empty()).await;
    until("nothing is in flight", || rig.destination("shop")["in_flight"] == 0).await;
    let at_hold = counts(&rig, DATASET);
    let (other_at_hold, started) = (counts(&rig, OTHER_DATASET).distinct, now());
    let held = arrive(&rig, "held", events).await;
    assert_eq!(held, events, "each was accepted and said to be held");
    let other_during = (counts(&rig, OTHER_DATASET).distinct - other_at_hold) as f64
        / started.elapsed().as_secs_f64();
    let sent_by_then = other_sent.load(Ordering::Relaxed);
    until("the other lane keeps up", || counts(&rig, OTHER_DATASET).distinct >= sent_by_then).await;
    assert_eq!(counts(&rig, DATASET).requests, at_hold.requests, "nothing held was attempted");
    let shop = rig.destination("shop");
    assert_eq!(shop["state"], "held");
    assert_eq!(shop["ledger"]["held"], events + EVENTS_PER_REQUEST * CLIENTS);

    // A new token, and everything goes out.
    let token = rig.sandbox.handle().issue_token(APP, TokenKind::SystemUser, &[DATASET]);
    let started = now();
    rig.add_token(&token);
    let all = 2 * events + EVENTS_PER_REQUEST * CLIENTS;
    until("the backlog is drained", || counts(&rig, DATASET).distinct == all).await;
    let drain_rate = (all - at_hold.distinct) as f64 / started.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    other.await.unwrap();

    let status = rig.drained().await;
    let ledger = &status["ledger"];
    assert_eq!(status["lost"], 0, "{ledger}");
    assert_eq!(ledger["accepted"], all + other_sent.load(Ordering::Relaxed));
    assert_eq!(ledger["delivered"], ledger["accepted"]);
    let platform = rig.sandbox.handle().state().total;
    assert_eq!(ledger["delivered"], platform.distinct, "the sandbox's own count");
    assert_eq!(platform.counted_twice, 0);
    let first_ms = rig.destination("shop")["first_delivery_after_lift_ms"].as_u64().unwrap();
    assert!(first_ms <= 1_000, "first delivery {first_ms} ms after the verified lift");
    println!(
        "{events} events arrived while held; first delivery {first_ms} ms after the lift\n\
         through the lane before: {line_rate:.0} events/s; drained after: {drain_rate:.0} events/s\n\
         the other lane: {other_before:.0} events/s before, {other_during:.0} events/s meanwhile"
    );
}
