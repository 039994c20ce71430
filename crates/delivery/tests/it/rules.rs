//! Single rules, told as stories.

use holdfast_delivery::{Command, Input, Lane, LaneSettings, Ticket, Waiting};
use holdfast_model::destination::AmbiguousPolicy;
use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_model::id::Seq;
use holdfast_model::item::ItemMeta;
use holdfast_model::time::{MonoMillis, Now, UnixMillis, UnixSeconds};
use holdfast_platforms::{ItemVerdict, Judgement, Unlocated};

const NOW_S: i64 = 1_790_000_000;

fn now(mono_ms: u64) -> Now {
    Now {
        wall: UnixMillis(NOW_S * 1_000 + mono_ms as i64),
        mono: MonoMillis(mono_ms),
        wall_is_trusted: true,
    }
}

fn lane() -> Lane {
    let settings = LaneSettings {
        max_batch_items: 1_000,
        max_batch_bytes: 1_000_000,
        max_unsafe_items: 50,
        max_in_flight: 1,
        partial_interval_ms: 0,
        backoff_first_ms: 100,
        backoff_max_ms: 1_000,
        ramp: vec![4],
        ambiguous: AmbiguousPolicy::NeverResend,
        seed: 1,
    };
    Lane::new(settings, now(0))
}

fn items(count: u64) -> Vec<ItemMeta> {
    (1..=count)
        .map(|seq| ItemMeta {
            seq: Seq(seq),
            bytes: 100,
            admitted_at: UnixMillis(NOW_S * 1_000),
            expires_at: UnixSeconds(NOW_S + 600_000),
            dedup_until: Some(UnixSeconds(NOW_S + 100_000)),
            intent_recorded: false,
        })
        .collect()
}

fn poison_fault() -> Fault {
    Fault {
        name: "meta.event_refused".to_owned(),
        class: FaultClass::Payload,
        action: FaultAction::DeadLetter,
        selectors: Vec::new(),
        code: None,
        summary: String::new(),
        remedy: String::new(),
        platform_message: String::new(),
        trace_id: None,
    }
}

/// Answers every request of a lane that was given `count` items, until it has no more; returns how
/// many requests were made, and what was delivered and binned.
fn deliver(count: u64, poison: &[u64], with_index: bool) -> (u32, Vec<u64>, Vec<u64>) {
    let mut lane = lane();
    let (mut requests, mut delivered, mut binned) = (0, Vec::new(), Vec::new());
    let waiting = Waiting { ready: count, ..Waiting::default() };
    let mut queue: Vec<Command> = lane.handle(now(0), Input::Available(waiting));
    let mut time = 0;
    while let Some(command) = (!queue.is_empty()).then(|| queue.remove(0)) {
        time += 1;
        let input = match command {
            Command::Lease { ticket, .. } => {
                Input::Leased { ticket, group: 0, items: items(count), waiting: Waiting::default() }
            }
            Command::Send { ticket, items, .. } => {
                requests += 1;
                Input::Judged { ticket, judgement: judge(&items, poison, with_index) }
            }
            Command::Deliver { items, .. } => {
                delivered.extend(items.iter().map(|seq| seq.0));
                continue;
            }
            Command::DeadLetter { items } => {
                binned.extend(items.iter().map(|(seq, _)| seq.0));
                continue;
            }
            Command::OpenHold { .. } => panic!("held because of poison"),
            _ => continue,
        };
        queue.extend(lane.handle(now(time), input));
    }
    // A poison event that nothing else came after is decided when it has waited long enough.
    for command in lane.handle(now(time + 60_000), Input::Tick) {
        if let Command::DeadLetter { items } = command {
            binned.extend(items.iter().map(|(seq, _)| seq.0));
        }
    }
    (requests, delivered, binned)
}

