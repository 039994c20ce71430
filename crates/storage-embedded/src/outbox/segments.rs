//! The segments that exist, and how much of each is still needed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use holdfast_storage::StorageError;

use super::cipher::Cipher;
use super::index::Place;
use super::shared::lock;
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
    /// It has content that was erased: its file is removed when it is dead, not used again.
    pub is_tainted: bool,
    /// Behind its end are zeros, nothing from an earlier use of the file.
    pub is_blank: bool,
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
    /// What copies still need, by the number of the pin.
    pinned: BTreeMap<u64, BTreeSet<u32>>,
    /// Dead ones whose files are being given up.
    going: BTreeSet<u32>,
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

    /// Something in it is to be gone from the disk.
    pub fn taint(&mut self, number: u32) {
        if let Some(segment) = self.all.get_mut(&number) {
            segment.is_tainted = true;
        }
    }

    /// The sealed segments that nothing needs.
    pub fn dead(&self) -> Vec<u32> {
        let current = self.current();
        let dead = self.all.iter().filter(|(n, s)| Some(**n) != current && s.is_dead());
        dead.map(|(number, _)| *number).collect()
    }

    /// Whether the file of a dead segment may be used for something else. From then on no copy
    /// begins to need it.
    pub fn give_up(&mut self, number: u32) -> bool {
        let is_free = !self.pinned.values().any(|pinned| pinned.contains(&number));
        if is_free {
            self.going.insert(number);
        }
        is_free
    }

    /// Its name is durably gone.
    pub fn gone(&mut self, number: u32) {
        self.all.remove(&number);
        self.going.remove(&number);
    }

    /// Everything that a restart would need, which stays as it is until it is unpinned.
    pub fn pin(&mut self) -> (u64, Vec<(u32, &Segment)>) {
        let pin = self.pinned.last_key_value().map_or(0, |(last, _)| last + 1);
        let is_staying = |number: &u32| !self.going.contains(number);
        self.pinned.insert(pin, self.all.keys().copied().filter(is_staying).collect());
        let staying = self.all.iter().filter(|(number, _)| !self.going.contains(number));
        (pin, staying.map(|(number, segment)| (*number, segment)).collect())
    }

    /// One segment is copied.
    pub fn copied(&mut self, pin: u64, number: u32) {
        if let Some(pinned) = self.pinned.get_mut(&pin) {
            pinned.remove(&number);
        }
    }

    pub fn unpin(&mut self, pin: u64) {
        self.pinned.remove(&pin);
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
                    && !segment.is_dead()
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

/// Files to become the next segments: made in the background, because writing 64 MiB of zeros in
/// the way of an append would stall it.
pub struct Spares {
    segment_bytes: u64,
    made: u64,
    ready: Vec<Spare>,
}

/// A file that is to become a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spare {
    pub name: String,
    /// It is all zeros: it was made by this process and never was a segment.
    pub is_blank: bool,
}

/// More spare files than this are deleted rather than kept.
const MAX_SPARES: usize = 3;

/// Spare files that new items may not use. So when the disk is full there is still a segment to
/// copy onward into, which is what makes room.
const KEPT_SPARES: usize = 1;

const SPARE_PREFIX: &str = "spare-";

