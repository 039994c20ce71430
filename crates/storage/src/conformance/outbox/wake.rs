//! Telling a lane that there is something to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::OutboxFactory;
use super::sample::{APP, AT, WEB, fill, item_id, lease_all, rejected};
use crate::WakeFn;

fn counter() -> (Arc<AtomicUsize>, WakeFn) {
    let woken = Arc::new(AtomicUsize::new(0));
    let counted = woken.clone();
    let wake = Box::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    (woken, wake)
}

fn take(woken: &AtomicUsize) -> usize {
    woken.swap(0, Ordering::SeqCst)
}

pub async fn appended_and_released_items_wake_their_lane(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let (web, wake) = counter();
    outbox.on_available(WEB, wake);
    let (app, wake) = counter();
    outbox.on_available(APP, wake);
    fill(&outbox, WEB, 0..3).await;
    assert!(take(&web) > 0, "appended");
    let leased = lease_all(&outbox, WEB).await;
    take(&web);
    outbox.release(WEB, &leased[..2], None).await.unwrap();
    assert!(take(&web) > 0, "released");
    outbox.settle(WEB, rejected(leased[2..].to_vec())).await.unwrap();
    take(&web);
    assert_eq!(outbox.replay(&[item_id(2)], AT).await.unwrap().items, [item_id(2)]);
    assert!(take(&web) > 0, "put back");
    assert_eq!(take(&app), 0, "nothing happened in the other lane");
}

pub async fn a_later_wake_replaces_the_earlier(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let (first, wake) = counter();
    outbox.on_available(WEB, wake);
    let (second, wake) = counter();
    outbox.on_available(WEB, wake);
    fill(&outbox, WEB, 0..1).await;
    assert_eq!(take(&first), 0);
    assert!(take(&second) > 0);
}
