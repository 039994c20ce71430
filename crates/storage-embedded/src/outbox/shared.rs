//! What the outbox's threads and callers share.
//!
//! Locks are taken in this order: lanes, segments, memory, spares. None is held across a disk write
//! or an await.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use holdfast_model::id::LaneId;
use holdfast_storage::{AppendError, StorageError};

use super::OutboxSettings;
use super::chores::Chores;
use super::cipher::{Cipher, DataKeys};
use super::committer::Room;
use super::index::Lanes;
use super::ledger::TerminalStore;
use super::remember::Memory;
use super::segments::{Segments, Spare, Spares, file_name, io};
use crate::disk::{Disk, DiskFile};

pub struct Shared {
    pub settings: OutboxSettings,
    pub disk: Arc<dyn Disk>,
    pub keys: Arc<dyn DataKeys>,
    /// The data key of this start.
    pub cipher: Arc<Cipher>,
    pub key_id: u32,
    pub wrapped_key: Vec<u8>,
    pub terminal: TerminalStore,
    lanes: Mutex<Lanes>,
    segments: Mutex<Segments>,
    memory: Mutex<Memory>,
    spares: Mutex<Spares>,
    /// The log failed: what is on the disk is not known, and nothing more is acknowledged.
    poisoned: AtomicBool,
    pub housekeeping: Signal,
    /// What the background thread was asked to do.
    pub chores: Chores,
    /// Replays and corrections hold it for reading, an erasure that looks through everything for
    /// writing: what comes back from where it has looked already would escape it.
    pub putting_back: tokio::sync::RwLock<()>,
    /// One erasure at a time looks through the log or copies onward: what one moves another might
    /// not see.
    pub erasure: tokio::sync::Mutex<()>,
    /// Erasures that look through the log. Nothing is copied onward under them.
    pub looking: AtomicUsize,
    /// An item that is being erased came back or left.
    pub erasing_moved: tokio::sync::Notify,
}

/// A segment's file that was just begun.
pub struct NewFile {
    pub file: Arc<dyn DiskFile>,
    /// Behind what was written are zeros.
    pub is_blank: bool,
}

pub struct Parts {
    pub settings: OutboxSettings,
    pub disk: Arc<dyn Disk>,
    pub keys: Arc<dyn DataKeys>,
    pub cipher: Arc<Cipher>,
    pub key_id: u32,
    pub wrapped_key: Vec<u8>,
    pub terminal: TerminalStore,
    pub lanes: Lanes,
    pub segments: Segments,
    pub spares: Spares,
}

impl Shared {
    pub fn new(parts: Parts) -> Self {
        Self {
            settings: parts.settings,
            disk: parts.disk,
            keys: parts.keys,
            cipher: parts.cipher,
            key_id: parts.key_id,
            wrapped_key: parts.wrapped_key,
            terminal: parts.terminal,
            lanes: Mutex::new(parts.lanes),
            segments: Mutex::new(parts.segments),
            memory: Mutex::default(),
            spares: Mutex::new(parts.spares),
            poisoned: AtomicBool::new(false),
            housekeeping: Signal::default(),
            chores: Chores::default(),
            putting_back: tokio::sync::RwLock::default(),
            erasure: tokio::sync::Mutex::default(),
            looking: AtomicUsize::new(0),
            erasing_moved: tokio::sync::Notify::new(),
        }
    }

    pub fn lanes(&self) -> MutexGuard<'_, Lanes> {
        lock(&self.lanes)
    }

    pub fn segments(&self) -> MutexGuard<'_, Segments> {
        lock(&self.segments)
    }

    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }

    pub fn spares(&self) -> MutexGuard<'_, Spares> {
        lock(&self.spares)
    }

    /// Every item before this has left the queue.
    pub fn oldest_waiting(&self, next_seq: u64) -> u64 {
        let lanes = self.lanes();
        lanes
            .values()
            .filter_map(super::index::LaneIndex::oldest)
            .min()
            .map_or(next_seq, |seq| seq.0)
    }

    pub fn accepted(&self) -> Vec<(LaneId, u64)> {
        self.lanes().iter().map(|(lane, index)| (*lane, index.totals.accepted)).collect()
    }

    /// A segment's file with its first frame, durable under its name.
    pub fn new_file(&self, number: u32, header: &[u8], room: Room) -> Result<NewFile, AppendError> {
        let reserved = match room {
            Room::Unreserved => Some(self.settings.reserve_bytes),
            Room::Reserve => None,
        };
        let spare = Spares::take(&self.spares, &*self.disk, reserved).map_err(|error| {
            tracing::error!(%error, "failed to prepare a segment");
            full_or_failed(error)
        })?;
        let Spare { name, is_blank } = spare;
        let file = self.write_header(&name, header).map_err(|error| {
            tracing::error!(%error, "failed to begin a segment");
            // Its content is not known. It was never a segment, so nothing is lost with it.
            let _ = self.disk.remove(&name);
            full_or_failed(error)
        })?;
        let named = self.disk.rename(&name, &file_name(number));
        named.and_then(|()| self.disk.sync_dir()).map_err(|error| {
            // Under which name a restart will find it is not known, and its header says where the
            // segment before it ends. So nothing may be written to that one any more.
            self.poison("begin a segment", &error);
            AppendError::Storage(io("begin a segment")(error))
        })?;
        Ok(NewFile { file, is_blank })
    }

    fn write_header(&self, spare: &str, header: &[u8]) -> std::io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.open(spare)?;
        file.write_all_at(header, 0)?;
        file.sync()?;
        Ok(file)
    }

    /// From now on nothing is acknowledged.
    pub fn poison(&self, doing: &'static str, error: &std::io::Error) {
        tracing::error!(doing, %error, "the outbox log failed; nothing is accepted until a restart");
        self.poisoned.store(true, Ordering::Release);
    }

    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }
}

/// What everyone hears once the log has failed.
pub fn poisoned() -> StorageError {
    StorageError::Io {
        doing: "write the outbox log",
        cause: "an earlier write failed, so what is on the disk is not known; restart to find out"
            .to_owned(),
    }
}

fn full_or_failed(error: std::io::Error) -> AppendError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => AppendError::DiskFull,
        _ => AppendError::Storage(io("begin a segment")(error)),
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while a lock was held leaves counts at worst; stopping everything would be worse.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes a background thread.
#[derive(Default)]
pub struct Signal {
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Signal {
    pub fn notify(&self) {
        lock(&self.state).0 = true;
        self.changed.notify_one();
    }

    pub fn stop(&self) {
        lock(&self.state).1 = true;
        self.changed.notify_all();
    }

    pub fn is_stopped(&self) -> bool {
        lock(&self.state).1
    }

    /// Waits for a notification. False when it is time to end.
    pub fn wait(&self) -> bool {
        let mut state = lock(&self.state);
        while !state.0 && !state.1 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.0 = false;
        !state.1
    }
}
