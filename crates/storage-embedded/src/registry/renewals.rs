//! Who may renew a credential just now, and what came of the last attempt.

use holdfast_model::credential::CredentialVersion;
use holdfast_model::id::{CredentialId, TENANT};
use holdfast_model::time::UnixMillis;
use holdfast_storage::{RenewalLease, RenewalRecord, SealedRefreshToken, StorageError};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::row::{ROW_VERSION, conflict, encode, execute, list, sql_failed};
use super::{credentials, refresh_tokens};

const WHAT: &str = "renewal";

pub(super) fn lease(
    tx: &Transaction<'_>,
    credential: &CredentialId,
    holder: &str,
    now: UnixMillis,
    until: UnixMillis,
) -> Result<Option<RenewalLease>, StorageError> {
    credentials::require(tx, credential)?;
    let generation: Option<i64> = tx
        .query_row(
            "INSERT INTO renewal (tenant_id, credential_id, generation, holder, leased_until)
             VALUES (?1, ?2, 1, ?3, ?5)
             ON CONFLICT (tenant_id, credential_id) DO UPDATE
                 SET generation = generation + 1, holder = ?3, leased_until = ?5
                 WHERE leased_until IS NULL OR leased_until <= ?4
             RETURNING generation",
            params![TENANT, credential.as_str(), holder, now.0, until.0],
            |row| row.get(0),
        )
        .optional()
        .map_err(sql_failed("lease a renewal"))?;
    Ok(generation.map(|generation| RenewalLease {
        credential: credential.clone(),
        // It counts up from 1.
        generation: generation.unsigned_abs(),
        until,
    }))
}

pub(super) fn store(
    tx: &Transaction<'_>,
    lease: &RenewalLease,
    version: &CredentialVersion,
    sealed: &[u8],
    refresh: Option<&SealedRefreshToken>,
) -> Result<(), StorageError> {
    if !is_newest(tx, lease)? {
        return Err(conflict(WHAT, &lease.credential));
    }
    if let Some(refresh) = refresh {
        refresh_tokens::add(tx, &lease.credential, refresh, version.added_at)?;
    }
    credentials::add_version(tx, version, sealed)
}

pub(super) fn end(
    tx: &Transaction<'_>,
    lease: &RenewalLease,
    record: &RenewalRecord,
) -> Result<bool, StorageError> {
    if !is_newest(tx, lease)? {
        return Ok(false);
    }
    execute(
        tx,
        "end a renewal",
        "UPDATE renewal SET holder = NULL, leased_until = NULL, row_v = ?3, row = ?4
         WHERE tenant_id = ?1 AND credential_id = ?2",
        params![TENANT, lease.credential.as_str(), ROW_VERSION, encode(WHAT, record)?],
    )?;
    Ok(true)
}

pub(super) fn all(tx: &Connection) -> Result<Vec<RenewalRecord>, StorageError> {
    let sql = "SELECT row_v, row FROM renewal
               WHERE tenant_id = ?1 AND row IS NOT NULL ORDER BY credential_id";
    list(tx, WHAT, sql, [TENANT])
}

fn is_newest(tx: &Connection, lease: &RenewalLease) -> Result<bool, StorageError> {
    let newest: Option<i64> = tx
        .query_row(
            "SELECT generation FROM renewal WHERE tenant_id = ?1 AND credential_id = ?2",
            [TENANT, lease.credential.as_str()],
            |row| row.get(0),
        )
        .optional()
        .map_err(sql_failed("read a lease"))?;
    Ok(newest.map(i64::unsigned_abs) == Some(lease.generation))
}
