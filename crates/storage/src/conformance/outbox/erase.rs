//! Erasing what is kept of one person.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use holdfast_model::id::{ItemId, LaneId, Seq};
use holdfast_model::ledger::LedgerState;

use super::OutboxFactory;
use super::sample::{
    APP, AT, MANY_LOOKS, WEB, commit, everything, expired, fault, fill, first_of, item, item_id,
    lease_all, let_others_run, numbers, rejected, settle_all, totals, unknown,
};
use crate::{
    AppendError, DeadLetterPage, Erased, Erasure, Outbox, PutBack, Settlement, StorageError,
};

/// Long enough for whatever a case does meanwhile.
const PATIENT: Duration = Duration::from_secs(600);

/// Items with these numbers are of the person.
fn erasure(numbers: &'static [u32], patience: Duration) -> Erasure {
    let concerns = move |_: LaneId, fragment: &[u8]| {
        numbers.iter().any(|number| item(*number, WEB).admitted.fragment == fragment)
    };
    let fault = fault("holdfast.erased");
    Erasure { lanes: None, concerns: Arc::new(concerns), fault, at: AT.plus_millis(9), patience }
}

async fn erase(outbox: &Arc<dyn Outbox>, numbers: &'static [u32]) -> Erased {
    outbox.erase(erasure(numbers, PATIENT)).await.unwrap()
}

async fn is_erased(outbox: &Arc<dyn Outbox>, id: ItemId, state: LedgerState) {
    let letter = outbox.dead_letter(id).await.unwrap().unwrap();
    assert_eq!((letter.state, letter.fragment), (state, None), "{id}");
    assert!(letter.erased_at.is_some() && letter.event_id.is_empty(), "{id}");
    let found = outbox.find(id).await.unwrap().unwrap();
    assert_eq!((found.state, found.lane), (state, letter.lane), "{id}");
}

pub async fn what_waits_is_rejected_without_its_content(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..4).await;
    first_of(outbox.append(commit(vec![item(4, WEB).not_before(50)])).await.unwrap());
    fill(&outbox, APP, 5..7).await;
    let erased = erase(&outbox, &[1, 2, 4, 5]).await;
    assert_eq!((erased.waiting, erased.letters, erased.looked_at), (4, 0, 7));
    assert_eq!((erased.in_flight, erased.delivered), (0, 0));
    assert!(erased.is_off_disk);
    for opened in 0..2 {
        let outbox = if opened == 0 { outbox.clone() } else { factory.open().await };
        let counts = totals(&outbox, WEB).await;
        assert_eq!((counts.accepted, counts.queued, counts.rejected), (5, 2, 3));
        for number in [1, 2, 4, 5] {
            is_erased(&outbox, item_id(number), LedgerState::Rejected).await;
        }
        let letter = outbox.dead_letter(item_id(1)).await.unwrap().unwrap();
        assert_eq!((letter.fault.name.as_str(), letter.at), ("holdfast.erased", AT.plus_millis(9)));
        assert_eq!(letter.event_time, item(1, WEB).admitted.event_time);
        let later = crate::LeaseAsk { now: AT.plus_millis(99), ..everything() };
        let leased = outbox.lease(WEB, later).await.unwrap();
        assert_eq!(numbers(&leased), [0, 3], "never handed out again");
        let seqs: Vec<Seq> = leased.items.iter().map(|leased| leased.meta.seq).collect();
        outbox.release(WEB, &seqs, None).await.unwrap();
    }
    drop(outbox);
    let outbox = factory.open().await;
    let again = erase(&outbox, &[1, 2, 4, 5]).await;
    assert_eq!((again.waiting, again.letters), (0, 0), "there is nothing left to erase");
}

pub async fn letters_keep_their_state_and_lose_their_content(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    for (number, settlement) in [(0, rejected as fn(_) -> _), (1, expired), (2, unknown)] {
        fill(&outbox, WEB, number..number + 1).await;
        settle_all(&outbox, WEB, settlement).await;
    }
    fill(&outbox, WEB, 3..4).await;
    settle_all(&outbox, WEB, rejected).await;
    let before = totals(&outbox, WEB).await;
    let erased = erase(&outbox, &[0, 1, 2]).await;
    assert_eq!((erased.waiting, erased.letters), (0, 3));
    for opened in 0..2 {
        let outbox = if opened == 0 { outbox.clone() } else { factory.open().await };
        assert_eq!(totals(&outbox, WEB).await, before);
        is_erased(&outbox, item_id(0), LedgerState::Rejected).await;
        is_erased(&outbox, item_id(1), LedgerState::Expired).await;
        is_erased(&outbox, item_id(2), LedgerState::Unknown).await;
        let page = DeadLetterPage { limit: 10, with_fragments: true, ..DeadLetterPage::default() };
        let listed = outbox.dead_letters(&page).await.unwrap();
        let listed: Vec<(ItemId, bool)> =
            listed.iter().map(|letter| (letter.item_id, letter.fragment.is_some())).collect();
        assert_eq!(listed, [(item_id(0), false), (item_id(1), false), (item_id(3), true)]);
        let ids = [item_id(0), item_id(1)];
        let put_back = outbox.replay(&ids, AT).await.unwrap();
        assert_eq!(put_back, PutBack { erased: ids.to_vec(), ..PutBack::default() });
        let resent = outbox.resend_unknown(&[item_id(2)], AT).await.unwrap();
        assert_eq!(resent, PutBack { erased: vec![item_id(2)], ..PutBack::default() });
        let replaced = outbox.replace(item_id(0), item(9, WEB), AT).await;
        let is_refused =
            matches!(replaced, Err(AppendError::Storage(StorageError::Refused { .. })));
        assert!(is_refused, "{replaced:?}");
    }
    assert_eq!(outbox.confirm_delivered(&[item_id(2)]).await.unwrap(), [item_id(2)]);
    let counts = totals(&outbox, WEB).await;
    assert_eq!((counts.queued, counts.unknown, counts.delivered), (0, 0, 1));
}

