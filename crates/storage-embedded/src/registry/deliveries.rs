//! What was delivered with which version.

use holdfast_model::credential::SignedWith;
use holdfast_model::id::{CredentialId, TENANT, VersionNo};
use holdfast_model::time::UnixMillis;
use holdfast_storage::{DeliveryCount, StorageError};
use rusqlite::{Connection, Row, Transaction, params};

use super::credentials;
use super::row::{execute, sql_failed};

pub(super) fn add(
    tx: &Transaction<'_>,
    counts: &[DeliveryCount],
) -> Result<Vec<SignedWith>, StorageError> {
    let mut news = Vec::new();
    for count in counts {
        let of = &count.signed_with;
        let requests_now: i64 = tx
            .query_row(
                "INSERT INTO delivery_count (tenant_id, credential_id, version, fingerprint,
                                             requests, items, first_at, last_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (tenant_id, credential_id, version) DO UPDATE
                     SET requests = requests + ?5, items = items + ?6,
                         first_at = min(first_at, ?7), last_at = max(last_at, ?8)
                 RETURNING requests",
                params![
                    TENANT,
                    of.credential.as_str(),
                    of.version.0,
                    of.fingerprint,
                    signed(count.requests),
                    signed(count.items),
                    count.first_at.0,
                    count.last_at.0
                ],
                |row| row.get(0),
            )
            .map_err(sql_failed("count deliveries"))?;
        // Nothing was there before.
        if requests_now == signed(count.requests) {
            news.push(of.clone());
        }
    }
    Ok(news)
}

pub(super) fn of(
    tx: &Connection,
    credential: &CredentialId,
) -> Result<Vec<DeliveryCount>, StorageError> {
    let mut statement = tx
        .prepare_cached(
            "SELECT version, fingerprint, requests, items, first_at, last_at FROM delivery_count
             WHERE tenant_id = ?1 AND credential_id = ?2 ORDER BY version",
        )
        .map_err(sql_failed("prepare a query"))?;
    let rows = statement
        .query_map([TENANT, credential.as_str()], |row| read(row, credential))
        .map_err(sql_failed("query"))?;
    rows.map(|row| row.map_err(sql_failed("read a row"))).collect()
}

fn read(row: &Row<'_>, credential: &CredentialId) -> rusqlite::Result<DeliveryCount> {
    let number = |at: usize| row.get::<_, i64>(at);
    Ok(DeliveryCount {
        signed_with: SignedWith {
            credential: credential.clone(),
            version: VersionNo(row.get(0)?),
            fingerprint: row.get(1)?,
        },
        requests: number(2)?.unsigned_abs(),
        items: number(3)?.unsigned_abs(),
        first_at: UnixMillis(number(4)?),
        last_at: UnixMillis(number(5)?),
    })
}

/// Takes away the retired versions but the newest so many, and what was counted of them.
pub(super) fn forget_retired(
    tx: &Transaction<'_>,
    credential: &CredentialId,
    keep: u32,
) -> Result<u32, StorageError> {
    credentials::require(tx, credential)?;
    let oldest_kept = "(SELECT version FROM credential_version
         WHERE tenant_id = ?1 AND credential_id = ?2 AND state = 'retired'
         ORDER BY version DESC LIMIT 1 OFFSET ?3)";
    let key = params![TENANT, credential.as_str(), keep];
    execute(
        tx,
        "forget the counts of retired versions",
        &format!(
            "DELETE FROM delivery_count WHERE tenant_id = ?1 AND credential_id = ?2
                 AND version <= {oldest_kept} AND version IN
                     (SELECT version FROM credential_version
                      WHERE tenant_id = ?1 AND credential_id = ?2 AND state = 'retired')"
        ),
        key,
    )?;
    let gone = execute(
        tx,
        "forget retired versions",
        &format!(
            "DELETE FROM credential_version WHERE tenant_id = ?1 AND credential_id = ?2
                 AND state = 'retired' AND version <= {oldest_kept}"
        ),
        key,
    )?;
    Ok(u32::try_from(gone).unwrap_or(u32::MAX))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
