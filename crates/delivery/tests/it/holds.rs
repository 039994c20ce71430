//! From a refusal to the hold, and from the lift to full speed.

use std::time::Duration;

use holdfast_delivery::{Command, Input, LaneSettings, LaneState, Notice, Ticket};
use holdfast_model::hold::Confirmation;
use holdfast_model::id::{Seq, VersionNo};
use holdfast_platforms::ProbeAnswer;

use crate::bench::*;

fn probe_of(asked: &[Command]) -> Ticket {
    let probes: Vec<Ticket> = asked
        .iter()
        .filter_map(|command| match command {
            Command::Probe { ticket, .. } => Some(*ticket),
            _ => None,
        })
        .collect();
    let [only] = probes[..] else { panic!("one probe: {asked:?}") };
    only
}

fn opened(asked: &[Command]) -> Vec<(String, Confirmation)> {
    let holds = asked.iter().filter_map(|command| match command {
        Command::OpenHold { fault, confirmation } => Some((fault.name.clone(), *confirmation)),
        _ => None,
    });
    holds.collect()
}

fn expired_token(confirmation: Confirmation) -> Vec<(String, Confirmation)> {
    vec![("meta.token_expired".to_owned(), confirmation)]
}

/// A lane whose first request was refused and whose probe is under way.
fn confirming() -> (Bench, Ticket, Vec<Seq>) {
    let mut bench = Bench::single();
    let items = bench.bring(5);
    bench.answer(refuses_token());
    assert_eq!(bench.released(), items, "uncounted");
    assert_eq!(bench.lane.state(), LaneState::Confirming);
    let probe = probe_of(&bench.asked());
    (bench, probe, items)
}

#[test]
fn a_probe_that_finds_nothing_out_does_not_stand_in_the_way() {
    for (answer, confirmation) in [
        (ProbeAnswer::Refuted, Confirmation::Confirmed),
        (ProbeAnswer::Silent, Confirmation::Silent),
        (ProbeAnswer::Unprobeable, Confirmation::Unprobeable),
    ] {
        let (mut bench, ticket, _) = confirming();
        bench.bring(3);
        assert!(bench.sent.is_empty(), "nothing is leased meanwhile");
        bench.input(Input::Probed { ticket, answer });
        assert_eq!(opened(&bench.asked()), expired_token(confirmation));
        assert_eq!(bench.lane.state(), LaneState::Held);
    }
}

#[test]
fn a_probe_that_never_answers_is_silent() {
    let (mut bench, _, _) = confirming();
    bench.pass(Duration::from_secs(121));
    assert_eq!(opened(&bench.asked())[0].1, Confirmation::Silent);
}

#[test]
fn a_contradiction_allows_one_paced_retry_of_one_item() {
    let (mut bench, ticket, _) = confirming();
    bench.bring(100);
    bench.input(Input::Probed { ticket, answer: ProbeAnswer::Proved });
    assert!(bench.sent.is_empty(), "not at once");
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.next_sent().items.len(), 1);
    assert!(bench.sent.is_empty(), "one");
}

#[test]
fn a_second_refusal_within_a_minute_holds_in_spite_of_the_probe() {
    for (seconds, is_conflict) in [(0, true), (54, true), (57, false)] {
        let (mut bench, ticket, _) = confirming();
        bench.bring(1);
        bench.input(Input::Probed { ticket, answer: ProbeAnswer::Proved });
        bench.pass(Duration::from_secs(5));
        bench.clock.advance(Duration::from_secs(seconds));
        bench.answer(refuses_token());
        let asked = bench.asked();
        if is_conflict {
            assert_eq!(opened(&asked), expired_token(Confirmation::Conflict));
        } else {
            probe_of(&asked);
        }
    }
}

#[test]
fn after_a_contradiction_a_success_goes_back_to_full_speed() {
    let (mut bench, ticket, _) = confirming();
    bench.input(Input::Probed { ticket, answer: ProbeAnswer::Proved });
    bench.bring(500);
    bench.pass(Duration::from_secs(5));
    bench.accept();
    assert_eq!(bench.next_sent().items.len(), 499);
}

#[test]
fn refusals_of_requests_that_left_before_the_probe_are_the_first_one_again() {
    let mut bench = Bench::new(LaneSettings { max_batch_items: 1, max_in_flight: 2, ..settings() });
    bench.bring(2);
    bench.answer(refuses_token());
    let ticket = probe_of(&bench.asked());
    bench.input(Input::Probed { ticket, answer: ProbeAnswer::Proved });
    bench.answer(refuses_token());
    assert_eq!(bench.asked(), [], "no conflict, no second probe");
}

#[test]
fn a_hold_that_does_not_come_is_asked_for_again() {
    let (mut bench, ticket, _) = confirming();
    bench.input(Input::Probed { ticket, answer: ProbeAnswer::Refuted });
    assert_eq!(opened(&bench.asked()).len(), 1);
    bench.input(Input::Holds { open: Vec::new() });
    bench.bring(1);
    assert!(bench.sent.is_empty(), "it stays stopped");
    bench.pass(Duration::from_secs(11));
    assert_eq!(opened(&bench.asked()).len(), 2);
    bench.hold();
    bench.pass(Duration::from_secs(100));
    assert_eq!(opened(&bench.asked()), []);
}

