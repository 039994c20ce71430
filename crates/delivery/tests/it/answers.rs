//! What answers mean: deliveries, lost answers, waits, and how much is under way.

use std::time::Duration;

use holdfast_delivery::{Command, Input, LaneSettings, LaneState, Notice};
use holdfast_model::destination::AmbiguousPolicy;
use holdfast_model::fault::{Fault, FaultAction};
use holdfast_model::hold::Confirmation;
use holdfast_model::item::ItemMeta;
use holdfast_platforms::{ItemVerdict, Judgement, Throttle};

use crate::bench::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_is_accepted_is_delivered_with_its_trace_id() {
    let mut bench = Bench::single();
    let items = bench.bring(3);
    let mut judgement = Judgement::all(ItemVerdict::Accepted);
    judgement.trace_id = Some("AbC".to_owned());
    judgement.warnings = vec!["deprecated".to_owned()];
    bench.answer(judgement);
    assert_eq!(bench.asked(), [Command::Deliver { items, trace_id: Some("AbC".to_owned()) }]);
    assert!(bench.notices.contains(&Notice::Warnings(vec!["deprecated".to_owned()])));
}

#[test]
fn a_deep_queue_makes_full_batches_and_a_shallow_one_does_not_linger() {
    let mut bench = Bench::new(LaneSettings { max_batch_items: 100, ..settings() });
    bench.bring(1);
    assert_eq!(bench.sent.len(), 1, "one item goes at once");
    bench.bring(250);
    let sizes: Vec<usize> = bench.sent.iter().map(|sent| sent.items.len()).collect();
    assert_eq!(sizes, [1, 100, 100, 50]);
    bench.bring(10);
    assert_eq!(bench.sent.len(), 4, "no more than may be in flight");
    assert_eq!(bench.lane.in_flight_requests(), 4);
}

#[test]
fn a_lost_answer_is_settled_by_what_the_platform_would_count() {
    use AmbiguousPolicy::{NeverResend, Resend};
    // Deduplicated, may have arrived, policy → unknown
    for (is_safe, arrived, policy, is_unknown) in [
        (true, true, NeverResend, false),
        (true, false, NeverResend, false),
        (false, true, NeverResend, true),
        (false, false, NeverResend, false),
        (false, true, Resend, false),
    ] {
        let mut bench = Bench::new(LaneSettings { ambiguous: policy, ..settings() });
        let item = if is_safe { bench.item() } else { bench.unsafe_item() };
        let items = bench.bring_these(vec![item]);
        bench.cut(arrived);
        let released = bench.released();
        if is_unknown {
            let fault = fault("meta.no_answer");
            assert_eq!(bench.asked(), [Command::Unknown { items, fault }]);
            assert_eq!(released, []);
        } else {
            assert_eq!(released, items, "{is_safe} {arrived} {policy:?}");
            assert_eq!(bench.asked(), []);
        }
    }
}

#[test]
fn what_would_be_counted_twice_travels_in_small_company() {
    let mut bench = Bench::new(LaneSettings { max_unsafe_items: 3, ..settings() });
    let items: Vec<ItemMeta> = (0..7).map(|_| bench.unsafe_item()).collect();
    bench.bring_these(items);
    let sizes: Vec<usize> = bench.sent.iter().map(|sent| sent.items.len()).collect();
    assert_eq!(sizes, [3, 3, 1]);
}

#[test]
fn items_that_stop_being_deduplicated_while_in_hand_are_split() {
    let mut bench =
        Bench::new(LaneSettings { max_unsafe_items: 2, max_in_flight: 8, ..settings() });
    let soon = START.plus_seconds(60);
    let items: Vec<ItemMeta> =
        (0..9).map(|_| ItemMeta { dedup_until: Some(soon), ..bench.item() }).collect();
    bench.bring_these(items);
    // One half of a refused batch is under way, the other goes as soon as there is a slot.
    bench.clock.advance(Duration::from_secs(60));
    bench.answer(someone_is_bad(payload_fault(None), Vec::new()));
    let mut sizes: Vec<usize> = bench.sent.iter().map(|sent| sent.items.len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2, 2, 2, 2]);
}

