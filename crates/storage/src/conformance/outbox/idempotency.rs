//! Requests that come twice.

use futures_util::future::join_all;

use super::OutboxFactory;
use super::sample::{
    APP, WEB, commit, delivered, first_of, item, keyed, lease_all, settle_all, totals,
};
use crate::{AppendError, Appended, IdempotencyKey, Remembered};

fn receipt(key: &str, body: u8) -> Remembered {
    Remembered {
        body_sha256: [body; 32],
        receipt: format!("receipt of {key} for {body}").into_bytes(),
    }
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey(text.to_owned())
}

pub async fn a_repeated_key_answers_the_same_and_writes_nothing(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    assert_eq!(outbox.remembered(&key("a")).await.unwrap(), None);
    first_of(outbox.append(keyed(vec![item(1, WEB)], "a", 1)).await.unwrap());
    assert_eq!(outbox.remembered(&key("a")).await.unwrap(), Some(receipt("a", 1)));
    let again = outbox.append(keyed(vec![item(2, WEB), item(3, APP)], "a", 1)).await.unwrap();
    assert_eq!(again, Appended::Repeated(receipt("a", 1)));
    assert_eq!(totals(&outbox, WEB).await.accepted, 1);
    assert_eq!(totals(&outbox, APP).await.accepted, 0);
    // Another key is another request, whatever it carries.
    first_of(outbox.append(keyed(vec![item(2, WEB)], "b", 1)).await.unwrap());
    assert_eq!(totals(&outbox, WEB).await.accepted, 2);
}

pub async fn the_same_key_with_another_body_tells_the_first_body(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    first_of(outbox.append(keyed(vec![item(1, WEB)], "a", 1)).await.unwrap());
    let other = outbox.append(keyed(vec![item(2, WEB)], "a", 2)).await.unwrap();
    assert_eq!(other, Appended::Repeated(receipt("a", 1)), "so that the caller sees the mistake");
    assert_eq!(totals(&outbox, WEB).await.accepted, 1);
}

pub async fn of_fifty_repetitions_at_once_one_is_stored(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let requests = (0..50).map(|n| keyed(vec![item(n, WEB)], "a", 1));
    let answers = join_all(requests.map(|request| outbox.append(request))).await;
    let stored = answers.iter().filter(|a| matches!(a, Ok(Appended::Stored { .. }))).count();
    assert_eq!(stored, 1);
    for answer in answers {
        if let Appended::Repeated(remembered) = answer.unwrap() {
            assert_eq!(remembered, receipt("a", 1));
        }
    }
    assert_eq!(totals(&outbox, WEB).await.accepted, 1);
    drop(outbox);
    let outbox = factory.open().await;
    assert_eq!(lease_all(&outbox, WEB).await.len(), 1);
}

/// So much that a backend which writes in files or pages goes through several of them meanwhile.
pub async fn of_many_pairs_at_once_one_of_each_is_stored(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    let requests = (0..120).map(|n| {
        let key = format!("pair-{}", n / 2);
        keyed(vec![item(n, WEB).of_bytes(20_000)], &key, 1)
    });
    let answers = join_all(requests.map(|request| outbox.append(request))).await;
    for (number, pair) in answers.chunks(2).enumerate() {
        let stored = pair.iter().filter(|a| matches!(a, Ok(Appended::Stored { .. }))).count();
        let repeated = pair.iter().filter(|a| matches!(a, Ok(Appended::Repeated(_)))).count();
        assert_eq!((stored, repeated), (1, 1), "pair {number}: {pair:?}");
    }
    assert_eq!(totals(&outbox, WEB).await.accepted, 60);
}

pub async fn a_refused_commit_leaves_its_key_free(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    outbox.set_quota(WEB, 1);
    let refused = outbox.append(keyed(vec![item(1, WEB)], "a", 1)).await;
    assert!(matches!(refused, Err(AppendError::QuotaExceeded { .. })), "{refused:?}");
    assert_eq!(outbox.remembered(&key("a")).await.unwrap(), None);
    outbox.set_quota(WEB, 1 << 20);
    first_of(outbox.append(keyed(vec![item(1, WEB)], "a", 1)).await.unwrap());
}

pub async fn a_repetition_is_known_even_when_the_quota_is_used_up(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    first_of(outbox.append(keyed(vec![item(1, WEB)], "a", 1)).await.unwrap());
    outbox.set_quota(WEB, 1);
    let refused = outbox.append(commit(vec![item(2, WEB)])).await;
    assert!(matches!(refused, Err(AppendError::QuotaExceeded { .. })), "{refused:?}");
    let again = outbox.append(keyed(vec![item(1, WEB)], "a", 1)).await.unwrap();
    assert_eq!(again, Appended::Repeated(receipt("a", 1)));
}

pub async fn keys_survive_reopening_and_settling(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    first_of(outbox.append(keyed(vec![item(1, WEB)], "a", 1)).await.unwrap());
    settle_all(&outbox, WEB, delivered).await;
    drop(outbox);
    for _ in 0..3 {
        let outbox = factory.open().await;
        let again = outbox.append(keyed(vec![item(1, WEB)], "a", 1)).await.unwrap();
        assert_eq!(again, Appended::Repeated(receipt("a", 1)));
        assert_eq!(outbox.remembered(&key("a")).await.unwrap(), Some(receipt("a", 1)));
        assert_eq!(lease_all(&outbox, WEB).await, []);
        drop(outbox);
    }
}