impl Spares {
    /// Takes over what an earlier start left. A file of another size was being made when that
    /// ended, or for other settings: it goes.
    pub fn left_over(disk: &dyn Disk, segment_bytes: u64, names: Vec<String>) -> Self {
        let number = |name: &String| {
            name.rsplit('-').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0)
        };
        let mut spares = Self {
            segment_bytes,
            made: names.iter().map(number).max().unwrap_or(0),
            ready: Vec::new(),
        };
        for name in names {
            let size = disk.open(&name).and_then(|file| file.size());
            if size.is_ok_and(|size| size == segment_bytes) && spares.ready.len() < MAX_SPARES {
                spares.ready.push(Spare { name, is_blank: false });
            } else if let Err(error) = disk.remove(&name) {
                tracing::warn!(name, %error, "failed to remove an unused file of the outbox");
            }
        }
        spares
    }

    pub fn is_spare(name: &str) -> bool {
        name.starts_with(SPARE_PREFIX)
    }

    /// Whether another should be made. The one that is kept is worth the last of the disk, others
    /// only what is not reserved.
    pub fn is_wanting(&self, has_unreserved_room: bool) -> bool {
        self.ready.len() < KEPT_SPARES + usize::from(has_unreserved_room)
    }

    /// A spare, made now if none is ready. `reserved_bytes` if the last spare and so much of the
    /// disk must be left for others.
    pub fn take(
        spares: &Mutex<Self>,
        disk: &dyn Disk,
        reserved_bytes: Option<u64>,
    ) -> std::io::Result<Spare> {
        let kept = if reserved_bytes.is_some() { KEPT_SPARES } else { 0 };
        let (ready, name, bytes) = {
            let mut spares = lock(spares);
            let ready = if spares.ready.len() > kept { spares.ready.pop() } else { None };
            (ready, spares.next_name(), spares.segment_bytes)
        };
        if let Some(ready) = ready {
            return Ok(ready);
        }
        if let Some(reserved) = reserved_bytes
            && disk.free_bytes()? < bytes.saturating_add(reserved)
        {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        // Writing zeros now would hold up every append that waits.
        disk.create_reserved(&name, bytes).inspect_err(|_| {
            let _ = disk.remove(&name);
        })?;
        tracing::debug!(name, "no prepared segment was ready");
        Ok(Spare { name, is_blank: true })
    }

    pub fn next_name(&mut self) -> String {
        self.made += 1;
        format!("{SPARE_PREFIX}{}", self.made)
    }

    /// A name for a file that is needed no longer. `None` if there are enough.
    pub fn name_for_recycled(&mut self) -> Option<String> {
        (self.ready.len() < MAX_SPARES).then(|| self.next_name())
    }

    pub fn add(&mut self, spare: Spare) {
        self.ready.push(spare);
    }

    /// Takes out one that was a segment before.
    pub fn take_used(&mut self) -> Option<String> {
        let at = self.ready.iter().position(|spare| !spare.is_blank)?;
        Some(self.ready.swap_remove(at).name)
    }
}

/// A spare file. One that was only begun would take up what little room there is.
pub fn make(disk: &dyn Disk, name: &str, bytes: u64) -> std::io::Result<()> {
    disk.create_zeroed(name, bytes).inspect_err(|_| {
        let _ = disk.remove(name);
    })
}

/// Writes what is from `start` to `end` once more and syncs.
///
/// After a sync failed, the system may take what it could not write for written: it can still be
/// read, a later sync succeeds, and after a power loss it is gone. Only what is written anew is
/// certain to be synced.
pub fn write_again(file: &dyn DiskFile, start: u64, end: u64) -> std::io::Result<()> {
    /// Small enough to hold.
    const PIECE: u64 = 1 << 20;
    let mut at = start;
    let mut piece = Vec::new();
    while at < end {
        piece.resize((end - at).min(PIECE) as usize, 0);
        file.read_exact_at(&mut piece, at)?;
        file.write_all_at(&piece, at)?;
        at += piece.len() as u64;
    }
    file.sync()
}

/// Overwrites everything from `start` on with zeros.
pub fn blank(file: &dyn DiskFile, start: u64) -> std::io::Result<()> {
    /// Small enough to hold.
    const PIECE: u64 = 1 << 20;
    let (mut at, end) = (start, file.size()?);
    while at < end {
        let zeros = vec![0; (end - at).min(PIECE) as usize];
        file.write_all_at(&zeros, at)?;
        at += zeros.len() as u64;
    }
    file.sync()
}

pub fn io(doing: &'static str) -> impl Fn(std::io::Error) -> StorageError {
    move |error| StorageError::Io { doing, cause: error.to_string() }
}
