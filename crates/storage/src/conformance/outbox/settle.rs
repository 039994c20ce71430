//! Leaving the queue, once.

use std::sync::Arc;

use futures_util::future::join_all;
use holdfast_model::id::{LaneId, Seq};
use holdfast_model::ledger::LedgerCounts;

use super::OutboxFactory;
use super::sample::{
    APP, SHOP, WEB, abandon, delivered, expired, fill, lease_all, rejected, totals, unknown,
};
use crate::{Outbox, Settlement};

const KINDS: [fn(Vec<Seq>) -> Settlement; 4] = [delivered, rejected, expired, unknown];

/// How many are in the state that the kind of this number leads to.
fn moved(counts: LedgerCounts, kind: usize) -> u64 {
    [counts.delivered, counts.rejected, counts.expired, counts.unknown][kind]
}

fn lane(kind: usize) -> LaneId {
    LaneId(kind as u32 + 1)
}

pub async fn each_kind_moves_items_once(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    for (kind, settlement) in KINDS.iter().enumerate() {
        fill(&outbox, lane(kind), kind as u32 * 10..kind as u32 * 10 + 3).await;
        let leased = lease_all(&outbox, lane(kind)).await;
        for _ in 0..3 {
            outbox.settle(lane(kind), settlement(leased.clone())).await.unwrap();
            check(&outbox, kind).await;
        }
    }
    drop(outbox);
    let outbox = factory.open().await;
    for kind in 0..KINDS.len() {
        check(&outbox, kind).await;
        assert_eq!(lease_all(&outbox, lane(kind)).await, [], "kind {kind} came back");
    }
}

async fn check(outbox: &Arc<dyn Outbox>, kind: usize) {
    let counts = totals(outbox, lane(kind)).await;
    assert_eq!((counts.accepted, counts.queued, moved(counts, kind)), (3, 0, 3), "kind {kind}");
    let rest = outbox.counts(lane(kind)).await.unwrap();
    assert_eq!((rest.in_flight, rest.queued_bytes), (0, 0), "kind {kind}");
}

pub async fn a_second_settlement_of_another_kind_changes_nothing(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    for (kind, first) in KINDS.iter().enumerate() {
        fill(&outbox, lane(kind), kind as u32 * 10..kind as u32 * 10 + 3).await;
        let leased = lease_all(&outbox, lane(kind)).await;
        outbox.settle(lane(kind), first(leased.clone())).await.unwrap();
        for second in KINDS {
            outbox.settle(lane(kind), second(leased.clone())).await.unwrap();
        }
        check(&outbox, kind).await;
    }
    drop(outbox);
    let outbox = factory.open().await;
    for kind in 0..KINDS.len() {
        check(&outbox, kind).await;
    }
}

pub async fn of_many_settlements_at_once_one_counts(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    for (kind, settlement) in KINDS.iter().enumerate() {
        fill(&outbox, lane(kind), kind as u32 * 10..kind as u32 * 10 + 3).await;
        let leased = lease_all(&outbox, lane(kind)).await;
        let answers =
            join_all((0..20).map(|_| outbox.settle(lane(kind), settlement(leased.clone())))).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        check(&outbox, kind).await;
    }
    drop(outbox);
    let outbox = factory.open().await;
    for kind in 0..KINDS.len() {
        check(&outbox, kind).await;
    }
}

pub async fn an_abandoned_settlement_is_repeated_without_harm(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    for (kind, settlement) in KINDS.iter().enumerate() {
        fill(&outbox, lane(kind), kind as u32 * 10..kind as u32 * 10 + 3).await;
        let leased = lease_all(&outbox, lane(kind)).await;
        abandon(outbox.settle(lane(kind), settlement(leased.clone()))).await;
        outbox.settle(lane(kind), settlement(leased)).await.unwrap();
        check(&outbox, kind).await;
    }
    drop(outbox);
    let outbox = factory.open().await;
    for kind in 0..KINDS.len() {
        check(&outbox, kind).await;
    }
}

pub async fn what_was_not_leased_is_passed_over(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..3).await;
    fill(&outbox, APP, 3..6).await;
    let leased = lease_all(&outbox, WEB).await;
    outbox.release(WEB, &leased, None).await.unwrap();
    for kind in KINDS {
        outbox.settle(WEB, kind(leased.clone())).await.unwrap();
        outbox.settle(APP, kind(leased.clone())).await.unwrap();
        outbox.settle(SHOP, kind(vec![Seq(u64::MAX >> 8)])).await.unwrap();
        outbox.settle(WEB, kind(Vec::new())).await.unwrap();
    }
    for lane in [WEB, APP] {
        let counts = totals(&outbox, lane).await;
        assert_eq!((counts.accepted, counts.queued), (3, 3), "lane {lane}");
    }
    assert_eq!(totals(&outbox, SHOP).await, LedgerCounts::default());
}

pub async fn part_of_a_lease_can_be_settled(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..6).await;
    let leased = lease_all(&outbox, WEB).await;
    outbox.settle(WEB, delivered(leased[..2].to_vec())).await.unwrap();
    outbox.settle(WEB, rejected(leased[2..3].to_vec())).await.unwrap();
    // A batch that names settled ones again settles the others.
    outbox.settle(WEB, delivered(leased[1..5].to_vec())).await.unwrap();
    let counts = outbox.counts(WEB).await.unwrap();
    assert_eq!(counts.ledger.delivered, 4);
    assert_eq!((counts.ledger.rejected, counts.in_flight), (1, 1));
    drop(outbox);
    let outbox = factory.open().await;
    let counts = totals(&outbox, WEB).await;
    assert_eq!((counts.delivered, counts.rejected, counts.queued), (4, 1, 1));
    assert_eq!(lease_all(&outbox, WEB).await, leased[5..]);
}
