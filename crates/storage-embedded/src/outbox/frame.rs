//! The bytes of the log.
//!
//! ```text
//! segment:  frame frame frame … zeros
//! frame:    len u32 │ crc32c u32 │ synced u32 │ kind u8 │ payload (len bytes)
//! ```
//!
//! The checksum covers the segment's number, `synced`, kind and payload, so that a frame left over
//! from an earlier use of a recycled file never counts. `synced` is how much of the segment was
//! durable when the frame was written: what is damaged before it was not torn by a crash. All
//! numbers are little-endian. A segment's first frame is its [`Header`]; it carries the format's
//! version.

use holdfast_model::id::{ItemId, LaneId, Seq};
use holdfast_model::item::{BatchGroup, ProfileStamp};
use holdfast_model::time::{UnixMillis, UnixSeconds};

pub const FRAME_HEAD: usize = 13;

/// Version of everything in this file. Written into each segment's header.
const FORMAT: u16 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Header = 1,
    /// New items, counted as accepted.
    Items = 2,
    /// Items copied here from another segment, or put back after they had left the queue.
    Moved = 3,
    /// Remembered requests, copied here from another segment.
    Remembered = 4,
    /// Requests with these items are about to leave, or that is taken back; see `attempts`. What
    /// comes after a header is all that is known; what older segments say counts no more.
    Attempts = 5,
}

/// The highest [`Kind`].
pub const LAST_KIND: u8 = Kind::Remembered as u8;

impl Kind {
    pub fn from_byte(byte: u8) -> Option<Self> {
        [Self::Header, Self::Items, Self::Moved, Self::Remembered, Self::Attempts]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// A whole and sound frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    pub kind: Kind,
    /// How much of the segment was durable when this was written.
    pub synced: u32,
    pub payload: &'a [u8],
}

/// Appends a whole frame.
pub fn write_frame(out: &mut Vec<u8>, segment: u32, frame: Frame<'_>) {
    let Frame { kind, synced, payload } = frame;
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&checksum(segment, synced, kind as u8, payload).to_le_bytes());
    out.extend_from_slice(&synced.to_le_bytes());
    out.push(kind as u8);
    out.extend_from_slice(payload);
}

/// The frame at the beginning of `bytes`, if a whole and sound one is there.
pub fn read_frame(bytes: &[u8], segment: u32) -> Option<Frame<'_>> {
    let mut head = Reader(bytes);
    let (length, crc) = (head.u32()? as usize, head.u32()?);
    let (synced, kind) = (head.u32()?, head.u8()?);
    let payload = head.0.get(..length).filter(|payload| !payload.is_empty())?;
    let sound = checksum(segment, synced, kind, payload) == crc;
    Some(Frame { kind: Kind::from_byte(kind).filter(|_| sound)?, synced, payload })
}

/// How long the frame with this head would be, head included, and its `synced`.
pub fn extent(head: &[u8]) -> Option<(u64, u32)> {
    let mut head = Reader(head);
    let (length, _, synced) = (head.u32()?, head.u32()?, head.u32()?);
    Some((FRAME_HEAD as u64 + u64::from(length), synced))
}

fn checksum(segment: u32, synced: u32, kind: u8, payload: &[u8]) -> u32 {
    let mut seed = [0; 9];
    seed[..4].copy_from_slice(&segment.to_le_bytes());
    seed[4..8].copy_from_slice(&synced.to_le_bytes());
    seed[8] = kind;
    crc32c::crc32c_append(crc32c::crc32c(&seed), payload)
}

/// What a segment begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The data key of everything in the segment, wrapped.
    pub wrapped_key: Vec<u8>,
    pub key_id: u32,
    /// The next sequence number when the segment was begun.
    pub next_seq: u64,
    /// Where each segment that is still there ended. What ends elsewhere is damaged.
    pub ends: Vec<(u32, u64)>,
    /// Every item before this had left the queue when the segment was begun.
    pub oldest_waiting: u64,
    /// Items accepted for each lane before this segment: a count of its own, so that the ledger's
    /// conservation is checked and not assumed.
    pub accepted: Vec<(LaneId, u64)>,
}

impl Header {
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&FORMAT.to_le_bytes());
        put_bytes(&mut out, &self.wrapped_key);
        out.extend_from_slice(&self.key_id.to_le_bytes());
        for number in [self.next_seq, self.oldest_waiting] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&(self.ends.len() as u32).to_le_bytes());
        for (segment, end) in &self.ends {
            out.extend_from_slice(&segment.to_le_bytes());
            out.extend_from_slice(&end.to_le_bytes());
        }
        out.extend_from_slice(&(self.accepted.len() as u32).to_le_bytes());
        for (lane, accepted) in &self.accepted {
            out.extend_from_slice(&lane.0.to_le_bytes());
            out.extend_from_slice(&accepted.to_le_bytes());
        }
        out
    }

    pub fn read(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader(payload);
        if reader.u16()? != FORMAT {
            return None;
        }
        let wrapped_key = reader.bytes()?.to_vec();
        let (key_id, next_seq, oldest_waiting) = (reader.u32()?, reader.u64()?, reader.u64()?);
        let (mut ends, mut accepted) = (Vec::new(), Vec::new());
        for _ in 0..reader.u32()? {
            ends.push((reader.u32()?, reader.u64()?));
        }
        for _ in 0..reader.u32()? {
            accepted.push((LaneId(reader.u32()?), reader.u64()?));
        }
        Some(Self { wrapped_key, key_id, next_seq, ends, oldest_waiting, accepted })
    }
}

