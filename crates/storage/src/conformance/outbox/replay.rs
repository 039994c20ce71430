//! Putting back what left undelivered.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use holdfast_model::id::ItemId;
use holdfast_model::ledger::LedgerState;

use super::OutboxFactory;
use super::sample::{
    APP, AT, MANY_LOOKS, WEB, abandon, commit, delivered, drain, everything, expired, fault, fill,
    first_of, item, item_id, lease_all, let_others_run, numbers, rejected, settle_all, totals,
    unknown,
};
use crate::{DeadLetterPage, PutBack, Settlement};

pub async fn what_is_put_back_is_the_same_item(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let made = item(1, WEB).due_in(5_000).in_group("{\"a\":1}").never_deduplicated();
    let admitted = made.admitted.clone();
    first_of(outbox.append(commit(vec![made])).await.unwrap());
    settle_all(&outbox, WEB, rejected).await;
    let later = AT.plus_millis(60_000);
    assert_eq!(outbox.replay(&[item_id(1)], later).await.unwrap().items, [item_id(1)]);
    drop(outbox);
    let outbox = factory.open().await;
    let lease = outbox.lease(WEB, everything()).await.unwrap();
    assert_eq!(lease.group, admitted.group);
    let [leased] = lease.items.as_slice() else { panic!("one item: {lease:?}") };
    assert_eq!((leased.item_id, &leased.event_id), (item_id(1), &admitted.event_id));
    assert_eq!(leased.fragment, admitted.fragment);
    assert_eq!(leased.meta.expires_at, admitted.expires_at, "a replay is no new deadline");
    assert_eq!(leased.meta.dedup_until, None);
    let counts = totals(&outbox, WEB).await;
    assert_eq!((counts.accepted, counts.queued, counts.rejected), (1, 1, 0));
}

pub async fn each_item_is_put_back_once(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..3).await;
    settle_all(&outbox, WEB, expired).await;
    let ids = [item_id(0), item_id(1), item_id(0)];
    let mut put_back = outbox.replay(&ids, AT).await.unwrap().items;
    put_back.sort_unstable();
    assert_eq!(put_back, [item_id(0), item_id(1)]);
    let again = outbox.replay(&ids, AT).await.unwrap();
    assert_eq!(again, PutBack::default(), "they wait already");
    drop(outbox);
    let outbox = factory.open().await;
    assert_eq!(outbox.replay(&ids, AT).await.unwrap(), PutBack::default());
    let lease = outbox.lease(WEB, everything()).await.unwrap();
    assert_eq!(numbers(&lease), [0, 1]);
    let all = DeadLetterPage { limit: 10, ..Default::default() };
    let left = outbox.dead_letters(&all).await.unwrap();
    let left: Vec<ItemId> = left.iter().map(|letter| letter.item_id).collect();
    assert_eq!(left, [item_id(2)]);
}

pub async fn of_many_replays_at_once_one_puts_back(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..20).await;
    settle_all(&outbox, WEB, rejected).await;
    let ids: Vec<ItemId> = (0..20).map(item_id).collect();
    let answers = join_all((0..10).map(|_| outbox.replay(&ids, AT))).await;
    let all: Vec<ItemId> = answers.into_iter().flat_map(|answer| answer.unwrap().items).collect();
    let distinct: BTreeSet<ItemId> = all.iter().copied().collect();
    assert_eq!((all.len(), distinct.len()), (20, 20));
    assert_eq!(lease_all(&outbox, WEB).await.len(), 20);
    assert_eq!(totals(&outbox, WEB).await.queued, 20);
}

pub async fn only_dead_letters_and_expired_items_are_put_back(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..1).await;
    settle_all(&outbox, WEB, delivered).await;
    fill(&outbox, WEB, 1..2).await;
    // Perhaps it arrived: sending it again is not for a replay to decide.
    settle_all(&outbox, WEB, unknown).await;
    fill(&outbox, WEB, 2..3).await;
    let ids = [item_id(0), item_id(1), item_id(2), item_id(99)];
    assert_eq!(outbox.replay(&ids, AT).await.unwrap(), PutBack::default());
    let counts = totals(&outbox, WEB).await;
    assert_eq!((counts.delivered, counts.unknown, counts.queued), (1, 1, 1));
    assert_eq!(outbox.replay(&[], AT).await.unwrap(), PutBack::default());
}

