//! Rebuilding the index from the log and the terminal rows.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use holdfast_model::id::{ItemId, LaneId, Seq};
use holdfast_model::time::UnixMillis;
use holdfast_storage::StorageError;

use super::cipher::{Cipher, DataKeys};
use super::committer::records;
use super::frame::{FRAME_HEAD, Header, Kind, read_frame};
use super::index::{Entry, Lanes, Place};
use super::remember::{KeyHash, RememberedAt, carried, read_prefix};
use super::segments::{Segment, Segments, io, number_of};
use super::terminal::{self, Recovered, TerminalStore};
use crate::disk::{Disk, DiskFile};

/// What the log said.
pub struct Found {
    pub lanes: Lanes,
    pub segments: Segments,
    pub remembered: Vec<(KeyHash, RememberedAt, UnixMillis)>,
    pub next_seq: u64,
    pub spares: Vec<String>,
    /// Items that were being put back, and whether the log has them again.
    pub replayed: Vec<(ItemId, bool)>,
}

pub fn recover(
    disk: &dyn Disk,
    keys: &dyn DataKeys,
    terminal: &TerminalStore,
) -> Result<Found, StorageError> {
    let names = disk.list().map_err(io("list the outbox"))?;
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| number_of(name)).collect();
    numbers.sort_unstable();
    let spares = names.into_iter().filter(|name| name.starts_with("spare-")).collect();

    let oldest_waiting = match numbers.last() {
        Some(last) => read_header(disk, *last)?.map_or(0, |header| header.oldest_waiting),
        None => 0,
    };
    let rows = terminal.run_blocking(move |db| terminal::recover(db, Seq(oldest_waiting)))?;
    let mut scan = Scan::new(rows, oldest_waiting);
    for (position, number) in numbers.iter().enumerate() {
        scan.segment(disk, keys, *number, position + 1 == numbers.len())?;
    }
    Ok(scan.finish(spares))
}

/// The file's first frame. `None` if the file was never begun.
fn read_header(disk: &dyn Disk, number: u32) -> Result<Option<Header>, StorageError> {
    let read = io("read the outbox log");
    let file = disk.open(&super::segments::file_name(number)).map_err(&read)?;
    let length = file.size().map_err(&read)?;
    let mut head = vec![0; FRAME_HEAD];
    if length < head.len() as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut head, 0).map_err(&read)?;
    let payload = super::frame::Reader(&head).u32().unwrap_or(0);
    if u64::from(payload) + FRAME_HEAD as u64 > length {
        return Ok(None);
    }
    let mut frame = vec![0; FRAME_HEAD + payload as usize];
    file.read_exact_at(&mut frame, 0).map_err(&read)?;
    let header = read_frame(&frame, u64::from(number));
    Ok(header.filter(|(kind, _)| *kind == Kind::Header).and_then(|(_, bytes)| Header::read(bytes)))
}

struct Scan {
    rows: Recovered,
    oldest_waiting: u64,
    lanes: Lanes,
    segments: Segments,
    accepted: HashMap<LaneId, u64>,
    remembered: Vec<(KeyHash, RememberedAt, UnixMillis)>,
    next_seq: u64,
    put_back: HashSet<ItemId>,
    ciphers: HashMap<u32, Arc<Cipher>>,
    /// Number and end of the segment before.
    before: Option<(u32, u64)>,
    window: Vec<u8>,
}

impl Scan {
    fn new(rows: Recovered, oldest_waiting: u64) -> Self {
        Self {
            rows,
            oldest_waiting,
            lanes: Lanes::default(),
            segments: Segments::default(),
            accepted: HashMap::new(),
            remembered: Vec::new(),
            next_seq: 1,
            put_back: HashSet::new(),
            ciphers: HashMap::new(),
            before: None,
            window: Vec::new(),
        }
    }

