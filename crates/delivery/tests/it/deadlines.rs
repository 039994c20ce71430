//! Deadlines, and clocks that cannot be believed.

use std::time::Duration;

use holdfast_delivery::{Command, Input, LaneSettings, Notice};
use holdfast_model::fault::{Fault, FaultAction, PlatformCode};
use holdfast_model::id::HoldId;
use holdfast_model::item::ItemMeta;
use holdfast_model::time::UnixSeconds;

use crate::bench::*;

fn item_until(bench: &mut Bench, seconds: i64) -> ItemMeta {
    ItemMeta { expires_at: START.plus_seconds(seconds), ..bench.item() }
}

fn sweeps(asked: &[Command]) -> Vec<(UnixSeconds, Option<HoldId>)> {
    let sweeps = asked.iter().filter_map(|command| match command {
        Command::ExpireDue { due, hold } => Some((*due, *hold)),
        _ => None,
    });
    sweeps.collect()
}

#[test]
fn what_is_late_is_expired_instead_of_sent() {
    let mut bench = Bench::new(settings());
    bench.clock.advance(Duration::from_secs(100));
    let (late, just, in_time) =
        (item_until(&mut bench, 99), item_until(&mut bench, 100), item_until(&mut bench, 101));
    bench.bring_these(vec![late, just, in_time]);
    assert_eq!(bench.next_sent().items, [in_time.seq]);
    let expired: Vec<_> =
        bench.asked().into_iter().filter(|c| matches!(c, Command::Expire { .. })).collect();
    let items = vec![late.seq, just.seq];
    assert_eq!(expired, [Command::Expire { items, hold: None, fault: None }]);
}

#[test]
fn waiting_items_are_swept_at_the_first_deadline_with_the_hold_they_waited_behind() {
    let mut bench = Bench::new(settings());
    bench.hold();
    let item = item_until(&mut bench, 3_000);
    bench.bring_these(vec![item]);
    bench.pass(Duration::from_secs(2_999));
    assert_eq!(sweeps(&bench.asked()), []);
    bench.pass(Duration::from_secs(1));
    let hold = Some(HoldId::from_bytes([5; 16]));
    assert_eq!(sweeps(&bench.asked()), [(START.plus_seconds(3_000), hold)]);
    assert!(bench.sent.is_empty(), "no timer tries a held item");
}

#[test]
fn nothing_expires_by_a_clock_that_is_not_believed() {
    let mut bench = Bench::new(settings());
    bench.hold();
    let item = item_until(&mut bench, 3_000);
    bench.bring_these(vec![item]);
    bench.clock.set_wall(START.plus_seconds(400 * DAY_S).to_millis());
    bench.clock.trust_wall(false);
    bench.pass(Duration::from_secs(600));
    assert_eq!(sweeps(&bench.asked()), []);
    let told = bench.notices.iter().filter(|notice| **notice == Notice::ClockSkewHoldsExpiry);
    assert_eq!(told.count(), 1, "once an episode");
    // Back to the truth: it has not passed.
    bench.clock.set_wall(START.plus_seconds(700).to_millis());
    bench.clock.trust_wall(true);
    bench.pass(Duration::from_secs(60));
    assert_eq!(sweeps(&bench.asked()), []);
    bench.lift();
    bench.input(Input::Available(bench.waiting()));
    assert_eq!(bench.next_sent().items, [item.seq]);
}

#[test]
fn a_clock_that_was_set_back_does_not_make_old_items_look_deduplicated() {
    let mut bench = Bench::new(LaneSettings { max_unsafe_items: 1, ..settings() });
    bench.pass(Duration::from_secs(3 * 86_400));
    bench.clock.set_wall(START.to_millis());
    bench.clock.trust_wall(false);
    let items: Vec<ItemMeta> = (0..3).map(|_| bench.item()).collect();
    bench.bring_these(items);
    assert_eq!(
        bench.next_sent().items.len(),
        1,
        "the platform forgets them, whatever our clock says"
    );
}

#[test]
fn sweeps_come_one_by_one() {
    let mut bench = Bench::new(settings());
    bench.hold();
    let item = item_until(&mut bench, 10);
    bench.bring_these(vec![item]);
    bench.pass(Duration::from_secs(10));
    // The outbox moves a bounded number at a time and says what is left.
    for _ in 0..5 {
        bench.input(Input::Available(bench.waiting()));
    }
    assert_eq!(sweeps(&bench.asked()).len(), 1);
    bench.pass(Duration::from_secs(3));
    assert_eq!(sweeps(&bench.asked()).len(), 3, "one a second while something is due");
}

#[test]
fn what_the_platform_calls_too_old_is_expired_with_its_words() {
    let mut bench = Bench::single();
    let items = bench.bring(3);
    let code = Some(PlatformCode { code: 100, subcode: Some(2_804_003) });
    let too_old = Fault { code, ..fault("meta.event_too_old") };
    assert_eq!(too_old.action, FaultAction::Expire);
    bench.answer(someone_is_bad(too_old.clone(), vec![2]));
    assert_eq!(bench.answer(someone_is_bad(too_old.clone(), vec![0])).items, [items[2]]);
    assert_eq!(bench.accept().items, items[..2]);
    let expired = Command::Expire { items: vec![items[2]], hold: None, fault: Some(too_old) };
    assert!(bench.asked().contains(&expired));
}
