//! What left the queue undelivered, for people to look at.

use std::sync::Arc;

use holdfast_model::id::{HoldId, LaneId};
use holdfast_model::ledger::LedgerState;
use holdfast_model::time::UnixMillis;

use super::OutboxFactory;
use super::sample::{
    APP, AT, DEADLINE, WEB, commit, delivered, fault, fill, first_of, item, item_id, lease_all,
    reason, rejected, settle_all, unknown,
};
use crate::{DeadLetterFilter, DeadLetterPage, LetterCount, Outbox, Settlement};

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
    assert_eq!(letter.event_time, AT.to_seconds().plus_seconds(-60));
    let page = DeadLetterPage { limit: 10, ..DeadLetterPage::default() };
    let with_fragments = DeadLetterPage { with_fragments: true, ..page.clone() };
    assert_eq!(outbox.dead_letters(&with_fragments).await.unwrap(), std::slice::from_ref(&letter));
    let listed = outbox.dead_letters(&page).await.unwrap();
    assert_eq!(listed, [crate::DeadLetter { fragment: None, ..letter }]);
}

/// Lane by item: even ones in `WEB`. State and fault by item: every third has expired behind a
/// hold, the others have one of two faults. Each left a second after the one before, and happened a
/// minute after it.
async fn some(outbox: &Arc<dyn Outbox>) {
    for number in 0..12 {
        let lane = lane_of(number);
        let happened = AT.to_seconds().plus_seconds(60 * i64::from(number));
        let made = item(number, lane).with(|admitted| admitted.event_time = happened);
        first_of(outbox.append(commit(vec![made])).await.unwrap());
        let items = lease_all(outbox, lane).await;
        let at = left_at(number);
        let settlement = if number % 3 == 0 {
            Settlement::Expired { items, reason: reason(Some(hold(number))), at }
        } else {
            let items = items.into_iter().map(|seq| (seq, fault(fault_of(number)))).collect();
            Settlement::Rejected { items, at }
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

fn hold(number: u32) -> HoldId {
    HoldId::from_parts(AT, [u8::from(number < 6); 10])
}

fn left_at(number: u32) -> UnixMillis {
    AT.plus_millis(1_000 * i64::from(number))
}

async fn listed(outbox: &Arc<dyn Outbox>, page: DeadLetterPage) -> Vec<u32> {
    let letters = outbox.dead_letters(&page).await.unwrap();
    assert!(letters.iter().all(|letter| letter.fragment.is_none()));
    let number = |event_id: &str| event_id.trim_start_matches("e-").parse().unwrap();
    letters.iter().map(|letter| number(&letter.event_id)).collect()
}

fn all() -> DeadLetterFilter {
    DeadLetterFilter::default()
}

pub async fn listings_and_counts_are_filtered(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    some(&outbox).await;
    let named = Some("meta.event_too_old".to_owned());
    let expired = Some(LedgerState::Expired);
    let happened = |number: i64| Some(AT.to_seconds().plus_seconds(60 * number));
    let cases = [
        (all(), (0..12).collect::<Vec<u32>>()),
        (DeadLetterFilter { lane: Some(WEB), ..all() }, vec![0, 2, 4, 6, 8, 10]),
        (DeadLetterFilter { state: expired, ..all() }, vec![0, 3, 6, 9]),
        (
            DeadLetterFilter { state: Some(LedgerState::Rejected), ..all() },
            vec![1, 2, 4, 5, 7, 8, 10, 11],
        ),
        (DeadLetterFilter { fault: named.clone(), ..all() }, vec![7, 8, 10, 11]),
        (DeadLetterFilter { fault: named.clone(), lane: Some(APP), ..all() }, vec![7, 11]),
        (DeadLetterFilter { state: expired, lane: Some(APP), ..all() }, vec![3, 9]),
        (DeadLetterFilter { hold: Some(hold(0)), ..all() }, vec![0, 3]),
        (DeadLetterFilter { hold: Some(hold(6)), lane: Some(WEB), ..all() }, vec![6]),
        (DeadLetterFilter { since: Some(left_at(9)), ..all() }, vec![9, 10, 11]),
        (DeadLetterFilter { until: Some(left_at(2)), ..all() }, vec![0, 1]),
        (DeadLetterFilter { since: Some(left_at(7)), fault: named, ..all() }, vec![7, 8, 10, 11]),
        (DeadLetterFilter { event_since: happened(10), ..all() }, vec![10, 11]),
        (DeadLetterFilter { event_until: happened(4), state: expired, ..all() }, vec![0, 3]),
        (DeadLetterFilter { lane: Some(LaneId(77)), ..all() }, vec![]),
        (DeadLetterFilter { fault: Some("meta".to_owned()), ..all() }, vec![]),
        (DeadLetterFilter { state: Some(LedgerState::Unknown), ..all() }, vec![]),
    ];
    for (filter, expected) in cases {
        let counts = outbox.count_dead_letters(&filter, AT.to_seconds()).await.unwrap();
        let counted: u64 = counts.iter().map(|count| count.items).sum();
        assert_eq!(counted, expected.len() as u64, "{filter:?}");
        let mut page = DeadLetterPage { filter, limit: 1_000, ..DeadLetterPage::default() };
        assert_eq!(listed(&outbox, page.clone()).await, expected, "{page:?}");
        page.newest_first = true;
        let backwards: Vec<u32> = expected.into_iter().rev().collect();
        assert_eq!(listed(&outbox, page.clone()).await, backwards, "{page:?}");
        page.limit = 0;
        assert_eq!(listed(&outbox, page).await, [0; 0]);
    }
}

pub async fn counts_tell_kinds_apart(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    some(&outbox).await;
    let filter = DeadLetterFilter { lane: Some(APP), ..all() };
    let count = |state, fault: &str, items, too_old, first, last| LetterCount {
        lane: APP,
        state,
        fault: fault.to_owned(),
        items,
        too_old,
        first_at: left_at(first),
        last_at: left_at(last),
    };
    for (now, has_passed) in [(DEADLINE.plus_seconds(-1), 0), (DEADLINE, 1)] {
        let counts = outbox.count_dead_letters(&filter, now).await.unwrap();
        let expected = [
            count(LedgerState::Expired, "holdfast.expired", 2, 2 * has_passed, 3, 9),
            count(LedgerState::Rejected, "meta.event_refused", 2, 2 * has_passed, 1, 5),
            count(LedgerState::Rejected, "meta.event_too_old", 2, 2 * has_passed, 7, 11),
        ];
        assert_eq!(counts, expected);
    }
}

pub async fn listings_are_paged_without_gaps_or_repetitions(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    some(&outbox).await;
    // Many that left at the same time.
    fill(&outbox, APP, 12..20).await;
    settle_all(&outbox, APP, rejected).await;
    for newest_first in [false, true] {
        for lane in [None, Some(APP)] {
            let filter = DeadLetterFilter { lane, ..all() };
            let whole = DeadLetterPage { filter, newest_first, limit: 100, ..Default::default() };
            let expected = listed(&outbox, whole.clone()).await;
            let mut seen: Vec<u32> = Vec::new();
            let mut after = None;
            loop {
                let page = DeadLetterPage { after, limit: 3, ..whole.clone() };
                let letters = outbox.dead_letters(&page).await.unwrap();
                let Some(last) = letters.last() else { break };
                assert!(letters.len() <= 3);
                after = Some(last.cursor());
                seen.extend(listed(&outbox, page).await);
                // What goes meanwhile changes nothing about the rest, the last one seen included.
                if lane.is_none() && !newest_first && seen.len() == 6 {
                    let put_back = outbox.replay(&[last.item_id], AT).await.unwrap();
                    assert_eq!(put_back.items, [last.item_id]);
                }
            }
            assert_eq!(seen, expected);
        }
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
    let page = DeadLetterPage { limit: 1_000, ..DeadLetterPage::default() };
    assert_eq!(listed(&outbox, page).await, [0; 0], "unknown items are no dead letters");
}
