//! How a process ends, and how the next begins.

use std::collections::BTreeSet;
use std::sync::Arc;

use holdfast_model::id::ItemId;
use holdfast_model::ledger::LedgerState;
use holdfast_storage::{LeaseAsk, Outbox as _, StorageError};
use holdfast_storage_embedded::EmbeddedOutbox;

use super::model::{LANES, Model, Place};
use crate::plain_keys::PlainKeys;
use crate::sim_disk::{Fault, Op, What};

impl Model {
    /// Ends in one of three ways and begins again, perhaps not at the first attempt.
    pub async fn restart(&mut self) {
        match self.toss(4) {
            0 => self.outbox().close().await.unwrap(),
            1 => {}
            // The process ends, the machine goes on: what was written stays readable.
            2 => self.end(),
            _ => self.power_loss(),
        }
        self.end();
        self.open(true).await;
    }

    fn end(&mut self) {
        let at = self.at();
        if let Some(outbox) = self.outbox.take() {
            let outbox = Arc::into_inner(outbox);
            drop(outbox.unwrap_or_else(|| panic!("{at}: two outboxes would share the disk")));
        }
    }

    fn power_loss(&mut self) {
        self.disk.power_off();
        self.end();
        self.disk.power_on();
    }

    /// The fault of this step is over; what it did may need a restart.
    pub async fn take_fault_away(&mut self) {
        match self.disk.disarm() {
            None => {}
            Some((_, What::PowerLoss)) => {
                self.complaints.clear();
                self.power_loss();
                self.open(true).await;
            }
            Some((op, What::Error)) => {
                if matches!(op, Op::Write | Op::Sync | Op::Rename | Op::SyncDir) {
                    self.is_shaky = true;
                }
                self.complaints.clear();
            }
        }
    }

    /// Opens, if `unkindly` with a fault or two on the way, and settles what was left open.
    pub async fn open(&mut self, unkindly: bool) {
        let fired = self.disk.disarm();
        if fired.is_some() || self.is_shaky {
            self.complaints.clear();
        }
        if matches!(fired, Some((_, What::PowerLoss))) {
            self.disk.power_on();
        }
        let mut faults = if unkindly && self.toss(3) == 0 { 1 + self.toss(2) } else { 0 };
        loop {
            if faults > 0 {
                let what = if self.toss(2) == 0 { What::Error } else { What::PowerLoss };
                let after = self.toss(60);
                self.disk.arm(Fault { at: None, after, what });
            }
            let opened = self.open_once();
            let fired = if faults > 0 { self.disk.disarm() } else { None };
            faults = faults.saturating_sub(1);
            match (opened, fired) {
                (Ok(outbox), None) => {
                    self.outbox = Some(Arc::new(outbox));
                    self.is_shaky = false;
                    break;
                }
                // It may have failed in the background.
                (Ok(outbox), Some((_, What::Error))) => {
                    self.outbox = Some(Arc::new(outbox));
                    self.is_shaky = true;
                    break;
                }
                (Ok(outbox), Some((_, What::PowerLoss))) => {
                    self.outbox = Some(Arc::new(outbox));
                    self.power_loss();
                }
                (Err(_), Some((_, What::PowerLoss))) => self.disk.power_on(),
                (Err(_), Some((_, What::Error))) => {}
                (Err(error), None) => {
                    // Not even the spare that is kept was there: it was being made, or used.
                    let full = error.to_string().contains("no room");
                    assert!(full && self.disk.is_limited(), "{}: open: {error}", self.at());
                    self.disk.leave_all_room();
                }
            }
        }
        self.leased.clear();
        self.quotas.clear();
        for known in self.items.values_mut() {
            known.deferred_until = known.not_before;
            if std::mem::take(&mut known.intent_is_unsettled) {
                known.has_intent = None;
            }
        }
        self.decide().await;
        self.check_deeply().await;
    }

    fn open_once(&self) -> Result<EmbeddedOutbox, StorageError> {
        let disk = Arc::new(self.disk.clone());
        EmbeddedOutbox::open_on(self.settings.clone(), disk, Arc::new(PlainKeys), self.now)
    }

    /// What was left open is either there or not, and each commit is whole.
    async fn decide(&mut self) {
        for asked in std::mem::take(&mut self.perhaps) {
            let mut found = BTreeSet::new();
            for (id, _) in &asked.items {
                found.insert(self.outbox().find(*id).await.unwrap().is_some());
            }
            assert_eq!(found.len(), 1, "{}: half a commit", self.at());
            if found.contains(&true) {
                if let Some(key) = &asked.key {
                    assert!(!self.receipts.contains_key(key), "{}: {key} twice", self.at());
                }
                self.acknowledged(asked);
            }
        }
        self.decide_expired().await;
        for id in std::mem::take(&mut self.perhaps_replayed) {
            let found = self.outbox().find(id).await.unwrap().map(|found| found.state);
            let known = self.items.get_mut(&id).unwrap();
            if found == Some(LedgerState::Queued) {
                known.place = Place::Queued;
                (known.not_before, known.deferred_until) = (None, None);
                (known.has_intent, known.intent_is_unsettled) = (Some(false), false);
            }
        }
        self.decide_replaced().await;
        self.decide_erased().await;
    }

    /// Everything that waits can be delivered, and is gone after it.
    pub async fn finish(&mut self) {
        self.disk.leave_all_room();
        self.restart().await;
        if self.is_shaky {
            self.end();
            self.open(false).await;
        }
        for known in self.items.values_mut() {
            known.deferred_until = None;
        }
        // Long after everything was deferred to.
        let now = self.now.plus_millis(1_000_000_000);
        let ask = LeaseAsk { max_items: 50, max_unsafe_items: 50, max_bytes: 1 << 20, now };
        for lane in LANES {
            loop {
                let lease = self.outbox().lease(lane, ask).await.unwrap();
                if lease.items.is_empty() {
                    break;
                }
                self.take(lane, ask, lease);
                let mine = self.leased_of(lane);
                let batch = self.batch(mine.iter().map(|(seq, _)| *seq).collect());
                let delivered = holdfast_storage::Settlement::Delivered(batch);
                self.outbox().settle(lane, delivered).await.unwrap();
                for (seq, id) in mine {
                    self.leased.remove(&seq);
                    self.items.get_mut(&id).unwrap().place = Place::Delivered;
                }
            }
            let left = self.count(lane, |known| known.place == Place::Queued);
            assert_eq!(left, 0, "{}: {left} items of lane {lane} are lost", self.at());
        }
        self.end();
        self.open(false).await;
        self.check().await;
        let all: Vec<(ItemId, super::model::Known)> =
            self.items.iter().map(|(id, known)| (*id, known.clone())).collect();
        for (id, known) in all.iter().filter(|(_, known)| known.place.is_dead_letter()) {
            self.check_item(*id, known).await;
        }
    }
}
