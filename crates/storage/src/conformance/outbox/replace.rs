//! Corrections of dead letters.

use std::sync::Arc;

use futures_util::future::join_all;
use holdfast_model::id::ItemId;
use holdfast_model::ledger::LedgerState;

use super::OutboxFactory;
use super::sample::{
    APP, AT, MANY_LOOKS, WEB, abandon, commit, everything, expired, fill, first_of, item, item_id,
    lease_all, let_others_run, numbers, rejected, settle_all, totals, unknown,
};
use crate::{AppendError, DeadLetterPage, Outbox, PutBack, StorageError};

async fn open_letters(outbox: &Arc<dyn Outbox>) -> Vec<ItemId> {
    let page = DeadLetterPage { limit: 100, ..DeadLetterPage::default() };
    let letters = outbox.dead_letters(&page).await.unwrap();
    letters.iter().map(|letter| letter.item_id).collect()
}

fn is_refused(outcome: Result<(), AppendError>) -> bool {
    matches!(outcome, Err(AppendError::Storage(StorageError::Refused { .. })))
}

pub async fn a_correction_is_a_new_item_that_names_its_origin(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..2).await;
    settle_all(&outbox, WEB, rejected).await;
    outbox.replace(item_id(0), item(10, WEB), AT).await.unwrap();
    for opened in 0..2 {
        let outbox = if opened == 0 { outbox.clone() } else { factory.open().await };
        let counts = totals(&outbox, WEB).await;
        assert_eq!((counts.accepted, counts.queued, counts.rejected), (3, 1, 2));
        assert_eq!(outbox.origin(item_id(10)).await.unwrap(), Some(item_id(0)));
        assert_eq!(outbox.origin(item_id(0)).await.unwrap(), None);
        let letter = outbox.dead_letter(item_id(0)).await.unwrap().unwrap();
        assert_eq!(letter.replaced_by, Some(item_id(10)));
        assert_eq!(open_letters(&outbox).await, [item_id(1)], "what is replaced is done with");
        let put_back = outbox.replay(&[item_id(0)], AT).await.unwrap();
        assert_eq!(put_back, PutBack::default(), "and is not sent beside its correction");
        assert!(is_refused(outbox.replace(item_id(0), item(11, WEB), AT).await), "nor twice");
    }
    drop(outbox);
    let outbox = factory.open().await;
    assert_eq!(numbers(&outbox.lease(WEB, everything()).await.unwrap()), [10]);
}

pub async fn a_correction_can_be_rejected_and_corrected(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..1).await;
    settle_all(&outbox, WEB, expired).await;
    for number in 1..4 {
        outbox.replace(item_id(number - 1), item(number, WEB), AT).await.unwrap();
        settle_all(&outbox, WEB, rejected).await;
        let letter = outbox.dead_letter(item_id(number)).await.unwrap().unwrap();
        assert_eq!(letter.origin, Some(item_id(number - 1)));
        assert_eq!(letter.state, LedgerState::Rejected);
    }
    assert_eq!(open_letters(&outbox).await, [item_id(3)]);
    let counts = totals(&outbox, WEB).await;
    assert_eq!((counts.accepted, counts.rejected, counts.expired), (4, 3, 1));
}

pub async fn only_open_letters_are_replaced(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..1).await;
    settle_all(&outbox, WEB, unknown).await;
    fill(&outbox, WEB, 1..2).await;
    settle_all(&outbox, WEB, rejected).await;
    outbox.replay(&[item_id(1)], AT).await.unwrap();
    fill(&outbox, APP, 2..3).await;
    for number in [0, 1, 2, 99] {
        let outcome = outbox.replace(item_id(number), item(10 + number, WEB), AT).await;
        assert!(is_refused(outcome), "item {number}");
    }
    assert_eq!(totals(&outbox, WEB).await.accepted, 2);
}

pub async fn of_many_corrections_at_once_one_is_accepted(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..1).await;
    settle_all(&outbox, WEB, rejected).await;
    let replace = |number: u32| outbox.replace(item_id(0), item(10 + number, WEB), AT);
    let answers = join_all((0..20).map(replace)).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(lease_all(&outbox, WEB).await.len(), 1);
    assert_eq!(totals(&outbox, WEB).await.accepted, 2);
}

pub async fn a_correction_without_room_leaves_the_letter_open(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..1).await;
    settle_all(&outbox, WEB, rejected).await;
    first_of(outbox.append(commit(vec![item(1, WEB)])).await.unwrap());
    outbox.set_quota(WEB, 10);
    let outcome = outbox.replace(item_id(0), item(10, WEB), AT).await;
    assert!(matches!(outcome, Err(AppendError::QuotaExceeded { .. })), "{outcome:?}");
    assert_eq!(open_letters(&outbox).await, [item_id(0)]);
    outbox.set_quota(WEB, 1 << 20);
    outbox.replace(item_id(0), item(10, WEB), AT).await.unwrap();
    assert_eq!(totals(&outbox, WEB).await.accepted, 3);
}

pub async fn an_abandoned_correction_is_whole_or_can_be_repeated(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..1).await;
    settle_all(&outbox, WEB, rejected).await;
    abandon(outbox.replace(item_id(0), item(10, WEB), AT)).await;
    // Either the first call goes through or the second, never both.
    for _ in 0..MANY_LOOKS {
        if totals(&outbox, WEB).await.queued == 1 {
            break;
        }
        let _ = outbox.replace(item_id(0), item(11, WEB), AT).await;
        let_others_run().await;
    }
    drop(outbox);
    let outbox = factory.open().await;
    let counts = totals(&outbox, WEB).await;
    assert_eq!((counts.accepted, counts.queued, counts.rejected), (2, 1, 1));
    assert_eq!(open_letters(&outbox).await, []);
}
