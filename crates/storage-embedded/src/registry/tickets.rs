//! Tickets: what whoever knows a text may have done, by the text's SHA-256.

use holdfast_model::id::TENANT;
use holdfast_model::time::UnixMillis;
use holdfast_storage::{MAX_TICKETS, StorageError, Ticket, TicketPurpose};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::row::{execute, refused, sql_failed};

/// Longest body. What belongs to a sign-in is a few hundred bytes.
const MAX_BODY_BYTES: usize = 16 << 10;

pub(super) fn put(tx: &Transaction<'_>, ticket: &Ticket) -> Result<(), StorageError> {
    let purpose = ticket.purpose.as_str();
    if ticket.body.len() > MAX_BODY_BYTES {
        let why = format!("{} bytes given, expected at most {MAX_BODY_BYTES}", ticket.body.len());
        return Err(refused("ticket", purpose, why));
    }
    execute(
        tx,
        "store a ticket",
        "INSERT INTO ticket (tenant_id, purpose, sha256, created_at, expires_at, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (tenant_id, purpose, sha256)
             DO UPDATE SET expires_at = ?5, body = ?6",
        params![
            TENANT,
            purpose,
            ticket.sha256,
            ticket.created_at.0,
            ticket.expires_at.0,
            ticket.body
        ],
    )?;
    execute(
        tx,
        "forget the oldest tickets",
        "DELETE FROM ticket WHERE rowid IN (
             SELECT rowid FROM ticket WHERE tenant_id = ?1 AND purpose = ?2
             ORDER BY created_at DESC, rowid DESC LIMIT -1 OFFSET ?3)",
        params![TENANT, purpose, MAX_TICKETS],
    )?;
    Ok(())
}

pub(super) fn get(
    tx: &Connection,
    purpose: TicketPurpose,
    sha256: &[u8; 32],
    now: UnixMillis,
) -> Result<Option<Ticket>, StorageError> {
    tx.query_row(
        "SELECT body, created_at, expires_at FROM ticket
         WHERE tenant_id = ?1 AND purpose = ?2 AND sha256 = ?3 AND expires_at > ?4",
        params![TENANT, purpose.as_str(), sha256, now.0],
        |row| {
            Ok(Ticket {
                purpose,
                sha256: *sha256,
                body: row.get(0)?,
                created_at: UnixMillis(row.get(1)?),
                expires_at: UnixMillis(row.get(2)?),
            })
        },
    )
    .optional()
    .map_err(sql_failed("read a ticket"))
}

pub(super) fn take(
    tx: &Transaction<'_>,
    purpose: TicketPurpose,
    sha256: &[u8; 32],
    now: UnixMillis,
) -> Result<Option<Ticket>, StorageError> {
    let found = get(tx, purpose, sha256, now)?;
    execute(
        tx,
        "take a ticket",
        "DELETE FROM ticket WHERE tenant_id = ?1 AND purpose = ?2 AND sha256 = ?3",
        params![TENANT, purpose.as_str(), sha256],
    )?;
    Ok(found)
}

pub(super) fn purge(tx: &Transaction<'_>, now: UnixMillis) -> Result<u64, StorageError> {
    let gone = execute(
        tx,
        "forget expired tickets",
        "DELETE FROM ticket WHERE tenant_id = ?1 AND expires_at <= ?2",
        params![TENANT, now.0],
    )?;
    Ok(gone as u64)
}
