//! Items whose answer was lost.

use std::sync::Arc;

use holdfast_model::id::{LaneId, Seq};

use super::OutboxFactory;
use super::sample::{APP, WEB, fill, lease_all, rejected, totals, unknown};
use crate::Outbox;

/// Makes items `numbers` of the lane unknown and returns their positions.
async fn lose(outbox: &Arc<dyn Outbox>, lane: LaneId, numbers: std::ops::Range<u32>) -> Vec<Seq> {
    fill(outbox, lane, numbers).await;
    let leased = lease_all(outbox, lane).await;
    outbox.record_intent(lane, &leased).await.unwrap();
    outbox.settle(lane, unknown(leased.clone())).await.unwrap();
    leased
}

pub async fn unknown_items_are_listed_oldest_first(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let mut lost = lose(&outbox, WEB, 0..3).await;
    lose(&outbox, APP, 3..5).await;
    lost.extend(lose(&outbox, WEB, 5..8).await);
    fill(&outbox, WEB, 8..10).await;
    let leased = lease_all(&outbox, WEB).await;
    outbox.settle(WEB, rejected(leased)).await.unwrap();
    assert_eq!(outbox.unknown_items(WEB, 100).await.unwrap(), lost);
    assert_eq!(outbox.unknown_items(WEB, 4).await.unwrap(), lost[..4]);
    assert_eq!(outbox.unknown_items(APP, 100).await.unwrap().len(), 2);
    assert_eq!(totals(&outbox, WEB).await.unknown, 6);
}

pub async fn unknown_items_survive_reopening(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let lost = lose(&outbox, WEB, 0..3).await;
    drop(outbox);
    let outbox = factory.open().await;
    assert_eq!(outbox.unknown_items(WEB, 100).await.unwrap(), lost);
    assert_eq!(lease_all(&outbox, WEB).await, [], "nobody sends them again by himself");
    assert_eq!(totals(&outbox, WEB).await.unknown, 3);
}
