//! Alerts: each is stored once, and queued for each channel until that has it.

use holdfast_model::alert::Alert;
use holdfast_model::id::TENANT;
use holdfast_model::time::UnixMillis;
use holdfast_storage::{AlertChannel, AlertOutcome, DueAlert, SentAlert, StorageError};
use rusqlite::{Connection, Transaction, params};

use super::row::{MAX_LISTED, ROW_VERSION, Stored, encode, execute, find, sql_failed};

const ALERT: &str = "alert";

/// Longest error that is kept of an attempt.
const MAX_ERROR_CHARS: usize = 300;

pub(super) fn claim(
    tx: &Transaction<'_>,
    alert: &Alert,
    channels: &[String],
) -> Result<bool, StorageError> {
    let inserted = execute(
        tx,
        "store an alert",
        "INSERT INTO alert (tenant_id, key, at, row_v, row) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (tenant_id, key) DO NOTHING",
        params![TENANT, alert.key, alert.at.0, ROW_VERSION, encode(ALERT, alert)?],
    )?;
    if inserted == 0 {
        return Ok(false);
    }
    for channel in channels {
        execute(
            tx,
            "queue an alert",
            "INSERT INTO alert_delivery (tenant_id, key, channel, next_at)
             VALUES (?1, ?2, ?3, ?4)",
            params![TENANT, alert.key, channel, alert.at.0],
        )?;
    }
    Ok(true)
}

pub(super) fn due(
    tx: &Connection,
    now: UnixMillis,
    limit: u32,
) -> Result<Vec<DueAlert>, StorageError> {
    let mut statement = tx
        .prepare_cached(
            "SELECT a.row_v, a.row, d.channel, d.attempts FROM alert_delivery d
             JOIN alert a ON a.tenant_id = d.tenant_id AND a.key = d.key
             WHERE d.tenant_id = ?1 AND d.next_at IS NOT NULL AND d.next_at <= ?2
             ORDER BY d.next_at, d.key LIMIT ?3",
        )
        .map_err(sql_failed("prepare a query"))?;
    let rows = statement
        .query_map(params![TENANT, now.0, limit.min(MAX_LISTED)], |row| {
            Ok((Stored::read(row)?, row.get::<_, String>(2)?, row.get::<_, u32>(3)?))
        })
        .map_err(sql_failed("read alerts"))?;
    let mut due = Vec::new();
    for row in rows {
        let (stored, channel, attempts) = row.map_err(sql_failed("read alerts"))?;
        due.push(DueAlert { alert: stored.decode(ALERT)?, channel, attempts });
    }
    Ok(due)
}

pub(super) fn close(
    tx: &Transaction<'_>,
    key: &str,
    channel: &str,
    outcome: &AlertOutcome,
) -> Result<(), StorageError> {
    let (delivered, given_up) = match outcome {
        AlertOutcome::Delivered(at) => (Some(at.0), None),
        AlertOutcome::GivenUp(at) => (None, Some(at.0)),
    };
    execute(
        tx,
        "close an alert",
        "UPDATE alert_delivery SET next_at = NULL, attempts = attempts + 1, delivered_at = ?4,
         given_up_at = ?5 WHERE tenant_id = ?1 AND key = ?2 AND channel = ?3",
        params![TENANT, key, channel, delivered, given_up],
    )?;
    Ok(())
}

pub(super) fn postpone(
    tx: &Transaction<'_>,
    key: &str,
    channel: &str,
    until: UnixMillis,
    error: &str,
) -> Result<(), StorageError> {
    let error: String = error.chars().take(MAX_ERROR_CHARS).collect();
    execute(
        tx,
        "postpone an alert",
        "UPDATE alert_delivery SET next_at = ?4, attempts = attempts + 1, error = ?5
         WHERE tenant_id = ?1 AND key = ?2 AND channel = ?3 AND next_at IS NOT NULL",
        params![TENANT, key, channel, until.0, error],
    )?;
    Ok(())
}

pub(super) fn get(tx: &Connection, key: &str) -> Result<Option<Alert>, StorageError> {
    let sql = "SELECT row_v, row FROM alert WHERE tenant_id = ?1 AND key = ?2";
    find(tx, ALERT, sql, [TENANT, key])
}

pub(super) fn newest(tx: &Connection, limit: u32) -> Result<Vec<SentAlert>, StorageError> {
    let sql = "SELECT row_v, row FROM alert WHERE tenant_id = ?1 ORDER BY at DESC, key LIMIT ?2";
    let alerts: Vec<Alert> =
        super::row::list(tx, ALERT, sql, params![TENANT, limit.min(MAX_LISTED)])?;
    alerts
        .into_iter()
        .map(|alert| Ok(SentAlert { channels: channels(tx, &alert.key)?, alert }))
        .collect()
}

fn channels(tx: &Connection, key: &str) -> Result<Vec<AlertChannel>, StorageError> {
    let failed = "read the deliveries of an alert";
    let mut statement = tx
        .prepare_cached(
            "SELECT channel, attempts, delivered_at, given_up_at, error FROM alert_delivery
             WHERE tenant_id = ?1 AND key = ?2 ORDER BY channel",
        )
        .map_err(sql_failed(failed))?;
    let rows = statement
        .query_map([TENANT, key], |row| {
            Ok(AlertChannel {
                channel: row.get(0)?,
                attempts: row.get(1)?,
                delivered_at: row.get::<_, Option<i64>>(2)?.map(UnixMillis),
                given_up_at: row.get::<_, Option<i64>>(3)?.map(UnixMillis),
                error: row.get(4)?,
            })
        })
        .map_err(sql_failed(failed))?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql_failed(failed))
}
