//! What becomes of items that nobody delivers: expiry, replay, corrections, purges, and a ledger that
//! fails.

use std::collections::BTreeSet;

use holdfast_model::id::ItemId;
use holdfast_model::time::UnixMillis;
use holdfast_storage::{AppendError, Outbox as _, PutBack, StorageError};
use holdfast_storage_embedded::EmbeddedOutbox;
use rusqlite::Connection;

use super::model::{Known, Model, Place, known};
use super::moves::{abandon, reason};

impl Model {
    pub async fn expire(&mut self) {
        let lane = self.toss_lane();
        let due = self.now.to_seconds().plus_seconds(self.toss(60) as i64);
        let limit = if self.toss(3) == 0 { 2 } else { 1_000 };
        let candidates: Vec<ItemId> = self
            .items
            .iter()
            .filter(|(id, known)| {
                (known.lane, known.place) == (lane, Place::Queued)
                    && known.expires_at <= due
                    && !self.is_leased(**id)
            })
            .map(|(id, _)| *id)
            .collect();
        let before = self.outbox().counts(lane).await.unwrap().ledger.expired;
        let outbox = self.outbox.clone().unwrap();
        let expiry = outbox.expire_due(lane, due, self.now, reason(), limit);
        let moved = if self.toss(8) == 0 && !self.ledger_fails {
            abandon(expiry).await
        } else {
            Some(expiry.await)
        };
        drop(outbox);
        let Some(moved) = moved else {
            // It goes on by itself, now or in a while. A restart ends it, wherever it is.
            self.perhaps_expired.extend(candidates);
            return self.restart().await;
        };
        let after = self.outbox().counts(lane).await.unwrap().ledger.expired;
        match moved {
            Ok(moved) => {
                let expected = candidates.len().min(limit as usize);
                assert_eq!(moved as usize, expected, "{}: expired", self.at());
                assert_eq!(u64::from(moved), after - before, "{}: counted", self.at());
            }
            Err(error) => {
                assert_eq!(after, before, "{}: failed, and moved all the same", self.at());
                self.complain("expire", error);
            }
        }
        self.perhaps_expired.extend(candidates);
        self.decide_expired().await;
    }

    /// Rows are in the database, which no fault of this disk reaches.
    pub async fn decide_expired(&mut self) {
        for id in std::mem::take(&mut self.perhaps_expired) {
            if self.outbox().dead_letter(id).await.unwrap().is_some() {
                self.items.get_mut(&id).unwrap().place = Place::Expired;
            }
        }
    }

    pub async fn replay(&mut self) {
        let among = if self.toss(4) == 0 { Among::Unknown } else { Among::DeadLetters };
        let asked = self.some(|known| among.has(known));
        let now = self.now.to_seconds();
        let is_expected = |id: &ItemId| {
            let known = &self.items[id];
            among.has(known) && known.expires_at > now && !self.is_uncertain(*id)
        };
        let expected: BTreeSet<ItemId> = asked.iter().copied().filter(is_expected).collect();
        if self.toss(8) == 0 {
            return self.abandoned_replay(among, asked, expected).await;
        }
        let replayed = self.try_to_put_back(among, &asked).await;
        assert!(replayed.is_subset(&expected), "{}: put back what was not left", self.at());
        self.put_back(&replayed);
        self.perhaps_put_back(expected.difference(&replayed).copied().collect()).await;
    }

    /// Some of those that are right, and a few that are not.
    fn some(&mut self, is_right: impl Fn(&Known) -> bool) -> Vec<ItemId> {
        let mut some: Vec<ItemId> = Vec::new();
        for id in self.items.keys().copied().collect::<Vec<_>>() {
            let one_in = if is_right(&self.items[&id]) { 2 } else { 15 };
            if self.toss(one_in) == 0 {
                some.push(id);
            }
        }
        some
    }

