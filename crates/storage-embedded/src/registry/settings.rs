//! Small values that belong to the installation: those that are written once, and its epoch.

use holdfast_model::id::TENANT;
use holdfast_storage::StorageError;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::row::{execute, refused, sql_failed};

/// Longest value. The vault's canary is about 150 bytes; this is not a place for documents.
const MAX_VALUE_BYTES: usize = 64 << 10;

/// Returns what is stored under the name now: the given value if there was none.
pub(super) fn put_once(
    tx: &Transaction<'_>,
    name: &str,
    value: &[u8],
) -> Result<Vec<u8>, StorageError> {
    if value.len() > MAX_VALUE_BYTES {
        let why = format!("{} bytes given, expected at most {MAX_VALUE_BYTES}", value.len());
        return Err(refused("setting", name, why));
    }
    execute(
        tx,
        "store a setting",
        "INSERT INTO setting (tenant_id, name, value) VALUES (?1, ?2, ?3)
         ON CONFLICT (tenant_id, name) DO NOTHING",
        params![TENANT, name, value],
    )?;
    tx.query_row(
        "SELECT value FROM setting WHERE tenant_id = ?1 AND name = ?2",
        [TENANT, name],
        |row| row.get(0),
    )
    .map_err(sql_failed("read a setting"))
}

/// 0 until the first restore.
pub(super) fn epoch(tx: &Transaction<'_>) -> Result<u64, StorageError> {
    let found: Option<i64> = tx
        .query_row(
            "SELECT last FROM counter WHERE tenant_id = ?1 AND name = 'epoch'",
            [TENANT],
            |row| row.get(0),
        )
        .optional()
        .map_err(sql_failed("read the epoch"))?;
    Ok(found.and_then(|epoch| u64::try_from(epoch).ok()).unwrap_or(0))
}

pub(super) fn begin_epoch(tx: &Transaction<'_>) -> Result<u64, StorageError> {
    execute(
        tx,
        "begin an epoch",
        "INSERT INTO counter (tenant_id, name, last) VALUES (?1, 'epoch', 1)
         ON CONFLICT (tenant_id, name) DO UPDATE SET last = last + 1",
        [TENANT],
    )?;
    epoch(tx)
}