#[test]
fn an_intent_from_before_a_crash_is_never_sent_again_unless_the_policy_says_so() {
    for (policy, is_sent) in
        [(AmbiguousPolicy::NeverResend, false), (AmbiguousPolicy::Resend, true)]
    {
        let mut bench = Bench::new(LaneSettings { ambiguous: policy, ..settings() });
        let item = ItemMeta { intent_recorded: true, ..bench.unsafe_item() };
        bench.bring_these(vec![item]);
        assert_eq!(!bench.sent.is_empty(), is_sent);
        let unknown =
            matches!(&bench.asked()[..], [Command::Unknown { items, .. }] if *items == [item.seq]);
        assert_eq!(unknown, !is_sent);
    }
}

#[test]
fn a_definite_no_makes_an_item_new_although_an_intent_was_recorded() {
    let mut bench = Bench::new(settings());
    let item = bench.unsafe_item();
    bench.bring_these(vec![item]);
    bench.answer(refuses_token());
    bench.hold();
    assert_eq!(bench.released(), [item.seq]);
    bench.asked.clear();
    bench.lift();
    bench.bring_these(vec![item]);
    assert_eq!(bench.next_sent().items, [item.seq]);
    assert_eq!(bench.asked(), []);
}

#[test]
fn a_lost_answer_is_remembered_beyond_the_time_of_deduplication() {
    let mut bench = Bench::new(settings());
    let item = bench.item();
    bench.bring_these(vec![item]);
    bench.cut(true);
    assert_eq!(bench.released(), [item.seq], "within two days it may go again");
    bench.hold();
    bench.pass(3 * 24 * 3_600 * SECOND);
    bench.lift();
    bench.bring_these(vec![item]);
    let asked = bench.asked();
    assert!(matches!(&asked[..], [Command::Unknown { items, .. }] if *items == [item.seq]));
    assert!(bench.sent.is_empty());
}

#[test]
fn each_item_goes_by_its_own_verdict() {
    let mut bench = Bench::single();
    let items = bench.bring(4);
    let mut judgement = Judgement::all(ItemVerdict::Accepted);
    let duplicate = fault("meta.duplicate");
    assert_eq!(duplicate.action, FaultAction::Note);
    judgement.named = vec![
        (1, ItemVerdict::Refused(payload_fault(Some(2_804_009)))),
        (2, ItemVerdict::Refused(duplicate)),
        (3, ItemVerdict::NotProcessed),
        (9, ItemVerdict::NotProcessed),
    ];
    bench.answer(judgement);
    let dead = (items[1], payload_fault(Some(2_804_009)));
    assert_eq!(bench.delivered(), [items[0], items[2]]);
    assert_eq!(bench.next_sent().items, [items[3]], "what was not processed goes again at once");
    assert_eq!(bench.asked(), [Command::DeadLetter { items: vec![dead] }]);
    assert!(!bench.attempted.contains(&items[1]) && bench.attempted.contains(&items[3]));
}

#[test]
fn an_answer_that_explains_nothing_does_not_spin() {
    let mut bench = Bench::single();
    let items = bench.bring(2);
    bench.answer(Judgement::all(ItemVerdict::NotProcessed));
    assert_eq!(bench.released(), items);
    assert!(matches!(bench.lane.state(), LaneState::BackingOff));
    assert!(bench.sent.is_empty());
}

#[test]
fn a_stale_proof_is_signed_anew_once() {
    let mut bench = Bench::single();
    let items = bench.bring(2);
    let mut stale = definite("meta.proof_invalid");
    stale.retry = try_again("meta.proof_invalid", None).retry;
    if let Some(retry) = &mut stale.retry {
        retry.resign_once = true;
    }
    let first = bench.answer(stale.clone());
    assert_eq!(bench.sent[0].items, items, "at once, the same batch");
    assert_ne!(bench.sent[0].ticket, first.ticket);
    bench.answer(stale);
    assert!(bench.sent.is_empty(), "once only");
    assert!(matches!(&bench.asked()[..], [Command::Probe { .. }]));
}