    fn segment(
        &mut self,
        disk: &dyn Disk,
        keys: &dyn DataKeys,
        number: u32,
        is_last: bool,
    ) -> Result<(), StorageError> {
        let damaged = |detail: String| StorageError::Damaged { what: "the outbox log", detail };
        let Some(header) = read_header(disk, number)? else {
            // A file that was renamed into place but whose header did not reach the disk can only
            // be the last one, and nothing in it was acknowledged.
            return if is_last {
                Ok(())
            } else {
                Err(damaged(format!("segment {number} has no header")))
            };
        };
        if let Some((before, end)) = self.before
            && before + 1 == number
            && end != header.previous_end
        {
            return Err(damaged(format!(
                "segment {before} ends at byte {end} where it should end at {}",
                header.previous_end
            )));
        }
        let file =
            disk.open(&super::segments::file_name(number)).map_err(io("read the outbox log"))?;
        let cipher = self.cipher(keys, &header)?;
        self.next_seq = self.next_seq.max(header.next_seq);
        self.accepted = header.accepted.iter().copied().collect();
        let segment = Segment {
            file: file.clone(),
            cipher,
            key_id: header.key_id,
            end: 0,
            live_items: 0,
            live_bytes: 0,
            remembered: 0,
        };
        self.segments.all.insert(number, segment);
        let end = self.frames(number, &*file)?;
        if is_last {
            // What was read may be in memory only, if the sync of its last frames failed before a
            // restart. The next segment will say where this one ended, so that must be durable.
            file.sync().map_err(io("sync the outbox log"))?;
        }
        if let Some(segment) = self.segments.all.get_mut(&number) {
            segment.end = end;
        }
        self.before = Some((number, end));
        Ok(())
    }

    fn cipher(
        &mut self,
        keys: &dyn DataKeys,
        header: &Header,
    ) -> Result<Arc<Cipher>, StorageError> {
        if let Some(known) = self.ciphers.get(&header.key_id) {
            return Ok(known.clone());
        }
        let cipher = Arc::new(Cipher::new(&*keys.unwrap_key(&header.wrapped_key)?)?);
        self.ciphers.insert(header.key_id, cipher.clone());
        Ok(cipher)
    }

    /// Reads frames until the first that is not whole, and returns where that is.
    fn frames(&mut self, number: u32, file: &dyn DiskFile) -> Result<u64, StorageError> {
        let mut window = std::mem::take(&mut self.window);
        let mut frames = Frames::new(file, number, &mut window)?;
        while let Some(Frame { kind, offset, payload }) = frames.next()? {
            match kind {
                Kind::Header => {}
                Kind::Items | Kind::Moved => self.items(kind, number, offset, payload),
                Kind::Remembered => self.carried(number, offset, payload),
            }
        }
        let end = frames.at;
        self.window = window;
        Ok(end)
    }

    fn items(&mut self, kind: Kind, number: u32, offset: u64, payload: &[u8]) {
        if kind == Kind::Items
            && let Some(record) = read_prefix(payload)
        {
            let at = RememberedAt { segment: number, offset: offset as u32 + 4 };
            self.remembered.push((record.key_hash, at, record.at));
        }
        for (record, range) in records(kind, payload) {
            let head = record.head;
            self.next_seq = self.next_seq.max(head.seq.0 + 1);
            if kind == Kind::Items {
                *self.accepted.entry(head.lane).or_default() += 1;
            }
            if self.rows.replaying.get(&head.item_id).is_some_and(|left| head.seq > *left) {
                self.put_back.insert(head.item_id);
            }
            if head.seq.0 < self.oldest_waiting || self.rows.settled.contains(&head.seq) {
                continue;
            }
            let place = Place {
                segment: number,
                offset: (offset + range.start as u64) as u32,
                length: range.len() as u32,
            };
            let lane = self.lanes.entry(head.lane).or_default();
            let group = lane.group_number(record.group);
            let entry = Entry::new(
                head.seq,
                place,
                head.expires_at,
                head.dedup_until,
                group,
                head.intent_recorded,
            );
            // A later copy of the same item takes the place of the earlier one.
            match lane.find(head.seq, &entry) {
                Some(earlier) => {
                    lane.replace(&earlier, entry);
                    self.segments.lost(earlier.at);
                }
                None => lane.insert(entry, head.not_before),
            }
            self.segments.gained(place);
        }
    }

