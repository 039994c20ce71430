//! What left the queue undelivered, for people to look at.

use std::sync::Arc;

use holdfast_model::id::LaneId;
use holdfast_model::ledger::LedgerState;

use super::OutboxFactory;
use super::sample::{
    APP, AT, WEB, commit, delivered, expired, fault, fill, first_of, item, item_id, lease_all,
    settle_all, unknown,
};
use crate::{DeadLetterFilter, Outbox, Settlement};

pub async fn a_dead_letter_keeps_its_event_and_its_words(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let made = item(1, WEB).due_in(777);
    let fragment = made.admitted.fragment.clone();
    first_of(outbox.append(commit(vec![made])).await.unwrap());
    let at = AT.plus_millis(99);
    let leased = lease_all(&outbox, WEB).await;
    let items = vec![(leased[0], fault("meta.event_refused"))];
    outbox.settle(WEB, Settlement::Rejected { items, at }).await.unwrap();
    drop(outbox);
    let outbox = factory.open().await;
    let letter = outbox.dead_letter(item_id(1)).await.unwrap().unwrap();
    assert_eq!((letter.item_id, letter.lane), (item_id(1), WEB));
    assert_eq!(letter.event_id, "e-1");
    assert_eq!(letter.state, LedgerState::Rejected);
    assert_eq!(letter.fault, fault("meta.event_refused"));
    assert_eq!((letter.at, letter.admitted_at), (at, AT));
    assert_eq!(letter.expires_at, AT.to_seconds().plus_seconds(777));
    assert_eq!(letter.fragment, Some(fragment));
    let listed = outbox.dead_letters(&all()).await.unwrap();
    assert_eq!(listed, [crate::DeadLetter { fragment: None, ..letter }]);
}

fn all() -> DeadLetterFilter {
    DeadLetterFilter { limit: 1_000, ..DeadLetterFilter::default() }
}

/// Lane by item: even ones in `WEB`. State and fault by item: every third has expired, the others
/// have one of two faults.
async fn some(outbox: &Arc<dyn Outbox>) {
    for number in 0..12 {
        let lane = lane_of(number);
        fill(outbox, lane, number..number + 1).await;
        let leased = lease_all(outbox, lane).await;
        let settlement = if number % 3 == 0 {
            expired(leased)
        } else {
            let items = leased.into_iter().map(|seq| (seq, fault(fault_of(number)))).collect();
            Settlement::Rejected { items, at: AT }
        };
        outbox.settle(lane, settlement).await.unwrap();
    }
}

fn lane_of(number: u32) -> LaneId {
    if number.is_multiple_of(2) { WEB } else { APP }
}

fn fault_of(number: u32) -> &'static str {
    if number < 6 { "meta.event_refused" } else { "meta.event_too_old" }
}

async fn listed(outbox: &Arc<dyn Outbox>, filter: DeadLetterFilter) -> Vec<u32> {
    let letters = outbox.dead_letters(&filter).await.unwrap();
    assert!(letters.iter().all(|letter| letter.fragment.is_none()));
    let number = |event_id: &str| event_id.trim_start_matches("e-").parse().unwrap();
    letters.iter().map(|letter| number(&letter.event_id)).collect()
}

pub async fn listings_are_filtered(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    some(&outbox).await;
    let named = Some("meta.event_too_old".to_owned());
    let expired = Some(LedgerState::Expired);
    let cases = [
        (all(), (0..12).collect::<Vec<u32>>()),
        (DeadLetterFilter { lane: Some(WEB), ..all() }, vec![0, 2, 4, 6, 8, 10]),
        (DeadLetterFilter { state: expired, ..all() }, vec![0, 3, 6, 9]),
        (
            DeadLetterFilter { state: Some(LedgerState::Rejected), ..all() },
            vec![1, 2, 4, 5, 7, 8, 10, 11],
        ),
        (DeadLetterFilter { fault: named.clone(), ..all() }, vec![7, 8, 10, 11]),
        (DeadLetterFilter { fault: named, lane: Some(APP), ..all() }, vec![7, 11]),
        (DeadLetterFilter { state: expired, lane: Some(APP), ..all() }, vec![3, 9]),
        (DeadLetterFilter { lane: Some(LaneId(77)), ..all() }, vec![]),
        (DeadLetterFilter { fault: Some("meta".to_owned()), ..all() }, vec![]),
        (DeadLetterFilter { limit: 0, ..all() }, vec![]),
    ];
    for (filter, expected) in cases {
        assert_eq!(listed(&outbox, filter.clone()).await, expected, "{filter:?}");
    }
}

pub async fn listings_are_paged_without_gaps_or_repetitions(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    some(&outbox).await;
    for (lane, expected) in [(None, (0..12).collect()), (Some(APP), vec![1, 3, 5, 7, 9, 11])] {
        let mut seen: Vec<u32> = Vec::new();
        let mut after = None;
        loop {
            let filter = DeadLetterFilter { lane, after, limit: 5, ..all() };
            let page = listed(&outbox, filter).await;
            let Some(last) = page.last() else { break };
            assert!(page.len() <= 5);
            after = Some(item_id(*last));
            seen.extend(page);
        }
        assert_eq!(seen, expected);
    }
}

pub async fn only_what_left_is_a_dead_letter(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..2).await;
    settle_all(&outbox, WEB, delivered).await;
    fill(&outbox, WEB, 2..4).await;
    settle_all(&outbox, WEB, unknown).await;
    fill(&outbox, WEB, 4..6).await;
    for number in [0, 4, 99] {
        assert_eq!(outbox.dead_letter(item_id(number)).await.unwrap(), None, "item {number}");
    }
    assert_eq!(listed(&outbox, all()).await, [0; 0], "unknown items are no dead letters");
}
