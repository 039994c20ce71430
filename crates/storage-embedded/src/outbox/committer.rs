//! The one thread that writes the log.
//!
//! It takes everything that waits, writes it with one call, syncs once, and only then tells those
//! who wait. The next group starts as soon as the sync ends; lingering for more would only add
//! latency. A failed write or sync poisons the log: nothing is acknowledged any more until it is
//! opened again, because what is on the disk is not known.

use std::collections::{BTreeSet, HashSet};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex};

use holdfast_model::id::{LaneId, Seq};
use holdfast_model::ledger::LedgerState;
use holdfast_storage::{AppendError, Appended, StorageError};
use tokio::sync::oneshot;

use super::append::Reservation;
use super::frame::{self, FRAME_HEAD, Frame, Header, Kind, SEQ_OFFSET};
use super::index::{Entry, Lanes, Place};
use super::remember::{KeyHash, RememberedAt};
use super::runs::SeqRuns;
use super::segments::{Segment, Segments, io};
use super::shared::{Shared, lock, poisoned};

/// Most bytes that one sync covers. More would make the first of them wait for the last.
const MAX_GROUP_BYTES: usize = 8 << 20;

/// Most jobs of one group.
const MAX_GROUP_JOBS: usize = 4_096;

/// A frame must fit into a segment beside what that begins with, which grows with the number of
/// lanes.
pub fn most_of_a_commit(segment_bytes: u64) -> u64 {
    segment_bytes / 2
}

pub struct Job {
    pub kind: Kind,
    /// Item records whose `seq` is still to be written, or remembered records. For
    /// [`Kind::Items`] a remembered record may come first, see `remember`.
    pub payload: Vec<u8>,
    pub purpose: Purpose,
    pub done: oneshot::Sender<Result<Appended, AppendError>>,
}

/// The way to the committer, until it is closed.
pub struct Jobs(Mutex<Option<SyncSender<Job>>>);

impl Jobs {
    pub fn new(jobs: SyncSender<Job>) -> Self {
        Self(Mutex::new(Some(jobs)))
    }

    pub fn sender(&self) -> Result<SyncSender<Job>, StorageError> {
        lock(&self.0).clone().ok_or(StorageError::Closed)
    }

    /// The committer ends when it has done what waits.
    pub fn close(&self) {
        lock(&self.0).take();
    }
}

pub enum Purpose {
    /// New items: the key of the request they came with, and their room in the quotas.
    New { key: Option<KeyHash>, room: Reservation },
    /// Copies of waiting items, with the place each was copied from.
    Relocate { from: Vec<Place> },
    /// Items that had left the queue, with the state that each was in, and their room.
    PutBack { left: Vec<LedgerState>, room: Reservation },
    /// Which items may have arrived from now on.
    Mark { lane: LaneId, items: SeqRuns },
    /// The same of items that nobody has leased.
    Distrust { lane: LaneId, items: SeqRuns },
    /// Copies of remembered requests, with the segment they were in.
    CarryRemembered { from: u32 },
    /// Nothing is written: what comes next goes into a new segment.
    NewSegment,
}

/// Which part of the disk a new segment may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// New items, and those put back: what is left beside the reserve.
    Unreserved,
    /// Intents, and copying onward: that must not lack the room it is to make.
    Reserve,
}

/// A job whose frame is in the buffer.
struct Placed {
    job: Job,
    segment: u32,
    /// Of the payload in the segment.
    offset: u64,
    first: Seq,
}

pub struct Committer {
    shared: Arc<Shared>,
    next_seq: u64,
    buffer: Vec<u8>,
    placed: Vec<Placed>,
    keys: HashSet<KeyHash>,
    /// Whether the last segment is of this start: each start has a data key of its own. It begins
    /// one when it has something to write, so that starting needs no room on a disk that is full.
    has_begun: bool,
}

impl Committer {
    pub fn new(shared: Arc<Shared>, next_seq: u64) -> Self {
        Self {
            shared,
            next_seq,
            buffer: Vec::new(),
            placed: Vec::new(),
            keys: HashSet::new(),
            has_begun: false,
        }
    }

