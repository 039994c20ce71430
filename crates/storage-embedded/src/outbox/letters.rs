//! The rows of what left the queue undelivered, as people look at them and put them back.
//!
//! A letter is open unless it is being put back or was replaced by its correction. Pages are in
//! order of when the items left and continue behind a place in that order, so the first page of
//! millions costs what the last one does.

use holdfast_model::id::{HoldId, ItemId, LaneId, Seq};
use holdfast_model::ledger::LedgerState;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_storage::{DeadLetterFilter, DeadLetterPage, LetterCount, StorageError};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};

use super::terminal::{IS_OPEN, LeftItem, add, failed, item_id, state_of};

const SELECT: &str = "SELECT item_id, seq, lane, state, fault, at_ms, admitted_at_ms,
    expires_at_s, key_id, record, replaying, hold, event_time_s, replaced_by,
    erased_at_ms, rowid FROM left_items";

fn read(row: &Row<'_>) -> rusqlite::Result<LeftItem> {
    let fault: String = row.get(4)?;
    let state: String = row.get(3)?;
    let id = |column| row.get::<_, Option<[u8; 16]>>(column);
    Ok(LeftItem {
        item_id: item_id(row, 0)?,
        seq: Seq(row.get::<_, i64>(1)? as u64),
        lane: LaneId(row.get(2)?),
        state: state_of(&state),
        fault: serde_json::from_str(&fault).map_err(|e| {
            rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(e))
        })?,
        hold: id(11)?.map(HoldId::from_bytes),
        at: UnixMillis(row.get(5)?),
        admitted_at: UnixMillis(row.get(6)?),
        event_time: UnixSeconds(row.get::<_, Option<i64>>(12)?.unwrap_or_default()),
        expires_at: UnixSeconds(row.get(7)?),
        replaced_by: id(13)?.map(ItemId::from_bytes),
        erased_at: row.get::<_, Option<i64>>(14)?.map(UnixMillis),
        key_id: row.get(8)?,
        record: row.get(9)?,
    })
}

/// The row of an item, and whether it is being put back or replaced just now.
pub fn find(
    connection: &mut Connection,
    id: ItemId,
) -> Result<Option<(LeftItem, bool)>, StorageError> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE item_id = ?"))
        .and_then(|mut rows| {
            rows.query_row([&id.as_bytes()[..]], |row| Ok((read(row)?, row.get(10)?))).optional()
        })
        .map_err(failed("read a dead letter"))
}

/// Rows whose content was not erased, in order of their numbers and behind one of them.
pub fn with_content(
    connection: &mut Connection,
    after: i64,
    limit: u32,
) -> Result<Vec<(i64, LeftItem)>, StorageError> {
    let sql = format!(
        "{SELECT} WHERE rowid IN (SELECT rowid FROM left_items
             WHERE rowid > ? AND erased_at_ms IS NULL ORDER BY rowid LIMIT ?)
         ORDER BY rowid"
    );
    let read = || -> rusqlite::Result<Vec<(i64, LeftItem)>> {
        let mut rows = connection.prepare_cached(&sql)?;
        rows.query_map(params![after, limit], |row| Ok((row.get(15)?, read(row)?)))?.collect()
    };
    read().map_err(failed("read what left the queue"))
}

/// Overwrites the content of rows where it is, and then empties them. With each the time of its
/// event, which old rows have in their content alone.
pub fn erase(
    connection: &mut Connection,
    rows: &[(i64, UnixSeconds)],
    at: UnixMillis,
) -> Result<u64, StorageError> {
    let mut erase = || -> rusqlite::Result<u64> {
        let transaction = connection.transaction()?;
        let mut erased = 0;
        for (row, event_time) in rows {
            transaction
                .prepare_cached(
                    "UPDATE left_items SET record = zeroblob(length(record)) WHERE rowid = ?",
                )?
                .execute([row])?;
            erased += transaction
                .prepare_cached(
                    "UPDATE left_items SET record = x'', erased_at_ms = ?, event_time_s = ?
                     WHERE rowid = ? AND erased_at_ms IS NULL",
                )?
                .execute(params![at.0, event_time.0, row])?;
        }
        transaction.commit()?;
        Ok(erased as u64)
    };
    erase().map_err(failed("erase dead letters"))
}

/// The letter that this item is a correction of.
pub fn origin(connection: &mut Connection, id: ItemId) -> Result<Option<ItemId>, StorageError> {
    connection
        .prepare_cached("SELECT item_id FROM left_items WHERE replaced_by = ? AND replaying = 0")
        .and_then(|mut rows| rows.query_row([&id.as_bytes()[..]], |row| item_id(row, 0)).optional())
        .map_err(failed("read a dead letter"))
}

