//! The terminal rows: delivered batches, dead letters, expired and unknown items, and the counts
//! over them, in `ledger.sqlite`.
//!
//! A terminal move is written here first; only then is the item forgotten by the queue. After a
//! crash an item that has a row here is not handed out again. This file is what is written and what
//! recovery reads; `letters` is how the rows are looked at and put back, `ledger` is when.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use holdfast_model::fault::Fault;
use holdfast_model::id::{HoldId, ItemId, LaneId, Seq};
use holdfast_model::ledger::{LedgerCounts, LedgerState};
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_storage::{DeliveredBatch, StorageError};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::frame::Reader;

pub const MIGRATIONS: &[&str] = &["
    CREATE TABLE data_keys (id INTEGER PRIMARY KEY, wrapped BLOB NOT NULL);
    CREATE TABLE lane_totals (
        tenant_id TEXT NOT NULL, lane INTEGER NOT NULL,
        delivered INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0,
        expired INTEGER NOT NULL DEFAULT 0, unknown INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (tenant_id, lane)
    ) WITHOUT ROWID;
    CREATE TABLE delivered (
        id INTEGER PRIMARY KEY, tenant_id TEXT NOT NULL, batch_id BLOB NOT NULL, lane INTEGER NOT NULL,
        items INTEGER NOT NULL, max_seq INTEGER NOT NULL, seqs BLOB NOT NULL,
        credential TEXT NOT NULL, version INTEGER NOT NULL, fingerprint TEXT NOT NULL,
        trace_id TEXT, at_ms INTEGER NOT NULL
    );
    CREATE INDEX delivered_at ON delivered (at_ms);
    CREATE INDEX delivered_seq ON delivered (max_seq);
    CREATE TABLE left_items (
        item_id BLOB PRIMARY KEY, tenant_id TEXT NOT NULL, seq INTEGER NOT NULL, lane INTEGER NOT NULL,
        state TEXT NOT NULL, replaying INTEGER NOT NULL DEFAULT 0, fault_name TEXT NOT NULL,
        fault TEXT NOT NULL, at_ms INTEGER NOT NULL, admitted_at_ms INTEGER NOT NULL,
        expires_at_s INTEGER NOT NULL, key_id INTEGER NOT NULL, record BLOB NOT NULL
    );
    CREATE INDEX left_items_lane ON left_items (lane, state);
    CREATE INDEX left_items_seq ON left_items (seq);
    CREATE TABLE put_back (seq INTEGER PRIMARY KEY);
", "
    ALTER TABLE left_items ADD COLUMN hold BLOB;
    ALTER TABLE left_items ADD COLUMN event_time_s INTEGER;
    ALTER TABLE left_items ADD COLUMN replaced_by BLOB;
    DROP INDEX left_items_lane;
    CREATE INDEX open_letters ON left_items (at_ms, item_id, lane, state, fault_name, expires_at_s)
        WHERE replaying = 0 AND replaced_by IS NULL;
    CREATE INDEX open_letters_fault ON left_items
        (fault_name, at_ms, item_id, lane, state, expires_at_s)
        WHERE replaying = 0 AND replaced_by IS NULL;
    CREATE INDEX open_letters_hold ON left_items (hold, at_ms, item_id) WHERE hold IS NOT NULL;
    CREATE INDEX open_letters_unknown ON left_items (at_ms, item_id, lane)
        WHERE state = 'unknown' AND replaying = 0 AND replaced_by IS NULL;
    CREATE INDEX left_items_replaying ON left_items (item_id) WHERE replaying <> 0;
    CREATE INDEX left_items_replaced ON left_items (replaced_by) WHERE replaced_by IS NOT NULL;
    CREATE INDEX left_items_key ON left_items (key_id);
", "
    ALTER TABLE left_items ADD COLUMN erased_at_ms INTEGER;
"];

/// What a page or a count looks at; its words are those of the indexes above.
pub const IS_OPEN: &str = "replaying = 0 AND replaced_by IS NULL";

/// Rows of each table that one transaction erases. What leaves the queue meanwhile waits for it,
/// and erasing overwrites what was there.
const PURGED_AT_ONCE: u32 = 256;

/// An item that left the queue without being delivered, with its record as it was in the log.
#[derive(Debug, Clone)]
pub struct LeftItem {
    pub item_id: ItemId,
    pub seq: Seq,
    pub lane: LaneId,
    pub state: LedgerState,
    pub fault: Fault,
    /// The hold that an expired item expired behind.
    pub hold: Option<HoldId>,
    pub at: UnixMillis,
    pub admitted_at: UnixMillis,
    pub event_time: UnixSeconds,
    pub expires_at: UnixSeconds,
    /// The item that is its correction.
    pub replaced_by: Option<ItemId>,
    /// When its content was erased.
    pub erased_at: Option<UnixMillis>,
    /// Which data key its content is encrypted under.
    pub key_id: u32,
    /// Empty if it was erased.
    pub record: Vec<u8>,
}

#[derive(Debug, Clone)]
pub enum Terminal {
    Delivered { lane: LaneId, batch: DeliveredBatch },
    Left { lane: LaneId, state: LedgerState, items: Vec<LeftItem> },
}

/// What recovery wants to know.
#[derive(Default)]
pub struct Recovered {
    pub settled: HashSet<Seq>,
    pub totals: HashMap<LaneId, LedgerCounts>,
    /// Rows that were about to change with the log, by the item that the log has if they did.
    pub replaying: HashMap<ItemId, Awaited>,
    /// Wrapped data keys. Segments have a copy, which is as old as the segment.
    pub keys: HashMap<u32, Vec<u8>>,
}

/// What the log has if an interrupted change of a row went through.
#[derive(Debug, Clone, Copy)]
pub struct Awaited {
    pub row: ItemId,
    /// Only a later record than this counts.
    pub behind: Seq,
}

impl Terminal {
    /// The items, all of one lane.
    pub fn seqs(&self) -> (LaneId, Cow<'_, [Seq]>) {
        match self {
            Self::Delivered { lane, batch } => (*lane, Cow::Borrowed(&batch.items)),
            Self::Left { lane, items, .. } => (*lane, items.iter().map(|item| item.seq).collect()),
        }
    }

    pub fn state(&self) -> LedgerState {
        match self {
            Self::Delivered { .. } => LedgerState::Delivered,
            Self::Left { state, .. } => *state,
        }
    }

    /// Takes the content out of the items for which `is`, asked for one after the other, says so.
    pub fn erase(&mut self, mut is: impl FnMut() -> bool) {
        if let Self::Left { items, .. } = self {
            for item in items.iter_mut().filter(|_| is()) {
                item.erased_at = Some(item.at);
                item.record = Vec::new();
            }
        }
    }

    /// Keeps the items for which `stays`, asked for one after the other, says so.
    pub fn retain(&mut self, mut stays: impl FnMut() -> bool) {
        match self {
            Self::Delivered { batch, .. } => batch.items.retain(|_| stays()),
            Self::Left { items, .. } => items.retain(|_| stays()),
        }
    }
}

/// The rows of items that leave the queue.
pub fn write(connection: &Connection, terminal: &Terminal) -> rusqlite::Result<()> {
    match terminal {
        Terminal::Delivered { batch, .. } if batch.items.is_empty() => Ok(()),
        Terminal::Delivered { lane, batch } => {
            let inserted = connection
                .prepare_cached(
                    "INSERT INTO delivered (tenant_id, batch_id, lane, items, max_seq, seqs, credential,
                     version, fingerprint, trace_id, at_ms) VALUES ('default',?,?,?,?,?,?,?,?,?,?)",
                )?
                .execute(params![
                    &batch.batch.as_bytes()[..],
                    lane.0,
                    batch.items.len() as i64,
                    batch.items.iter().map(|seq| seq.0).max().unwrap_or(0) as i64,
                    encode_seqs(&batch.items),
                    batch.signed_with.credential.as_str(),
                    batch.signed_with.version.0,
                    batch.signed_with.fingerprint,
                    batch.trace_id,
                    batch.at.0,
                ])?;
            debug_assert_eq!(inserted, 1);
            add(connection, *lane, LedgerState::Delivered, batch.items.len() as i64)
        }
        Terminal::Left { items, .. } => {
            items.iter().try_for_each(|item| write_left(connection, item))
        }
    }
}