    async fn try_to_put_back(&mut self, among: Among, asked: &[ItemId]) -> BTreeSet<ItemId> {
        match among.put_back(self.outbox(), asked, self.now).await {
            Ok(put_back) => {
                for id in &put_back.too_old {
                    assert!(self.items[id].expires_at <= self.now.to_seconds(), "{}", self.at());
                }
                put_back.items.into_iter().collect()
            }
            Err(error) => {
                self.complain("replay", error);
                BTreeSet::new()
            }
        }
    }

    pub async fn confirm(&mut self) {
        // Also those that were erased: it is known of them as of others that they arrived.
        let is_unknown =
            |known: &Known| Among::Unknown.has(&Known { is_erased: false, ..known.clone() });
        let asked = self.some(is_unknown);
        let expected = asked
            .iter()
            .copied()
            .filter(|id| is_unknown(&self.items[id]) && !self.is_uncertain(*id));
        let expected: Vec<ItemId> = expected.collect();
        match self.outbox().confirm_delivered(&asked).await {
            Ok(confirmed) => {
                assert_eq!(confirmed, expected, "{}: confirmed", self.at());
                for id in confirmed {
                    self.items.get_mut(&id).unwrap().place = Place::Delivered;
                }
            }
            Err(error) => self.complain("confirm", error),
        }
    }

    pub async fn replace(&mut self) {
        let asked = self.some(|known| Among::DeadLetters.has(known));
        let Some(letter) = asked.first().copied() else { return };
        let is_open = Among::DeadLetters.has(&self.items[&letter]) && !self.is_uncertain(letter);
        let by = self.new_item();
        let (new, known) = (by.item_id, known(&by));
        let outbox = self.outbox.clone().unwrap();
        let replacement = outbox.replace(letter, by, self.now);
        if self.toss(6) == 0 {
            let _ = abandon(replacement).await;
            for _ in 0..self.toss(20) {
                tokio::task::yield_now().await;
            }
            drop(outbox);
            if is_open {
                self.perhaps_replaced.insert(letter, (new, known));
            }
            return self.restart().await;
        }
        match replacement.await {
            Ok(()) => {
                assert!(is_open, "{}: replaced what is no letter", self.at());
                self.replaced(letter, new, known);
            }
            Err(AppendError::Storage(StorageError::Refused { .. })) => {
                assert!(!is_open, "{}: refused to replace {letter}", self.at());
            }
            Err(AppendError::QuotaExceeded { .. } | AppendError::DiskFull) => {}
            Err(error) => {
                self.complain("replace", error);
                // If it is still open, nothing came of it.
                if is_open && self.outbox().dead_letter(letter).await.unwrap().is_none() {
                    self.perhaps_replaced.insert(letter, (new, known));
                }
            }
        }
    }

    fn replaced(&mut self, letter: ItemId, new: ItemId, known: Known) {
        self.items.get_mut(&letter).unwrap().replaced_by = Some(new);
        self.items.insert(new, known);
    }

    /// After a restart: both, or neither.
    pub async fn decide_replaced(&mut self) {
        for (letter, (new, known)) in std::mem::take(&mut self.perhaps_replaced) {
            let row = self.outbox().dead_letter(letter).await.unwrap().unwrap();
            let is_there = self.outbox().find(new).await.unwrap().is_some();
            assert_eq!(row.replaced_by.is_some(), is_there, "{}: half a correction", self.at());
            if is_there {
                self.replaced(letter, new, known);
            }
        }
    }

    fn put_back(&mut self, replayed: &BTreeSet<ItemId>) {
        for id in replayed {
            let known = self.items.get_mut(id).unwrap();
            known.place = Place::Queued;
            (known.not_before, known.deferred_until) = (None, None);
            (known.has_intent, known.intent_is_unsettled) = (Some(false), false);
        }
    }

    /// Those that were not put back are dead letters still, or only a restart can tell.
    async fn perhaps_put_back(&mut self, rest: Vec<ItemId>) {
        for id in rest {
            let is_left = self.outbox().dead_letter(id).await.unwrap().is_some();
            if !is_left && self.items[&id].place != Place::Queued {
                self.complain("replay", format!("{id} is neither here nor there"));
                self.perhaps_replayed.insert(id);
            }
        }
    }

