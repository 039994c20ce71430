//! The segments that exist, and how much of each is still needed.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_storage::StorageError;

use super::cipher::Cipher;
use super::index::Place;
use crate::disk::{Disk, DiskFile};

pub struct Segment {
    pub file: Arc<dyn DiskFile>,
    pub cipher: Arc<Cipher>,
    pub key_id: u32,
    /// Where the next frame goes, or where the last one ended.
    pub end: u64,
    pub live_items: u64,
    pub live_bytes: u64,
    /// Remembered requests whose only copy is here.
    pub remembered: u64,
}

impl Segment {
    fn is_dead(&self) -> bool {
        self.live_items == 0 && self.remembered == 0
    }
}

/// By number. The last one is being written.
#[derive(Default)]
pub struct Segments {
    pub all: BTreeMap<u32, Segment>,
}

/// A sealed segment with less than this share of live bytes is worth copying what is left of it.
const MOSTLY_DEAD_PERCENT: u64 = 35;

/// With fewer segments than this there is nothing to win.
const MIN_SEGMENTS: usize = 4;

pub fn file_name(number: u32) -> String {
    format!("{number:010}.seg")
}

/// `None` for every name that [`file_name`] does not give: such a file is not ours.
pub fn number_of(name: &str) -> Option<u32> {
    let number = name.strip_suffix(".seg")?.parse().ok()?;
    (file_name(number) == name).then_some(number)
}

impl Segments {
    pub fn current(&self) -> Option<u32> {
        self.all.last_key_value().map(|(number, _)| *number)
    }

    pub fn gained(&mut self, place: Place) {
        if let Some(segment) = self.all.get_mut(&place.segment) {
            segment.live_items += 1;
            segment.live_bytes += u64::from(place.length);
        }
    }

    pub fn lost(&mut self, place: Place) {
        if let Some(segment) = self.all.get_mut(&place.segment) {
            segment.live_items = segment.live_items.saturating_sub(1);
            segment.live_bytes = segment.live_bytes.saturating_sub(u64::from(place.length));
        }
    }

    /// Takes out the sealed segments that nothing needs.
    pub fn take_dead(&mut self) -> Vec<u32> {
        let current = self.current();
        let dead: Vec<u32> = self
            .all
            .iter()
            .filter(|(number, segment)| Some(**number) != current && segment.is_dead())
            .map(|(number, _)| *number)
            .collect();
        for number in &dead {
            self.all.remove(number);
        }
        dead
    }

    /// The sealed segment that is best copied onward.
    pub fn compaction_victim(&self, segment_bytes: u64) -> Option<u32> {
        if self.all.len() < MIN_SEGMENTS {
            return None;
        }
        let current = self.current();
        self.all
            .iter()
            .filter(|(number, segment)| {
                Some(**number) != current
                    && segment.live_bytes * 100 < segment_bytes * MOSTLY_DEAD_PERCENT
            })
            .min_by_key(|(_, segment)| segment.live_bytes)
            .map(|(number, _)| *number)
    }

    pub fn reader(&self, number: u32) -> Option<(Arc<dyn DiskFile>, Arc<Cipher>, u32)> {
        let segment = self.all.get(&number)?;
        Some((segment.file.clone(), segment.cipher.clone(), segment.key_id))
    }
}

/// A file to become the next segment: made in the background, because writing 64 MiB of zeros in
/// the way of an append would stall it.
pub struct Spares {
    disk: Arc<dyn Disk>,
    segment_bytes: u64,
    made: u64,
    ready: Vec<String>,
}

/// More spare files than this are deleted rather than kept.
const MAX_SPARES: usize = 2;

impl Spares {
    pub fn new(disk: Arc<dyn Disk>, segment_bytes: u64, left_over: Vec<String>) -> Self {
        Self { disk, segment_bytes, made: 0, ready: left_over }
    }

    pub fn is_wanting(&self) -> bool {
        self.ready.is_empty()
    }

    pub fn take(&mut self) -> std::io::Result<String> {
        if let Some(ready) = self.ready.pop() {
            return Ok(ready);
        }
        let name = self.next_name();
        self.disk.create_zeroed(&name, self.segment_bytes)?;
        Ok(name)
    }

    pub fn next_name(&mut self) -> String {
        self.made += 1;
        format!("spare-{}-{}", std::process::id(), self.made)
    }

    pub fn add(&mut self, name: String) {
        self.ready.push(name);
    }

    /// A dead segment's file becomes a spare, or goes.
    pub fn recycle(&mut self, file: &str) -> std::io::Result<()> {
        if self.ready.len() >= MAX_SPARES {
            self.disk.remove(file)?;
        } else {
            let name = self.next_name();
            self.disk.rename(file, &name)?;
            self.ready.push(name);
        }
        self.disk.sync_dir()
    }
}

pub fn io(doing: &'static str) -> impl Fn(std::io::Error) -> StorageError {
    move |error| StorageError::Io { doing, cause: error.to_string() }
}
