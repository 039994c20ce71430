//! What platforms pushed, until its consequences are drawn, and by its hash for a while after.

use holdfast_model::id::{AppId, TENANT};
use holdfast_model::time::UnixMillis;
use holdfast_storage::{Inbound, MAX_WAITING_INBOUND, StorageError};
use rusqlite::{Connection, Transaction, params};

use super::row::{MAX_LISTED, execute, refused, sql_failed};

const WHAT: &str = "push";

/// Longest content. A thousand signals are some two hundred thousand bytes.
const MAX_CONTENT_BYTES: usize = 1 << 20;

pub(super) fn put(tx: &Transaction<'_>, inbound: &Inbound) -> Result<bool, StorageError> {
    let name = hex::encode(&inbound.sha256[..8]);
    if inbound.sealed.len() > MAX_CONTENT_BYTES {
        let why = format!("{} bytes, expected at most {MAX_CONTENT_BYTES}", inbound.sealed.len());
        return Err(refused(WHAT, name, why));
    }
    let inserted = execute(
        tx,
        "store a push",
        "INSERT INTO inbound (tenant_id, sha256, app_id, received_at, sealed, attempts, next_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?4)
         ON CONFLICT (tenant_id, sha256) DO NOTHING",
        params![
            TENANT,
            inbound.sha256,
            inbound.app.as_str(),
            inbound.received_at.0,
            inbound.sealed,
            inbound.attempts
        ],
    )?;
    if inserted == 1 && waiting(tx)? > MAX_WAITING_INBOUND {
        // The transaction is rolled back with this.
        let why = format!("{MAX_WAITING_INBOUND} wait already");
        return Err(refused(WHAT, name, why));
    }
    Ok(inserted == 1)
}

pub(super) fn due(
    tx: &Connection,
    now: UnixMillis,
    limit: u32,
) -> Result<Vec<Inbound>, StorageError> {
    let failed = sql_failed("read pushes");
    let mut statement = tx
        .prepare_cached(
            "SELECT sha256, app_id, received_at, sealed, attempts FROM inbound
             WHERE tenant_id = ?1 AND closed_at IS NULL AND next_at <= ?2
             ORDER BY next_at, received_at, sha256 LIMIT ?3",
        )
        .map_err(&failed)?;
    let rows = statement
        .query_map(params![TENANT, now.0, limit.min(MAX_LISTED)], |row| {
            let app = AppId::new(row.get::<_, String>(1)?).map_err(|e| e.to_string());
            let (sha256, received_at, sealed) = (row.get(0)?, row.get(2)?, row.get(3)?);
            let attempts = row.get(4)?;
            Ok(app.map(|app| Inbound {
                sha256,
                app,
                received_at: UnixMillis(received_at),
                sealed,
                attempts,
            }))
        })
        .map_err(&failed)?;
    let damaged = |detail| StorageError::Damaged { what: WHAT, detail };
    rows.map(|row| row.map_err(&failed)?.map_err(damaged)).collect()
}

pub(super) fn postpone(
    tx: &Transaction<'_>,
    sha256: &[u8; 32],
    until: UnixMillis,
    sealed: Option<&[u8]>,
) -> Result<(), StorageError> {
    execute(
        tx,
        "postpone a push",
        "UPDATE inbound SET next_at = ?3, attempts = attempts + 1, sealed = coalesce(?4, sealed)
         WHERE tenant_id = ?1 AND sha256 = ?2 AND closed_at IS NULL",
        params![TENANT, sha256, until.0, sealed],
    )?;
    Ok(())
}

pub(super) fn close(
    tx: &Transaction<'_>,
    sha256: &[u8; 32],
    at: UnixMillis,
) -> Result<(), StorageError> {
    execute(
        tx,
        "close a push",
        "UPDATE inbound SET sealed = NULL, next_at = NULL, closed_at = ?3
         WHERE tenant_id = ?1 AND sha256 = ?2 AND closed_at IS NULL",
        params![TENANT, sha256, at.0],
    )?;
    Ok(())
}

pub(super) fn purge(tx: &Transaction<'_>, before: UnixMillis) -> Result<u64, StorageError> {
    let gone = execute(
        tx,
        "forget pushes",
        "DELETE FROM inbound WHERE tenant_id = ?1 AND closed_at < ?2",
        params![TENANT, before.0],
    )?;
    Ok(gone as u64)
}

fn waiting(tx: &Connection) -> Result<u32, StorageError> {
    tx.query_row(
        "SELECT count(*) FROM inbound WHERE tenant_id = ?1 AND closed_at IS NULL",
        [TENANT],
        |row| row.get(0),
    )
    .map_err(sql_failed("count pushes"))
}
