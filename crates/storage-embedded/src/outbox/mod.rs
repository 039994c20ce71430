//! The embedded outbox.
//!
//! A segmented log of our own, because that is what this program exists for: `frame` is its bytes,
//! `committer` the one thread that writes it, `index` where every waiting item is, `attempts` which
//! of them may have arrived already, `terminal` the rows of what left the queue and `ledger` the
//! thread that writes them, `letters` how those rows are looked at and `replay` how items come back
//! from there, `find` where an item is, `cut` the state that a backup copies, `erase` how what is
//! kept of one person goes, `recover` how all of it is found again, `housekeeping` what goes on in
//! the background and `chores` what is asked of it, `remember` the idempotency keys. This file puts
//! them together.

mod append;
mod attempts;
mod chores;
mod cipher;
mod committer;
mod cut;
mod erase;
mod find;
mod frame;
mod frames;
mod housekeeping;
mod index;
mod inspect;
mod lease;
mod ledger;
mod letters;
mod recover;
mod remember;
mod replay;
mod runs;
mod segments;
mod settle;
mod shared;
mod terminal;

use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use holdfast_model::id::{ItemId, LaneId, Seq};
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_storage::{
    AppendError, Appended, Commit, DeadLetter, DeadLetterFilter, DeadLetterPage, Erased, Erasure,
    ExpiryReason, FoundItem, IdempotencyKey, LaneCounts, LanePeek, Lease, LeaseAsk, LetterCount,
    NewItem, Outbox, PutBack, Remembered, Settlement, StorageError, WakeFn,
};

pub use cipher::DataKeys;
pub(crate) use cut::Cut;
pub use inspect::{Inspected, inspect};
pub(crate) use segments::{file_name, number_of};
pub(crate) use terminal::MIGRATIONS as LEDGER_MIGRATIONS;

use crate::disk::{Disk, RealDisk};
use cipher::Cipher;
use committer::{Committer, Jobs};
use ledger::TerminalStore;
use letters::Among;
use segments::{Spares, io};
use shared::{Parts, Shared};

/// Most commits that wait for the disk. Each holds a request open, so more would only mean more
/// memory and later answers; beyond it callers are told to come back.
const MAX_WAITING_COMMITS: usize = 16_384;

#[derive(Debug, Clone)]
pub struct OutboxSettings {
    /// The data directory; the log is in `outbox/` below it.
    pub dir: PathBuf,
    /// Most bytes of segments.
    pub max_bytes: u64,
    /// Part of them that new items may not use.
    pub reserve_bytes: u64,
    /// Size of a segment. 64 MiB: large enough that beginning one is rare, small enough to copy.
    pub segment_bytes: u64,
}

impl OutboxSettings {
    pub fn in_dir(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            max_bytes: 10 << 30,
            reserve_bytes: 512 << 20,
            segment_bytes: 64 << 20,
        }
    }
}

