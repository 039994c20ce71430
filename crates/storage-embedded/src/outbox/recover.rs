//! Rebuilding the index from the log and the terminal rows.
//!
//! A crash can tear only what was written last: the group that was not synced, at the end of the
//! last segment. There, reading stops at the first frame that is not sound, and what is behind it
//! was never acknowledged. Anything else that is not as it was written is damage, and is reported
//! rather than skipped: a segment that does not end where later ones say it ended, a sound frame
//! that was written after an unsound one was durable, a segment without its header, a record that
//! cannot be read. Not noticed is the loss of a whole file, and damage to all that was written
//! last.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use holdfast_model::id::{ItemId, LaneId, Seq};
use holdfast_model::time::UnixMillis;
use holdfast_storage::StorageError;

use super::attempts::Marks;
use super::cipher::{Cipher, DataKeys};
use super::committer::records;
use super::frame::{Frame, Header, Kind, read_remembered};
use super::frames::{FrameAt, Frames, damaged, read_header};
use super::index::{Entry, Lanes, Place};
use super::ledger::TerminalStore;
use super::remember::{KeyHash, RememberedAt, read_prefix, skip};
use super::runs::SeqRuns;
use super::segments::{Segment, Segments, Spares, file_name, io, number_of, write_again};
use super::terminal::{self, Recovered};
use crate::disk::{Disk, DiskFile};

/// What the log said.
pub struct Found {
    pub lanes: Lanes,
    pub segments: Segments,
    pub remembered: Vec<(KeyHash, RememberedAt, UnixMillis)>,
    pub next_seq: u64,
    /// Where in the last segment what was last synced begins.
    pub last_group: u64,
    pub spares: Vec<String>,
    /// Letters that were being put back or replaced, and whether the log has what it should.
    pub replayed: Vec<(ItemId, bool)>,
}

pub fn recover(
    disk: &dyn Disk,
    keys: &dyn DataKeys,
    terminal: &TerminalStore,
) -> Result<Found, StorageError> {
    // A name that an earlier start changed may not be durable. What is written from now on relies
    // on it: a spare that could be a segment again after a power loss must not be written to.
    disk.sync_dir().map_err(io("sync the outbox directory"))?;
    let found = recover_with(disk, keys, |from| {
        terminal.run_blocking(move |db| terminal::recover(db, from))
    })?;
    // What was read may be in memory only, if the sync of the last group failed before a restart.
    // From now on it counts, and the next segment will say where this one ended.
    if let Some((_, last)) = found.segments.all.last_key_value() {
        write_again(&*last.file, found.last_group, last.end).map_err(io("sync the outbox log"))?;
    }
    Ok(found)
}

/// The same with the terminal rows from elsewhere; what is asked for is those from an item on.
pub fn recover_with(
    disk: &dyn Disk,
    keys: &dyn DataKeys,
    rows: impl FnOnce(Seq) -> Result<Recovered, StorageError>,
) -> Result<Found, StorageError> {
    let names = disk.list().map_err(io("list the outbox"))?;
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| number_of(name)).collect();
    numbers.sort_unstable();
    let spares = names.into_iter().filter(|name| Spares::is_spare(name)).collect();

    let (oldest_waiting, ends) = match numbers.last() {
        Some(last) => {
            let header = read_header(&*open(disk, *last)?, *last)?;
            (header.oldest_waiting, header.ends)
        }
        None => (0, Vec::new()),
    };
    let mut scan = Scan::new(rows(Seq(oldest_waiting))?, oldest_waiting, ends);
    for number in numbers {
        scan.segment(disk, keys, number)?;
    }
    Ok(scan.finish(spares))
}

fn open(disk: &dyn Disk, number: u32) -> Result<Arc<dyn DiskFile>, StorageError> {
    disk.open(&file_name(number)).map_err(io("read the outbox log"))
}

/// Length of the prefix of an items payload that remembers nothing.
const EMPTY_PREFIX: usize = 4;

/// SQLite's integers end here.
const MAX_SEQ: u64 = i64::MAX as u64 - 1;

struct Scan {
    rows: Recovered,
    oldest_waiting: u64,
    lanes: Lanes,
    segments: Segments,
    accepted: HashMap<LaneId, u64>,
    remembered: Vec<(KeyHash, RememberedAt, UnixMillis)>,
    next_seq: u64,
    put_back: HashSet<ItemId>,
    /// Items that may have arrived, those that left the queue since included.
    attempted: HashMap<LaneId, SeqRuns>,
    ciphers: HashMap<u32, Arc<Cipher>>,
    /// Where segments ended when the last one was begun.
    ends: HashMap<u32, u64>,
    /// What was durable when the last frame that was read was written.
    last_group: u64,
    window: Vec<u8>,
}

impl Scan {
    fn new(rows: Recovered, oldest_waiting: u64, ends: Vec<(u32, u64)>) -> Self {
        Self {
            rows,
            oldest_waiting,
            lanes: Lanes::default(),
            segments: Segments::default(),
            accepted: HashMap::new(),
            remembered: Vec::new(),
            next_seq: 1,
            put_back: HashSet::new(),
            attempted: HashMap::new(),
            ciphers: HashMap::new(),
            ends: ends.into_iter().collect(),
            last_group: 0,
            window: Vec::new(),
        }
    }

