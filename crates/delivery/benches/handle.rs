//! What the lane itself costs a batch of a thousand items: from the lease to the request, and from
//! the answer to what becomes of each item.
//!
//! Budget: well under 100 µs a batch, so that 200,000 items a second spend less than 2 % of a core
//! here.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use holdfast_delivery::{Command, Input, Lane, LaneSettings, Ticket, Waiting};
use holdfast_model::destination::AmbiguousPolicy;
use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_model::id::Seq;
use holdfast_model::item::ItemMeta;
use holdfast_model::time::{DAY_S, MonoMillis, Now, UnixMillis, UnixSeconds};
use holdfast_model::wire::{TransportFailure, TransportFailureKind};
use holdfast_platforms::{ItemVerdict, Judgement, Unlocated};

const BATCH: u64 = 1_000;
const NOW: UnixSeconds = UnixSeconds(1_795_000_000);

fn now() -> Now {
    Now { wall: NOW.to_millis(), mono: MonoMillis(1), wall_is_trusted: true }
}

fn items() -> Vec<ItemMeta> {
    let item = |seq| ItemMeta {
        seq: Seq(seq),
        bytes: 1_024,
        admitted_at: UnixMillis(NOW.0 * 1_000),
        expires_at: NOW.plus_seconds(6 * DAY_S),
        dedup_until: Some(NOW.plus_seconds(DAY_S)),
        intent_recorded: false,
    };
    (0..BATCH).map(item).collect()
}

/// A lane that has asked for a lease.
fn leasing() -> (Lane, Ticket) {
    let settings = LaneSettings {
        max_batch_items: BATCH as u32,
        max_batch_bytes: 8 << 20,
        max_unsafe_items: 50,
        max_in_flight: 1,
        partial_interval_ms: 0,
        backoff_first_ms: 1_000,
        backoff_max_ms: 300_000,
        ramp: vec![4, 16, 64, 256],
        ambiguous: AmbiguousPolicy::NeverResend,
        seed: 7,
    };
    let mut lane = Lane::new(settings, now());
    let waiting = Waiting { ready: BATCH, ..Waiting::default() };
    match lane.handle(now(), Input::Available(waiting))[..] {
        [Command::Lease { ticket, .. }] => (lane, ticket),
        ref other => panic!("asked for a lease: {other:?}"),
    }
}

fn lease(ticket: Ticket, items: Vec<ItemMeta>) -> Input {
    Input::Leased { ticket, group: 0, items, waiting: Waiting::default() }
}

/// A lane with one request under way.
fn sent() -> (Lane, Ticket) {
    let (mut lane, ticket) = leasing();
    let commands = lane.handle(now(), lease(ticket, items()));
    let sent = commands.iter().find_map(|command| match command {
        Command::Send { ticket, .. } => Some(*ticket),
        _ => None,
    });
    (lane, sent.expect("a request"))
}

fn fault(action: FaultAction) -> Fault {
    Fault {
        name: "meta.event_refused".to_owned(),
        class: FaultClass::Payload,
        action,
        selectors: Vec::new(),
        code: None,
        summary: String::new(),
        remedy: String::new(),
        platform_message: String::new(),
        trace_id: None,
    }
}

fn judged(ticket: Ticket, judgement: Judgement) -> Input {
    Input::Judged { ticket, judgement }
}

fn accepted(ticket: Ticket) -> Input {
    judged(ticket, Judgement::all(ItemVerdict::Accepted))
}

fn one_named(ticket: Ticket) -> Input {
    let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
    judgement.named.push((417, ItemVerdict::Refused(fault(FaultAction::DeadLetter))));
    judged(ticket, judgement)
}

fn one_unnamed(ticket: Ticket) -> Input {
    let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
    let fault = fault(FaultAction::DeadLetter);
    judgement.unlocated = Some(Unlocated { fault, suspects: Vec::new() });
    judged(ticket, judgement)
}

fn token_refused(ticket: Ticket) -> Input {
    let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
    judgement.hold = Some(fault(FaultAction::Hold));
    judged(ticket, judgement)
}

fn every_one_named(ticket: Ticket) -> Input {
    let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
    judgement.named = (0..BATCH as u32).map(|at| (at, ItemVerdict::Accepted)).collect();
    judged(ticket, judgement)
}

fn lost(ticket: Ticket) -> Input {
    let kind = TransportFailureKind::Timeout;
    let failure = TransportFailure { kind, may_have_arrived: true, detail: String::new() };
    Input::NoAnswer { ticket, failure, fault: fault(FaultAction::Retry) }
}

fn handle(c: &mut Criterion) {
    let mut group = c.benchmark_group("a thousand items");
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("leased and sent", |b| {
        b.iter_batched(
            || {
                let (lane, ticket) = leasing();
                (lane, lease(ticket, items()))
            },
            |(mut lane, input)| black_box((lane.handle(now(), input), lane)),
            BatchSize::SmallInput,
        );
    });
    let answers: [(&str, Answer); 6] = [
        ("accepted", accepted),
        ("accepted one by one", every_one_named),
        ("one named bad, the rest sent again", one_named),
        ("one bad somewhere, halved", one_unnamed),
        ("token refused", token_refused),
        ("answer lost", lost),
    ];
    for (name, answer) in answers {
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    let (lane, ticket) = sent();
                    (lane, answer(ticket))
                },
                |(mut lane, input)| black_box((lane.handle(now(), input), lane)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// How the platform answers a batch.
type Answer = fn(Ticket) -> Input;

criterion_group!(benches, handle);
criterion_main!(benches);