pub struct EmbeddedOutbox {
    shared: Arc<Shared>,
    jobs: Arc<Jobs>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl EmbeddedOutbox {
    /// Opens the outbox in a directory whose lock the caller holds.
    pub fn open(
        settings: OutboxSettings,
        keys: Arc<dyn DataKeys>,
        now: UnixMillis,
    ) -> Result<Self, StorageError> {
        let dir = settings.dir.join("outbox");
        let disk = RealDisk::new(dir).map_err(io("open the outbox directory"))?;
        Self::open_on(settings, Arc::new(disk), keys, now)
    }

    /// The same with the log on a given disk. The terminal rows are in `settings.dir`.
    pub fn open_on(
        settings: OutboxSettings,
        disk: Arc<dyn Disk>,
        keys: Arc<dyn DataKeys>,
        now: UnixMillis,
    ) -> Result<Self, StorageError> {
        let terminal = TerminalStore::open(&settings.dir.join("ledger.sqlite"))?;
        let found = recover::recover(&*disk, &*keys, &terminal)?;
        let (key, wrapped_key) = keys.new_key()?;
        let stored = wrapped_key.clone();
        let key_id = terminal.run_blocking(move |db| terminal::add_key(db, &stored))?;
        for (item, is_queued) in found.replayed {
            terminal.run_blocking(move |db| letters::end_replay(db, &[item], is_queued))?;
        }
        let mut lanes = found.lanes;
        settle::refresh_totals(&terminal, &mut lanes)?;
        let spares = Spares::left_over(&*disk, settings.segment_bytes, found.spares);
        let shared = Arc::new(Shared::new(Parts {
            settings,
            disk,
            keys,
            cipher: Arc::new(Cipher::new(&key)?),
            key_id,
            wrapped_key,
            terminal,
            lanes,
            segments: found.segments,
            spares,
        }));
        for (key, at, when) in found.remembered {
            shared.remember_at(key, at, when);
        }
        shared.forget_old(now);
        Self::start(shared, found.next_seq)
    }

    fn start(shared: Arc<Shared>, next_seq: u64) -> Result<Self, StorageError> {
        let (jobs, todo) = sync_channel(MAX_WAITING_COMMITS);
        let committer = Committer::new(shared.clone(), next_seq);
        let start = |e: std::io::Error| io("start a thread")(e);
        let write = std::thread::Builder::new().name("committer".to_owned());
        let write = write.spawn(move || committer.run(&todo)).map_err(start)?;
        let (house, house_jobs) = (shared.clone(), jobs.clone());
        let tidy = std::thread::Builder::new().name("housekeeping".to_owned());
        let tidy = tidy.spawn(move || housekeeping::run(&house, &house_jobs)).map_err(start)?;
        shared.housekeeping.notify();
        // Ended in this order: housekeeping uses the committer.
        Ok(Self { shared, jobs: Arc::new(Jobs::new(jobs)), threads: Mutex::new(vec![tidy, write]) })
    }

    /// Erases records past their retention. What the log still needs stays.
    pub async fn purge(
        &self,
        delivered_before: UnixMillis,
        dead_before: UnixMillis,
    ) -> Result<u64, StorageError> {
        self.shared.purge(delivered_before, dead_before).await
    }

    /// What a restart would find if this were the last moment. `also` is looked at in the same
    /// moment; nothing leaves the queue until it is done.
    pub(crate) async fn cut<T: Send + 'static>(
        &self,
        also: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
    ) -> Result<(Cut, T), StorageError> {
        cut::take(&self.shared, also).await
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.shared.settings.dir
    }

    /// How much more could be written without touching what is kept for the outbox itself.
    pub(crate) fn unreserved_bytes(&self) -> Result<u64, StorageError> {
        let free = self.shared.disk.free_bytes().map_err(io("look at the disk's free space"))?;
        Ok(free.saturating_sub(self.shared.settings.reserve_bytes))
    }

    /// From now on every waiting item counts as one that may have arrived. Says how many wait.
    pub async fn distrust_waiting(&self) -> Result<u64, StorageError> {
        attempts::distrust(&self.shared, &self.jobs.sender()?).await
    }