    pub fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut bytes = first.payload.len();
            self.take(first);
            while bytes < MAX_GROUP_BYTES && self.placed.len() < MAX_GROUP_JOBS {
                let Ok(job) = jobs.try_recv() else { break };
                bytes += job.payload.len();
                self.take(job);
            }
            self.flush();
        }
    }

    /// Puts the job's frame into the buffer, or answers it at once.
    fn take(&mut self, mut job: Job) {
        if matches!(job.purpose, Purpose::NewSegment) {
            self.flush();
            let begun = match self.shared.is_poisoned() {
                true => Err(poisoned().into()),
                false => self.begin_segment(Room::Reserve),
            };
            let first = Seq(self.next_seq);
            let _ = job.done.send(begun.map(|_| Appended::Stored { first }));
            return;
        }
        if let Purpose::New { key: Some(key), .. } = &job.purpose {
            if self.keys.contains(key) {
                // The same request twice in one group: the second is a repetition once the first
                // is durable.
                self.flush();
            }
            if let Some(remembered) = self.shared.remembered_now(key) {
                let _ = job.done.send(remembered.map(Appended::Repeated).map_err(Into::into));
                return;
            }
        }
        let segment = match self.room_for(FRAME_HEAD + job.payload.len(), &job.purpose) {
            Ok(segment) => segment,
            Err(error) => return fail(job, error),
        };
        // Not before: making room may have ended the group, and with it what it knew.
        if let Purpose::New { key: Some(key), .. } = &job.purpose {
            self.keys.insert(*key);
        }
        let first = Seq(self.next_seq);
        if matches!(job.purpose, Purpose::New { .. } | Purpose::PutBack { .. }) {
            self.number_items(&mut job);
        }
        let synced = self.end_of(segment);
        let offset = synced + (self.buffer.len() + FRAME_HEAD) as u64;
        let (kind, payload) = (job.kind, job.payload.as_slice());
        let frame = Frame { kind, synced: synced as u32, payload };
        frame::write_frame(&mut self.buffer, segment, frame);
        self.placed.push(Placed { job, segment, offset, first });
    }

    fn end_of(&self, segment: u32) -> u64 {
        self.shared.segments().all.get(&segment).map_or(0, |segment| segment.end)
    }

    /// Writes the sequence numbers into the records.
    fn number_items(&mut self, job: &mut Job) {
        let mut at = super::remember::skip(job.kind, &job.payload);
        while let Some(length) = record_length(&job.payload[at..]) {
            let seq = at + SEQ_OFFSET;
            job.payload[seq..seq + 8].copy_from_slice(&self.next_seq.to_le_bytes());
            self.next_seq += 1;
            at += length;
        }
    }

    /// The current segment, or a new one if the frame does not fit. None once the log has failed.
    fn room_for(&mut self, bytes: usize, purpose: &Purpose) -> Result<u32, AppendError> {
        let segment_bytes = self.shared.settings.segment_bytes;
        let current = self.shared.segments().current();
        if let Some(current) = current.filter(|_| self.has_begun) {
            let end = self.end_of(current) + self.buffer.len() as u64;
            if end + bytes as u64 <= segment_bytes && !self.shared.is_poisoned() {
                return Ok(current);
            }
            self.flush();
        }
        if self.shared.is_poisoned() {
            return Err(poisoned().into());
        }
        let segment = self.begin_segment(match purpose {
            Purpose::New { .. } | Purpose::PutBack { .. } => Room::Unreserved,
            _ => Room::Reserve,
        })?;
        if self.end_of(segment) + bytes as u64 > segment_bytes {
            return Err(too_large(bytes).into());
        }
        Ok(segment)
    }

    fn begin_segment(&mut self, room: Room) -> Result<u32, AppendError> {
        let shared = self.shared.clone();
        let settings = &shared.settings;
        let (number, ends) = {
            let segments = shared.segments();
            let ends: Vec<(u32, u64)> = segments.all.iter().map(|(n, s)| (*n, s.end)).collect();
            (segments.current().map_or(Some(1), |n| n.checked_add(1)), ends)
        };
        let number = number.ok_or_else(|| {
            let why = "no number is left after it".to_owned();
            StorageError::Refused { what: "segment", id: u32::MAX.to_string(), why }
        })?;
        let count = ends.len() as u64;
        let most = match room {
            Room::Unreserved => settings.max_bytes.saturating_sub(settings.reserve_bytes),
            Room::Reserve => settings.max_bytes,
        };
        if (count + 1) * settings.segment_bytes > most {
            return Err(AppendError::DiskFull);
        }
        let header = Header {
            wrapped_key: shared.wrapped_key.clone(),
            key_id: shared.key_id,
            next_seq: self.next_seq,
            ends,
            oldest_waiting: shared.oldest_waiting(self.next_seq),
            accepted: shared.accepted(),
        };
        let mut frame = Vec::new();
        let payload = header.write();
        let head = Frame { kind: Kind::Header, synced: 0, payload: &payload };
        frame::write_frame(&mut frame, number, head);
        super::attempts::repeat(&shared.lanes(), number, settings.segment_bytes, &mut frame);
        let new = shared.new_file(number, &frame, room)?;
        let segment = Segment {
            file: new.file,
            cipher: shared.cipher.clone(),
            key_id: shared.key_id,
            end: frame.len() as u64,
            live_items: 0,
            live_bytes: 0,
            remembered: 0,
            is_tainted: false,
            is_blank: new.is_blank,
        };
        shared.segments().all.insert(number, segment);
        self.has_begun = true;
        // A spare was used, and what was the current segment may be worth copying onward.
        shared.housekeeping.notify();
        Ok(number)
    }

    /// Makes the buffer durable and tells everyone who waits for it.
    fn flush(&mut self) {
        self.keys.clear();
        if self.placed.is_empty() {
            return;
        }
        let placed = std::mem::take(&mut self.placed);
        let written = self.write_buffer(placed[0].segment);
        self.buffer.clear();
        match written {
            Ok(()) => self.shared.committed(placed),
            Err(error) => {
                self.shared.poison("write the outbox log", &error);
                let error = io("write the outbox log")(error);
                placed.into_iter().for_each(|placed| fail(placed.job, error.clone().into()));
            }
        }
    }

    fn write_buffer(&self, segment: u32) -> std::io::Result<()> {
        let (file, end) = {
            let segments = self.shared.segments();
            let segment = segments.all.get(&segment).ok_or(std::io::ErrorKind::NotFound)?;
            (segment.file.clone(), segment.end)
        };
        file.write_all_at(&self.buffer, end)?;
        file.sync()?;
        if let Some(segment) = self.shared.segments().all.get_mut(&segment) {
            segment.end = end + self.buffer.len() as u64;
        }
        Ok(())
    }
}

