//! Remembered requests: idempotency keys, body hashes and receipts.
//!
//! They travel in the frame of the items they came with. In memory is only where they are; a
//! repeated request reads its receipt from the log.

use std::collections::{HashMap, VecDeque};

use holdfast_model::time::UnixMillis;
use holdfast_storage::{Idempotency, IdempotencyKey, Remembered, StorageError};
use sha2::{Digest as _, Sha256};

use super::cipher::{Cipher, receipt_aad};
use super::frame::{Kind, Reader, RememberedRecord, read_remembered, write_remembered};
use super::shared::Shared;

/// How long a request is remembered. Clients that retry do so within minutes; a day outlasts a
/// night of failures.
pub const WINDOW_MS: i64 = 24 * 3_600 * 1_000;

/// Most requests that are remembered; beyond it the oldest are forgotten first. At 60 bytes each
/// this is 60 MB.
const MOST: usize = 1_000_000;

pub type KeyHash = [u8; 16];

/// Where a remembered record is: offset of the payload it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RememberedAt {
    pub segment: u32,
    pub offset: u32,
}

#[derive(Default)]
pub struct Memory {
    known: HashMap<KeyHash, (RememberedAt, i64)>,
    in_order: VecDeque<(i64, KeyHash)>,
}

pub fn hash(key: &IdempotencyKey) -> KeyHash {
    let mut hash = [0; 16];
    hash.copy_from_slice(&Sha256::digest(key.0.as_bytes())[..16]);
    hash
}

/// Appends the prefix of an items payload: a flag, and the record if there is one.
pub fn write_prefix(
    out: &mut Vec<u8>,
    idempotency: Option<&Idempotency>,
    at: UnixMillis,
    cipher: &Cipher,
) -> Result<Option<KeyHash>, StorageError> {
    let Some(idempotency) = idempotency else {
        out.extend_from_slice(&0_u32.to_le_bytes());
        return Ok(None);
    };
    let key_hash = hash(&idempotency.key);
    let mut ciphertext = idempotency.receipt.clone();
    let nonce = cipher.seal(&receipt_aad(&key_hash), &mut ciphertext)?;
    let body_sha256 = idempotency.body_sha256;
    let mut record = Vec::new();
    write_remembered(
        &mut record,
        &RememberedRecord { key_hash, body_sha256, at, nonce, ciphertext },
    );
    out.extend_from_slice(&(record.len() as u32).to_le_bytes());
    out.extend_from_slice(&record);
    Ok(Some(key_hash))
}

/// Length of the prefix of a payload; only [`Kind::Items`] has one.
pub fn skip(kind: Kind, payload: &[u8]) -> usize {
    match kind {
        Kind::Items => Reader(payload).u32().map_or(payload.len(), |length| length as usize + 4),
        _ => 0,
    }
}

/// The record in the prefix of an items payload.
pub fn read_prefix(payload: &[u8]) -> Option<RememberedRecord> {
    let mut reader = Reader(payload);
    let length = reader.u32()? as usize;
    (length > 0).then(|| read_remembered(reader.take(length)?).map(|(record, _)| record))?
}

/// The records of a [`Kind::Remembered`] payload, with the offset of each.
pub fn carried(payload: &[u8]) -> Vec<(RememberedRecord, usize)> {
    let (mut at, mut found) = (0, Vec::new());
    while let Some((record, length)) = payload.get(at..).and_then(read_remembered) {
        found.push((record, at));
        at += length;
    }
    found
}

impl Memory {
    pub fn insert(
        &mut self,
        key: KeyHash,
        at: RememberedAt,
        when: UnixMillis,
    ) -> Option<RememberedAt> {
        let before = self.known.insert(key, (at, when.0));
        // One that is only somewhere else now keeps its place in the order.
        if before.is_none_or(|(_, before)| before != when.0) {
            self.in_order.push_back((when.0, key));
        }
        before.map(|(before, _)| before)
    }

    pub fn get(&self, key: &KeyHash) -> Option<RememberedAt> {
        self.known.get(key).map(|(at, _)| *at)
    }

    pub fn is_at(&self, key: &KeyHash, segment: u32) -> bool {
        self.known.get(key).is_some_and(|(at, _)| at.segment == segment)
    }

