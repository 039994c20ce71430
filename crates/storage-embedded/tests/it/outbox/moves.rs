//! What a caller does, on the outbox and on the model.

use std::collections::BTreeSet;
use std::task::Poll;

use holdfast_model::credential::SignedWith;
use holdfast_model::id::{BatchId, CredentialId, ItemId, LaneId, Seq, VersionNo};
use holdfast_storage::{
    AppendError, Appended, Commit, DeliveredBatch, ExpiryReason, LeaseAsk, Outbox as _, Settlement,
};

use super::model::{Asked, Known, Model, Place, START, fault, item};

/// Rounds of waiting for what goes on in the background. A round yields to other threads; what is
/// waited for is a matter of milliseconds, so this many mean that it does not come.
const MANY_ROUNDS: u32 = 1_000_000;

impl Model {
    /// Some commits at once, some with a key, some with a key that was used.
    pub async fn append(&mut self) {
        let mut commits = Vec::new();
        let shared_key = self.toss(4) == 0;
        let fresh = format!("key-{}", self.made);
        for number in 0..1 + self.toss(3) {
            let used = self.receipts.keys().next_back().cloned();
            let key = match self.toss(4) {
                _ if shared_key => Some(fresh.clone()),
                0 => Some(format!("{fresh}-{number}")),
                1 => used,
                _ => None,
            };
            commits.push(self.new_commit(key));
        }
        if self.toss(12) == 0 {
            for (commit, asked) in commits {
                self.abandoned_append(commit, asked).await;
            }
            return;
        }
        let mut answers = Vec::new();
        for (commit, asked) in commits {
            let outbox = self.outbox.clone().unwrap();
            let answer = tokio::spawn(async move { outbox.append(commit).await });
            answers.push((asked, answer));
        }
        let mut repeated = Vec::new();
        for (asked, answer) in answers {
            match answer.await.unwrap() {
                Ok(Appended::Stored { .. }) => self.stored(asked).await,
                Ok(Appended::Repeated(remembered)) => repeated.push((asked, remembered)),
                Err(error) => self.not_stored(asked, error),
            }
        }
        for (asked, remembered) in repeated {
            let key = asked.key.expect("only a key is repeated");
            let receipt = self.receipts.get(&key);
            assert_eq!(receipt, Some(&remembered.receipt), "{}: {key}", self.at());
        }
    }

    async fn stored(&mut self, asked: Asked) {
        if let Some(key) = &asked.key {
            assert!(!self.receipts.contains_key(key), "{}: {key} stored twice", self.at());
        }
        for (_, known) in &asked.items {
            let Some(quota) = self.quotas.get(&known.lane) else { continue };
            let used = self.outbox().counts(known.lane).await.unwrap().queued_bytes;
            assert!(used <= *quota, "{}: {used} of {quota} bytes", self.at());
        }
        self.acknowledged(asked);
    }

    fn not_stored(&mut self, asked: Asked, error: AppendError) {
        match error {
            AppendError::DiskFull => {}
            AppendError::QuotaExceeded { lane, quota_bytes, .. } => {
                assert_eq!(self.quotas.get(&lane), Some(&quota_bytes), "{}", self.at());
            }
            error => {
                self.complain("append", error);
                self.perhaps.push(asked);
            }
        }
    }

    /// The caller goes away: all of the commit is there, or nothing.
    async fn abandoned_append(&mut self, commit: Commit, asked: Asked) {
        let outbox = self.outbox.clone().unwrap();
        abandon(outbox.append(commit)).await;
        // One after it, because commits are decided in the order they came.
        self.made += 1;
        let after = item(self.made, super::model::LANES[0], 30);
        let (id, lane, admitted) = (after.item_id, after.lane, after.admitted.clone());
        let known = Known {
            lane,
            place: Place::Queued,
            fragment: admitted.fragment,
            group: admitted.group,
            is_safe: admitted.dedup_until.is_some(),
            expires_at: admitted.expires_at,
            not_before: None,
            deferred_until: None,
            has_intent: Some(false),
            intent_is_unsettled: false,
            is_gone: false,
            is_erased: false,
            replaced_by: None,
        };
        let barrier = Asked { items: vec![(id, known)], key: None, receipt: Vec::new() };
        let commit = Commit { items: vec![after], idempotency: None, at: self.now };
        match outbox.append(commit).await {
            Ok(_) => {
                self.acknowledged(barrier);
                match outbox.find(asked.items[0].0).await {
                    Ok(Some(_)) => self.acknowledged(asked),
                    Ok(None) => {}
                    Err(error) => {
                        // Only a restart can tell, so there must be one.
                        self.complain("find", error);
                        self.perhaps.push(asked);
                        self.is_shaky = true;
                        drop(outbox);
                        self.restart().await;
                    }
                }
            }
            Err(error) => {
                self.not_stored(barrier, error);
                // The log may have had room for the one and not for the other, or failed between.
                self.perhaps.push(asked);
                drop(outbox);
                self.restart().await;
            }
        }
    }

