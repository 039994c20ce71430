//! Holds: at most one open per scope.

use holdfast_model::hold::{Hold, Lifted};
use holdfast_model::id::{HoldId, TENANT};
use holdfast_storage::{OpenedHold, StorageError};
use rusqlite::{Connection, Transaction, params};

use super::row::{MAX_LISTED, ROW_VERSION, encode, execute, exists, find, list, refused};

const HOLD: &str = "hold";

pub(super) fn open(tx: &Transaction<'_>, hold: &Hold) -> Result<OpenedHold, StorageError> {
    check(hold)?;
    let scope = encode("scope", &hold.scope)?;
    if let Some(already) = open_with_scope(tx, &scope)? {
        return Ok(OpenedHold::Already(already));
    }
    if get(tx, hold.id)?.is_some() {
        return Err(exists(HOLD, hold.id));
    }
    execute(
        tx,
        "store a hold",
        "INSERT INTO hold (tenant_id, hold_id, scope, opened_at, row_v, row)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            TENANT,
            hold.id.to_string(),
            scope,
            hold.opened_at.0,
            ROW_VERSION,
            encode(HOLD, hold)?
        ],
    )?;
    Ok(OpenedHold::New)
}

pub(super) fn lift(
    tx: &Transaction<'_>,
    id: HoldId,
    lifted: &Lifted,
) -> Result<bool, StorageError> {
    let Some(mut hold) = get(tx, id)?.filter(Hold::is_open) else { return Ok(false) };
    hold.lifted = Some(lifted.clone());
    execute(
        tx,
        "lift a hold",
        "UPDATE hold SET lifted_at = ?3, row_v = ?4, row = ?5
         WHERE tenant_id = ?1 AND hold_id = ?2",
        params![TENANT, id.to_string(), lifted.at.0, ROW_VERSION, encode(HOLD, &hold)?],
    )?;
    Ok(true)
}

/// Not cut to a bound: a hold that is left out would let its items go.
pub(super) fn all_open(tx: &Connection) -> Result<Vec<Hold>, StorageError> {
    let sql = "SELECT row_v, row FROM hold WHERE tenant_id = ?1 AND lifted_at IS NULL
               ORDER BY opened_at, hold_id";
    list(tx, HOLD, sql, [TENANT])
}

pub(super) fn newest(tx: &Connection, limit: u32) -> Result<Vec<Hold>, StorageError> {
    let sql = "SELECT row_v, row FROM hold WHERE tenant_id = ?1
               ORDER BY opened_at DESC, hold_id DESC LIMIT ?2";
    list(tx, HOLD, sql, params![TENANT, limit.min(MAX_LISTED)])
}

fn check(hold: &Hold) -> Result<(), StorageError> {
    if hold.scope.iter().next().is_none() {
        return Err(refused(HOLD, hold.id, "its scope is empty, expected at least one selector"));
    }
    if hold.lifted.is_some() {
        return Err(refused(HOLD, hold.id, "it is lifted already, expected an open hold"));
    }
    Ok(())
}

fn get(tx: &Connection, id: HoldId) -> Result<Option<Hold>, StorageError> {
    let sql = "SELECT row_v, row FROM hold WHERE tenant_id = ?1 AND hold_id = ?2";
    find(tx, HOLD, sql, params![TENANT, id.to_string()])
}

fn open_with_scope(tx: &Connection, scope: &str) -> Result<Option<Hold>, StorageError> {
    let sql = "SELECT row_v, row FROM hold
               WHERE tenant_id = ?1 AND scope = ?2 AND lifted_at IS NULL";
    find(tx, HOLD, sql, [TENANT, scope])
}
