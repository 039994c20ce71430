//! The bytes of the log, written from their description a second time: a second opinion on it.

use std::ops::Range;

/// What a frame begins with.
pub const HEAD: usize = 13;

/// Shortest item record, its length field included.
pub const MIN_RECORD: usize = 4 + 8 + 4 + 16 + 5 * 8 + 2 + 1 + 8 + 4 + 4 + 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Header = 1,
    Items = 2,
    Moved = 3,
    Remembered = 4,
}

pub fn write_frame(out: &mut Vec<u8>, segment: u32, synced: u32, kind: Kind, payload: &[u8]) {
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    let mut covered = segment.to_le_bytes().to_vec();
    covered.extend_from_slice(&synced.to_le_bytes());
    covered.push(kind as u8);
    covered.extend_from_slice(payload);
    out.extend_from_slice(&crc32c::crc32c(&covered).to_le_bytes());
    out.extend_from_slice(&synced.to_le_bytes());
    out.push(kind as u8);
    out.extend_from_slice(payload);
}

pub fn header(next_seq: u64, oldest_waiting: u64, ends: &[(u32, u64)]) -> Vec<u8> {
    let mut out = 1_u16.to_le_bytes().to_vec();
    put_bytes(&mut out, &[7; 32]);
    out.extend_from_slice(&1_u32.to_le_bytes());
    out.extend_from_slice(&next_seq.to_le_bytes());
    out.extend_from_slice(&oldest_waiting.to_le_bytes());
    out.extend_from_slice(&(ends.len() as u32).to_le_bytes());
    for (segment, end) in ends {
        out.extend_from_slice(&segment.to_le_bytes());
        out.extend_from_slice(&end.to_le_bytes());
    }
    // No lane has accepted anything.
    out.extend_from_slice(&0_u32.to_le_bytes());
    out
}

/// A record of an item; what it contains is encrypted, hence any bytes.
pub fn item(out: &mut Vec<u8>, seq: u64, lane: u32, content: &[u8]) {
    let mut record = Vec::new();
    record.extend_from_slice(&seq.to_le_bytes());
    record.extend_from_slice(&lane.to_le_bytes());
    record.extend_from_slice(&u128::from(seq).to_be_bytes());
    let admitted_ms = 1_790_000_000_000_i64;
    for time in [admitted_ms, 1_790_000_000, 1_790_600_000, i64::MIN, i64::MIN] {
        record.extend_from_slice(&time.to_le_bytes());
    }
    record.extend_from_slice(&1_u16.to_le_bytes());
    record.push(0);
    record.extend_from_slice(&seq.to_le_bytes());
    record.extend_from_slice(&(content.len() as u32).to_le_bytes());
    put_bytes(&mut record, b"");
    put_bytes(&mut record, content);
    put_bytes(out, &record);
}

pub fn remembered(out: &mut Vec<u8>, key: u8, receipt: &[u8]) {
    out.extend_from_slice(&[key; 16]);
    out.extend_from_slice(&[1; 32]);
    out.extend_from_slice(&1_790_000_000_000_i64.to_le_bytes());
    out.extend_from_slice(&u64::from(key).to_le_bytes());
    put_bytes(out, receipt);
}

pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Where the frames of a sound segment are, read without looking at checksums.
pub fn frames(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(head) = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>) {
        let length = u32::from_le_bytes(*head) as usize;
        if length == 0 {
            break;
        }
        found.push(at..at + HEAD + length);
        at += HEAD + length;
    }
    found
}