    async fn abandoned_replay(
        &mut self,
        among: Among,
        asked: Vec<ItemId>,
        expected: BTreeSet<ItemId>,
    ) {
        let outbox = self.outbox.clone().unwrap();
        let answered = abandon(among.put_back(&outbox, &asked, self.now)).await;
        for _ in 0..self.toss(20) {
            tokio::task::yield_now().await;
        }
        drop(outbox);
        // It goes on by itself, now or in a while. A restart ends it, wherever it is.
        if let Some(Err(error)) = answered {
            self.complain("replay", error);
        }
        self.perhaps_replayed.extend(expected);
        self.restart().await;
    }

    pub async fn purge(&mut self) {
        if !self.perhaps_replayed.is_empty() || !self.perhaps_replaced.is_empty() {
            return;
        }
        let at = self.now.plus_millis(1);
        match self.outbox().purge(at, at).await {
            Ok(_) => {}
            Err(error) => return self.complain("purge", error),
        }
        for (id, known) in &self.items.clone() {
            if known.place.is_dead_letter()
                && self.outbox().dead_letter(*id).await.unwrap().is_none()
            {
                self.items.get_mut(id).unwrap().is_gone = true;
            }
        }
    }

    /// A statement of the ledger fails, whatever asks for it.
    pub async fn with_a_failing_ledger(&mut self) {
        const STATEMENTS: [&str; 5] = [
            "INSERT ON left_items",
            "INSERT ON delivered",
            "DELETE ON left_items",
            "UPDATE ON left_items",
            "UPDATE ON lane_totals",
        ];
        let statement = STATEMENTS[self.toss(STATEMENTS.len() as u64) as usize];
        let ledger = Connection::open(self.dir.path().join("ledger.sqlite")).unwrap();
        let fail = format!(
            "CREATE TRIGGER fails BEFORE {statement} BEGIN SELECT RAISE(ABORT, 'it fails'); END"
        );
        ledger.execute_batch(&fail).unwrap();
        self.ledger_fails = true;
        let mut rest = Vec::new();
        for _ in 0..3 {
            match self.toss(3) {
                0 => self.settle().await,
                1 => self.expire().await,
                _ => rest.extend(self.replay_with_a_failing_ledger().await),
            }
            self.complaints.retain(|text| !text.contains("it fails"));
        }
        ledger.execute_batch("DROP TRIGGER fails").unwrap();
        self.ledger_fails = false;
        self.perhaps_put_back(rest).await;
    }

    /// What is not put back may be marked until the ledger works again.
    async fn replay_with_a_failing_ledger(&mut self) -> Vec<ItemId> {
        let asked: Vec<ItemId> = self
            .items
            .iter()
            .filter(|(id, known)| Among::DeadLetters.has(known) && !self.is_uncertain(**id))
            .map(|(id, _)| *id)
            .take(3)
            .collect();
        let replayed = self.try_to_put_back(Among::DeadLetters, &asked).await;
        self.put_back(&replayed);
        asked.into_iter().filter(|id| !replayed.contains(id)).collect()
    }
}

/// Which of those that left are meant.
#[derive(Clone, Copy)]
enum Among {
    DeadLetters,
    Unknown,
}

impl Among {
    fn has(self, known: &Known) -> bool {
        let is_right = match self {
            Self::DeadLetters => known.place.is_dead_letter(),
            Self::Unknown => known.place == Place::Unknown,
        };
        is_right && !known.is_gone && !known.is_erased && known.replaced_by.is_none()
    }

    async fn put_back(
        self,
        outbox: &EmbeddedOutbox,
        items: &[ItemId],
        at: UnixMillis,
    ) -> Result<PutBack, StorageError> {
        match self {
            Self::DeadLetters => outbox.replay(items, at).await,
            Self::Unknown => outbox.resend_unknown(items, at).await,
        }
    }
}
