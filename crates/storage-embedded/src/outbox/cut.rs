//! The state that a crash would leave at one moment, kept still to be copied.
//!
//! Recovery makes sense of whatever a crash leaves, so a copy needs nothing else: the terminal rows
//! as they are committed, and of each segment what is synced, at a moment when no row is being
//! written. The log goes on meanwhile. What it takes in after that moment is behind the ends that
//! are noted here, and segments that die keep their files until they are copied.

use std::sync::Arc;

use holdfast_storage::StorageError;

use super::segments::io;
use super::shared::Shared;
use crate::disk::DiskFile;
use crate::sqlite::Snapshot;

pub struct Cut {
    pub ledger: Snapshot,
    /// Oldest first.
    pub segments: Vec<CutSegment>,
    pub pin: Pin,
}

pub struct CutSegment {
    pub number: u32,
    pub file: Arc<dyn DiskFile>,
    /// What is behind this is not part of the cut.
    pub end: u64,
    /// Size of the file.
    pub reserved: u64,
}

/// Keeps the segments from being used for something else.
pub struct Pin {
    shared: Arc<Shared>,
    number: u64,
}

impl Pin {
    pub fn copied(&self, segment: u32) {
        self.shared.segments().copied(self.number, segment);
        self.shared.housekeeping.notify();
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.shared.segments().unpin(self.number);
        self.shared.housekeeping.notify();
    }
}

pub async fn take<T: Send + 'static>(
    shared: &Arc<Shared>,
    also: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<(Cut, T), StorageError> {
    let sharing = shared.clone();
    let cut = move |ledger| {
        let also = also()?;
        let (pin, segments) = {
            let mut all = sharing.segments();
            let (number, pinned) = all.pin();
            let segments: Vec<CutSegment> = pinned
                .into_iter()
                .map(|(number, segment)| CutSegment {
                    number,
                    file: segment.file.clone(),
                    end: segment.end,
                    reserved: 0,
                })
                .collect();
            (Pin { shared: sharing.clone(), number }, segments)
        };
        Ok((Cut { ledger, segments, pin }, also))
    };
    let (mut cut, also) = shared.terminal.between(cut).await?;
    for segment in &mut cut.segments {
        segment.reserved = segment.file.size().map_err(io("measure a segment"))?;
    }
    Ok((cut, also))
}