pub async fn only_the_lanes_that_are_named_are_looked_at(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..2).await;
    fill(&outbox, APP, 2..4).await;
    let lanes = Some(BTreeSet::from([APP]));
    let erasure = Erasure { lanes, ..erasure(&[0, 1, 2, 3], PATIENT) };
    let erased = outbox.erase(erasure).await.unwrap();
    assert_eq!((erased.waiting, erased.looked_at), (2, 2));
    assert_eq!(lease_all(&outbox, WEB).await.len(), 2);
    assert_eq!(lease_all(&outbox, APP).await.len(), 0);
}

/// What somebody who has the item in hand does with it, once the erasure has found it.
async fn once_found(outbox: &Arc<dyn Outbox>, items: &[Seq], found: Seq) {
    for _ in 0..MANY_LOOKS {
        if outbox.record_intent(WEB, items).await.unwrap() == [found] {
            return;
        }
        let_others_run().await;
    }
    panic!("an item in flight was not found");
}

pub async fn what_is_in_flight_is_waited_for(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..3).await;
    let leased = lease_all(&outbox, WEB).await;
    type Outcome = (u32, fn(Vec<Seq>) -> Option<Settlement>, [u64; 3]);
    let outcomes: [Outcome; 3] = [
        (0, |_| None, [1, 0, 0]),
        (1, |seqs| Some(rejected(seqs)), [0, 1, 0]),
        (2, |seqs| Some(super::sample::delivered(seqs)), [0, 0, 1]),
    ];
    for (number, settlement, expected) in outcomes {
        let numbers: &'static [u32] = [&[0_u32][..], &[1], &[2]][number as usize];
        let mine = leased[number as usize];
        let settle = async {
            once_found(&outbox, &leased[number as usize..], mine).await;
            match settlement(vec![mine]) {
                Some(settlement) => outbox.settle(WEB, settlement).await.unwrap(),
                None => outbox.release(WEB, &[mine], None).await.unwrap(),
            }
        };
        let (erased, ()) = join(erase(&outbox, numbers), settle).await;
        assert_eq!([erased.waiting, erased.letters, erased.delivered], expected, "item {number}");
        assert_eq!(erased.in_flight, 0);
        assert_eq!(outbox.lease(WEB, everything()).await.unwrap().items, []);
    }
    is_erased(&outbox, item_id(0), LedgerState::Rejected).await;
    is_erased(&outbox, item_id(1), LedgerState::Rejected).await;
    let counts = totals(&outbox, WEB).await;
    assert_eq!((counts.queued, counts.rejected, counts.delivered), (0, 2, 1));
}

pub async fn what_stays_in_flight_is_erased_when_it_comes_back(factory: &dyn OutboxFactory) {
    let outbox = factory.open().await;
    fill(&outbox, WEB, 0..3).await;
    let leased = lease_all(&outbox, WEB).await;
    let erased = outbox.erase(erasure(&[0, 1], Duration::ZERO)).await.unwrap();
    assert_eq!((erased.in_flight, erased.waiting, erased.is_off_disk), (2, 0, false));
    assert_eq!(outbox.record_intent(WEB, &leased).await.unwrap(), leased[..2]);
    outbox.release(WEB, &leased, None).await.unwrap();
    for _ in 0..MANY_LOOKS {
        if totals(&outbox, WEB).await.rejected == 2 {
            break;
        }
        let_others_run().await;
    }
    assert_eq!(numbers(&outbox.lease(WEB, everything()).await.unwrap()), [2]);
    is_erased(&outbox, item_id(0), LedgerState::Rejected).await;
    is_erased(&outbox, item_id(1), LedgerState::Rejected).await;
}

pub async fn an_erasure_that_was_cut_short_can_be_repeated(factory: &dyn OutboxFactory) {
    for looks in 0..6 {
        let outbox = factory.open().await;
        let first = looks * 10;
        fill(&outbox, WEB, first..first + 2).await;
        settle_all(&outbox, WEB, rejected).await;
        fill(&outbox, WEB, first + 2..first + 4).await;
        let all = Erasure { concerns: Arc::new(|_, _| true), ..erasure(&[], PATIENT) };
        super::sample::abandon(outbox.erase(all.clone())).await;
        for _ in 0..looks * 3 {
            let_others_run().await;
        }
        drop(outbox);
        let outbox = factory.open().await;
        let erased = outbox.erase(all).await.unwrap();
        assert!(erased.is_off_disk && erased.in_flight == 0, "{erased:?}");
        for number in first..first + 4 {
            is_erased(&outbox, item_id(number), LedgerState::Rejected).await;
        }
        assert_eq!(totals(&outbox, WEB).await.queued, 0);
    }
}