#[test]
fn a_held_lane_leases_nothing_and_takes_refusals_back_uncounted() {
    let mut bench = Bench::new(LaneSettings { max_batch_items: 2, max_in_flight: 2, ..settings() });
    let items = bench.bring(6);
    bench.hold();
    bench.pass(Duration::from_secs(30 * 86_400));
    bench.answer(refuses_token());
    assert_eq!(bench.released(), items[..2]);
    bench.accept();
    assert_eq!(bench.delivered(), items[2..4], "what was under way may still arrive");
    bench.asked.retain(|command| !matches!(command, Command::ExpireDue { .. }));
    assert_eq!(bench.asked(), []);
    assert!(bench.sent.is_empty());
    assert_eq!(bench.queue.len(), 2);
}

#[test]
fn what_was_being_leased_when_the_hold_opened_goes_back() {
    let mut bench = Bench::single();
    let item = bench.item();
    bench.queue.push_back(item);
    let waiting = bench.waiting();
    let commands = bench.lane.handle(bench.clock.now(), Input::Available(waiting));
    let [Command::Lease { ticket, .. }] = commands[..] else { panic!("{commands:?}") };
    bench.hold();
    bench.input(Input::Leased { ticket, group: 0, items: vec![item], waiting });
    assert_eq!(bench.released(), [item.seq]);
    assert!(bench.sent.is_empty());
}

#[test]
fn after_a_lift_one_goes_first_and_then_ever_more() {
    let mut bench = Bench::new(settings());
    bench.hold();
    bench.bring(5_000);
    bench.pass(Duration::from_secs(3_600));
    bench.lift();
    let mut sizes = Vec::new();
    for _ in 0..3 {
        assert_eq!(bench.sent.len(), 1, "one request at a time");
        bench.clock.advance(Duration::from_millis(40));
        sizes.push(bench.accept().items.len());
    }
    assert_eq!(sizes, [1, 4, 16]);
    assert_eq!(bench.sent.len(), 4);
    assert!(bench.sent.iter().all(|sent| sent.items.len() == 1_000));
    let recovered: Vec<_> =
        bench.notices.iter().filter(|n| matches!(n, Notice::Recovered { .. })).collect();
    assert_eq!(
        recovered,
        [&Notice::Recovered { hold_was_open_ms: 3_600_000, first_delivery_after_lift_ms: 40 }]
    );
}

#[test]
fn a_refused_canary_opens_the_hold_again_without_a_probe() {
    let mut bench = Bench::new(settings());
    bench.hold();
    bench.bring(50);
    bench.lift();
    let canary = bench.answer(refuses_token());
    assert_eq!(bench.released(), canary.items);
    assert_eq!(opened(&bench.asked()), expired_token(Confirmation::Confirmed));
}

#[test]
fn a_canary_that_meets_a_passing_failure_is_sent_again() {
    let mut bench = Bench::new(settings());
    bench.hold();
    bench.bring(50);
    bench.lift();
    bench.cut(true);
    assert!(bench.sent.is_empty());
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.next_sent().items.len(), 1);
    assert!(bench.sent.is_empty());
}

#[test]
fn refusals_of_the_old_token_say_nothing_of_the_new_one() {
    let mut bench = Bench::new(LaneSettings { max_batch_items: 1, ..settings() });
    bench.bring(2);
    bench.input(Input::CredentialChanged { version: VersionNo(2) });
    bench.answer(refuses_token());
    bench.answer(definite("meta.permission_missing"));
    assert_eq!(bench.asked(), []);
    bench.bring(1);
    bench.answer(refuses_token());
    probe_of(&bench.asked());
}

#[test]
fn a_policy_block_is_about_the_account_whichever_token_met_it() {
    let mut bench = Bench::single();
    bench.bring(1);
    bench.input(Input::CredentialChanged { version: VersionNo(2) });
    bench.answer(definite("meta.policy_block"));
    probe_of(&bench.asked());
}

#[test]
fn a_new_token_ends_the_questions_about_the_old_one() {
    let (mut bench, ticket, _) = confirming();
    bench.bring(100);
    bench.input(Input::CredentialChanged { version: VersionNo(2) });
    assert_eq!(bench.next_sent().items.len(), 100);
    bench.input(Input::Probed { ticket, answer: ProbeAnswer::Refuted });
    assert_eq!(opened(&bench.asked()), [], "that answer was about the old one");
}

#[test]
fn of_several_holds_the_last_to_go_lets_the_lane_go() {
    let mut bench = Bench::new(settings());
    let (mut first, second) = (a_hold(START.to_millis()), a_hold(START.to_millis()));
    first.id = holdfast_model::id::HoldId::from_bytes([1; 16]);
    bench.input(Input::Holds { open: vec![first, second.clone()] });
    bench.bring(5);
    bench.input(Input::Holds { open: vec![second] });
    assert!(bench.sent.is_empty());
    bench.lift();
    assert_eq!(bench.next_sent().items.len(), 1);
}
