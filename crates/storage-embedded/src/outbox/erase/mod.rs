//! Erasing what is kept of one person.
//!
//! `scan` looks through the log, `rows` through what left the queue, `scrub` rewrites the files in
//! which something was found. This file does one after the other, and waits for items in flight.
//!
//! **What is looked at.** Everything in the log up to where it ends when the erasure begins,
//! delivered items that are still there included, and then all terminal rows. Items only move from
//! the queue to the rows meanwhile: what moves the other way waits, and nothing is copied onward, so
//! that nothing is missed. The log is read a slice at a time on the thread that keeps house. Lanes
//! and the committer go on: a lock is taken only for an item that was found, and what they wait for
//! is at most one transaction of some hundred rows, or a frame of what is copied onward.
//!
//! **Items in flight.** One that is found is marked ([`Erasing`]). From then on it is not handed out
//! again: a lane that gives it back gives it to the erasure, one that wants to send it is told so
//! before the request leaves, and its row, whatever it says, is written without its content. That
//! much is in memory. After a crash the item waits as if nothing had been asked, and the erasure,
//! which was not answered or said that items were out, must be asked for again.
//!
//! **The files.** Content is encrypted, but the key that opens it opens everybody's, so the bytes
//! must go. The row of an erased letter is overwritten in place, and the database's journal emptied.
//! Segments never change, so those with something of the person are copied onward without it, and
//! their files are removed rather than used again. A file that was a segment before may have old
//! content behind its end: such rests are overwritten, and such spares are made anew.

mod erasing;
mod rows;
mod scan;
mod scrub;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use holdfast_model::id::{ItemId, LaneId, Seq};
use holdfast_model::ledger::LedgerState;
use holdfast_storage::{Erased, Erasure, StorageError};
use tokio::sync::oneshot;

pub use erasing::Erasing;
use scan::{Found, Was};

use super::chores::ask;
use super::letters;
use super::settle::{Why, leave};
use super::shared::{Shared, poisoned};

/// Pause before what could not be written is tried again. Whatever is wrong with the disk, trying
/// more often does not mend it.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

type Answer = oneshot::Sender<Result<Erased, StorageError>>;

pub async fn erase(shared: &Arc<Shared>, erasure: Erasure) -> Result<Erased, StorageError> {
    if shared.is_poisoned() {
        return Err(poisoned());
    }
    let (answer, wait) = oneshot::channel();
    let work = Work {
        shared: shared.clone(),
        erasure,
        known: HashSet::new(),
        out: Vec::new(),
        erased: Erased::default(),
    };
    // Goes on if the caller goes away: items that are marked belong to it.
    tokio::spawn(work.run(answer));
    wait.await.map_err(|_| StorageError::Closed)?
}

struct Work {
    shared: Arc<Shared>,
    erasure: Erasure,
    /// What was found already: the log may have several copies of an item.
    known: HashSet<Seq>,
    /// In flight.
    out: Vec<Out>,
    erased: Erased,
}

#[derive(Debug, Clone, Copy)]
struct Out {
    lane: LaneId,
    seq: Seq,
    item_id: ItemId,
}

impl Work {
    async fn run(mut self, answer: Answer) {
        if let Err(error) = self.look_through_everything().await {
            self.give_up();
            let _ = answer.send(Err(error));
            return;
        }
        let mut answer = Some(answer);
        if !self.wait_for_those_out(&mut answer).await {
            return;
        }
        match scrub::scrub(&self.shared).await {
            Ok(is_clean) => self.erased.is_off_disk = is_clean,
            Err(error) => {
                tracing::error!(%error, "erased content is still on the disk, encrypted");
            }
        }
        if let Some(answer) = answer {
            let _ = answer.send(Ok(self.erased));
        }
    }

    async fn look_through_everything(&mut self) -> Result<(), StorageError> {
        let shared = self.shared.clone();
        let _turn = shared.erasure.lock().await;
        let _undisturbed = shared.putting_back.write().await;
        let _looking = Looking::begin(&shared);
        let horizon = ask(&shared, |shared, _| Ok(scan::end_of_log(shared))).await?;
        let mut from = Some(scan::Place::START);
        while let Some(place) = from {
            let erasure = self.erasure.clone();
            let look = move |shared: &Shared, _: &_| scan::slice(shared, &erasure, place, horizon);
            let slice = ask(&shared, look).await?;
            self.erased.looked_at += slice.looked_at;
            from = slice.next;
            self.found(slice.found).await?;
        }
        let rows = rows::erase(&shared, &self.erasure).await?;
        self.erased.looked_at += rows.looked_at;
        self.erased.letters += rows.erased;
        Ok(())
    }