    fn carried(&mut self, number: u32, offset: u64, payload: &[u8]) {
        for (record, at) in carried(payload) {
            let at = RememberedAt { segment: number, offset: offset as u32 + at as u32 };
            self.remembered.push((record.key_hash, at, record.at));
        }
    }

    fn finish(mut self, spares: Vec<String>) -> Found {
        for (lane, accepted) in self.accepted {
            self.lanes.entry(lane).or_default().totals.accepted = accepted;
        }
        for (lane, totals) in self.rows.totals {
            let kept = &mut self.lanes.entry(lane).or_default().totals;
            *kept = holdfast_model::ledger::LedgerCounts { accepted: kept.accepted, ..totals };
        }
        let replayed = self.rows.replaying.keys();
        let replayed = replayed.map(|id| (*id, self.put_back.contains(id))).collect();
        Found {
            lanes: self.lanes,
            segments: self.segments,
            remembered: self.remembered,
            next_seq: self.next_seq,
            spares,
            replayed,
        }
    }
}

/// The frames of a file, through a window that moves over it. A small window is read and checked
/// while it is in the processor's cache, and a start takes no more memory than what comes after.
struct Frames<'a> {
    file: &'a dyn DiskFile,
    segment: u32,
    size: u64,
    /// Where the next frame begins.
    at: u64,
    window: &'a mut Vec<u8>,
    /// Where the window begins.
    window_at: u64,
}

struct Frame<'a> {
    kind: Kind,
    /// Of the payload.
    offset: u64,
    payload: &'a [u8],
}

/// As much as a second-level cache holds beside what else is needed.
const WINDOW_BYTES: u64 = 512 << 10;

impl<'a> Frames<'a> {
    fn new(
        file: &'a dyn DiskFile,
        segment: u32,
        window: &'a mut Vec<u8>,
    ) -> Result<Self, StorageError> {
        let size = file.size().map_err(io("read the outbox log"))?;
        window.clear();
        Ok(Self { file, segment, size, at: 0, window, window_at: 0 })
    }

    /// The next frame with the offset of its payload, if it is whole and sound.
    fn next(&mut self) -> Result<Option<Frame<'_>>, StorageError> {
        let Some(head) = self.look(FRAME_HEAD as u64)? else { return Ok(None) };
        let length = super::frame::Reader(&self.window[head]).u32().unwrap_or(0);
        let Some(frame) = self.look(FRAME_HEAD as u64 + u64::from(length))? else {
            return Ok(None);
        };
        let frame = read_frame(&self.window[frame], u64::from(self.segment));
        Ok(frame.map(|(kind, payload)| {
            let offset = self.at + FRAME_HEAD as u64;
            self.at = offset + payload.len() as u64;
            Frame { kind, offset, payload }
        }))
    }

    /// Where in the window so many bytes from the position on are, if the file has them.
    fn look(&mut self, bytes: u64) -> Result<Option<std::ops::Range<usize>>, StorageError> {
        if bytes > self.size - self.at {
            return Ok(None);
        }
        if self.at + bytes > self.window_at + self.window.len() as u64 {
            self.advance(bytes.max(WINDOW_BYTES).min(self.size - self.at))?;
        }
        let start = (self.at - self.window_at) as usize;
        Ok(Some(start..start + bytes as usize))
    }

    /// Moves the window to the position. What it holds of that already is not read again.
    fn advance(&mut self, bytes: u64) -> Result<(), StorageError> {
        let passed = (self.at - self.window_at) as usize;
        self.window.drain(..passed.min(self.window.len()));
        let kept = self.window.len();
        self.window.resize(bytes as usize, 0);
        self.window_at = self.at;
        let read = self.file.read_exact_at(&mut self.window[kept..], self.at + kept as u64);
        read.map_err(io("read the outbox log"))
    }
}