/// Idempotent by item: the second row of an item changes nothing.
fn write_left(connection: &Connection, item: &LeftItem) -> rusqlite::Result<()> {
    let fault = serde_json::to_string(&item.fault).unwrap_or_default();
    let inserted = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO left_items (item_id, tenant_id, seq, lane, state, fault_name, fault,
             hold, at_ms, admitted_at_ms, event_time_s, expires_at_s, erased_at_ms, key_id, record)
             VALUES (?,'default',?,?,?,?,?,?,?,?,?,?,?,?,?)",
        )?
        .execute(params![
            &item.item_id.as_bytes()[..],
            item.seq.0 as i64,
            item.lane.0,
            item.state.as_str(),
            item.fault.name,
            fault,
            item.hold.map(|hold| hold.as_bytes().to_vec()),
            item.at.0,
            item.admitted_at.0,
            item.event_time.0,
            item.expires_at.0,
            item.erased_at.map(|at| at.0),
            item.key_id,
            item.record,
        ])?;
    add(connection, item.lane, item.state, inserted as i64)
}

pub fn add(
    connection: &Connection,
    lane: LaneId,
    state: LedgerState,
    items: i64,
) -> rusqlite::Result<()> {
    let column = state.as_str();
    let sql = format!(
        "INSERT INTO lane_totals (tenant_id, lane, {column}) VALUES ('default', ?1, ?2)
         ON CONFLICT (tenant_id, lane) DO UPDATE SET {column} = {column} + ?2"
    );
    connection.prepare_cached(&sql)?.execute(params![lane.0, items])?;
    Ok(())
}

