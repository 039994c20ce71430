//! Handing items out.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use holdfast_model::time::HOUR_S;

use super::OutboxFactory;
use super::sample::{
    AT, MANY_LOOKS, WEB, abandon, commit, drain, everything, fill, first_of, item, lease_all,
    let_others_run, numbers, seqs, totals,
};
use crate::{Lease, LeaseAsk};

pub async fn the_nearest_deadline_comes_first(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    // Two hours apart, so that a backend may sort by the hour. 7 is coprime to 20.
    let due_in = |number: u32| i64::from((number * 7) % 20 + 1) * 2 * HOUR_S;
    for numbers in [0..6, 6..13, 13..20] {
        let items = numbers.map(|n| item(n, WEB).due_in(due_in(n))).collect();
        first_of(outbox.append(commit(items)).await.unwrap());
    }
    let ask = LeaseAsk { max_items: 3, ..everything() };
    let leases = drain(&outbox, WEB, ask).await;
    let order: Vec<u32> = leases.iter().flat_map(numbers).collect();
    let mut expected: Vec<u32> = (0..20).collect();
    expected.sort_by_key(|number| due_in(*number));
    assert_eq!(order, expected);
}

pub async fn equal_deadlines_leave_in_the_order_they_came(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    for n in (0..30).step_by(3) {
        fill(&outbox, WEB, n..n + 3).await;
    }
    // Given back in another order, they still leave in theirs.
    let mut leased = lease_all(&outbox, WEB).await;
    leased.reverse();
    outbox.release(WEB, &leased, None).await.unwrap();
    let leases = drain(&outbox, WEB, LeaseAsk { max_items: 7, ..everything() }).await;
    let order: Vec<u32> = leases.iter().flat_map(numbers).collect();
    assert_eq!(order, (0..30).collect::<Vec<_>>());
}

pub async fn a_leased_item_is_not_leased_again(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..10).await;
    let ask = LeaseAsk { max_items: 4, ..everything() };
    let first = outbox.lease(WEB, ask).await.unwrap();
    assert_eq!(first.items.len(), 4);
    let rest: BTreeSet<_> = lease_all(&outbox, WEB).await.into_iter().collect();
    assert_eq!(rest.len(), 6);
    assert!(seqs(&first).iter().all(|seq| !rest.contains(seq)));
    assert_eq!(outbox.lease(WEB, everything()).await.unwrap(), Lease::default());
}

pub async fn max_items_and_max_bytes_bound_a_lease(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let items = (0..12).map(|n| item(n, WEB).of_bytes(1_000)).collect();
    first_of(outbox.append(commit(items)).await.unwrap());
    let lease = outbox.lease(WEB, LeaseAsk { max_items: 5, ..everything() }).await.unwrap();
    assert_eq!(lease.items.len(), 5);
    let lease = outbox.lease(WEB, LeaseAsk { max_bytes: 3_999, ..everything() }).await.unwrap();
    let bytes: u32 = lease.items.iter().map(|leased| leased.meta.bytes).sum();
    assert!(bytes <= 3_999, "{bytes} bytes");
    assert!(!lease.items.is_empty());
    let lease = outbox.lease(WEB, LeaseAsk { max_items: 0, ..everything() }).await.unwrap();
    assert_eq!(lease.items, []);
}

pub async fn an_item_above_max_bytes_is_handed_out_alone(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let items = vec![item(0, WEB).of_bytes(5_000), item(1, WEB).of_bytes(10)];
    first_of(outbox.append(commit(items)).await.unwrap());
    let leases = drain(&outbox, WEB, LeaseAsk { max_bytes: 2_000, ..everything() }).await;
    // Otherwise it would stop its lane for ever.
    assert_eq!(leases.iter().map(numbers).collect::<Vec<_>>(), [[0], [1]]);
}

