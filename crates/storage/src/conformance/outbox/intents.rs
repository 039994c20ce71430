//! Intents: what was about to be sent although a repetition would be counted twice.

use holdfast_model::id::Seq;

use super::OutboxFactory;
use super::sample::{APP, WEB, abandon, everything, fill, lease_all, numbers, totals};
use crate::Lease;

fn marked(lease: &Lease) -> Vec<u32> {
    let marked: Vec<bool> = lease.items.iter().map(|leased| leased.meta.intent_recorded).collect();
    numbers(lease).into_iter().zip(marked).filter(|(_, is)| *is).map(|(n, _)| n).collect()
}

pub async fn an_intent_survives_reopening(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..6).await;
    let leased = lease_all(&outbox, WEB).await;
    outbox.record_intent(WEB, &leased[1..4]).await.unwrap();
    // Once more is the same.
    outbox.record_intent(WEB, &leased[2..5]).await.unwrap();
    drop(outbox);
    for _ in 0..3 {
        let outbox = factory.open().await;
        let lease = outbox.lease(WEB, everything()).await.unwrap();
        assert_eq!(numbers(&lease), [0, 1, 2, 3, 4, 5], "each item once");
        assert_eq!(marked(&lease), [1, 2, 3, 4]);
        assert_eq!(totals(&outbox, WEB).await.accepted, 6, "an intent is no new item");
        drop(outbox);
    }
}

pub async fn an_intent_marks_only_what_was_named(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..3).await;
    fill(&outbox, APP, 3..6).await;
    let leased = lease_all(&outbox, WEB).await;
    let other = lease_all(&outbox, APP).await;
    outbox.record_intent(WEB, &leased[..1]).await.unwrap();
    // Nothing of this lane, and what never was.
    outbox.record_intent(WEB, &other).await.unwrap();
    outbox.record_intent(WEB, &[Seq(u64::MAX >> 8)]).await.unwrap();
    outbox.release(WEB, &leased[1..], None).await.unwrap();
    drop(outbox);
    let outbox = factory.open().await;
    assert_eq!(marked(&outbox.lease(WEB, everything()).await.unwrap()), [0]);
    assert!(marked(&outbox.lease(APP, everything()).await.unwrap()).is_empty());
}

pub async fn a_withdrawn_intent_is_forgotten_at_once(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..4).await;
    let leased = lease_all(&outbox, WEB).await;
    outbox.record_intent(WEB, &leased).await.unwrap();
    outbox.withdraw_intent(WEB, &leased[..2]);
    // What was never recorded, or is another lane's, is passed over.
    outbox.withdraw_intent(APP, &leased[2..]);
    outbox.withdraw_intent(WEB, &[Seq(u64::MAX >> 8)]);
    outbox.release(WEB, &leased, None).await.unwrap();
    assert_eq!(marked(&outbox.lease(WEB, everything()).await.unwrap()), [2, 3]);
    // The next attempt is recorded anew.
    outbox.record_intent(WEB, &leased[..1]).await.unwrap();
    drop(outbox);
    let outbox = factory.open().await;
    let seen = marked(&outbox.lease(WEB, everything()).await.unwrap());
    // That it was withdrawn may be lost with the process, that it was recorded may not.
    assert!([&[0, 2, 3][..], &[0, 1, 2, 3]].contains(&seen.as_slice()), "{seen:?}");
}

pub async fn an_intent_that_nobody_waited_for_is_not_taken_for_granted(
    factory: &dyn OutboxFactory,
) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..3).await;
    let leased = lease_all(&outbox, WEB).await;
    for _ in 0..10 {
        abandon(outbox.record_intent(WEB, &leased)).await;
    }
    outbox.record_intent(WEB, &leased).await.unwrap();
    drop(outbox);
    let outbox = factory.open().await;
    assert_eq!(marked(&outbox.lease(WEB, everything()).await.unwrap()), [0, 1, 2]);
}
