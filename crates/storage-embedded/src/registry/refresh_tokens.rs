//! Refresh tokens: the last two of each credential.

use holdfast_model::id::{CredentialId, TENANT, VersionNo};
use holdfast_model::time::UnixMillis;
use holdfast_storage::{SealedRefreshToken, StorageError};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::credentials;
use super::row::{check_sealed, conflict, execute, sql_failed};

const WHAT: &str = "refresh token";

pub(super) fn add(
    tx: &Transaction<'_>,
    credential: &CredentialId,
    refresh: &SealedRefreshToken,
    at: UnixMillis,
) -> Result<(), StorageError> {
    credentials::require(tx, credential)?;
    let name = format!("{credential}/{}", refresh.version);
    check_sealed(WHAT, &name, &refresh.sealed)?;
    let newest = newest(tx, credential)?.map_or(0, |newest| newest.version.0);
    if refresh.version.0 != newest.saturating_add(1) {
        return Err(conflict(WHAT, name));
    }
    execute(
        tx,
        "store a refresh token",
        "INSERT INTO refresh_token (tenant_id, credential_id, version, sealed, added_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![TENANT, credential.as_str(), refresh.version.0, refresh.sealed, at.0],
    )?;
    overwrite(tx, credential, refresh.version.0 - 1)?;
    execute(
        tx,
        "shred an old refresh token",
        "UPDATE refresh_token SET sealed = NULL
         WHERE tenant_id = ?1 AND credential_id = ?2 AND version < ?3 - 1",
        params![TENANT, credential.as_str(), refresh.version.0],
    )?;
    Ok(())
}

/// All of them, and their numbers: the next one is the first again.
pub(super) fn shred_all(
    tx: &Transaction<'_>,
    credential: &CredentialId,
) -> Result<(), StorageError> {
    credentials::require(tx, credential)?;
    overwrite(tx, credential, u32::MAX)?;
    execute(
        tx,
        "forget refresh tokens",
        "DELETE FROM refresh_token WHERE tenant_id = ?1 AND credential_id = ?2",
        [TENANT, credential.as_str()],
    )?;
    Ok(())
}

/// In place, so that no page keeps the bytes of those before this version.
fn overwrite(
    tx: &Transaction<'_>,
    credential: &CredentialId,
    before: u32,
) -> Result<(), StorageError> {
    execute(
        tx,
        "overwrite a refresh token",
        "UPDATE refresh_token SET sealed = zeroblob(length(sealed))
         WHERE tenant_id = ?1 AND credential_id = ?2 AND version < ?3 AND sealed IS NOT NULL",
        params![TENANT, credential.as_str(), before],
    )?;
    Ok(())
}

pub(super) fn newest(
    tx: &Connection,
    credential: &CredentialId,
) -> Result<Option<SealedRefreshToken>, StorageError> {
    tx.query_row(
        "SELECT version, sealed FROM refresh_token
         WHERE tenant_id = ?1 AND credential_id = ?2 AND sealed IS NOT NULL
         ORDER BY version DESC LIMIT 1",
        [TENANT, credential.as_str()],
        |row| Ok(SealedRefreshToken { version: VersionNo(row.get(0)?), sealed: row.get(1)? }),
    )
    .optional()
    .map_err(sql_failed("read a refresh token"))
}