#[test]
fn waits_grow_with_failures_in_a_row_and_end_with_success() {
    let mut bench = Bench::single();
    let mut longest = Vec::new();
    for round in 0..12_u32 {
        bench.queue.clear();
        bench.bring(1);
        bench.pass(Duration::from_secs(600));
        bench.cut(false);
        let Some(Notice::BackingOff { wait_ms, consecutive, .. }) = bench.notices.pop() else {
            panic!("not waiting: {:?}", bench.lane.state())
        };
        let wait = Duration::from_millis(wait_ms);
        let ceiling = Duration::from_millis(1_000 << round).min(Duration::from_secs(300));
        assert!(wait > Duration::ZERO && wait <= ceiling, "{wait:?} in round {round}");
        assert_eq!(consecutive, round + 1);
        longest.push(wait);
    }
    assert!(longest.iter().max() > Some(&Duration::from_secs(60)), "{longest:?}");
    bench.queue.clear();
    bench.bring(1);
    bench.pass(Duration::from_secs(600));
    bench.accept();
    assert_eq!(bench.lane.state(), LaneState::Flowing);
}

#[test]
fn requests_that_were_under_way_together_fail_as_one() {
    let mut bench = Bench::new(LaneSettings { max_batch_items: 1, ..settings() });
    bench.bring(4);
    for _ in 0..4 {
        bench.cut(false);
    }
    let most = bench.notices.iter().map(|notice| match notice {
        Notice::BackingOff { consecutive, .. } => *consecutive,
        _ => 0,
    });
    assert_eq!(most.max(), Some(1));
    bench.pass(2 * SECOND);
    bench.bring(4);
    assert_eq!(bench.sent.len(), 1, "one request finds out whether it is over");
    bench.accept();
    assert!(bench.sent.len() > 1);
}

#[test]
fn the_platforms_wait_is_kept_within_an_hour_and_by_everybody() {
    for (asked_ms, least, most) in [
        (5_000, 5 * SECOND, 7 * SECOND),
        (600_000, 600 * SECOND, 602 * SECOND),
        (u64::MAX, 3_600 * SECOND, 3_602 * SECOND),
    ] {
        let mut bench = Bench::single();
        bench.bring(1);
        let mut judgement = try_again("meta.throttled_app", None);
        judgement.throttle =
            Some(Throttle { selectors: vec![], wait_ms: Some(asked_ms), used_percent: Some(100) });
        bench.answer(judgement);
        assert_eq!(bench.lane.state(), LaneState::BackingOff);
        let until = bench.lane.next_wakeup().expect("it will go on");
        let wait = until.since(bench.clock.now().mono);
        assert!(wait >= least && wait <= most, "{asked_ms}: {wait:?}");
        // Neither a lift nor a new token shortens it.
        bench.hold();
        bench.lift();
        bench.bring(1);
        assert!(bench.sent.is_empty());
    }
}

#[test]
fn near_a_limit_fewer_requests_are_under_way() {
    for (used, in_flight) in [(79, 4), (80, 2), (94, 2), (95, 1), (100, 1)] {
        let mut bench = Bench::new(LaneSettings { max_batch_items: 1, ..settings() });
        bench.bring(1);
        let mut judgement = Judgement::all(ItemVerdict::Accepted);
        judgement.throttle =
            Some(Throttle { selectors: vec![], wait_ms: None, used_percent: Some(used) });
        bench.answer(judgement);
        bench.pass(2 * SECOND);
        bench.bring(9);
        assert_eq!(bench.lane.in_flight_requests(), in_flight, "at {used} %");
        bench.accept();
        bench.bring(9);
        assert_eq!(bench.lane.in_flight_requests(), 4, "all is well again");
    }
}

#[test]
fn an_unknown_answer_is_tried_a_few_times_and_then_held() {
    let mut bench = Bench::single();
    for round in 1..=5 {
        bench.queue.clear();
        bench.bring(1);
        bench.pass(Duration::from_secs(600));
        bench.answer(try_again("meta.unknown_code", Some(5)));
        let asked = bench.asked();
        let opens = asked.iter().any(|command| {
            matches!(command, Command::OpenHold { fault, confirmation: Confirmation::Unprobeable }
                if fault.name == "meta.unknown_code")
        });
        assert_eq!(opens, round == 5, "round {round}");
    }
}

