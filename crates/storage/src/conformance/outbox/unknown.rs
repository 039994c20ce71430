//! Items whose answer was lost.

use std::sync::Arc;

use holdfast_model::id::{ItemId, LaneId};
use holdfast_model::ledger::LedgerState;

use super::OutboxFactory;
use super::sample::{
    APP, AT, WEB, everything, fill, item_id, lease_all, numbers, rejected, settle_all, totals,
    unknown,
};
use crate::{DeadLetterFilter, DeadLetterPage, Outbox, PutBack};

/// Makes items `numbers` of the lane unknown.
async fn lose(
    outbox: &Arc<dyn Outbox>,
    lane: LaneId,
    numbers: std::ops::Range<u32>,
) -> Vec<ItemId> {
    fill(outbox, lane, numbers.clone()).await;
    let leased = lease_all(outbox, lane).await;
    outbox.record_intent(lane, &leased).await.unwrap();
    outbox.settle(lane, unknown(leased)).await.unwrap();
    numbers.map(item_id).collect()
}

pub(super) async fn unknown_in(outbox: &Arc<dyn Outbox>, lane: LaneId, limit: u32) -> Vec<ItemId> {
    let state = Some(LedgerState::Unknown);
    let filter = DeadLetterFilter { lane: Some(lane), state, ..DeadLetterFilter::default() };
    let page = DeadLetterPage { filter, limit, ..DeadLetterPage::default() };
    let letters = outbox.dead_letters(&page).await.unwrap();
    letters.iter().map(|letter| letter.item_id).collect()
}

pub async fn unknown_items_are_listed_oldest_first(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let mut lost = lose(&outbox, WEB, 0..3).await;
    lose(&outbox, APP, 3..5).await;
    lost.extend(lose(&outbox, WEB, 5..8).await);
    fill(&outbox, WEB, 8..10).await;
    let leased = lease_all(&outbox, WEB).await;
    outbox.settle(WEB, rejected(leased)).await.unwrap();
    assert_eq!(unknown_in(&outbox, WEB, 100).await, lost);
    assert_eq!(unknown_in(&outbox, WEB, 4).await, lost[..4]);
    assert_eq!(unknown_in(&outbox, APP, 100).await, [item_id(3), item_id(4)]);
    assert_eq!(totals(&outbox, WEB).await.unknown, 6);
}

pub async fn unknown_items_survive_reopening(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let lost = lose(&outbox, WEB, 0..3).await;
    drop(outbox);
    let outbox = factory.open().await;
    assert_eq!(unknown_in(&outbox, WEB, 100).await, lost);
    assert_eq!(lease_all(&outbox, WEB).await, [], "nobody sends them again by himself");
    assert_eq!(totals(&outbox, WEB).await.unknown, 3);
}

pub async fn unknown_items_can_be_sent_again_or_confirmed(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let lost = lose(&outbox, WEB, 0..6).await;
    fill(&outbox, WEB, 6..7).await;
    settle_all(&outbox, WEB, rejected).await;
    fill(&outbox, WEB, 7..8).await;
    let elsewhere = [item_id(6), item_id(7), item_id(99)];
    assert_eq!(outbox.resend_unknown(&elsewhere, AT).await.unwrap(), PutBack::default());
    assert_eq!(outbox.confirm_delivered(&elsewhere).await.unwrap(), []);
    let again = outbox.resend_unknown(&lost[..2], AT).await.unwrap();
    assert_eq!(again, PutBack { items: lost[..2].to_vec(), ..PutBack::default() });
    let twice = [lost[2], lost[3], lost[2]];
    assert_eq!(outbox.confirm_delivered(&twice).await.unwrap(), lost[2..4]);
    assert_eq!(outbox.confirm_delivered(&twice).await.unwrap(), []);
    let check = async |outbox: &Arc<dyn Outbox>| {
        let counts = totals(outbox, WEB).await;
        assert!(counts.is_conserved(), "{counts:?}");
        let all = (counts.accepted, counts.queued, counts.delivered, counts.unknown);
        assert_eq!((all, counts.rejected), ((8, 3, 2, 2), 1));
        assert_eq!(unknown_in(outbox, WEB, 100).await, lost[4..]);
    };
    check(&outbox).await;
    drop(outbox);
    let outbox = factory.open().await;
    check(&outbox).await;
    let mut waiting = numbers(&outbox.lease(WEB, everything()).await.unwrap());
    waiting.sort_unstable();
    assert_eq!(waiting, [0, 1, 7], "what was confirmed does not come back");
}