impl Shared {
    /// A group is durable: its items can be found, and whoever waits hears of it. The locks are
    /// taken once for all of it.
    fn committed(&self, mut group: Vec<Placed>) {
        {
            let mut lanes = self.lanes();
            let mut segments = self.segments();
            let mut woken = BTreeSet::new();
            for Placed { job, segment, offset, .. } in &mut group {
                if let Purpose::New { room, .. } | Purpose::PutBack { room, .. } = &mut job.purpose
                {
                    room.give_way(&mut lanes);
                }
                match &job.purpose {
                    Purpose::New { .. } | Purpose::PutBack { .. } => {
                        let place = (*segment, *offset);
                        index_new(&mut lanes, &mut segments, job, place, &mut woken);
                    }
                    Purpose::Relocate { from } => {
                        relocate(&mut lanes, &mut segments, job, (*segment, *offset), from);
                    }
                    Purpose::Mark { lane, items } => {
                        if let Some(index) = lanes.get_mut(lane) {
                            index.mark_attempted(items);
                        }
                    }
                    Purpose::Distrust { lane, items } => {
                        if let Some(index) = lanes.get_mut(lane) {
                            index.restore_attempted(items);
                        }
                    }
                    Purpose::CarryRemembered { .. } | Purpose::NewSegment => {}
                }
            }
            for lane in woken {
                if let Some(wake) = lanes.get(&lane).and_then(|lane| lane.wake.as_ref()) {
                    wake();
                }
            }
        }
        for Placed { job, segment, offset, first } in group {
            let at = RememberedAt { segment, offset: offset as u32 };
            match &job.purpose {
                Purpose::New { key: Some(key), .. } => self.remember(*key, at, &job.payload),
                Purpose::CarryRemembered { from } => {
                    self.carry_remembered(*from, segment, at.offset, &job.payload);
                }
                _ => {}
            }
            // Whoever waited may have gone away; the items are accepted all the same.
            let _ = job.done.send(Ok(Appended::Stored { first }));
        }
    }
}