#[test]
fn another_kind_of_answer_in_between_starts_the_count_again() {
    let mut bench = Bench::single();
    for name in ["meta.unknown_code", "meta.server_error"].repeat(6) {
        bench.queue.clear();
        bench.bring(1);
        bench.pass(Duration::from_secs(600));
        bench.answer(try_again(name, Some(3)));
    }
    assert_eq!(bench.asked(), []);
}

#[test]
fn a_request_that_was_not_made_is_nobodys_failure_but_ours() {
    let no_token = {
        let row = holdfast_platforms::catalog::own().by_name("holdfast.no_active_credential");
        row.expect("the row exists").fault()
    };
    let bare = Fault { action: FaultAction::Retry, ..no_token.clone() };
    for (fault, holds) in [(None, false), (Some(no_token), true), (Some(bare), false)] {
        let mut bench = Bench::single();
        let items = bench.bring(2);
        let ticket = bench.next_sent().ticket;
        bench.input(Input::NotSent { ticket, fault });
        assert_eq!(bench.released(), items);
        let asked = bench.asked();
        assert_eq!(matches!(&asked[..], [Command::OpenHold { .. }]), holds, "{asked:?}");
        assert_eq!(matches!(bench.lane.state(), LaneState::BackingOff), !holds);
    }
}

#[test]
fn nothing_is_leased_while_storage_fails() {
    let mut bench = Bench::new(LaneSettings { max_batch_items: 1, ..settings() });
    bench.input(Input::Storage { ok: false });
    bench.bring(3);
    assert!(bench.sent.is_empty());
    assert_eq!(bench.queue.len(), 3);
    bench.input(Input::Storage { ok: true });
    assert_eq!(bench.sent.len(), 3);
}

#[test]
fn a_lease_that_fails_is_repeated_and_does_not_spin() {
    let mut bench = Bench::single();
    let waiting = holdfast_delivery::Waiting { ready: 5, ..Default::default() };
    let first = bench.lane.handle(bench.clock.now(), Input::Available(waiting));
    let [Command::Lease { ticket, .. }] = first[..] else { panic!("{first:?}") };
    let empty = Input::Leased { ticket, group: 0, items: vec![], waiting };
    assert_eq!(bench.lane.handle(bench.clock.now(), empty), []);
    let at = bench.lane.next_wakeup().expect("it will try again");
    let now = bench.clock.advance(at.since(bench.clock.now().mono));
    let again = bench.lane.handle(now, Input::Tick);
    assert!(matches!(&again[..], [Command::Lease { .. }]), "{again:?}");
}

#[test]
fn deferred_items_are_leased_when_their_time_comes() {
    let mut bench = Bench::single();
    let at = bench.clock.now().wall.plus_millis(90_000);
    let waiting =
        holdfast_delivery::Waiting { ready: 0, next_not_before: Some(at), first_deadline: None };
    assert_eq!(bench.lane.handle(bench.clock.now(), Input::Available(waiting)), []);
    let wakeup = bench.lane.next_wakeup().expect("a deferred item has a time");
    assert_eq!(wakeup.since(bench.clock.now().mono), Duration::from_secs(90));
    let now = bench.clock.advance(Duration::from_secs(90));
    let commands = bench.lane.handle(now, Input::Tick);
    assert!(matches!(&commands[..], [Command::Lease { .. }]), "{commands:?}");
}

#[test]
fn draining_gives_back_what_is_not_under_way_and_waits_for_the_rest() {
    let mut bench = Bench::new(LaneSettings { max_batch_items: 2, max_in_flight: 2, ..settings() });
    let items = bench.bring(6);
    bench.input(Input::Drain);
    assert_eq!(bench.lane.state(), LaneState::Draining);
    bench.accept();
    assert_eq!(bench.delivered(), items[..2]);
    bench.cut(false);
    assert_eq!(bench.released(), items[2..4]);
    assert_eq!(bench.lane.state(), LaneState::Stopped);
    assert_eq!((bench.lane.next_wakeup(), bench.sent.len()), (None, 0));
    bench.input(Input::Available(bench.waiting()));
    assert!(bench.sent.is_empty());
}
