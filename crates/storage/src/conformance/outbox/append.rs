//! Getting items in: whole, together, in order.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use holdfast_model::item::BatchGroup;
use holdfast_model::time::UnixSeconds;

use super::OutboxFactory;
use super::sample::{
    APP, AT, SHOP, WEB, abandon, commit, drain, everything, fill, first_of, item, item_id, numbers,
    seqs, totals,
};
use crate::LeaseAsk;

pub async fn what_was_appended_is_handed_out_as_it_was(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let made = item(7, WEB).due_in(1_000).in_group("{\"test_event_code\":\"T1\"}");
    let made = made.with(|admitted| {
        admitted.fragment = (0..=255).collect();
        admitted.event_id = "Bestellung-№7".to_owned();
        admitted.dedup_until = Some(UnixSeconds(AT.to_seconds().0 + 500));
    });
    let admitted = made.admitted.clone();
    let first = first_of(outbox.append(commit(vec![made])).await.unwrap());
    let lease = outbox.lease(WEB, everything()).await.unwrap();
    assert_eq!(lease.group, BatchGroup("{\"test_event_code\":\"T1\"}".to_owned()));
    let [leased] = lease.items.as_slice() else { panic!("one item: {lease:?}") };
    assert_eq!(leased.meta.seq, first);
    assert_eq!((leased.item_id, leased.lane), (item_id(7), WEB));
    assert_eq!(leased.event_id, admitted.event_id);
    assert_eq!(leased.fragment, admitted.fragment);
    assert_eq!(leased.meta.bytes as usize, admitted.fragment.len());
    assert_eq!(leased.meta.admitted_at, AT);
    assert_eq!(leased.meta.expires_at, admitted.expires_at);
    assert_eq!(leased.meta.dedup_until, admitted.dedup_until);
    assert!(!leased.meta.intent_recorded);
}

pub async fn a_commit_over_several_lanes_is_one(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let items = vec![item(1, WEB), item(2, APP), item(3, SHOP), item(4, WEB)];
    let first = first_of(outbox.append(commit(items)).await.unwrap());
    drop(outbox);
    let outbox = factory.open().await;
    let mut found = BTreeSet::new();
    for (lane, expected) in [(WEB, vec![1, 4]), (APP, vec![2]), (SHOP, vec![3])] {
        let lease = outbox.lease(lane, everything()).await.unwrap();
        assert_eq!(numbers(&lease), expected, "lane {lane}");
        found.extend(seqs(&lease).into_iter().map(|seq| seq.0));
    }
    assert_eq!(found, (first.0..first.0 + 4).collect(), "the commit's own positions");
}

pub async fn positions_follow_the_commit_without_gaps(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let items = (0..5).map(|number| item(number, WEB)).collect();
    let first = first_of(outbox.append(commit(items)).await.unwrap());
    let second = first_of(outbox.append(commit(vec![item(5, WEB)])).await.unwrap());
    assert!(second.0 >= first.0 + 5, "{second} is not after {first} and its followers");
    let lease = outbox.lease(WEB, everything()).await.unwrap();
    assert_eq!(numbers(&lease), [0, 1, 2, 3, 4, 5]);
    let expected: Vec<u64> = (first.0..first.0 + 5).chain([second.0]).collect();
    assert_eq!(seqs(&lease).iter().map(|seq| seq.0).collect::<Vec<_>>(), expected);
}

pub async fn of_fifty_commits_at_once_all_have_their_own_positions(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let commits = (0..50).map(|n| commit(vec![item(n * 2, WEB), item(n * 2 + 1, APP)]));
    let answers = join_all(commits.map(|commit| outbox.append(commit))).await;
    let firsts: BTreeSet<u64> = answers.into_iter().map(|a| first_of(a.unwrap()).0).collect();
    assert_eq!(firsts.len(), 50);
    let mut seen = BTreeSet::new();
    for lane in [WEB, APP] {
        assert_eq!(totals(&outbox, lane).await.accepted, 50);
        for lease in drain(&outbox, lane, everything()).await {
            seen.extend(seqs(&lease).into_iter().map(|seq| seq.0));
        }
    }
    let expected: BTreeSet<u64> = firsts.iter().flat_map(|first| [*first, first + 1]).collect();
    assert_eq!(seen, expected);
}

pub async fn a_commit_whose_caller_went_away_is_whole_or_absent(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    for n in 0..20 {
        abandon(outbox.append(commit(vec![item(n * 2, WEB), item(n * 2 + 1, APP)]))).await;
    }
    // A commit after them: what was abandoned before has been decided when it returns.
    first_of(outbox.append(commit(vec![item(100, SHOP)])).await.unwrap());
    let (web, app) = (totals(&outbox, WEB).await, totals(&outbox, APP).await);
    assert_eq!(web.accepted, app.accepted, "half a commit is there");
    let number = |n: u32| n / 2;
    let mut of_web: Vec<u32> = Vec::new();
    for lease in drain(&outbox, WEB, everything()).await {
        of_web.extend(numbers(&lease).into_iter().map(number));
    }
    let mut of_app: Vec<u32> = Vec::new();
    for lease in drain(&outbox, APP, everything()).await {
        of_app.extend(numbers(&lease).into_iter().map(number));
    }
    assert_eq!(of_web, of_app);
}

pub async fn an_item_is_not_leased_before_its_time(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let items = vec![item(1, WEB).not_before(5_000), item(2, WEB).not_before(9_000)];
    first_of(outbox.append(commit(items)).await.unwrap());
    fill(&outbox, WEB, 3..4).await;
    let at = |millis| LeaseAsk { now: AT.plus_millis(millis), ..everything() };
    assert_eq!(numbers(&outbox.lease(WEB, at(4_999)).await.unwrap()), [3]);
    assert_eq!(outbox.peek(WEB).next_not_before, Some(AT.plus_millis(5_000)));
    drop(outbox);
    let outbox = factory.open().await;
    assert_eq!(numbers(&outbox.lease(WEB, at(4_999)).await.unwrap()), [3]);
    assert_eq!(numbers(&outbox.lease(WEB, at(5_000)).await.unwrap()), [1]);
    assert_eq!(outbox.peek(WEB).next_not_before, Some(AT.plus_millis(9_000)));
    assert_eq!(numbers(&outbox.lease(WEB, at(9_000)).await.unwrap()), [2]);
    assert_eq!(outbox.peek(WEB).next_not_before, None);
}