pub async fn groups_are_never_mixed(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let group = |number: u32| ["", "{\"a\":1}", "{\"a\":2}"][number as usize % 3];
    let due_in = |number: u32| i64::from(1 + number / 10) * HOUR_S;
    let items = (0..40).map(|n| item(n, WEB).in_group(group(n)).due_in(due_in(n))).collect();
    first_of(outbox.append(commit(items)).await.unwrap());
    let mut seen = Vec::new();
    for lease in drain(&outbox, WEB, LeaseAsk { max_items: 5, ..everything() }).await {
        for number in numbers(&lease) {
            assert_eq!(group(number), lease.group.0, "item {number}");
            seen.push(number);
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..40).collect::<Vec<_>>());
}

pub async fn safe_and_unsafe_resends_are_never_mixed(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let is_unsafe = |number: u32| (4..11).contains(&number) || number == 15;
    let make = |n| if is_unsafe(n) { item(n, WEB).never_deduplicated() } else { item(n, WEB) };
    first_of(outbox.append(commit((0..20).map(make).collect())).await.unwrap());
    let ask = LeaseAsk { max_unsafe_items: 3, max_items: 100, ..everything() };
    let leases = drain(&outbox, WEB, ask).await;
    for lease in &leases {
        let numbers = numbers(lease);
        let unsafe_items = numbers.iter().filter(|number| is_unsafe(**number)).count();
        assert!(unsafe_items == 0 || unsafe_items == numbers.len(), "mixed: {numbers:?}");
        assert!(unsafe_items <= 3, "{unsafe_items} at once");
        for leased in &lease.items {
            assert_eq!(leased.meta.resend_is_safe(AT.to_seconds()), unsafe_items == 0);
        }
    }
    let mut seen: Vec<u32> = leases.iter().flat_map(numbers).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
}

pub async fn what_was_safe_becomes_unsafe_with_time(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let until = AT.to_seconds().plus_seconds(100);
    let make = |n| item(n, WEB).with(|admitted| admitted.dedup_until = Some(until));
    first_of(outbox.append(commit((0..10).map(make).collect())).await.unwrap());
    let at = |seconds: i64| LeaseAsk {
        max_unsafe_items: 2,
        now: AT.plus_millis(seconds * 1_000),
        ..everything()
    };
    let lease = outbox.lease(WEB, at(99)).await.unwrap();
    assert_eq!(lease.items.len(), 10);
    outbox.release(WEB, &seqs(&lease), None).await.unwrap();
    assert_eq!(outbox.lease(WEB, at(100)).await.unwrap().items.len(), 2);
}

pub async fn of_many_leases_at_once_none_shares_an_item(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..100).await;
    let ask = LeaseAsk { max_items: 7, ..everything() };
    let leases = join_all((0..20).map(|_| outbox.lease(WEB, ask))).await;
    let all: Vec<u64> =
        leases.into_iter().flat_map(|lease| seqs(&lease.unwrap())).map(|seq| seq.0).collect();
    let distinct: BTreeSet<u64> = all.iter().copied().collect();
    assert_eq!((all.len(), distinct.len()), (100, 100));
}

pub async fn a_lease_that_nobody_waits_for_returns_its_items(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..10).await;
    let ask = LeaseAsk { max_items: 3, ..everything() };
    let mut leased = 0;
    for _ in 0..20 {
        let answered = abandon(outbox.lease(WEB, ask)).await;
        leased += answered.map_or(0, |lease| lease.unwrap().items.len());
    }
    for _ in 0..MANY_LOOKS {
        // What an abandoned lease had taken comes back once it has noticed.
        leased += lease_all(&outbox, WEB).await.len();
        if leased == 10 {
            break;
        }
        let_others_run().await;
    }
    assert_eq!(leased, 10, "the others are leased to nobody");
    assert_eq!(outbox.peek(WEB).in_flight, 10);
    assert_eq!(totals(&outbox, WEB).await.queued, 10);
}