    /// Those that waited leave the queue now.
    async fn found(&mut self, found: Vec<Found>) -> Result<(), StorageError> {
        let mut waiting: HashMap<LaneId, Vec<Seq>> = HashMap::new();
        let new: Vec<Found> =
            found.into_iter().filter(|found| self.known.insert(found.out.seq)).collect();
        for found in &new {
            match found.was {
                Was::Waiting { .. } => {
                    waiting.entry(found.out.lane).or_default().push(found.out.seq);
                }
                Was::InFlight => self.out.push(found.out),
            }
        }
        for (lane, seqs) in waiting {
            let items = seqs.len() as u64;
            if let Err(error) = self.reject(lane, seqs).await {
                scan::give_back(&self.shared, &new);
                return Err(error);
            }
            self.erased.waiting += items;
        }
        Ok(())
    }

    async fn reject(&self, lane: LaneId, items: Vec<Seq>) -> Result<(), StorageError> {
        let items = items.into_iter().map(|seq| (seq, self.erasure.fault.clone())).collect();
        let why = Why { state: LedgerState::Rejected, hold: None, at: self.erasure.at };
        leave(&self.shared, lane, items, why).await
    }

    /// False if the outbox was closed meanwhile. Answers when the patience ends.
    async fn wait_for_those_out(&mut self, answer: &mut Option<Answer>) -> bool {
        let shared = self.shared.clone();
        let mut patience = std::pin::pin!(tokio::time::sleep(self.erasure.patience));
        loop {
            let mut moved = std::pin::pin!(shared.erasing_moved.notified());
            moved.as_mut().enable();
            let rejected = self.reject_those_back().await;
            let settled = rejected.and(self.count_those_that_left().await);
            if shared.housekeeping.is_stopped() {
                return false;
            }
            if self.out.is_empty() {
                return true;
            }
            let pause = match settled {
                Ok(()) => Duration::MAX,
                Err(error) => {
                    tracing::error!(%error, "failed to erase items; it is tried again");
                    RETRY_PAUSE
                }
            };
            tokio::select! {
                () = moved => {}
                () = tokio::time::sleep(pause) => {}
                () = &mut patience, if answer.is_some() => {
                    let in_flight = self.out.len() as u64;
                    if let Some(answer) = answer.take() {
                        let _ = answer.send(Ok(Erased { in_flight, ..self.erased }));
                    }
                }
            }
        }
    }

    async fn reject_those_back(&mut self) -> Result<(), StorageError> {
        let mut back: HashMap<LaneId, Vec<Seq>> = HashMap::new();
        {
            let mut lanes = self.shared.lanes();
            for out in &self.out {
                let index = lanes.get_mut(&out.lane);
                if index.is_some_and(|index| index.erasing.take_back(out.seq)) {
                    back.entry(out.lane).or_default().push(out.seq);
                }
            }
        }
        let mut outcome = Ok(());
        for (lane, seqs) in back {
            match self.reject(lane, seqs.clone()).await {
                Ok(()) => {
                    self.erased.waiting += seqs.len() as u64;
                    self.out.retain(|out| !seqs.contains(&out.seq));
                }
                Err(error) => {
                    let mut lanes = self.shared.lanes();
                    let index = lanes.entry(lane).or_default();
                    seqs.iter().for_each(|seq| index.erasing.put_back(*seq));
                    outcome = Err(error);
                }
            }
        }
        outcome
    }

    /// Those that were settled by whoever had them.
    async fn count_those_that_left(&mut self) -> Result<(), StorageError> {
        while let Some((position, id)) = self.one_that_left() {
            match self.shared.terminal.run(move |db| letters::find(db, id)).await? {
                Some(_) => self.erased.letters += 1,
                None => self.erased.delivered += 1,
            }
            self.out.swap_remove(position);
        }
        Ok(())
    }

    fn one_that_left(&self) -> Option<(usize, ItemId)> {
        let lanes = self.shared.lanes();
        let is_out = |out: &Out| {
            lanes.get(&out.lane).is_some_and(|index| index.in_flight(out.seq).is_some())
        };
        let position = self.out.iter().position(|out| !is_out(out))?;
        Some((position, self.out[position].item_id))
    }

    /// What is in flight is an item like any other again.
    fn give_up(&self) {
        let found: Vec<Found> =
            self.out.iter().map(|out| Found { out: *out, was: Was::InFlight }).collect();
        scan::give_back(&self.shared, &found);
    }
}

/// As long as it is there, nothing is copied onward.
struct Looking<'a>(&'a Shared);

impl<'a> Looking<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.looking.fetch_add(1, Ordering::AcqRel);
        Self(shared)
    }
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.looking.fetch_sub(1, Ordering::AcqRel);
        self.0.housekeeping.notify();
    }
}
