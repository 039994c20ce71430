//! The background thread: spare files, dead segments, and copying onward what is left of segments
//! that are mostly dead, so that a lane that is held for weeks does not pin the disk of others.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use holdfast_storage::StorageError;
use tokio::sync::oneshot;

use super::cipher::{item_aad, receipt_aad};
use super::committer::{Job, Purpose, records};
use super::frame::{FRAME_HEAD, Kind, read_frame, write_item, write_remembered};
use super::index::{Entry, Place};
use super::remember::{carried, read_prefix};
use super::segments::{Spare, file_name, io, make};
use super::shared::Shared;
use crate::disk::Disk;
use holdfast_model::item::BatchGroup;

/// Items are copied in frames of this size, so that an append that comes in between waits for a
/// small write only. Smaller where segments are, so that they fit.
const COPY_BYTES: u64 = 256 << 10;

pub fn run(shared: &Arc<Shared>, jobs: &SyncSender<Job>) {
    let _ending = Ending(shared);
    while shared.housekeeping.wait() {
        if let Some(chore) = shared.chores.next() {
            chore(shared, jobs);
            // There may be another.
            shared.housekeeping.notify();
        }
        if let Err(error) = keep_house(shared, jobs) {
            tracing::error!(%error, "housekeeping of the outbox failed; it is tried again later");
        }
    }
}

/// However the thread ends, whoever waits for a chore hears of it.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.chores.close();
    }
}

fn keep_house(shared: &Shared, jobs: &SyncSender<Job>) -> Result<(), StorageError> {
    recycle_dead(shared)?;
    make_spare(shared)?;
    if shared.looking.load(Ordering::Acquire) > 0 {
        return Ok(());
    }
    let victim = shared.segments().compaction_victim(shared.settings.segment_bytes);
    if let Some(victim) = victim {
        copy_onward(shared, jobs, victim)?;
        recycle_dead(shared)?;
    }
    Ok(())
}

/// A segment is gone only when its name is durably gone: as long as a restart might find it, what
/// is in it must be remembered as settled.
pub fn recycle_dead(shared: &Shared) -> Result<(), StorageError> {
    let dead = shared.segments().dead();
    for number in dead {
        if !shared.segments().give_up(number) {
            continue;
        }
        let is_tainted = shared.segments().all.get(&number).is_some_and(|s| s.is_tainted);
        let spare = if is_tainted { None } else { shared.spares().name_for_recycled() };
        let spare = release_file(&*shared.disk, &file_name(number), spare);
        let spare = spare.map_err(io("recycle a segment"))?;
        shared.segments().gone(number);
        let spare = spare.map(|name| Spare { name, is_blank: false });
        spare.into_iter().for_each(|spare| shared.spares().add(spare));
    }
    Ok(())
}

/// Renames the file to a spare, or removes it. If an earlier call did that but failed to make it
/// durable, only that is left to do, and the file is not used: what its name is, is not known.
fn release_file(
    disk: &dyn Disk,
    file: &str,
    spare: Option<String>,
) -> std::io::Result<Option<String>> {
    let released = match &spare {
        Some(spare) => disk.rename(file, spare),
        None => disk.remove(file),
    };
    let spare = match released {
        Ok(()) => spare,
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    disk.sync_dir()?;
    Ok(spare)
}

/// The file is written without the lock, which the committer may want meanwhile.
pub fn make_spare(shared: &Shared) -> Result<(), StorageError> {
    let settings = &shared.settings;
    let used = (shared.segments().all.len() as u64 + 1) * settings.segment_bytes;
    if used >= settings.max_bytes {
        return Ok(());
    }
    let free = shared.disk.free_bytes().map_err(io("look at the disk's free space"))?;
    let has_room = free >= settings.segment_bytes.saturating_add(settings.reserve_bytes);
    while shared.spares().is_wanting(has_room) {
        let name = shared.spares().next_name();
        let made = make(&*shared.disk, &name, settings.segment_bytes);
        made.map_err(io("prepare a segment"))?;
        shared.spares().add(Spare { name, is_blank: true });
    }
    Ok(())
}

pub fn copy_onward(
    shared: &Shared,
    jobs: &SyncSender<Job>,
    victim: u32,
) -> Result<(), StorageError> {
    let Some((file, _, _)) = shared.segments().reader(victim) else { return Ok(()) };
    let end = shared.segments().all.get(&victim).map_or(0, |segment| segment.end);
    let mut bytes = vec![0; usize::try_from(end).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0).map_err(io("read a segment"))?;
    let mut copy = Copy {
        shared,
        jobs,
        victim,
        most: COPY_BYTES.min(shared.settings.segment_bytes / 8) as usize,
        items: Vec::new(),
        from: Vec::new(),
        remembered: Vec::new(),
    };
    let mut at = 0;
    while let Some(frame) = bytes.get(at..).and_then(|b| read_frame(b, victim)) {
        let payload = frame.payload;
        let offset = (at + FRAME_HEAD) as u64;
        match frame.kind {
            // The segment that is being written repeats the marks that still count.
            Kind::Header | Kind::Attempts => {}
            Kind::Items | Kind::Moved => copy.items(frame.kind, offset, payload)?,
            Kind::Remembered => {
                for (record, _) in carried(payload) {
                    copy.remember(record)?;
                }
            }
        }
        at += FRAME_HEAD + payload.len();
    }
    copy.flush_items()?;
    copy.flush_remembered()
}

struct Copy<'a> {
    shared: &'a Shared,
    jobs: &'a SyncSender<Job>,
    victim: u32,
    /// Bytes after which a frame is written.
    most: usize,
    items: Vec<u8>,
    from: Vec<Place>,
    remembered: Vec<u8>,
}

