//! Every sealed record of a data directory under another master key.
//!
//! Each file is one transaction, and what is under the new key already is left alone: interrupted
//! anywhere, it is begun again and goes on. What is in between starts under neither key.

use std::path::Path;

use holdfast_storage::StorageError;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::outbox::LEDGER_MIGRATIONS;
use crate::registry::{EmbeddedRegistry, REGISTRY_MIGRATIONS};
use crate::sqlite;

/// `None` if the record is under the new key already.
pub type Rewrap<'a> = &'a dyn Fn(&[u8]) -> Result<Option<Vec<u8>>, StorageError>;

/// How many records were changed, and how many were not because they had been.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rewrapped {
    pub changed: u64,
    pub done_before: u64,
}

/// Where sealed records are. The registry's come last, and among them the canary that says which
/// key the directory belongs to.
const LEDGER: [(&str, &str); 1] = [("data_keys", "wrapped")];
const REGISTRY: [(&str, &str); 5] = [
    ("credential_version", "sealed"),
    ("refresh_token", "sealed"),
    ("app_secret", "sealed"),
    ("inbound", "sealed"),
    ("setting", "value"),
];

/// Settings that are not sealed are none of ours. All that are begin like this.
const SEALED_SETTINGS: &str = "vault.";

/// The caller has the directory's lock, and nothing in it is open.
pub fn rewrap(dir: &Path, rewrap: Rewrap<'_>) -> Result<Rewrapped, StorageError> {
    let mut done = Rewrapped::default();
    for (file, migrations, places) in [
        ("ledger.sqlite", LEDGER_MIGRATIONS, &LEDGER[..]),
        (EmbeddedRegistry::FILE_NAME, REGISTRY_MIGRATIONS, &REGISTRY[..]),
    ] {
        let mut connection = sqlite::open(&dir.join(file), migrations)?;
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        for (table, column) in places {
            all_of(&transaction, table, column, rewrap, &mut done)?;
        }
        transaction.commit().map_err(failed)?;
        // Nothing of the old wraps stays in the log beside the file.
        checkpoint(&connection)?;
    }
    Ok(done)
}

fn all_of(
    transaction: &Transaction<'_>,
    table: &str,
    column: &str,
    rewrap: Rewrap<'_>,
    done: &mut Rewrapped,
) -> Result<(), StorageError> {
    let only = match table {
        "setting" => format!("AND name LIKE '{SEALED_SETTINGS}%'"),
        _ => String::new(),
    };
    let select = format!("SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL {only}");
    let update = format!("UPDATE {table} SET {column} = ?1 WHERE rowid = ?2");
    let mut rows = transaction.prepare(&select).map_err(failed)?;
    let mut update = transaction.prepare(&update).map_err(failed)?;
    let sealed = rows
        .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .map_err(failed)?;
    for (row, record) in sealed {
        match rewrap(&record)? {
            Some(rewrapped) => {
                update.execute((rewrapped, row)).map_err(failed)?;
                done.changed += 1;
            }
            None => done.done_before += 1,
        }
    }
    Ok(())
}

fn checkpoint(connection: &Connection) -> Result<(), StorageError> {
    let run = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    run.map_err(failed)
}

fn failed(cause: rusqlite::Error) -> StorageError {
    StorageError::Io { doing: "wrap the keys anew", cause: cause.to_string() }
}