/// Conditions and what they are filled with. Only those that are asked for are there, so that the
/// database can choose its index by them.
struct Conditions {
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    fn of(filter: &DeadLetterFilter) -> Self {
        let mut conditions = Self { text: IS_OPEN.to_owned(), values: Vec::new() };
        match filter.state {
            // In words, so that the index of these alone can be used.
            Some(LedgerState::Unknown) => conditions.text.push_str(" AND state = 'unknown'"),
            Some(state) => conditions.and("state = ?", Some(state.as_str().to_owned())),
            None => conditions.text.push_str(" AND state <> 'unknown'"),
        }
        conditions.and("lane = ?", filter.lane.map(|lane| i64::from(lane.0)));
        conditions.and("fault_name = ?", filter.fault.clone());
        conditions.and("hold = ?", filter.hold.map(|hold| hold.as_bytes().to_vec()));
        conditions.and("at_ms >= ?", filter.since.map(|at| at.0));
        conditions.and("at_ms < ?", filter.until.map(|at| at.0));
        conditions.and("event_time_s >= ?", filter.event_since.map(|at| at.0));
        conditions.and("event_time_s < ?", filter.event_until.map(|at| at.0));
        conditions
    }

    fn and(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.text.push_str(" AND ");
            self.text.push_str(condition);
            self.values.push(value.into());
        }
    }
}

pub fn list(
    connection: &mut Connection,
    page: &DeadLetterPage,
) -> Result<Vec<LeftItem>, StorageError> {
    let mut conditions = Conditions::of(&page.filter);
    let (behind, order) = match page.newest_first {
        false => ("(at_ms, item_id) > (?, ?)", "at_ms, item_id"),
        true => ("(at_ms, item_id) < (?, ?)", "at_ms DESC, item_id DESC"),
    };
    if let Some(after) = page.after {
        conditions.and(behind, Some(after.at.0));
        conditions.values.push(after.item.as_bytes().to_vec().into());
    }
    conditions.values.push(i64::from(page.limit).into());
    let sql = format!("{SELECT} WHERE {} ORDER BY {order} LIMIT ?", conditions.text);
    let read = || -> rusqlite::Result<Vec<LeftItem>> {
        let mut rows = connection.prepare_cached(&sql)?;
        rows.query_map(params_from_iter(conditions.values), read)?.collect()
    };
    read().map_err(failed("list dead letters"))
}

pub fn count(
    connection: &mut Connection,
    filter: &DeadLetterFilter,
    now: UnixSeconds,
) -> Result<Vec<LetterCount>, StorageError> {
    let conditions = Conditions::of(filter);
    let sql = format!(
        "SELECT lane, state, fault_name, count(*), sum(expires_at_s <= {}), min(at_ms), max(at_ms)
         FROM left_items WHERE {} GROUP BY lane, state, fault_name
         ORDER BY lane, state, fault_name",
        now.0, conditions.text
    );
    let count = |row: &Row<'_>| {
        Ok(LetterCount {
            lane: LaneId(row.get(0)?),
            state: state_of(&row.get::<_, String>(1)?),
            fault: row.get(2)?,
            items: row.get::<_, i64>(3)?.max(0) as u64,
            too_old: row.get::<_, i64>(4)?.max(0) as u64,
            first_at: UnixMillis(row.get(5)?),
            last_at: UnixMillis(row.get(6)?),
        })
    };
    let read = || -> rusqlite::Result<Vec<LetterCount>> {
        let mut rows = connection.prepare(&sql)?;
        rows.query_map(params_from_iter(conditions.values), count)?.collect()
    };
    read().map_err(failed("count dead letters"))
}

/// Which rows a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    DeadLetters,
    Unknown,
}

impl Among {
    fn condition(self) -> &'static str {
        match self {
            Self::DeadLetters => "state <> 'unknown'",
            Self::Unknown => "state = 'unknown'",
        }
    }
}

/// Rows that are marked, and those that cannot be.
pub struct Begun {
    pub marked: Vec<LeftItem>,
    pub too_old: Vec<ItemId>,
    pub erased: Vec<ItemId>,
}