/// Everything that recovery needs: which of the items that are still in the log were settled.
pub fn recover(connection: &mut Connection, from: Seq) -> Result<Recovered, StorageError> {
    let mut found = Recovered::default();
    let mut read = || -> rusqlite::Result<()> {
        let mut rows = connection.prepare("SELECT seqs FROM delivered WHERE max_seq >= ?")?;
        let mut rows = rows.query([from.0 as i64])?;
        while let Some(row) = rows.next()? {
            let seqs: Vec<u8> = row.get(0)?;
            found.settled.extend(decode_seqs(&seqs).into_iter().filter(|seq| *seq >= from));
        }
        let mut rows = connection.prepare("SELECT seq FROM left_items WHERE seq >= ?")?;
        let mut rows = rows.query([from.0 as i64])?;
        while let Some(row) = rows.next()? {
            found.settled.insert(Seq(row.get::<_, i64>(0)? as u64));
        }
        let mut rows = connection
            .prepare("SELECT seq, item_id, replaced_by FROM left_items WHERE replaying <> 0")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let (seq, id) = (Seq(row.get::<_, i64>(0)? as u64), item_id(row, 1)?);
            found.settled.insert(seq);
            let awaited = match row.get::<_, Option<[u8; 16]>>(2)? {
                // A correction is an item of its own.
                Some(by) => (ItemId::from_bytes(by), Awaited { row: id, behind: Seq(0) }),
                None => (id, Awaited { row: id, behind: seq }),
            };
            found.replaying.extend([awaited]);
        }
        let mut rows = connection.prepare("SELECT seq FROM put_back WHERE seq >= ?")?;
        let mut rows = rows.query([from.0 as i64])?;
        while let Some(row) = rows.next()? {
            found.settled.insert(Seq(row.get::<_, i64>(0)? as u64));
        }
        let mut rows = connection.prepare("SELECT id, wrapped FROM data_keys")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            found.keys.insert(row.get(0)?, row.get(1)?);
        }
        let mut rows = connection
            .prepare("SELECT lane, delivered, rejected, expired, unknown FROM lane_totals")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let count = |column| row.get::<_, i64>(column).map(|n| n.max(0) as u64);
            let totals = LedgerCounts {
                delivered: count(1)?,
                rejected: count(2)?,
                expired: count(3)?,
                unknown: count(4)?,
                ..LedgerCounts::default()
            };
            found.totals.insert(LaneId(row.get(0)?), totals);
        }
        Ok(())
    };
    read().map_err(failed("read terminal rows"))?;
    Ok(found)
}

/// Stores a data key and gives it a number that was never used.
pub fn add_key(connection: &mut Connection, wrapped: &[u8]) -> Result<u32, StorageError> {
    let insert = || -> rusqlite::Result<u32> {
        let next: u32 = connection.query_row(
            "SELECT 1 + max(coalesce((SELECT max(id) FROM data_keys), 0),
                            coalesce((SELECT max(key_id) FROM left_items), 0))",
            [],
            |row| row.get(0),
        )?;
        connection
            .execute("INSERT INTO data_keys (id, wrapped) VALUES (?, ?)", params![next, wrapped])?;
        Ok(next)
    };
    insert().map_err(failed("store a data key"))
}

pub fn wrapped_key(connection: &mut Connection, id: u32) -> Result<Option<Vec<u8>>, StorageError> {
    connection
        .query_row("SELECT wrapped FROM data_keys WHERE id = ?", [id], |row| row.get(0))
        .optional()
        .map_err(failed("read a data key"))
}

/// What is past its retention.
#[derive(Debug, Clone)]
pub struct Purge {
    pub delivered_before: UnixMillis,
    pub dead_before: UnixMillis,
    /// Rows of items that are still physically in the log stay: a restart needs them.
    pub oldest_in_log: Seq,
    pub keys_in_log: Vec<u32>,
}

