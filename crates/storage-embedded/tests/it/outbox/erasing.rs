//! Erasures: of what waits, of what left, and of what somebody has in hand.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use holdfast_model::id::{ItemId, LaneId, Seq};
use holdfast_model::ledger::LedgerState;
use holdfast_storage::{Erased, Erasure, Outbox as _, Settlement};

use super::model::{Known, LANES, Model, Place, fault};
use super::moves::abandon;

/// So many people there are: an item is of the one that the first byte of its fragment tells.
const PEOPLE: u8 = 12;

fn person(known: &Known) -> u8 {
    known.fragment.first().map_or(0, |byte| byte % PEOPLE)
}

impl Model {
    pub async fn erase(&mut self) {
        let is_certain = self.perhaps_replayed.is_empty() && self.perhaps_replaced.is_empty();
        if !is_certain || self.ledger_fails {
            return;
        }
        let whom = self.toss(u64::from(PEOPLE)) as u8;
        let lane = (self.toss(3) == 0).then(|| self.toss_lane());
        let concerned: BTreeSet<ItemId> = self
            .items
            .iter()
            .filter(|(_, known)| {
                person(known) == whom
                    && lane.is_none_or(|lane| lane == known.lane)
                    && known.place != Place::Delivered
                    && !known.is_gone
                    && !known.is_erased
            })
            .map(|(id, _)| *id)
            .collect();
        let erasure = Erasure {
            lanes: lane.map(|lane| BTreeSet::from([lane])),
            concerns: Arc::new(move |_, fragment| {
                fragment.first().map_or(0, |byte| byte % PEOPLE) == whom
            }),
            fault: fault(),
            at: self.now,
            patience: Duration::ZERO,
        };
        let outbox = self.outbox.clone().unwrap();
        if self.toss(6) == 0 {
            let _ = abandon(outbox.erase(erasure)).await;
            for _ in 0..self.toss(200) {
                tokio::task::yield_now().await;
            }
            drop(outbox);
            self.perhaps_erased.extend(concerned);
            return self.restart().await;
        }
        let answer = outbox.erase(erasure).await;
        drop(outbox);
        match answer {
            Ok(erased) => self.erased(&concerned, erased).await,
            Err(error) => {
                self.complain("erase", error);
                self.perhaps_erased.extend(concerned);
                self.restart().await;
            }
        }
    }

    async fn erased(&mut self, concerned: &BTreeSet<ItemId>, erased: Erased) {
        let at = self.at();
        let in_hand: BTreeSet<ItemId> =
            concerned.iter().copied().filter(|id| self.is_leased(*id)).collect();
        let (mut waiting, mut letters) = (0, 0);
        for id in concerned.difference(&in_hand) {
            let known = self.items.get_mut(id).unwrap();
            match known.place {
                Place::Queued => {
                    waiting += 1;
                    known.place = Place::Rejected;
                    known.deferred_until = None;
                }
                _ => letters += 1,
            }
            known.is_erased = true;
        }
        assert_eq!((erased.waiting, erased.letters), (waiting, letters), "{at}: {erased:?}");
        assert_eq!(erased.in_flight, in_hand.len() as u64, "{at}: {erased:?}");
        for lane in LANES {
            let mine: Vec<(Seq, ItemId)> =
                self.leased_of(lane).into_iter().filter(|(_, id)| in_hand.contains(id)).collect();
            if !mine.is_empty() {
                self.end_of_those_in_hand(lane, mine).await;
            }
        }
    }

    /// Whatever becomes of them, they are not handed out again.
    async fn end_of_those_in_hand(&mut self, lane: LaneId, mine: Vec<(Seq, ItemId)>) {
        let seqs: Vec<Seq> = mine.iter().map(|(seq, _)| *seq).collect();
        let outbox = self.outbox.clone().unwrap();
        match outbox.record_intent(lane, &seqs).await {
            Ok(erasing) => assert_eq!(erasing, seqs, "{}: may be sent", self.at()),
            Err(error) => self.complain("record_intent", error),
        }
        let (settled, place) = match self.toss(3) {
            0 => (outbox.release(lane, &seqs, None).await, Place::Rejected),
            1 => {
                let batch = self.batch(seqs.clone());
                (outbox.settle(lane, Settlement::Delivered(batch)).await, Place::Delivered)
            }
            _ => {
                let items = seqs.iter().map(|seq| (*seq, fault())).collect();
                let rejected = Settlement::Rejected { items, at: self.now };
                (outbox.settle(lane, rejected).await, Place::Rejected)
            }
        };
        let ids: Vec<ItemId> = mine.iter().map(|(_, id)| *id).collect();
        if let Err(error) = settled {
            self.complain("settle", error);
            drop(outbox);
            self.perhaps_erased.extend(ids);
            return self.restart().await;
        }
        for seq in &seqs {
            self.leased.remove(seq);
        }
        let left = self.leased_of(lane).len() as u64;
        // What came back is erased in the background, where it may meet a fault.
        let is_gone = || outbox.peek(lane).in_flight == left || self.disk.has_fired();
        self.eventually("an item that came back is erased", is_gone).await;
        if outbox.peek(lane).in_flight != left {
            drop(outbox);
            self.perhaps_erased.extend(ids);
            return self.restart().await;
        }
        for id in ids {
            let known = self.items.get_mut(&id).unwrap();
            (known.place, known.is_erased) = (place, place != Place::Delivered);
        }
    }

    /// After a restart each is what it was, or erased.
    pub async fn decide_erased(&mut self) {
        for id in std::mem::take(&mut self.perhaps_erased) {
            let letter = self.outbox().dead_letter(id).await.unwrap();
            let known = self.items.get_mut(&id).unwrap();
            match letter {
                Some(letter) if letter.erased_at.is_some() => {
                    if known.place == Place::Queued {
                        known.place = Place::Rejected;
                        known.deferred_until = None;
                    }
                    known.is_erased = true;
                }
                None if known.place == Place::Queued => {
                    let found = self.outbox.as_ref().unwrap().find(id).await.unwrap();
                    // It may have been delivered in time.
                    if found.is_none_or(|found| found.state != LedgerState::Queued) {
                        known.place = Place::Delivered;
                    }
                }
                _ => {}
            }
        }
    }
}
