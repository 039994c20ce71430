//! Giving items back.

use holdfast_model::id::Seq;

use super::OutboxFactory;
use super::sample::{
    APP, AT, WEB, commit, delivered, everything, fill, first_of, item, lease_all, numbers, totals,
};
use crate::LeaseAsk;

pub async fn released_items_are_leased_again(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..4).await;
    let leased = lease_all(&outbox, WEB).await;
    let before = outbox.counts(WEB).await.unwrap();
    outbox.release(WEB, &leased[1..3], None).await.unwrap();
    let after = outbox.counts(WEB).await.unwrap();
    assert_eq!((before.in_flight, after.in_flight), (4, 2));
    assert_eq!(before.ledger, after.ledger, "giving back is no move");
    let again = outbox.lease(WEB, everything()).await.unwrap();
    assert_eq!(numbers(&again), [1, 2]);
}

pub async fn deferred_items_wait_for_their_time(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..3).await;
    let leased = lease_all(&outbox, WEB).await;
    outbox.release(WEB, &leased[..1], Some(AT.plus_millis(2_000))).await.unwrap();
    outbox.release(WEB, &leased[1..2], Some(AT.plus_millis(1_000))).await.unwrap();
    outbox.release(WEB, &leased[2..], None).await.unwrap();
    let counts = outbox.counts(WEB).await.unwrap();
    assert_eq!((counts.deferred, counts.in_flight, counts.ledger.queued), (2, 0, 3));
    assert_eq!(outbox.peek(WEB).next_not_before, Some(AT.plus_millis(1_000)));
    for (millis, expected) in [(999, vec![2]), (1_999, vec![1]), (2_000, vec![0])] {
        let ask = LeaseAsk { now: AT.plus_millis(millis), ..everything() };
        assert_eq!(numbers(&outbox.lease(WEB, ask).await.unwrap()), expected, "{millis} ms");
    }
}

pub async fn what_is_not_leased_is_passed_over(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let first = first_of(outbox.append(commit(vec![item(0, WEB)])).await.unwrap());
    let later = Some(AT.plus_millis(60_000));
    // It waits, it is another lane's, it never was.
    outbox.release(WEB, &[first, Seq(first.0 + 1_000)], later).await.unwrap();
    outbox.release(APP, &[first], later).await.unwrap();
    let leased = lease_all(&outbox, WEB).await;
    assert_eq!(leased, [first], "a release does not defer what was not leased");
    outbox.settle(WEB, delivered(leased)).await.unwrap();
    outbox.release(WEB, &[first], None).await.unwrap();
    assert_eq!(lease_all(&outbox, WEB).await, []);
    assert_eq!(totals(&outbox, WEB).await.delivered, 1);
}