    /// Forgets what is too old or too much; returns where the forgotten ones were.
    pub fn forget(&mut self, now: UnixMillis) -> Vec<RememberedAt> {
        let mut forgotten = Vec::new();
        while let Some((when, key)) = self.in_order.front().copied() {
            if when > now.0 - WINDOW_MS && self.known.len() <= MOST {
                break;
            }
            self.in_order.pop_front();
            // A key that was written again has a later place in the order.
            if self.known.get(&key).is_some_and(|(_, at)| *at == when)
                && let Some((at, _)) = self.known.remove(&key)
            {
                forgotten.push(at);
            }
        }
        forgotten
    }
}

impl Shared {
    /// A new request is durable.
    pub fn remember(&self, key: KeyHash, at: RememberedAt, payload: &[u8]) {
        let Some(record) = read_prefix(payload) else { return };
        // The record follows its four bytes of length.
        let at = RememberedAt { offset: at.offset + 4, ..at };
        self.remember_at(key, at, record.at);
        let forgotten = self.memory().forget(record.at);
        self.forget_in_segments(&forgotten);
    }

    pub fn remember_at(&self, key: KeyHash, at: RememberedAt, when: UnixMillis) {
        let before = self.memory().insert(key, at, when);
        let mut segments = self.segments();
        if let Some(segment) = segments.all.get_mut(&at.segment) {
            segment.remembered += 1;
        }
        if let Some(segment) = before.and_then(|before| segments.all.get_mut(&before.segment)) {
            segment.remembered = segment.remembered.saturating_sub(1);
        }
    }

    fn forget_in_segments(&self, forgotten: &[RememberedAt]) {
        let mut segments = self.segments();
        for at in forgotten {
            if let Some(segment) = segments.all.get_mut(&at.segment) {
                segment.remembered = segment.remembered.saturating_sub(1);
            }
        }
    }

    pub fn carry_remembered(&self, from: u32, segment: u32, offset: u32, payload: &[u8]) {
        for (record, at) in carried(payload) {
            if self.memory().is_at(&record.key_hash, from) {
                let at = RememberedAt { segment, offset: offset + at as u32 };
                self.remember_at(record.key_hash, at, record.at);
            }
        }
    }

    /// What was answered to the request with this key.
    pub fn remembered_now(&self, key: &KeyHash) -> Option<Result<Remembered, StorageError>> {
        let mut at = self.memory().get(key)?;
        loop {
            match self.read_remembered_at(key, at) {
                Ok(remembered) => return Some(Ok(remembered)),
                // It may have been carried onward, and its segment used again, since it was looked
                // up; then it is somewhere else now.
                Err(error) => match self.memory().get(key)? {
                    moved if moved != at => at = moved,
                    _ => return Some(Err(error)),
                },
            }
        }
    }

    fn read_remembered_at(
        &self,
        key: &KeyHash,
        at: RememberedAt,
    ) -> Result<Remembered, StorageError> {
        /// Hash, body hash, time, nonce, and the length of what follows.
        const HEAD: usize = 16 + 32 + 8 + 8 + 4;
        let gone = || StorageError::Damaged {
            what: "a remembered request",
            detail: format!("segment {} offset {}", at.segment, at.offset),
        };
        let (file, cipher, _) = self.segments().reader(at.segment).ok_or_else(gone)?;
        let mut bytes = vec![0; HEAD];
        let read = super::segments::io("read a remembered request");
        file.read_exact_at(&mut bytes, u64::from(at.offset)).map_err(&read)?;
        let length = Reader(&bytes[HEAD - 4..]).u32().unwrap_or(0) as usize;
        if length as u64 > self.settings.segment_bytes {
            return Err(gone());
        }
        bytes.resize(HEAD + length, 0);
        file.read_exact_at(&mut bytes[HEAD..], u64::from(at.offset) + HEAD as u64)
            .map_err(&read)?;
        let (record, _) = read_remembered(&bytes).ok_or_else(gone)?;
        if record.key_hash != *key {
            return Err(gone());
        }
        let mut receipt = record.ciphertext;
        cipher.open(&receipt_aad(key), record.nonce, &mut receipt)?;
        Ok(Remembered { body_sha256: record.body_sha256, receipt })
    }
}