    pub async fn lease(&mut self) {
        let lane = self.toss_lane();
        let ask = LeaseAsk {
            max_items: 1 + self.toss(12) as u32,
            max_unsafe_items: 3,
            max_bytes: if self.toss(3) == 0 { 1_500 } else { 1 << 20 },
            now: self.now,
        };
        self.wake_deferred(lane);
        let outbox = self.outbox.clone().unwrap();
        let leased = if self.toss(12) == 0 {
            let in_flight = self.leased_of(lane).len() as u64;
            let leased = abandon(outbox.lease(lane, ask)).await;
            if leased.is_none() {
                let is_back = || outbox.peek(lane).in_flight == in_flight;
                return self.eventually("an abandoned lease returns", is_back).await;
            }
            leased
        } else {
            Some(outbox.lease(lane, ask).await)
        };
        match leased {
            Some(Ok(lease)) => self.take(lane, ask, lease),
            Some(Err(error)) => self.complain("lease", error),
            None => {}
        }
    }

    fn wake_deferred(&mut self, lane: LaneId) {
        let leased: BTreeSet<ItemId> = self.leased.values().copied().collect();
        for (id, known) in &mut self.items {
            if known.lane == lane
                && !leased.contains(id)
                && known.deferred_until.is_some_and(|at| at <= self.now)
            {
                known.deferred_until = None;
            }
        }
    }

    pub fn take(&mut self, lane: LaneId, ask: LeaseAsk, lease: holdfast_storage::Lease) {
        let at = self.at();
        let is_safe = lease.items.first().map(|i| i.meta.resend_is_safe(ask.now.to_seconds()));
        let most = if is_safe == Some(false) { ask.max_unsafe_items } else { ask.max_items };
        assert!(lease.items.len() <= most as usize, "{at}: {} items", lease.items.len());
        let bytes: u32 = lease.items.iter().map(|leased| leased.meta.bytes).sum();
        assert!(bytes <= ask.max_bytes || lease.items.len() == 1, "{at}: {bytes} bytes");
        for leased in lease.items {
            let known = self.items.get_mut(&leased.item_id);
            let known = known.unwrap_or_else(|| panic!("{at}: an unacknowledged item"));
            assert_eq!(known.place, Place::Queued, "{at}: handed out again");
            assert_eq!(known.lane, lane, "{at}: another lane's");
            assert_eq!(known.fragment, leased.fragment, "{at}: another fragment");
            assert_eq!(known.group, lease.group, "{at}: another group");
            assert_eq!(Some(known.is_safe), is_safe, "{at}: safe and unsafe mixed");
            assert_eq!(known.deferred_until, None, "{at}: before its time");
            assert_eq!(known.expires_at, leased.meta.expires_at, "{at}: another deadline");
            let intent = *known.has_intent.get_or_insert(leased.meta.intent_recorded);
            assert_eq!(leased.meta.intent_recorded, intent, "{at}: another intent");
            let twice = self.leased.insert(leased.meta.seq, leased.item_id);
            assert!(twice.is_none(), "{at}: leased twice");
        }
    }

    pub async fn eventually(&self, what: &str, mut is: impl FnMut() -> bool) {
        for _ in 0..MANY_ROUNDS {
            if is() {
                return;
            }
            tokio::task::yield_now().await;
            std::thread::yield_now();
        }
        panic!("{}: {what}: never", self.at());
    }

    /// Some of what is leased in a lane.
    fn some_leased(&mut self, lane: LaneId) -> Vec<(Seq, ItemId)> {
        let all = self.toss(3) > 0;
        let leased = self.leased_of(lane);
        leased.into_iter().filter(|_| all || self.toss(2) == 0).collect()
    }

    pub async fn settle(&mut self) {
        let lane = self.toss_lane();
        let mine = self.some_leased(lane);
        if mine.is_empty() {
            return;
        }
        let seqs: Vec<Seq> = mine.iter().map(|(seq, _)| *seq).collect();
        let (settlement, place) = self.settlement(seqs);
        let outbox = self.outbox.clone().unwrap();
        if self.toss(8) == 0 {
            abandon(outbox.settle(lane, settlement.clone())).await;
        }
        // Twice at once, and once more: it counts once.
        let (first, second) = tokio::join!(
            outbox.settle(lane, settlement.clone()),
            outbox.settle(lane, settlement.clone())
        );
        let third = outbox.settle(lane, settlement).await;
        for answer in [&first, &second, &third] {
            if let Err(error) = answer {
                self.complain("settle", error);
            }
        }
        if [first, second, third].iter().any(Result::is_ok) {
            self.settled(mine, place);
            return;
        }
        // None was told that it worked; an abandoned one may have, or will before it is the turn of
        // a question to the same thread.
        outbox.confirm_delivered(&[]).await.unwrap();
        if outbox.peek(lane).in_flight < self.leased_of(lane).len() as u64 {
            self.settled(mine, place);
        }
    }

