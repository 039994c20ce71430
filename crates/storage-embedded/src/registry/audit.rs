//! The audit trail: append-only, each row chained to the one before.
//!
//! The chain shows that a row was changed, left out or put in afterwards. It carries no key, so
//! whoever may write the file and knows this code can compute a whole new chain: keep the head that
//! [`AuditChain`] reports somewhere else if that matters.

use holdfast_model::id::TENANT;
use holdfast_model::time::UnixMillis;
use holdfast_storage::{AuditChain, AuditEntry, StorageError};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use sha2::{Digest, Sha256};

use super::row::{MAX_LISTED, execute, sql_failed};

/// Separates these hashes from every other use of SHA-256 and names the layout that is hashed.
const DOMAIN: &[u8] = b"holdfast audit v1";

/// Longest text of one field. Longer ones are cut, not refused: an act that was done must be on
/// record whatever somebody wrote as its reason.
const MAX_FIELD_CHARS: usize = 2_000;

struct Link {
    seq: i64,
    hash: [u8; 32],
}

impl Link {
    const START: Link = Link { seq: 0, hash: [0; 32] };
}

pub(super) fn append(tx: &Transaction<'_>, entry: &AuditEntry) -> Result<(), StorageError> {
    let entry = bounded(entry);
    let last = last_link(tx)?;
    let seq = last.seq + 1;
    let hash = hash(&last.hash, seq, &entry);
    execute(
        tx,
        "append to the audit trail",
        "INSERT INTO audit (tenant_id, seq, at, actor, action, subject, detail, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            TENANT,
            seq,
            entry.at.0,
            entry.actor,
            entry.action,
            entry.subject,
            entry.detail,
            hash
        ],
    )?;
    // Counted apart from the rows, so that rows missing at the end are missed.
    execute(
        tx,
        "count the audit trail",
        "INSERT INTO counter (tenant_id, name, last) VALUES (?1, 'audit', ?2)
         ON CONFLICT (tenant_id, name) DO UPDATE SET last = excluded.last",
        params![TENANT, seq],
    )?;
    Ok(())
}

pub(super) fn newest(tx: &Connection, limit: u32) -> Result<Vec<AuditEntry>, StorageError> {
    let mut statement = tx
        .prepare_cached(
            "SELECT at, actor, action, subject, detail FROM audit
             WHERE tenant_id = ?1 ORDER BY seq DESC LIMIT ?2",
        )
        .map_err(sql_failed("prepare a query"))?;
    let rows = statement
        .query_map(params![TENANT, limit.min(MAX_LISTED)], |row| read_entry(row, 0))
        .map_err(sql_failed("read the audit trail"))?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql_failed("read the audit trail"))
}

/// Computes the chain anew over all rows and compares.
pub(super) fn verify(tx: &Connection) -> Result<AuditChain, StorageError> {
    let mut statement = tx
        .prepare(
            "SELECT seq, hash, at, actor, action, subject, detail FROM audit
             WHERE tenant_id = ?1 ORDER BY seq",
        )
        .map_err(sql_failed("prepare a query"))?;
    let mut rows = statement.query([TENANT]).map_err(sql_failed("read the audit trail"))?;
    let mut last = Link::START;
    while let Some(row) = rows.next().map_err(sql_failed("read the audit trail"))? {
        last = check_row(&last, row)?;
    }
    let counted = counted(tx)?;
    if counted != last.seq {
        let detail = format!("{counted} rows were written, the last one found is {}", last.seq);
        return Err(damaged(detail));
    }
    Ok(AuditChain { entries: u64::try_from(last.seq).unwrap_or(0), head: last.hash })
}

fn check_row(last: &Link, row: &Row<'_>) -> Result<Link, StorageError> {
    let read = || -> rusqlite::Result<(i64, [u8; 32], AuditEntry)> {
        Ok((row.get(0)?, row.get(1)?, read_entry(row, 2)?))
    };
    let (seq, stored, entry) = read().map_err(sql_failed("read the audit trail"))?;
    if seq != last.seq + 1 {
        return Err(damaged(format!("row {} is missing", last.seq + 1)));
    }
    if hash(&last.hash, seq, &entry) != stored {
        return Err(damaged(format!("row {seq} is not what was written")));
    }
    Ok(Link { seq, hash: stored })
}

fn read_entry(row: &Row<'_>, first: usize) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        at: UnixMillis(row.get(first)?),
        actor: row.get(first + 1)?,
        action: row.get(first + 2)?,
        subject: row.get(first + 3)?,
        detail: row.get(first + 4)?,
    })
}

fn last_link(tx: &Connection) -> Result<Link, StorageError> {
    tx.query_row(
        "SELECT seq, hash FROM audit WHERE tenant_id = ?1 ORDER BY seq DESC LIMIT 1",
        [TENANT],
        |row| Ok(Link { seq: row.get(0)?, hash: row.get(1)? }),
    )
    .optional()
    .map(|found| found.unwrap_or(Link::START))
    .map_err(sql_failed("read the end of the audit trail"))
}

fn counted(tx: &Connection) -> Result<i64, StorageError> {
    tx.query_row(
        "SELECT last FROM counter WHERE tenant_id = ?1 AND name = 'audit'",
        [TENANT],
        |row| row.get(0),
    )
    .optional()
    .map(|found| found.unwrap_or(0))
    .map_err(sql_failed("read the count of the audit trail"))
}

/// Every text is preceded by its length, so that no two rows hash the same bytes.
fn hash(before: &[u8; 32], seq: i64, entry: &AuditEntry) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update(DOMAIN);
    sha.update(before);
    sha.update(seq.to_be_bytes());
    sha.update(entry.at.0.to_be_bytes());
    for text in [TENANT, &entry.actor, &entry.action, &entry.subject, &entry.detail] {
        sha.update((text.len() as u64).to_be_bytes());
        sha.update(text);
    }
    sha.finalize().into()
}

fn bounded(entry: &AuditEntry) -> AuditEntry {
    let cut = |text: &str| match text.char_indices().nth(MAX_FIELD_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    };
    AuditEntry {
        at: entry.at,
        actor: cut(&entry.actor),
        action: cut(&entry.action),
        subject: cut(&entry.subject),
        detail: cut(&entry.detail),
    }
}

fn damaged(detail: String) -> StorageError {
    StorageError::Damaged { what: "audit trail", detail }
}