fn judge(items: &[Seq], poison: &[u64], with_index: bool) -> Judgement {
    let Some(at) = items.iter().position(|seq| poison.contains(&seq.0)) else {
        return Judgement::all(ItemVerdict::Accepted);
    };
    let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
    if with_index {
        judgement.named.push((at as u32, ItemVerdict::Refused(poison_fault())));
    } else {
        judgement.unlocated = Some(Unlocated { fault: poison_fault(), suspects: Vec::new() });
    }
    judgement
}

#[test]
fn one_named_poison_in_a_thousand_costs_one_more_request() {
    let (requests, delivered, binned) = deliver(1_000, &[418], true);
    assert_eq!(binned, [418]);
    assert_eq!(delivered.len(), 999);
    assert!(requests - 1 <= 2, "{requests} requests");
}

#[test]
fn one_unnamed_poison_costs_at_most_two_log_n_plus_two() {
    for place in [1, 2, 417, 500, 501, 999, 1_000] {
        let (requests, delivered, binned) = deliver(1_000, &[place], false);
        assert_eq!(binned, [place]);
        assert_eq!(delivered.len(), 999);
        assert!(requests - 1 <= 2 * 10 + 2, "{requests} requests for place {place}");
    }
}

#[test]
fn several_poison_events_are_all_found() {
    for with_index in [true, false] {
        let poison = [3, 4, 250, 777];
        let (requests, delivered, mut binned) = deliver(1_000, &poison, with_index);
        binned.sort_unstable();
        assert_eq!(binned, poison);
        assert_eq!(delivered.len(), 996);
        assert!(requests <= 4 * (2 * 10 + 2), "{requests} requests");
    }
}

#[test]
fn a_single_poison_event_alone_is_decided_after_a_while() {
    let (_, delivered, binned) = deliver(1, &[1], false);
    assert_eq!((delivered.len(), binned), (0, vec![1]));
}

#[test]
fn if_every_single_event_fails_alike_it_is_the_configuration() {
    let mut lane = lane();
    let waiting = Waiting { ready: 40, ..Waiting::default() };
    let mut queue = lane.handle(now(0), Input::Available(waiting));
    let (mut binned, mut held, mut released) = (0, 0, 0);
    let mut time = 0;
    while let Some(command) = (!queue.is_empty()).then(|| queue.remove(0)) {
        time += 1;
        let input = match command {
            Command::Lease { ticket, .. } => {
                Input::Leased { ticket, group: 0, items: items(40), waiting: Waiting::default() }
            }
            Command::Send { ticket, items, .. } => {
                let all: Vec<u64> = items.iter().map(|seq| seq.0).collect();
                Input::Judged { ticket, judgement: judge(&items, &all, false) }
            }
            Command::DeadLetter { items } => {
                binned += items.len();
                continue;
            }
            Command::Release { items, .. } => {
                released += items.len();
                continue;
            }
            Command::OpenHold { fault, .. } => {
                assert_eq!(fault.name, "holdfast.configuration_suspected");
                held += 1;
                continue;
            }
            _ => continue,
        };
        queue.extend(lane.handle(now(time), input));
    }
    assert_eq!((binned, held, released), (0, 1, 40));
}

#[test]
fn nothing_expires_while_the_clock_is_doubtful() {
    let mut lane = lane();
    let doubtful = Now { wall_is_trusted: false, ..now(0) };
    let late = Waiting { first_deadline: Some(UnixSeconds(NOW_S - 5)), ..Waiting::default() };
    let commands = lane.handle(doubtful, Input::Available(late));
    assert!(!commands.iter().any(|c| matches!(c, Command::ExpireDue { .. })), "{commands:?}");
    let commands = lane.handle(now(10), Input::Tick);
    assert!(commands.iter().any(|c| matches!(c, Command::ExpireDue { .. })), "{commands:?}");
}

#[test]
fn an_unheard_ticket_is_ignored() {
    let mut lane = lane();
    let judgement = Judgement::all(ItemVerdict::Accepted);
    let commands = lane.handle(now(0), Input::Judged { ticket: Ticket(99), judgement });
    assert!(commands.is_empty());
}
