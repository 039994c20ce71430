//! What a restart keeps, and what it ends.

use std::sync::Arc;

use holdfast_model::id::Seq;
use holdfast_model::ledger::LedgerCounts;

use super::OutboxFactory;
use super::sample::{
    APP, WEB, commit, delivered, everything, expired, fill, first_of, item, item_id, keyed,
    lease_all, numbers, rejected, settle_all, totals, unknown,
};
use super::unknown::unknown_in;
use crate::{AppendError, Appended, IdempotencyKey, Outbox, StorageError};

/// One item in every state, some waiting, a key, an intent.
async fn make_history(outbox: &Arc<dyn Outbox>) {
    for (number, settlement) in (0..).zip([delivered, rejected, expired, unknown]) {
        fill(outbox, WEB, number..number + 1).await;
        settle_all(outbox, WEB, settlement).await;
    }
    fill(outbox, WEB, 10..16).await;
    first_of(outbox.append(keyed(vec![item(20, APP)], "a", 1)).await.unwrap());
    let leased = lease_all(outbox, WEB).await;
    outbox.record_intent(WEB, &leased[..2]).await.unwrap();
    outbox.settle(WEB, delivered(leased[5..].to_vec())).await.unwrap();
}

async fn check_history(outbox: &Arc<dyn Outbox>) {
    let expected = LedgerCounts {
        accepted: 10,
        queued: 5,
        held: 0,
        unknown: 1,
        delivered: 2,
        rejected: 1,
        expired: 1,
    };
    assert_eq!(totals(outbox, WEB).await, expected);
    assert_eq!(totals(outbox, APP).await.queued, 1);
    let lease = outbox.lease(WEB, everything()).await.unwrap();
    assert_eq!(numbers(&lease), [10, 11, 12, 13, 14]);
    let marked = lease.items.iter().filter(|leased| leased.meta.intent_recorded).count();
    assert_eq!(marked, 2);
    for number in [1, 2] {
        assert!(outbox.dead_letter(item_id(number)).await.unwrap().is_some(), "item {number}");
    }
    assert_eq!(unknown_in(outbox, WEB, 10).await.len(), 1);
    let key = IdempotencyKey("a".to_owned());
    assert!(outbox.remembered(&key).await.unwrap().is_some());
}

pub async fn everything_survives_closing(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    make_history(&outbox).await;
    outbox.close().await.unwrap();
    drop(outbox);
    for _ in 0..3 {
        let outbox = factory.open().await;
        check_history(&outbox).await;
        outbox.close().await.unwrap();
        outbox.close().await.unwrap();
        drop(outbox);
    }
}

pub async fn everything_survives_an_end_without_closing(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    make_history(&outbox).await;
    drop(outbox);
    for _ in 0..3 {
        let outbox = factory.open().await;
        check_history(&outbox).await;
        drop(outbox);
    }
}

pub async fn leases_end_with_the_process(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..5).await;
    let leased = lease_all(&outbox, WEB).await;
    drop(outbox);
    let outbox = factory.open().await;
    assert_eq!(outbox.peek(WEB).in_flight, 0);
    // An answer to the earlier process's lease settles nothing here until it is leased anew.
    outbox.settle(WEB, delivered(leased.clone())).await.unwrap();
    assert_eq!(totals(&outbox, WEB).await.queued, 5);
    assert_eq!(lease_all(&outbox, WEB).await, leased, "under the positions they had");
}

pub async fn a_closed_outbox_accepts_nothing(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..1).await;
    outbox.close().await.unwrap();
    let refused = outbox.append(commit(vec![item(1, WEB)])).await;
    let closed = matches!(refused, Err(AppendError::Storage(StorageError::Closed)));
    assert!(closed, "{refused:?}");
    drop(outbox);
    let outbox = factory.open().await;
    assert_eq!(totals(&outbox, WEB).await.accepted, 1);
}

pub async fn positions_are_never_given_twice(factory: &dyn OutboxFactory) {
    let mut last = Seq(0);
    for number in 0..5 {
        let outbox = factory.open().await;
        let items = vec![item(number * 2, WEB), item(number * 2 + 1, WEB)];
        let appended = outbox.append(commit(items)).await.unwrap();
        let Appended::Stored { first } = appended else { panic!("{appended:?}") };
        assert!(first > last, "{first} was given already");
        last = Seq(first.0 + 1);
        if number % 2 == 0 {
            settle_all(&outbox, WEB, delivered).await;
        }
        drop(outbox);
    }
}
