//! Where items are: counts, peek, find.

use std::sync::Arc;

use holdfast_model::id::LaneId;
use holdfast_model::ledger::{LedgerCounts, LedgerState};
use holdfast_model::time::HOUR_S;

use super::OutboxFactory;
use super::sample::{
    APP, AT, SHOP, WEB, commit, delivered, everything, expired, fill, first_of, item, item_id,
    lease_all, reason, rejected, seqs, settle_all, totals, unknown,
};
use super::unknown::unknown_in;
use crate::{FoundItem, LaneCounts, LanePeek, LeaseAsk, Outbox};

pub async fn counts_are_conserved_through_every_move(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..20).await;
    let due = vec![item(20, WEB).due_in(100), item(21, WEB).due_in(100).not_before(5_000)];
    first_of(outbox.append(commit(due)).await.unwrap());
    let expect = |accepted, queued, delivered, rejected, expired, unknown| LedgerCounts {
        accepted,
        queued,
        held: 0,
        unknown,
        delivered,
        rejected,
        expired,
    };
    assert_eq!(totals(&outbox, WEB).await, expect(22, 22, 0, 0, 0, 0));
    let overdue = AT.to_seconds().plus_seconds(100);
    outbox.expire_due(WEB, overdue, AT, reason(None), 10).await.unwrap();
    assert_eq!(totals(&outbox, WEB).await, expect(22, 20, 0, 0, 2, 0));
    let leased = lease_all(&outbox, WEB).await;
    assert_eq!(totals(&outbox, WEB).await, expect(22, 20, 0, 0, 2, 0));
    outbox.settle(WEB, delivered(leased[..8].to_vec())).await.unwrap();
    assert_eq!(totals(&outbox, WEB).await, expect(22, 12, 8, 0, 2, 0));
    outbox.settle(WEB, rejected(leased[8..12].to_vec())).await.unwrap();
    outbox.settle(WEB, expired(leased[12..14].to_vec())).await.unwrap();
    outbox.record_intent(WEB, &leased[14..17]).await.unwrap();
    outbox.settle(WEB, unknown(leased[14..17].to_vec())).await.unwrap();
    outbox.release(WEB, &leased[17..], Some(AT.plus_millis(5_000))).await.unwrap();
    assert_eq!(totals(&outbox, WEB).await, expect(22, 3, 8, 4, 4, 3));
    outbox.replay(&[item_id(8), item_id(20)], AT).await.unwrap();
    let last = expect(22, 5, 8, 3, 3, 3);
    assert_eq!(totals(&outbox, WEB).await, last);
    drop(outbox);
    let outbox = factory.open().await;
    assert_eq!(totals(&outbox, WEB).await, last);
}

pub async fn what_is_in_flight_or_deferred_is_part_of_queued(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..6).await;
    first_of(outbox.append(commit(vec![item(6, WEB).not_before(1_000)])).await.unwrap());
    outbox.lease(WEB, LeaseAsk { max_items: 4, ..everything() }).await.unwrap();
    let counts = outbox.counts(WEB).await.unwrap();
    assert_eq!((counts.ledger.queued, counts.in_flight, counts.deferred), (7, 4, 1));
}

pub async fn bytes_and_first_deadline_follow_what_waits(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let items = vec![
        item(0, WEB).of_bytes(2_000).due_in(5 * HOUR_S),
        item(1, WEB).of_bytes(1_000).due_in(2 * HOUR_S),
        item(2, WEB).of_bytes(10).due_in(9 * HOUR_S).not_before(1_000),
    ];
    first_of(outbox.append(commit(items)).await.unwrap());
    let deadline = |hours: i64| Some(AT.to_seconds().plus_seconds(hours * HOUR_S));
    let counts = outbox.counts(WEB).await.unwrap();
    assert!(counts.queued_bytes >= 3_010, "{counts:?}");
    assert_eq!(counts.first_deadline, deadline(2));
    assert_eq!(outbox.peek(WEB).first_deadline, deadline(2));
    let lease = outbox.lease(WEB, LeaseAsk { max_items: 1, ..everything() }).await.unwrap();
    outbox.settle(WEB, delivered(seqs(&lease))).await.unwrap();
    let after = outbox.counts(WEB).await.unwrap();
    assert!(after.queued_bytes + 1_000 <= counts.queued_bytes, "{after:?}");
    assert_eq!(after.first_deadline, deadline(5));
    drop(outbox);
    let outbox = factory.open().await;
    assert_eq!(outbox.counts(WEB).await.unwrap(), after);
    lease_all(&outbox, WEB).await;
    assert_eq!(outbox.peek(WEB).first_deadline, deadline(9), "the deferred one");
}