    fn stop(&self) {
        self.shared.housekeeping.stop();
        self.shared.erasing_moved.notify_waiters();
        self.jobs.close();
        let threads: Vec<_> =
            self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
        for thread in threads {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for EmbeddedOutbox {
    fn drop(&mut self) {
        self.stop();
        // What was begun and that nobody waits for may still hold on to it.
        self.shared.terminal.close();
    }
}

#[async_trait]
impl Outbox for EmbeddedOutbox {
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError> {
        append::append(&self.shared, &self.jobs, commit).await
    }

    async fn remembered(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StorageError> {
        self.shared.remembered_now(&remember::hash(key)).transpose()
    }

    async fn lease(&self, lane: LaneId, ask: LeaseAsk) -> Result<Lease, StorageError> {
        lease::lease(self.shared.clone(), lane, ask).await
    }

    async fn release(
        &self,
        lane: LaneId,
        items: &[Seq],
        not_before: Option<UnixMillis>,
    ) -> Result<(), StorageError> {
        self.shared.release(lane, items, not_before);
        Ok(())
    }

    async fn record_intent(&self, lane: LaneId, items: &[Seq]) -> Result<Vec<Seq>, StorageError> {
        attempts::record(&self.shared, &self.jobs.sender()?, lane, items).await
    }

    fn withdraw_intent(&self, lane: LaneId, items: &[Seq]) {
        // Once closed there is no request that could have been refused.
        if let Ok(jobs) = self.jobs.sender() {
            attempts::withdraw(&self.shared, &jobs, lane, items);
        }
    }

    async fn settle(&self, lane: LaneId, settlement: Settlement) -> Result<(), StorageError> {
        settle::settle(&self.shared, lane, settlement).await
    }

    async fn expire_due(
        &self,
        lane: LaneId,
        due: UnixSeconds,
        at: UnixMillis,
        reason: ExpiryReason,
        limit: u32,
    ) -> Result<u32, StorageError> {
        settle::expire_due(&self.shared, lane, due, at, reason, limit).await
    }

    async fn counts(&self, lane: LaneId) -> Result<LaneCounts, StorageError> {
        Ok(self.shared.lanes().get(&lane).map(index::LaneIndex::counts).unwrap_or_default())
    }

    fn peek(&self, lane: LaneId) -> LanePeek {
        self.shared.lanes().get(&lane).map(index::LaneIndex::peek).unwrap_or_default()
    }

    fn on_available(&self, lane: LaneId, wake: WakeFn) {
        self.shared.lanes().entry(lane).or_default().wake = Some(wake);
    }

    fn set_quota(&self, lane: LaneId, bytes: u64) {
        self.shared.lanes().entry(lane).or_default().quota_bytes = Some(bytes);
    }

    async fn find(&self, item: ItemId) -> Result<Option<FoundItem>, StorageError> {
        find::find(self.shared.clone(), item).await
    }

    async fn dead_letters(&self, page: &DeadLetterPage) -> Result<Vec<DeadLetter>, StorageError> {
        find::dead_letters(&self.shared, page.clone()).await
    }

    async fn count_dead_letters(
        &self,
        filter: &DeadLetterFilter,
        now: UnixSeconds,
    ) -> Result<Vec<LetterCount>, StorageError> {
        find::count_dead_letters(&self.shared, filter.clone(), now).await
    }

    async fn dead_letter(&self, item: ItemId) -> Result<Option<DeadLetter>, StorageError> {
        find::dead_letter(&self.shared, item).await
    }

    async fn replay(&self, items: &[ItemId], at: UnixMillis) -> Result<PutBack, StorageError> {
        let jobs = self.jobs.clone();
        replay::put_back(&self.shared, jobs, items.to_vec(), Among::DeadLetters, at).await
    }

    async fn resend_unknown(
        &self,
        items: &[ItemId],
        at: UnixMillis,
    ) -> Result<PutBack, StorageError> {
        let jobs = self.jobs.clone();
        replay::put_back(&self.shared, jobs, items.to_vec(), Among::Unknown, at).await
    }

    async fn confirm_delivered(&self, items: &[ItemId]) -> Result<Vec<ItemId>, StorageError> {
        replay::confirm_delivered(&self.shared, items.to_vec()).await
    }

    async fn replace(
        &self,
        letter: ItemId,
        by: NewItem,
        at: UnixMillis,
    ) -> Result<(), AppendError> {
        replay::replace(&self.shared, self.jobs.clone(), letter, by, at).await
    }

    async fn origin(&self, item: ItemId) -> Result<Option<ItemId>, StorageError> {
        find::origin(&self.shared, item).await
    }

    async fn erase(&self, erasure: Erasure) -> Result<Erased, StorageError> {
        erase::erase(&self.shared, erasure).await
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.stop();
        Ok(())
    }
}
