//! Back-pressure, one lane at a time.

use std::sync::Arc;

use futures_util::future::join_all;
use holdfast_model::id::LaneId;

use super::OutboxFactory;
use super::sample::{
    APP, WEB, abandon, commit, delivered, fill, first_of, item, keyed, settle_all, totals,
};
use crate::{AppendError, Outbox};

const QUOTA: u64 = 64 << 10;
const ITEM: usize = 8 << 10;

/// Appends items of [`ITEM`] bytes until the lane refuses; returns how many it took.
async fn fill_up(outbox: &Arc<dyn Outbox>, lane: LaneId, from: u32) -> u32 {
    for number in from.. {
        match outbox.append(commit(vec![item(number, lane).of_bytes(ITEM)])).await {
            Ok(_) => assert!(u64::from(number - from) * (ITEM as u64) < QUOTA, "no quota"),
            Err(AppendError::QuotaExceeded { lane: refused, used_bytes, quota_bytes }) => {
                assert_eq!((refused, quota_bytes), (lane, QUOTA));
                assert!(used_bytes <= QUOTA, "{used_bytes} bytes are used");
                return number - from;
            }
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("the quota is finite")
}

pub async fn a_full_lane_refuses_and_the_others_do_not(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    outbox.set_quota(WEB, QUOTA);
    let taken = fill_up(&outbox, WEB, 0).await;
    assert!(taken >= 4, "only {taken} of 8 items fit");
    let counts = outbox.counts(WEB).await.unwrap();
    assert!(counts.queued_bytes <= QUOTA, "{counts:?}");
    assert_eq!(counts.ledger.accepted, u64::from(taken), "what was refused is not accepted");
    for number in 100..120 {
        first_of(outbox.append(commit(vec![item(number, APP).of_bytes(ITEM)])).await.unwrap());
    }
    assert_eq!(totals(&outbox, APP).await.accepted, 20);
}

pub async fn a_commit_that_one_lane_refuses_is_refused_whole(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    outbox.set_quota(WEB, QUOTA);
    outbox.set_quota(APP, QUOTA);
    let taken = fill_up(&outbox, WEB, 0).await;
    for number in 100..150 {
        let items = vec![item(number, APP).of_bytes(ITEM), item(number + 50, WEB).of_bytes(ITEM)];
        let refused = outbox.append(commit(items)).await;
        let refused = matches!(refused, Err(AppendError::QuotaExceeded { lane: WEB, .. }));
        assert!(refused, "and by the full lane, not because refusals use up the other's quota");
    }
    assert_eq!(totals(&outbox, WEB).await.accepted, u64::from(taken));
    assert_eq!(totals(&outbox, APP).await.accepted, 0);
    assert_eq!(fill_up(&outbox, APP, 200).await, taken);
}

pub async fn settling_makes_room_again(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    outbox.set_quota(WEB, QUOTA);
    let taken = fill_up(&outbox, WEB, 0).await;
    settle_all(&outbox, WEB, delivered).await;
    assert_eq!(fill_up(&outbox, WEB, 100).await, taken);
    outbox.set_quota(WEB, 4 * QUOTA);
    fill(&outbox, WEB, 200..210).await;
}

pub async fn of_many_commits_at_once_none_passes_the_quota(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    outbox.set_quota(WEB, QUOTA);
    let commits = (0..50).map(|n| commit(vec![item(n, WEB).of_bytes(ITEM)]));
    let answers = join_all(commits.map(|commit| outbox.append(commit))).await;
    let stored = answers.iter().filter(|answer| answer.is_ok()).count() as u64;
    let refused =
        answers.iter().filter(|a| matches!(a, Err(AppendError::QuotaExceeded { .. }))).count();
    assert_eq!(stored + refused as u64, 50, "{answers:?}");
    let counts = outbox.counts(WEB).await.unwrap();
    assert_eq!(counts.ledger.accepted, stored);
    assert!(counts.queued_bytes <= QUOTA, "{counts:?}");
}

pub async fn commits_that_nobody_waits_for_take_no_room_for_good(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    outbox.set_quota(WEB, QUOTA);
    first_of(outbox.append(keyed(vec![item(0, WEB)], "a", 1)).await.unwrap());
    for _ in 0..50 {
        // A repetition stores nothing, whether or not its caller stays to hear so.
        abandon(outbox.append(keyed(vec![item(1, WEB).of_bytes(ITEM)], "a", 1))).await;
        first_of(outbox.append(commit(vec![item(2, APP)])).await.unwrap());
    }
    settle_all(&outbox, WEB, delivered).await;
    let taken = fill_up(&outbox, WEB, 100).await;
    assert!(taken >= 4, "only {taken} of 8 items fit");
}
