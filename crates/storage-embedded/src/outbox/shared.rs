//! What the outbox's threads and callers share.
//!
//! Locks are taken in this order: lanes, segments, memory. None is held across a disk write or an
//! await.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use holdfast_model::id::LaneId;

use super::OutboxSettings;
use super::cipher::{Cipher, DataKeys};
use super::index::Lanes;
use super::remember::Memory;
use super::segments::{Segments, Spares, file_name};
use super::terminal::TerminalStore;
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
    pub poisoned: AtomicBool,
    pub housekeeping: Signal,
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
    pub fn new_file(&self, number: u32, header: &[u8]) -> std::io::Result<Arc<dyn DiskFile>> {
        let spare = self.spares().take()?;
        let file = self.disk.open(&spare)?;
        file.write_all_at(header, 0)?;
        file.sync()?;
        self.disk.rename(&spare, &file_name(number))?;
        self.disk.sync_dir()?;
        Ok(file)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