pub async fn many_items_are_put_back_together(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    for from in (0..400).step_by(20) {
        let make = |n| item(n, if n % 2 == 0 { WEB } else { APP }).of_bytes(1_000);
        first_of(outbox.append(commit((from..from + 20).map(make).collect())).await.unwrap());
        settle_all(&outbox, WEB, rejected).await;
        settle_all(&outbox, APP, expired).await;
    }
    let ids: Vec<ItemId> = (0..400).map(item_id).collect();
    let put_back = outbox.replay(&ids, AT).await.unwrap().items;
    let put_back: BTreeSet<ItemId> = put_back.into_iter().collect();
    assert_eq!(put_back, ids.into_iter().collect());
    drop(outbox);
    let outbox = factory.open().await;
    for lane in [WEB, APP] {
        let leases = drain(&outbox, lane, everything()).await;
        assert_eq!(leases.iter().map(|lease| lease.items.len()).sum::<usize>(), 200);
        assert_eq!(totals(&outbox, lane).await.queued, 200);
    }
}

pub async fn an_abandoned_replay_is_whole_or_can_be_repeated(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..5).await;
    settle_all(&outbox, WEB, rejected).await;
    let ids: Vec<ItemId> = (0..5).map(item_id).collect();
    abandon(outbox.replay(&ids, AT)).await;
    // Either the first call puts them back or the second; nobody's going away leaves them between.
    for _ in 0..MANY_LOOKS {
        if totals(&outbox, WEB).await.queued == 5 {
            break;
        }
        outbox.replay(&ids, AT).await.unwrap();
        let_others_run().await;
    }
    assert_eq!(totals(&outbox, WEB).await.rejected, 0);
    assert_eq!(lease_all(&outbox, WEB).await.len(), 5);
}

pub async fn a_replayed_item_can_be_rejected_and_replayed_again(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..1).await;
    settle_all(&outbox, WEB, expired).await;
    for round in 0..3 {
        assert_eq!(outbox.replay(&[item_id(0)], AT).await.unwrap().items, [item_id(0)]);
        assert_eq!(outbox.dead_letter(item_id(0)).await.unwrap(), None, "it waits");
        let leased = lease_all(&outbox, WEB).await;
        let name = format!("meta.round_{round}");
        let items = vec![(leased[0], fault(&name))];
        outbox.settle(WEB, Settlement::Rejected { items, at: AT }).await.unwrap();
        let letter = outbox.dead_letter(item_id(0)).await.unwrap().unwrap();
        assert_eq!((letter.state, letter.fault.name), (LedgerState::Rejected, name));
    }
    drop(outbox);
    let outbox = factory.open().await;
    assert_eq!(lease_all(&outbox, WEB).await, []);
    let counts = totals(&outbox, WEB).await;
    assert_eq!((counts.accepted, counts.rejected, counts.expired), (1, 1, 0));
}

pub async fn what_is_too_old_stays_where_it_is(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let made = vec![item(0, WEB).due_in(100), item(1, WEB).due_in(200), item(2, WEB).due_in(300)];
    first_of(outbox.append(commit(made)).await.unwrap());
    settle_all(&outbox, WEB, rejected).await;
    let ids = [item_id(0), item_id(1), item_id(2)];
    let put_back = outbox.replay(&ids, AT.plus_millis(200_000)).await.unwrap();
    assert_eq!(put_back.items, [item_id(2)]);
    assert_eq!(put_back.too_old, [item_id(0), item_id(1)]);
    let counts = totals(&outbox, WEB).await;
    assert_eq!((counts.accepted, counts.queued, counts.rejected), (3, 1, 2));
    assert!(outbox.dead_letter(item_id(0)).await.unwrap().is_some());
}

pub async fn there_may_be_no_room(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    for number in 0..4 {
        let made = vec![item(number, WEB).of_bytes(1_000)];
        first_of(outbox.append(commit(made)).await.unwrap());
    }
    settle_all(&outbox, WEB, rejected).await;
    let ids: Vec<ItemId> = (0..4).map(item_id).collect();
    outbox.set_quota(WEB, 1_500);
    let one = outbox.replay(&ids[..1], AT).await.unwrap();
    assert_eq!(one.items, ids[..1]);
    let none = outbox.replay(&ids[1..], AT).await.unwrap();
    assert_eq!(none, PutBack { no_room: ids[1..].to_vec(), ..PutBack::default() });
    assert_eq!(totals(&outbox, WEB).await.rejected, 3);
    outbox.set_quota(WEB, 1 << 20);
    let rest = outbox.replay(&ids, AT).await.unwrap();
    assert_eq!(rest.items, ids[1..]);
}
