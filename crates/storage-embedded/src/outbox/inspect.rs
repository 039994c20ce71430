//! What recovery finds in a log, without opening it: for the fuzz target.

use holdfast_model::id::{LaneId, Seq};
use holdfast_storage::StorageError;

use super::cipher::DataKeys;
use super::recover::recover_with;
use super::terminal::Recovered;
use crate::disk::Disk;

/// A log as recovery sees it if nothing of it has left the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// In order.
    pub waiting: Vec<(LaneId, Seq)>,
    /// Each segment's number, and where its last sound frame ends.
    pub ends: Vec<(u32, u64)>,
    pub remembered: usize,
    pub next_seq: u64,
}

/// Reads the log and writes nothing.
pub fn inspect(disk: &dyn Disk, keys: &dyn DataKeys) -> Result<Inspected, StorageError> {
    let found = recover_with(disk, keys, |_| Ok(Recovered::default()))?;
    let mut waiting: Vec<(LaneId, Seq)> =
        found.lanes.iter().flat_map(|(lane, index)| index.seqs().map(|seq| (*lane, seq))).collect();
    waiting.sort_unstable();
    Ok(Inspected {
        waiting,
        ends: found.segments.all.iter().map(|(number, segment)| (*number, segment.end)).collect(),
        remembered: found.remembered.len(),
        next_seq: found.next_seq,
    })
}
