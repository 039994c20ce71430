//! Writes what became of items, and keeps trying until storage has taken it.
//!
//! Items of different settlements are different items, so several may be written at once; storage
//! groups them into one transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use holdfast_model::id::{LaneId, Seq};
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_storage::{ExpiryReason, Outbox, Settlement, StorageError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How many settlements are written at once.
const CONCURRENT: usize = 32;

/// Pause before storage is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Most waiting items that one sweep moves to `expired`, so that a week-old backlog does not stall
/// the lane in one transaction.
const EXPIRE_AT_ONCE: u32 = 5_000;

pub enum Settle {
    Settlement(Settlement),
    Release { items: Vec<Seq>, not_before: Option<UnixMillis> },
    ExpireDue { due: UnixSeconds, at: UnixMillis, reason: ExpiryReason },
}

pub enum SettlerNews {
    /// Something was written; there may be more room, or more that can be leased.
    Settled,
    Failing,
    Recovered,
}

/// The handle that a lane keeps.
pub struct Settler {
    queue: Option<mpsc::UnboundedSender<Settle>>,
    backlog: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Settler {
    pub fn start(
        outbox: Arc<dyn Outbox>,
        lane: LaneId,
    ) -> (Self, mpsc::UnboundedReceiver<SettlerNews>) {
        // Unbounded on purpose: the runner stops leasing at a bound of its own, and what was
        // delivered must never be dropped because a queue is full.
        let (queue, todo) = mpsc::unbounded_channel();
        let (news, heard) = mpsc::unbounded_channel();
        let backlog = Arc::new(AtomicUsize::new(0));
        let worker = Worker { outbox, lane, news, backlog: backlog.clone() };
        let task = tokio::spawn(worker.run(todo));
        (Self { queue: Some(queue), backlog, task }, heard)
    }

    pub fn push(&self, settle: Settle) {
        self.backlog.fetch_add(1, Ordering::AcqRel);
        if let Some(queue) = &self.queue {
            // The worker ends only after this sender is dropped.
            let _ = queue.send(settle);
        }
    }

    pub fn backlog(&self) -> usize {
        self.backlog.load(Ordering::Acquire)
    }

    pub fn is_idle(&self) -> bool {
        self.backlog() == 0
    }

    pub async fn finish(mut self) {
        self.queue = None;
        let _ = self.task.await;
    }
}

struct Worker {
    outbox: Arc<dyn Outbox>,
    lane: LaneId,
    news: mpsc::UnboundedSender<SettlerNews>,
    backlog: Arc<AtomicUsize>,
}

impl Worker {
    async fn run(self, mut todo: mpsc::UnboundedReceiver<Settle>) {
        let mut writing = FuturesUnordered::new();
        let mut open = true;
        while open || !writing.is_empty() {
            tokio::select! {
                next = todo.recv(), if open && writing.len() < CONCURRENT => match next {
                    Some(settle) => writing.push(self.write_until_taken(settle)),
                    None => open = false,
                },
                Some(()) = writing.next(), if !writing.is_empty() => {
                    self.backlog.fetch_sub(1, Ordering::AcqRel);
                    let _ = self.news.send(SettlerNews::Settled);
                }
            }
        }
    }

    async fn write_until_taken(&self, settle: Settle) {
        let mut failed = false;
        loop {
            match self.write(&settle).await {
                Ok(()) => break,
                // Nothing can be written any more; the restart will find the items leased and
                // hand them out again.
                Err(StorageError::Closed) => return,
                Err(error) => {
                    tracing::error!(lane = %self.lane, %error, "failed to write down what became of items");
                    if !failed {
                        let _ = self.news.send(SettlerNews::Failing);
                    }
                    failed = true;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
        if failed {
            let _ = self.news.send(SettlerNews::Recovered);
        }
    }

    async fn write(&self, settle: &Settle) -> Result<(), StorageError> {
        match settle {
            Settle::Release { items, not_before } => {
                self.outbox.release(self.lane, items, *not_before).await
            }
            Settle::Settlement(settlement) => {
                self.outbox.settle(self.lane, settlement.clone()).await
            }
            Settle::ExpireDue { due, at, reason } => {
                let moved = self
                    .outbox
                    .expire_due(self.lane, *due, *at, reason.clone(), EXPIRE_AT_ONCE)
                    .await?;
                if moved > 0 {
                    tracing::warn!(lane = %self.lane, items = moved, hold = ?reason.hold,
                        "items passed their deadline and are now expired");
                }
                Ok(())
            }
        }
    }
}