pub async fn peek_tells_what_could_be_leased(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let items = vec![item(0, WEB), item(1, WEB), item(2, WEB).not_before(1_000), item(3, WEB)];
    first_of(outbox.append(commit(items)).await.unwrap());
    let peek = outbox.peek(WEB);
    assert_eq!((peek.ready, peek.in_flight), (3, 0));
    assert_eq!(peek.next_not_before, Some(AT.plus_millis(1_000)));
    let lease = outbox.lease(WEB, LeaseAsk { max_items: 2, ..everything() }).await.unwrap();
    let peek = outbox.peek(WEB);
    assert_eq!((peek.ready, peek.in_flight), (1, 2));
    outbox.release(WEB, &seqs(&lease)[..1], None).await.unwrap();
    let peek = outbox.peek(WEB);
    assert_eq!((peek.ready, peek.in_flight), (2, 1));
}

pub async fn an_unknown_lane_is_empty(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, APP, 0..1).await;
    assert_eq!(outbox.counts(WEB).await.unwrap(), LaneCounts::default());
    assert_eq!(outbox.peek(WEB), LanePeek::default());
    assert_eq!(lease_all(&outbox, WEB).await, []);
    assert_eq!(unknown_in(&outbox, WEB, 10).await, []);
    let overdue = AT.to_seconds();
    assert_eq!(outbox.expire_due(WEB, overdue, AT, reason(None), 10).await.unwrap(), 0);
}

pub async fn an_item_is_found_in_each_state(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    for (number, settlement) in (1..).zip([delivered, rejected, expired, unknown]) {
        fill(&outbox, WEB, number..number + 1).await;
        settle_all(&outbox, WEB, settlement).await;
    }
    fill(&outbox, APP, 5..7).await;
    first_of(outbox.append(commit(vec![item(7, SHOP).in_group("a").not_before(1)])).await.unwrap());
    outbox.lease(APP, LeaseAsk { max_items: 1, ..everything() }).await.unwrap();
    let expected = [
        (1, WEB, LedgerState::Delivered),
        (2, WEB, LedgerState::Rejected),
        (3, WEB, LedgerState::Expired),
        (4, WEB, LedgerState::Unknown),
        (5, APP, LedgerState::Queued),
        (6, APP, LedgerState::Queued),
        (7, SHOP, LedgerState::Queued),
    ];
    for (number, lane, state) in expected {
        assert_found(&outbox, number, lane, state).await;
    }
    assert_eq!(outbox.find(item_id(99)).await.unwrap(), None);
    outbox.replay(&[item_id(2)], AT).await.unwrap();
    assert_found(&outbox, 2, WEB, LedgerState::Queued).await;
}

async fn assert_found(outbox: &Arc<dyn Outbox>, number: u32, lane: LaneId, state: LedgerState) {
    let found = outbox.find(item_id(number)).await.unwrap();
    assert_eq!(found, Some(FoundItem { item_id: item_id(number), lane, state }));
}

pub async fn lanes_are_isolated(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..5).await;
    fill(&outbox, APP, 5..8).await;
    let of_app = outbox.counts(APP).await.unwrap();
    settle_all(&outbox, WEB, rejected).await;
    outbox.set_quota(WEB, 1);
    let far = AT.to_seconds().plus_seconds(1_000_000_000);
    outbox.expire_due(WEB, far, AT, reason(None), 100).await.unwrap();
    assert_eq!(outbox.counts(APP).await.unwrap(), of_app);
    assert_eq!(lease_all(&outbox, APP).await.len(), 3);
}