    fn settled(&mut self, mine: Vec<(Seq, ItemId)>, place: Place) {
        for (seq, id) in mine {
            self.leased.remove(&seq);
            self.items.get_mut(&id).unwrap().place = place;
        }
    }

    fn settlement(&mut self, seqs: Vec<Seq>) -> (Settlement, Place) {
        let at = self.now;
        match self.toss(6) {
            0 | 1 => {
                let items = seqs.into_iter().map(|seq| (seq, fault())).collect();
                (Settlement::Rejected { items, at }, Place::Rejected)
            }
            2 => (Settlement::Expired { items: seqs, reason: reason(), at }, Place::Expired),
            3 => (Settlement::Unknown { items: seqs, fault: fault(), at }, Place::Unknown),
            _ => (Settlement::Delivered(self.batch(seqs)), Place::Delivered),
        }
    }

    pub fn batch(&mut self, items: Vec<Seq>) -> DeliveredBatch {
        self.made += 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.made.to_be_bytes());
        DeliveredBatch {
            batch: BatchId::from_parts(START, random),
            items,
            signed_with: SignedWith {
                credential: CredentialId::new("shop").unwrap(),
                version: VersionNo(1),
                fingerprint: "0".repeat(16),
            },
            trace_id: None,
            at: self.now,
        }
    }

    pub async fn release(&mut self) {
        let lane = self.toss_lane();
        let mine = self.some_leased(lane);
        let seqs: Vec<Seq> = mine.iter().map(|(seq, _)| *seq).collect();
        let defer_by = self.toss(40_000) as i64;
        let not_before = (self.toss(2) == 0).then(|| self.now.plus_millis(defer_by));
        self.outbox().release(lane, &seqs, not_before).await.unwrap();
        for (seq, id) in mine {
            self.leased.remove(&seq);
            self.items.get_mut(&id).unwrap().deferred_until = not_before;
        }
    }

    pub async fn record_intent(&mut self) {
        let lane = self.toss_lane();
        let mine = self.some_leased(lane);
        let seqs: Vec<Seq> = mine.iter().map(|(seq, _)| *seq).collect();
        let outbox = self.outbox.clone().unwrap();
        let recording = outbox.record_intent(lane, &seqs);
        let recorded = if self.toss(8) == 0 {
            // Of what nobody waited for, nobody knows; the next who asks must wait for the disk.
            abandon(recording).await
        } else {
            Some(recording.await)
        };
        for (_, id) in mine {
            let known = self.items.get_mut(&id).unwrap();
            if matches!(recorded, Some(Ok(_))) {
                (known.has_intent, known.intent_is_unsettled) = (Some(true), false);
            } else if known.has_intent != Some(true) || known.intent_is_unsettled {
                (known.has_intent, known.intent_is_unsettled) = (None, true);
            }
        }
        match recorded {
            Some(Err(error)) if !error.to_string().contains("no room") => {
                self.complain("record_intent", error);
            }
            _ => {}
        }
    }

    pub async fn withdraw_intent(&mut self) {
        let lane = self.toss_lane();
        let mine = self.some_leased(lane);
        let seqs: Vec<Seq> = mine.iter().map(|(seq, _)| *seq).collect();
        self.outbox().withdraw_intent(lane, &seqs);
        for (_, id) in mine {
            let known = self.items.get_mut(&id).unwrap();
            known.intent_is_unsettled |= known.has_intent != Some(false);
            // One that is still on its way is taken back on the disk, and here perhaps not.
            known.has_intent = known.has_intent.map(|_| false);
        }
    }

    /// Takes a lane's room away or gives it back.
    pub fn change_quota(&mut self) {
        let lane = self.toss_lane();
        let bytes = if self.toss(2) == 0 { u64::MAX } else { self.toss(40_000) };
        self.outbox().set_quota(lane, bytes);
        self.quotas.insert(lane, bytes);
    }

    /// Fills the disk with something else, or empties it.
    pub fn change_room(&mut self) {
        match self.toss(2) {
            0 => self.disk.leave_all_room(),
            _ => {
                let segments = self.toss(8);
                self.disk.leave_room(segments * self.settings.segment_bytes);
            }
        }
    }
}

/// Polls once and goes away, unless there is an answer already.
pub async fn abandon<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

pub fn reason() -> ExpiryReason {
    ExpiryReason { hold: None, hint: String::new() }
}
