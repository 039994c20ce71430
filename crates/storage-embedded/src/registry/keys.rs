//! Keys of Holdfast's own API, by their SHA-256.

use holdfast_model::access::AccessKey;
use holdfast_model::id::{KeyId, TENANT};
use holdfast_model::time::UnixMillis;
use holdfast_storage::StorageError;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::destinations;
use super::row::{ROW_VERSION, Stored, encode, execute, exists, find, sql_failed};

const KEY: &str = "key";

pub(super) fn add(
    tx: &Transaction<'_>,
    key: &AccessKey,
    sha256: &[u8; 32],
) -> Result<(), StorageError> {
    // A second key with the same hash would make it a matter of luck whose role applies.
    if get(tx, &key.id)?.is_some() || hash_is_known(tx, sha256)? {
        return Err(exists(KEY, &key.id));
    }
    key.destinations.iter().try_for_each(|id| destinations::require(tx, id))?;
    execute(
        tx,
        "store a key",
        "INSERT INTO access_key (tenant_id, key_id, sha256, revoked_at, row_v, row)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            TENANT,
            key.id.as_str(),
            sha256,
            key.revoked_at.map(|at| at.0),
            ROW_VERSION,
            encode(KEY, key)?
        ],
    )?;
    Ok(())
}

/// Revoked keys are listed too: they are recognized, and refused by name.
pub(super) fn all(tx: &Connection) -> Result<Vec<(AccessKey, [u8; 32])>, StorageError> {
    let mut statement = tx
        .prepare_cached(
            "SELECT row_v, row, sha256 FROM access_key WHERE tenant_id = ?1 ORDER BY key_id",
        )
        .map_err(sql_failed("prepare a query"))?;
    let rows = statement
        .query_map([TENANT], |row| Ok((Stored::read(row)?, row.get::<_, [u8; 32]>(2)?)))
        .map_err(sql_failed("list keys"))?;
    rows.map(|row| {
        let (stored, sha256) = row.map_err(sql_failed("read a key"))?;
        Ok((stored.decode(KEY)?, sha256))
    })
    .collect()
}

pub(super) fn revoke(
    tx: &Transaction<'_>,
    id: &KeyId,
    at: UnixMillis,
) -> Result<bool, StorageError> {
    let Some(mut key) = get(tx, id)?.filter(|key| key.revoked_at.is_none()) else {
        return Ok(false);
    };
    key.revoked_at = Some(at);
    execute(
        tx,
        "revoke a key",
        "UPDATE access_key SET revoked_at = ?3, row_v = ?4, row = ?5
         WHERE tenant_id = ?1 AND key_id = ?2",
        params![TENANT, id.as_str(), at.0, ROW_VERSION, encode(KEY, &key)?],
    )?;
    Ok(true)
}

fn get(tx: &Connection, id: &KeyId) -> Result<Option<AccessKey>, StorageError> {
    let sql = "SELECT row_v, row FROM access_key WHERE tenant_id = ?1 AND key_id = ?2";
    find(tx, KEY, sql, [TENANT, id.as_str()])
}

fn hash_is_known(tx: &Connection, sha256: &[u8; 32]) -> Result<bool, StorageError> {
    tx.query_row(
        "SELECT 1 FROM access_key WHERE tenant_id = ?1 AND sha256 = ?2",
        params![TENANT, sha256],
        |_| Ok(()),
    )
    .optional()
    .map(|found| found.is_some())
    .map_err(sql_failed("look for a key"))
}