impl Purge {
    /// Erases a slice of it, and data keys that nothing needs. Zero when nothing is left.
    pub fn slice(&self, connection: &mut Connection) -> Result<u64, StorageError> {
        self.erase(connection).map_err(failed("erase old records"))
    }

    /// Which index is used is not left to the planner: most rows have numbers that are small
    /// enough, and looking through all of them for each slice takes hours where there are millions.
    fn erase(&self, connection: &mut Connection) -> rusqlite::Result<u64> {
        let oldest = self.oldest_in_log.0 as i64;
        let transaction = connection.transaction()?;
        let mut erased = transaction.execute(
            "DELETE FROM delivered WHERE id IN (
                 SELECT id FROM delivered INDEXED BY delivered_at
                 WHERE at_ms < ? AND max_seq < ? LIMIT ?)",
            params![self.delivered_before.0, oldest, PURGED_AT_ONCE],
        )?;
        erased += transaction.execute(
            "DELETE FROM left_items WHERE rowid IN (
                 SELECT rowid FROM left_items INDEXED BY open_letters
                 WHERE at_ms < ?1 AND replaying = 0 AND replaced_by IS NULL AND state <> 'unknown' AND seq < ?2 LIMIT ?3)",
            params![self.dead_before.0, oldest, PURGED_AT_ONCE],
        )?;
        erased += transaction.execute(
            "DELETE FROM left_items WHERE rowid IN (
                 SELECT rowid FROM left_items INDEXED BY left_items_replaced
                 WHERE replaced_by IS NOT NULL AND replaying = 0 AND at_ms < ? AND seq < ? LIMIT ?)",
            params![self.dead_before.0, oldest, PURGED_AT_ONCE],
        )?;
        erased += transaction.execute(
            "DELETE FROM put_back WHERE seq IN (SELECT seq FROM put_back WHERE seq < ? LIMIT ?)",
            params![oldest, PURGED_AT_ONCE],
        )?;
        if erased == 0 {
            self.erase_keys(&transaction)?;
        }
        transaction.commit()?;
        Ok(erased as u64)
    }

    fn erase_keys(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut unused = connection.prepare(
            "SELECT id FROM data_keys
             WHERE NOT EXISTS (SELECT 1 FROM left_items WHERE key_id = data_keys.id)",
        )?;
        let unused = unused.query_map([], |row| row.get(0))?.collect::<Result<Vec<u32>, _>>()?;
        for id in unused.into_iter().filter(|id| !self.keys_in_log.contains(id)) {
            connection.execute("DELETE FROM data_keys WHERE id = ?", [id])?;
        }
        Ok(())
    }
}

pub fn item_id(row: &Row<'_>, column: usize) -> rusqlite::Result<ItemId> {
    Ok(ItemId::from_bytes(row.get::<_, [u8; 16]>(column)?))
}

pub fn state_of(name: &str) -> LedgerState {
    match name {
        "rejected" => LedgerState::Rejected,
        "expired" => LedgerState::Expired,
        _ => LedgerState::Unknown,
    }
}

pub fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> StorageError {
    move |error| StorageError::Io { doing, cause: error.to_string() }
}

/// Differences, seven bits a byte: about one byte an item for a batch in order.
fn encode_seqs(seqs: &[Seq]) -> Vec<u8> {
    let mut sorted: Vec<u64> = seqs.iter().map(|seq| seq.0).collect();
    sorted.sort_unstable();
    let mut out = Vec::with_capacity(sorted.len() + 8);
    let mut before = 0;
    for seq in sorted {
        let mut left = seq - before;
        before = seq;
        while left >= 0x80 {
            out.push(left as u8 | 0x80);
            left >>= 7;
        }
        out.push(left as u8);
    }
    out
}

fn decode_seqs(bytes: &[u8]) -> Vec<Seq> {
    let (mut reader, mut seqs, mut before) = (Reader(bytes), Vec::new(), 0_u64);
    while !reader.0.is_empty() {
        let (mut difference, mut shift) = (0_u64, 0);
        while let Some(byte) = reader.u8() {
            difference |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        before = before.wrapping_add(difference);
        seqs.push(Seq(before));
    }
    seqs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_survive_encoding_in_order() {
        let seqs = [5, 1, 2, 3, 1_000_000, u64::MAX >> 1].map(Seq);
        let mut sorted = seqs.to_vec();
        sorted.sort_unstable();
        assert_eq!(decode_seqs(&encode_seqs(&seqs)), sorted);
    }
}