impl Copy<'_> {
    fn items(&mut self, kind: Kind, offset: u64, payload: &[u8]) -> Result<(), StorageError> {
        if kind == Kind::Items
            && let Some(record) = read_prefix(payload)
        {
            self.remember(record)?;
        }
        for (record, range) in records(kind, payload) {
            let place = Place {
                segment: self.victim,
                offset: (offset + range.start as u64) as u32,
                length: range.len() as u32,
            };
            if self.is_live(&record, place) {
                self.shared.copy_record(
                    &record.head,
                    record.group,
                    record.ciphertext,
                    self.victim,
                    &mut self.items,
                )?;
                self.from.push(place);
            }
            if self.items.len() >= self.most {
                self.flush_items()?;
            }
        }
        Ok(())
    }

    /// Whether the item still waits and this is where its record is.
    fn is_live(&self, record: &super::frame::ItemRecord<'_>, place: Place) -> bool {
        let mut lanes = self.shared.lanes();
        let Some(lane) = lanes.get_mut(&record.head.lane) else { return false };
        let group = lane.group_number(record.group);
        let head = &record.head;
        let like = Entry::new(head.seq, place, head.expires_at, head.dedup_until, group);
        lane.find(head.seq, &like).is_some_and(|entry| entry.at == place)
    }

    fn remember(&mut self, mut record: super::frame::RememberedRecord) -> Result<(), StorageError> {
        if !self.shared.memory().is_at(&record.key_hash, self.victim) {
            return Ok(());
        }
        let Some((_, cipher, _)) = self.shared.segments().reader(self.victim) else {
            return Ok(());
        };
        let aad = receipt_aad(&record.key_hash);
        cipher.open(&aad, record.nonce, &mut record.ciphertext)?;
        record.nonce = self.shared.cipher.seal(&aad, &mut record.ciphertext)?;
        write_remembered(&mut self.remembered, &record);
        if self.remembered.len() >= self.most { self.flush_remembered() } else { Ok(()) }
    }

    fn flush_items(&mut self) -> Result<(), StorageError> {
        let from = std::mem::take(&mut self.from);
        let payload = std::mem::take(&mut self.items);
        self.commit(Kind::Moved, payload, Purpose::Relocate { from })
    }

    fn flush_remembered(&mut self) -> Result<(), StorageError> {
        let payload = std::mem::take(&mut self.remembered);
        self.commit(Kind::Remembered, payload, Purpose::CarryRemembered { from: self.victim })
    }

    fn commit(&self, kind: Kind, payload: Vec<u8>, purpose: Purpose) -> Result<(), StorageError> {
        if payload.is_empty() {
            return Ok(());
        }
        let (done, wait) = oneshot::channel();
        let job = Job { kind, payload, purpose, done };
        self.jobs.send(job).map_err(|_| StorageError::Closed)?;
        match wait.blocking_recv() {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                Err(StorageError::Io { doing: "copy items onward", cause: error.to_string() })
            }
            Err(_) => Err(StorageError::Closed),
        }
    }
}

impl Shared {
    /// Appends a record with the same content, encrypted under this start's key.
    pub fn copy_record(
        &self,
        head: &super::frame::ItemHead,
        group: &str,
        ciphertext: &[u8],
        from_segment: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), StorageError> {
        let (_, cipher, _) = self
            .segments()
            .reader(from_segment)
            .ok_or(StorageError::NotFound { what: "segment", id: from_segment.to_string() })?;
        let aad = item_aad(head.item_id, head.lane);
        let mut content = ciphertext.to_vec();
        cipher.open(&aad, head.nonce, &mut content)?;
        let nonce = self.cipher.seal(&aad, &mut content)?;
        let head = super::frame::ItemHead { nonce, ..*head };
        write_item(out, &head, &BatchGroup(group.to_owned()), &content);
        Ok(())
    }
}