/// An item as it is in the log: described in the clear, its content encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemHead {
    pub seq: Seq,
    pub lane: LaneId,
    pub item_id: ItemId,
    pub admitted_at: UnixMillis,
    pub event_time: UnixSeconds,
    pub expires_at: UnixSeconds,
    pub dedup_until: Option<UnixSeconds>,
    pub not_before: Option<UnixMillis>,
    pub profile: ProfileStamp,
    pub nonce: u64,
    pub fragment_bytes: u32,
}

/// A whole item record, borrowed from the log.
#[derive(Debug)]
pub struct ItemRecord<'a> {
    pub head: ItemHead,
    pub group: &'a str,
    pub ciphertext: &'a [u8],
}

/// Where `seq` is in a record: the committer writes it there once it is known.
pub const SEQ_OFFSET: usize = 4;

/// Appends a record: length, description, group, ciphertext.
pub fn write_item(out: &mut Vec<u8>, head: &ItemHead, group: &BatchGroup, ciphertext: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&head.seq.0.to_le_bytes());
    out.extend_from_slice(&head.lane.0.to_le_bytes());
    out.extend_from_slice(head.item_id.as_bytes());
    for time in [
        head.admitted_at.0,
        head.event_time.0,
        head.expires_at.0,
        head.dedup_until.map_or(i64::MIN, |at| at.0),
        head.not_before.map_or(i64::MIN, |at| at.0),
    ] {
        out.extend_from_slice(&time.to_le_bytes());
    }
    out.extend_from_slice(&head.profile.0.to_le_bytes());
    // Flags: none yet.
    out.push(0);
    out.extend_from_slice(&head.nonce.to_le_bytes());
    out.extend_from_slice(&head.fragment_bytes.to_le_bytes());
    put_bytes(out, group.0.as_bytes());
    put_bytes(out, ciphertext);
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// The record at the beginning of `bytes` and its length with its length field.
pub fn read_item(bytes: &[u8]) -> Option<(ItemRecord<'_>, usize)> {
    let mut outer = Reader(bytes);
    let length = outer.u32()? as usize;
    let mut r = Reader(outer.0.get(..length)?);
    let seq = Seq(r.u64()?);
    let lane = LaneId(r.u32()?);
    let item_id = ItemId::from_bytes(r.take(16)?.try_into().ok()?);
    let (admitted_at, event_time, expires_at) = (r.i64()?, r.i64()?, r.i64()?);
    let (dedup_until, not_before) = (r.i64()?, r.i64()?);
    let (profile, _flags, nonce, fragment_bytes) = (r.u16()?, r.u8()?, r.u64()?, r.u32()?);
    let group = std::str::from_utf8(r.bytes()?).ok()?;
    let ciphertext = r.bytes()?;
    let head = ItemHead {
        seq,
        lane,
        item_id,
        admitted_at: UnixMillis(admitted_at),
        event_time: UnixSeconds(event_time),
        expires_at: UnixSeconds(expires_at),
        dedup_until: (dedup_until != i64::MIN).then_some(UnixSeconds(dedup_until)),
        not_before: (not_before != i64::MIN).then_some(UnixMillis(not_before)),
        profile: ProfileStamp(profile),
        nonce,
        fragment_bytes,
    };
    Some((ItemRecord { head, group, ciphertext }, length + 4))
}

/// A remembered request: nonce and ciphertext of its receipt, its key as a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedRecord {
    pub key_hash: [u8; 16],
    pub body_sha256: [u8; 32],
    pub at: UnixMillis,
    pub nonce: u64,
    pub ciphertext: Vec<u8>,
}

pub fn write_remembered(out: &mut Vec<u8>, record: &RememberedRecord) {
    out.extend_from_slice(&record.key_hash);
    out.extend_from_slice(&record.body_sha256);
    out.extend_from_slice(&record.at.0.to_le_bytes());
    out.extend_from_slice(&record.nonce.to_le_bytes());
    put_bytes(out, &record.ciphertext);
}

pub fn read_remembered(bytes: &[u8]) -> Option<(RememberedRecord, usize)> {
    let mut r = Reader(bytes);
    let record = RememberedRecord {
        key_hash: r.take(16)?.try_into().ok()?,
        body_sha256: r.take(32)?.try_into().ok()?,
        at: UnixMillis(r.i64()?),
        nonce: r.u64()?,
        ciphertext: r.bytes()?.to_vec(),
    };
    Some((record, bytes.len() - r.0.len()))
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Reads from the front; `None` at the end.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        self.take(length)
    }
}