    fn segment(
        &mut self,
        disk: &dyn Disk,
        keys: &dyn DataKeys,
        number: u32,
    ) -> Result<(), StorageError> {
        let file = open(disk, number)?;
        let header = read_header(&*file, number)?;
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
            is_tainted: false,
            is_blank: false,
        };
        self.segments.all.insert(number, segment);
        let known_end = self.ends.get(&number).copied();
        let end = self.frames(number, &*file, known_end)?;
        if let Some(segment) = self.segments.all.get_mut(&number) {
            segment.end = end;
        }
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
        let cipher = {
            // The copy in the segment is wrapped under the master key of its time.
            let wrapped = self.rows.keys.get(&header.key_id).unwrap_or(&header.wrapped_key);
            Arc::new(Cipher::new(&*keys.unwrap_key(wrapped)?)?)
        };
        self.ciphers.insert(header.key_id, cipher.clone());
        Ok(cipher)
    }

    /// Reads frames until the first that is not whole, and returns where that is.
    fn frames(
        &mut self,
        number: u32,
        file: &dyn DiskFile,
        known_end: Option<u64>,
    ) -> Result<u64, StorageError> {
        let mut window = std::mem::take(&mut self.window);
        let mut frames = Frames::new(file, number, &mut window)?;
        while let Some(FrameAt { frame, offset }) = frames.next()? {
            let Frame { kind, synced, payload } = frame;
            self.last_group = u64::from(synced);
            let is_whole = match kind {
                // Each segment begins with all marks that count.
                Kind::Header => {
                    self.attempted.clear();
                    true
                }
                Kind::Items | Kind::Moved => self.items(kind, number, offset, payload),
                Kind::Remembered => self.carried(number, offset, payload),
                Kind::Attempts => self.marks(payload),
            };
            if !is_whole {
                let what = format!("segment {number} has a record after byte {offset}");
                return Err(damaged(format!("{what} that cannot be read")));
            }
        }
        let end = frames.at();
        match known_end {
            Some(expected) if expected != end => Err(damaged(format!(
                "segment {number} ends at byte {end} where it should end at {expected}"
            )))?,
            Some(_) => {}
            // Nobody wrote down where it ended; its own frames tell.
            None => {
                if let Some(later) = frames.later()? {
                    return Err(damaged(format!(
                        "segment {number} cannot be read at byte {end}, which was durable when \
                         byte {later} was written"
                    )));
                }
            }
        }
        self.window = window;
        Ok(end)
    }

    /// False if not all of the payload can be read.
    fn items(&mut self, kind: Kind, number: u32, offset: u64, payload: &[u8]) -> bool {
        let mut end = skip(kind, payload);
        if kind == Kind::Items
            && let Some(record) = read_prefix(payload)
        {
            let at = RememberedAt { segment: number, offset: offset as u32 + 4 };
            self.remembered.push((record.key_hash, at, record.at));
        } else if kind == Kind::Items && (end > EMPTY_PREFIX || payload.len() < EMPTY_PREFIX) {
            return false;
        }
        for (record, range) in records(kind, payload) {
            let head = record.head;
            if head.seq.0 > MAX_SEQ {
                return false;
            }
            end = range.end;
            self.next_seq = self.next_seq.max(head.seq.0 + 1);
            if kind == Kind::Items {
                *self.accepted.entry(head.lane).or_default() += 1;
            }
            if let Some(awaited) = self.rows.replaying.get(&head.item_id)
                && head.seq > awaited.behind
            {
                self.put_back.insert(awaited.row);
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
            let entry = Entry::new(head.seq, place, head.expires_at, head.dedup_until, group);
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
        end == payload.len()
    }

    /// False if not all of the payload can be read.
    fn carried(&mut self, number: u32, offset: u64, payload: &[u8]) -> bool {
        let mut at = 0;
        while let Some((record, length)) = read_remembered(&payload[at..]) {
            let place = RememberedAt { segment: number, offset: offset as u32 + at as u32 };
            self.remembered.push((record.key_hash, place, record.at));
            at += length;
        }
        at == payload.len()
    }

    /// False if the payload cannot be read.
    fn marks(&mut self, payload: &[u8]) -> bool {
        let Some(marks) = Marks::read(payload) else { return false };
        let attempted = self.attempted.entry(marks.lane).or_default();
        if marks.attempted {
            attempted.extend(&marks.items);
        } else {
            attempted.subtract(&marks.items);
        }
        true
    }

    fn finish(mut self, spares: Vec<String>) -> Found {
        for (lane, attempted) in &self.attempted {
            if let Some(index) = self.lanes.get_mut(lane) {
                index.restore_attempted(attempted);
            }
        }
        for (lane, accepted) in self.accepted {
            self.lanes.entry(lane).or_default().totals.accepted = accepted;
        }
        for (lane, totals) in self.rows.totals {
            let kept = &mut self.lanes.entry(lane).or_default().totals;
            *kept = holdfast_model::ledger::LedgerCounts { accepted: kept.accepted, ..totals };
        }
        let rows = self.rows.replaying.values().map(|awaited| awaited.row);
        let replayed = rows.map(|id| (id, self.put_back.contains(&id))).collect();
        Found {
            lanes: self.lanes,
            segments: self.segments,
            remembered: self.remembered,
            next_seq: self.next_seq,
            last_group: self.last_group,
            spares,
            replayed,
        }
    }
}