/// Marks rows as about to be put back. Those that are no open letters (any more) are left out.
pub fn begin_replay(
    connection: &mut Connection,
    ids: &[ItemId],
    among: Among,
    at: UnixMillis,
) -> Result<Begun, StorageError> {
    let mut begun = Begun { marked: Vec::new(), too_old: Vec::new(), erased: Vec::new() };
    let mut mark = || -> rusqlite::Result<()> {
        let transaction = connection.transaction()?;
        {
            let open = format!("WHERE item_id = ? AND {IS_OPEN} AND {}", among.condition());
            let mut find = transaction.prepare_cached(&format!("{SELECT} {open}"))?;
            let mut change = transaction
                .prepare_cached("UPDATE left_items SET replaying = 1 WHERE item_id = ?")?;
            for id in ids {
                let id = &id.as_bytes()[..];
                let Some(item) = find.query_row([id], read).optional()? else { continue };
                if item.erased_at.is_some() {
                    begun.erased.push(item.item_id);
                } else if item.expires_at <= at.to_seconds() {
                    begun.too_old.push(item.item_id);
                } else {
                    change.execute([id])?;
                    begun.marked.push(item);
                }
            }
        }
        transaction.commit()
    };
    mark().map_err(failed("begin a replay"))?;
    Ok(begun)
}

/// Marks a row as about to be replaced. False if it is no open letter, or was erased.
pub fn begin_replacement(
    connection: &mut Connection,
    id: ItemId,
    by: ItemId,
) -> Result<bool, StorageError> {
    let sql = format!(
        "UPDATE left_items SET replaying = 1, replaced_by = ?
         WHERE item_id = ? AND {IS_OPEN} AND state <> 'unknown' AND erased_at_ms IS NULL"
    );
    let changed = connection.execute(&sql, params![&by.as_bytes()[..], &id.as_bytes()[..]]);
    Ok(changed.map_err(failed("begin a replacement"))? == 1)
}

/// The log has what was to be written into it: the row of an item that is in the queue again goes,
/// that of a letter with a correction stays. Or it does not: the row is what it was.
pub fn end_replay(
    connection: &mut Connection,
    ids: &[ItemId],
    is_queued: bool,
) -> Result<(), StorageError> {
    let mut finish = || -> rusqlite::Result<()> {
        let transaction = connection.transaction()?;
        for id in ids {
            let id = &id.as_bytes()[..];
            match is_queued {
                true => end_one(&transaction, id)?,
                false => {
                    transaction
                        .prepare_cached(
                            "UPDATE left_items SET replaying = 0, replaced_by = NULL
                             WHERE item_id = ? AND replaying <> 0",
                        )?
                        .execute([id])?;
                }
            }
        }
        transaction.commit()
    };
    finish().map_err(failed("end a replay"))
}

fn end_one(connection: &Connection, id: &[u8]) -> rusqlite::Result<()> {
    let replaced = connection
        .prepare_cached(
            "UPDATE left_items SET replaying = 0
             WHERE item_id = ? AND replaying <> 0 AND replaced_by IS NOT NULL",
        )?
        .execute([id])?;
    if replaced == 1 {
        return Ok(());
    }
    if let Some((lane, state)) = take(connection, id, "replaying <> 0")? {
        add(connection, lane, state, -1)?;
    }
    Ok(())
}

/// Unknown items that did arrive: their rows go, and they count as delivered. Returns them with
/// their lanes.
pub fn confirm(
    connection: &mut Connection,
    ids: &[ItemId],
) -> Result<Vec<(ItemId, LaneId)>, StorageError> {
    let mut confirm = || -> rusqlite::Result<Vec<(ItemId, LaneId)>> {
        let transaction = connection.transaction()?;
        let mut confirmed = Vec::new();
        let condition = format!("{IS_OPEN} AND {}", Among::Unknown.condition());
        for id in ids {
            if let Some((lane, state)) = take(&transaction, &id.as_bytes()[..], &condition)? {
                add(&transaction, lane, state, -1)?;
                add(&transaction, lane, LedgerState::Delivered, 1)?;
                confirmed.push((*id, lane));
            }
        }
        transaction.commit()?;
        Ok(confirmed)
    };
    confirm().map_err(failed("confirm unknown items"))
}

/// Erases a row of which the condition is true. The item's record may still be in the log, and must
/// not come back from there.
fn take(
    connection: &Connection,
    id: &[u8],
    condition: &str,
) -> rusqlite::Result<Option<(LaneId, LedgerState)>> {
    let row: Option<(u32, String, i64)> = connection
        .prepare_cached(&format!(
            "DELETE FROM left_items WHERE item_id = ? AND {condition} RETURNING lane, state, seq"
        ))?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((lane, state, seq)) = row else { return Ok(None) };
    connection.prepare_cached("INSERT OR IGNORE INTO put_back VALUES (?)")?.execute([seq])?;
    Ok(Some((LaneId(lane), state_of(&state))))
}