fn index_new(
    lanes: &mut Lanes,
    segments: &mut Segments,
    job: &Job,
    (segment, offset): (u32, u64),
    woken: &mut BTreeSet<LaneId>,
) {
    let left: &[LedgerState] = match &job.purpose {
        Purpose::PutBack { left, .. } => left,
        _ => &[],
    };
    for (number, (record, at)) in records(job.kind, &job.payload).enumerate() {
        let place = place_of(segment, offset, at.start, at.len());
        let lane = lanes.entry(record.head.lane).or_default();
        let group = lane.group_number(record.group);
        let entry = Entry::new(
            record.head.seq,
            place,
            record.head.expires_at,
            record.head.dedup_until,
            group,
        );
        lane.insert(entry, record.head.not_before);
        // An item that comes back was accepted long ago, and is in the queue instead of elsewhere.
        match left.get(number) {
            Some(state) => super::settle::count(lane, *state, -1),
            None => lane.totals.accepted += 1,
        }
        segments.gained(place);
        woken.insert(record.head.lane);
    }
}

fn relocate(
    lanes: &mut Lanes,
    segments: &mut Segments,
    job: &Job,
    (segment, offset): (u32, u64),
    from: &[Place],
) {
    for ((record, at), from) in records(job.kind, &job.payload).zip(from) {
        let to = place_of(segment, offset, at.start, at.len());
        let Some(lane) = lanes.get_mut(&record.head.lane) else { continue };
        let head = &record.head;
        let like = Entry::new(
            head.seq,
            *from,
            head.expires_at,
            head.dedup_until,
            lane.group_number(record.group),
        );
        if lane.relocate(head.seq, &like, *from, to) {
            segments.lost(*from);
            segments.gained(to);
            if lane.erasing.contains(head.seq) {
                segments.taint(to.segment);
            }
        }
    }
}

fn place_of(segment: u32, payload_offset: u64, at: usize, length: usize) -> Place {
    // A segment is far below 4 GiB, so offsets and lengths fit.
    Place { segment, offset: (payload_offset + at as u64) as u32, length: length as u32 }
}

/// The item records of a payload, with where each is in it.
pub fn records(
    kind: Kind,
    payload: &[u8],
) -> impl Iterator<Item = (frame::ItemRecord<'_>, std::ops::Range<usize>)> {
    let mut at = super::remember::skip(kind, payload);
    std::iter::from_fn(move || {
        let (record, length) = frame::read_item(payload.get(at..)?)?;
        let range = at..at + length;
        at += length;
        Some((record, range))
    })
}

fn record_length(bytes: &[u8]) -> Option<usize> {
    frame::Reader(bytes).u32().map(|length| length as usize + 4)
}

fn too_large(bytes: usize) -> StorageError {
    StorageError::Refused {
        what: "frame",
        id: format!("of {bytes} bytes"),
        why: "it does not fit into a segment".to_owned(),
    }
}

fn fail(job: Job, error: AppendError) {
    let _ = job.done.send(Err(error));
}
