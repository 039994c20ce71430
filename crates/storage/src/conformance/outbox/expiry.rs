//! What passes its deadline.

use futures_util::future::join_all;
use holdfast_model::id::HoldId;
use holdfast_model::ledger::LedgerState;
use holdfast_model::time::{HOUR_S, UnixSeconds};

use super::OutboxFactory;
use super::sample::{
    APP, AT, WEB, commit, drain, everything, fill, first_of, item, item_id, lease_all, numbers,
    reason, totals,
};
use crate::LeaseAsk;

fn due(seconds: i64) -> UnixSeconds {
    AT.to_seconds().plus_seconds(seconds)
}

pub async fn items_at_or_before_the_due_time_expire(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let items = (0..6).map(|n| item(n, WEB).due_in(100 + i64::from(n))).collect();
    first_of(outbox.append(commit(items)).await.unwrap());
    fill(&outbox, APP, 10..12).await;
    for (at, expected) in [(99, 0), (102, 3), (102, 0), (104, 2)] {
        let moved = outbox.expire_due(WEB, due(at), AT, reason(None), 100).await.unwrap();
        assert_eq!(moved, expected, "due {at}");
    }
    let counts = totals(&outbox, WEB).await;
    assert_eq!((counts.queued, counts.expired), (1, 5));
    drop(outbox);
    let outbox = factory.open().await;
    assert_eq!(numbers(&outbox.lease(WEB, everything()).await.unwrap()), [5]);
    assert_eq!(totals(&outbox, WEB).await.expired, 5);
    assert_eq!(totals(&outbox, APP).await.queued, 2, "another lane's");
}

pub async fn leased_items_do_not_expire(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let items = (0..5).map(|n| item(n, WEB).due_in(100)).collect();
    first_of(outbox.append(commit(items)).await.unwrap());
    let ask = LeaseAsk { max_items: 2, ..everything() };
    let leased = outbox.lease(WEB, ask).await.unwrap();
    assert_eq!(outbox.expire_due(WEB, due(100), AT, reason(None), 100).await.unwrap(), 3);
    assert_eq!(outbox.peek(WEB).in_flight, 2);
    outbox.settle(WEB, super::sample::delivered(super::sample::seqs(&leased))).await.unwrap();
    let counts = totals(&outbox, WEB).await;
    assert_eq!((counts.delivered, counts.expired), (2, 3));
}

pub async fn every_group_and_deferred_items_expire(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    // In one hour: the first group is due last, and the deferred ones come from both ends.
    let hour = HOUR_S - AT.to_seconds().0.rem_euclid(HOUR_S);
    let at = |minutes: i64| hour + minutes * 60;
    let items = vec![
        item(0, WEB).in_group("a").due_in(at(50)),
        item(1, WEB).in_group("b").due_in(at(10)),
        item(2, WEB).in_group("c").due_in(at(20)),
        item(3, WEB).in_group("b").due_in(at(40)),
        item(4, WEB).due_in(at(15)).not_before(1_000_000_000),
        item(5, WEB).due_in(at(45)).not_before(1_000),
        item(6, WEB).in_group("a").due_in(at(61)),
    ];
    first_of(outbox.append(commit(items)).await.unwrap());
    let moved = outbox.expire_due(WEB, due(at(20)), AT, reason(None), 100).await.unwrap();
    assert_eq!(moved, 3);
    let ask = LeaseAsk { now: AT.plus_millis(1_000), ..everything() };
    let mut left: Vec<u32> = drain(&outbox, WEB, ask).await.iter().flat_map(numbers).collect();
    left.sort_unstable();
    assert_eq!(left, [0, 3, 5, 6]);
}

pub async fn a_limit_bounds_each_call(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let make = |n| {
        let made = item(n, WEB).due_in(100 + 4_000 * i64::from(n % 3));
        if n % 2 == 0 { made } else { made.not_before(1_000_000_000) }
    };
    first_of(outbox.append(commit((0..10).map(make).collect())).await.unwrap());
    let mut moved = Vec::new();
    for _ in 0..4 {
        moved.push(outbox.expire_due(WEB, due(10_000), AT, reason(None), 4).await.unwrap());
    }
    assert_eq!(moved, [4, 4, 2, 0]);
    assert_eq!(totals(&outbox, WEB).await.expired, 10);
}

pub async fn the_reason_is_kept(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    first_of(outbox.append(commit(vec![item(1, WEB).due_in(100)])).await.unwrap());
    let hold = HoldId::from_parts(AT, [9; 10]);
    let at = AT.plus_millis(200_000);
    outbox.expire_due(WEB, due(100), at, reason(Some(hold)), 10).await.unwrap();
    drop(outbox);
    let outbox = factory.open().await;
    let letter = outbox.dead_letter(item_id(1)).await.unwrap().unwrap();
    assert_eq!((letter.state, letter.at), (LedgerState::Expired, at));
    assert!(letter.fault.summary.contains(&hold.to_string()), "{}", letter.fault.summary);
    assert_eq!(letter.fault.remedy, reason(None).hint);
}

pub async fn of_many_expiries_at_once_each_item_counts_once(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let items = (0..30).map(|n| item(n, WEB).due_in(100)).collect();
    first_of(outbox.append(commit(items)).await.unwrap());
    let calls = (0..10).map(|_| outbox.expire_due(WEB, due(100), AT, reason(None), 7));
    let moved: u32 = join_all(calls).await.into_iter().map(|moved| moved.unwrap()).sum();
    assert_eq!(moved, 30);
    assert_eq!(totals(&outbox, WEB).await.expired, 30);
    assert_eq!(lease_all(&outbox, WEB).await, []);
}
