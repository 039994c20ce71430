//! What becomes of items that nobody delivers: expiry, replay, purges, and a ledger that fails.

use std::collections::BTreeSet;

use holdfast_model::id::ItemId;
use holdfast_storage::{DeadLetterFilter, Outbox as _};
use rusqlite::Connection;

use super::model::{Known, Model, Place};
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
        let mut asked: Vec<ItemId> = Vec::new();
        for id in self.items.keys().copied().collect::<Vec<_>>() {
            let known = &self.items[&id];
            let is_left = known.place.is_dead_letter() && !known.is_gone;
            // A few of those that cannot be put back, too.
            let one_in = if is_left { 2 } else { 15 };
            if self.toss(one_in) == 0 {
                asked.push(id);
            }
        }
        let left = |id: &ItemId| {
            let known = &self.items[id];
            known.place.is_dead_letter() && !known.is_gone && !self.perhaps_replayed.contains(id)
        };
        let expected: BTreeSet<ItemId> = asked.iter().copied().filter(left).collect();
        if self.toss(8) == 0 {
            return self.abandoned_replay(asked, expected).await;
        }
        let replayed: BTreeSet<ItemId> = match self.outbox().replay(&asked, self.now).await {
            Ok(replayed) => replayed.into_iter().collect(),
            Err(error) => {
                let full = error.to_string().contains("no room");
                if !full {
                    self.complain("replay", error);
                }
                BTreeSet::new()
            }
        };
        assert!(replayed.is_subset(&expected), "{}: put back what was not left", self.at());
        self.put_back(&replayed);
        self.perhaps_put_back(expected.difference(&replayed).copied().collect()).await;
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
        let filter = DeadLetterFilter { limit: 10_000, ..Default::default() };
        let listed = self.outbox().dead_letters(&filter).await.unwrap();
        let listed: BTreeSet<ItemId> = listed.iter().map(|letter| letter.item_id).collect();
        for id in rest {
            if !listed.contains(&id) && self.items[&id].place.is_dead_letter() {
                self.complain("replay", format!("{id} is neither here nor there"));
                self.perhaps_replayed.insert(id);
            }
        }
    }

    async fn abandoned_replay(&mut self, asked: Vec<ItemId>, expected: BTreeSet<ItemId>) {
        let outbox = self.outbox.clone().unwrap();
        let answered = abandon(outbox.replay(&asked, self.now)).await;
        for _ in 0..self.toss(20) {
            tokio::task::yield_now().await;
        }
        drop(outbox);
        // It goes on by itself, now or in a while. A restart ends it, wherever it is.
        if let Some(Err(error)) = answered
            && !error.to_string().contains("no room")
        {
            self.complain("replay", error);
        }
        self.perhaps_replayed.extend(expected);
        self.restart().await;
    }

    pub async fn purge(&mut self) {
        if !self.perhaps_replayed.is_empty() {
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
        let left = |known: &Known| known.place.is_dead_letter() && !known.is_gone;
        let asked: Vec<ItemId> = self
            .items
            .iter()
            .filter(|(id, known)| left(known) && !self.perhaps_replayed.contains(*id))
            .map(|(id, _)| *id)
            .take(3)
            .collect();
        let replayed: BTreeSet<ItemId> = match self.outbox().replay(&asked, self.now).await {
            Ok(replayed) => replayed.into_iter().collect(),
            Err(error) => {
                if !error.to_string().contains("no room") {
                    self.complain("replay", error);
                }
                BTreeSet::new()
            }
        };
        self.put_back(&replayed);
        asked.into_iter().filter(|id| !replayed.contains(id)).collect()
    }
}
