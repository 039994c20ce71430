//! The terminal rows: delivered batches, dead letters, expired and unknown items, and the counts
//! over them, in `ledger.sqlite`.
//!
//! A terminal move is written here first; only then is the item forgotten by the queue. After a
//! crash an item that has a row here is not handed out again. This file is what is read and
//! written; `ledger` is when.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use holdfast_model::fault::Fault;
use holdfast_model::id::{ItemId, LaneId, Seq};
use holdfast_model::ledger::{LedgerCounts, LedgerState};
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_storage::{DeadLetter, DeadLetterFilter, DeliveredBatch, StorageError};
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
"];

/// An item that left the queue without being delivered, with its record as it was in the log.
#[derive(Debug, Clone)]
pub struct LeftItem {
    pub item_id: ItemId,
    pub seq: Seq,
    pub lane: LaneId,
    pub state: LedgerState,
    pub fault: Fault,
    pub at: UnixMillis,
    pub admitted_at: UnixMillis,
    pub expires_at: UnixSeconds,
    /// Which data key its content is encrypted under.
    pub key_id: u32,
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
    pub replaying: HashMap<ItemId, Seq>,
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
             at_ms, admitted_at_ms, expires_at_s, key_id, record)
             VALUES (?,'default',?,?,?,?,?,?,?,?,?,?)",
        )?
        .execute(params![
            &item.item_id.as_bytes()[..],
            item.seq.0 as i64,
            item.lane.0,
            state_name(item.state),
            item.fault.name,
            fault,
            item.at.0,
            item.admitted_at.0,
            item.expires_at.0,
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
    let column = state_name(state);
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
        let mut rows = connection.prepare(
            "SELECT seq, item_id, replaying FROM left_items WHERE seq >= ? OR replaying",
        )?;
        let mut rows = rows.query([from.0 as i64])?;
        while let Some(row) = rows.next()? {
            let seq = Seq(row.get::<_, i64>(0)? as u64);
            found.settled.insert(seq);
            if row.get::<_, bool>(2)? {
                found.replaying.insert(item_id(row, 1)?, seq);
            }
        }
        let mut rows = connection.prepare("SELECT seq FROM put_back WHERE seq >= ?")?;
        let mut rows = rows.query([from.0 as i64])?;
        while let Some(row) = rows.next()? {
            found.settled.insert(Seq(row.get::<_, i64>(0)? as u64));
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

/// Erases delivered records and left items that are past their retention, except those whose items
/// are still physically in the log, and data keys that nothing needs.
pub fn purge(
    connection: &mut Connection,
    delivered_before: UnixMillis,
    dead_before: UnixMillis,
    oldest_in_log: Seq,
    keys_in_log: &[u32],
) -> Result<u64, StorageError> {
    let mut erase = || -> rusqlite::Result<u64> {
        let transaction = connection.transaction()?;
        let mut erased = transaction.execute(
            "DELETE FROM delivered WHERE at_ms < ? AND max_seq < ?",
            params![delivered_before.0, oldest_in_log.0 as i64],
        )?;
        erased += transaction.execute(
            "DELETE FROM left_items WHERE at_ms < ? AND seq < ? AND NOT replaying AND state <> 'unknown'",
            params![dead_before.0, oldest_in_log.0 as i64],
        )?;
        transaction.execute("DELETE FROM put_back WHERE seq < ?", [oldest_in_log.0 as i64])?;
        let unused: Vec<u32> = {
            let mut keys = transaction.prepare(
                "SELECT id FROM data_keys WHERE id NOT IN (SELECT DISTINCT key_id FROM left_items)",
            )?;
            let ids = keys.query_map([], |row| row.get(0))?.collect::<Result<Vec<u32>, _>>()?;
            ids.into_iter().filter(|id| !keys_in_log.contains(id)).collect()
        };
        for id in unused {
            transaction.execute("DELETE FROM data_keys WHERE id = ?", [id])?;
        }
        transaction.commit()?;
        Ok(erased as u64)
    };
    erase().map_err(failed("erase old records"))
}

/// The row of an item, and whether it is being put back.
pub fn left_item(
    connection: &mut Connection,
    id: ItemId,
) -> Result<Option<(LeftItem, bool)>, StorageError> {
    connection
        .query_row(&format!("{SELECT_LEFT} WHERE item_id = ?"), [&id.as_bytes()[..]], |row| {
            Ok((read_left(row)?, row.get(10)?))
        })
        .optional()
        .map_err(failed("read a dead letter"))
}

const SELECT_LEFT: &str = "SELECT item_id, seq, lane, state, fault, at_ms, admitted_at_ms,
    expires_at_s, key_id, record, replaying FROM left_items";

fn read_left(row: &Row<'_>) -> rusqlite::Result<LeftItem> {
    let fault: String = row.get(4)?;
    let state: String = row.get(3)?;
    Ok(LeftItem {
        item_id: item_id(row, 0)?,
        seq: Seq(row.get::<_, i64>(1)? as u64),
        lane: LaneId(row.get(2)?),
        state: state_of(&state),
        fault: serde_json::from_str(&fault).map_err(|e| {
            rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(e))
        })?,
        at: UnixMillis(row.get(5)?),
        admitted_at: UnixMillis(row.get(6)?),
        expires_at: UnixSeconds(row.get(7)?),
        key_id: row.get(8)?,
        record: row.get(9)?,
    })
}

pub fn list(
    connection: &mut Connection,
    filter: &DeadLetterFilter,
) -> Result<Vec<LeftItem>, StorageError> {
    let after = filter.after.map(|id| id.as_bytes().to_vec());
    let read = || -> rusqlite::Result<Vec<LeftItem>> {
        let mut rows = connection.prepare_cached(&format!(
            "{SELECT_LEFT} WHERE (?1 IS NULL OR lane = ?1) AND (?2 IS NULL OR fault_name = ?2)
             AND ((?3 IS NULL AND state <> 'unknown') OR state = ?3)
             AND (?4 IS NULL OR item_id > ?4) AND NOT replaying ORDER BY item_id LIMIT ?5"
        ))?;
        let found = rows.query_map(
            params![
                filter.lane.map(|lane| lane.0),
                filter.fault,
                filter.state.map(state_name),
                after,
                filter.limit
            ],
            read_left,
        )?;
        found.collect()
    };
    read().map_err(failed("list dead letters"))
}

/// Marks rows as about to be put back. Those that are no rows (any more) are left out, and so are
/// unknown items: they may have arrived, and a resend is not for a replay to decide.
pub fn begin_replay(
    connection: &mut Connection,
    ids: &[ItemId],
) -> Result<Vec<LeftItem>, StorageError> {
    let mut mark = || -> rusqlite::Result<Vec<LeftItem>> {
        let transaction = connection.transaction()?;
        let mut marked = Vec::new();
        for id in ids {
            let changed = transaction.execute(
                "UPDATE left_items SET replaying = 1
                 WHERE item_id = ? AND NOT replaying AND state <> 'unknown'",
                [&id.as_bytes()[..]],
            )?;
            if changed == 1 {
                let sql = format!("{SELECT_LEFT} WHERE item_id = ?");
                marked.push(transaction.query_row(&sql, [&id.as_bytes()[..]], read_left)?);
            }
        }
        transaction.commit()?;
        Ok(marked)
    };
    mark().map_err(failed("begin a replay"))
}

/// The item is in the queue again: its row goes. Or it is not: its row stays what it was.
pub fn end_replay(
    connection: &mut Connection,
    ids: &[ItemId],
    is_queued: bool,
) -> Result<(), StorageError> {
    let mut finish = || -> rusqlite::Result<()> {
        let transaction = connection.transaction()?;
        for id in ids {
            let bytes = &id.as_bytes()[..];
            if !is_queued {
                transaction
                    .execute("UPDATE left_items SET replaying = 0 WHERE item_id = ?", [bytes])?;
                continue;
            }
            let row: Option<(u32, String, i64)> = transaction
                .query_row(
                    "DELETE FROM left_items WHERE item_id = ? AND replaying RETURNING lane, state, seq",
                    [bytes],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
                .optional()?;
            if let Some((lane, state, seq)) = row {
                // The item has a new record; the old one may still be in the log and must not come
                // back beside it.
                transaction.execute("INSERT OR IGNORE INTO put_back VALUES (?)", [seq])?;
                add(&transaction, LaneId(lane), state_of(&state), -1)?;
            }
        }
        transaction.commit()
    };
    finish().map_err(failed("end a replay"))
}

impl LeftItem {
    /// Without its content.
    pub fn into_dead_letter(self) -> DeadLetter {
        DeadLetter {
            item_id: self.item_id,
            lane: self.lane,
            destination: None,
            event_id: String::new(),
            state: self.state,
            fault: self.fault,
            at: self.at,
            admitted_at: self.admitted_at,
            expires_at: self.expires_at,
            fragment: None,
        }
    }
}

fn item_id(row: &Row<'_>, column: usize) -> rusqlite::Result<ItemId> {
    Ok(ItemId::from_bytes(row.get::<_, [u8; 16]>(column)?))
}

fn state_name(state: LedgerState) -> &'static str {
    match state {
        LedgerState::Delivered => "delivered",
        LedgerState::Rejected => "rejected",
        LedgerState::Expired => "expired",
        LedgerState::Unknown => "unknown",
        // Never written: these states are the queue's.
        LedgerState::Queued | LedgerState::Held => "unknown",
    }
}

fn state_of(name: &str) -> LedgerState {
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
