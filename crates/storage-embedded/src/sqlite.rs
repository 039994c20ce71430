//! Opening a SQLite file the one way this crate opens them.
//!
//! Write-ahead log, `synchronous=FULL` (a commit that returned survives power loss), foreign keys
//! on, deleted content overwritten, and a schema version in `user_version`. This module knows
//! nothing of what the tables mean; each store brings its own list of migrations.

use std::path::{Path, PathBuf};
use std::time::Duration;

use holdfast_storage::StorageError;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

/// How long a statement waits for another connection's lock. The data directory is locked by one
/// process and each file has one writer, so only a backup or an operator's `sqlite3` can be in the
/// way; five seconds outlasts those and is still short enough to be noticed.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens or creates the file and brings its schema up to date. `migrations[n]` takes a file from
/// version `n` to `n + 1`; the list only ever grows at its end.
///
/// Refuses a file whose version is beyond the list: it was written by a newer release, whose rules
/// this one does not know.
pub(crate) fn open(path: &Path, migrations: &[&str]) -> Result<Connection, StorageError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    create_private(path).map_err(|cause| StorageError::Io {
        doing: "create the database",
        cause: format!("{}: {cause}", path.display()),
    })?;
    let mut connection = Connection::open_with_flags(path, flags)
        .map_err(|cause| failed("open the database", path, &cause))?;
    configure(&connection).map_err(|cause| failed("configure the database", path, &cause))?;
    migrate(&mut connection, path, migrations)?;
    Ok(connection)
}

/// Another connection to a file that [`open`] opened, which cannot change it.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection, StorageError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|cause| failed("open the database", path, &cause))?;
    let configured = connection.busy_timeout(BUSY_TIMEOUT);
    configured.map_err(|cause| failed("configure the database", path, &cause))?;
    Ok(connection)
}

/// A file as it is at one moment, whatever is written to it meanwhile.
pub(crate) struct Snapshot {
    /// In a transaction that only reads.
    connection: Connection,
    path: PathBuf,
}

impl Snapshot {
    /// `connection` is of [`open_to_read`].
    pub(crate) fn take(connection: Connection, path: &Path) -> Result<Self, StorageError> {
        // The transaction begins with the first statement that reads.
        connection
            .execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")
            .map_err(|cause| failed("take a snapshot of the database", path, &cause))?;
        Ok(Self { connection, path: path.to_owned() })
    }

    pub(crate) fn bytes(&self) -> Result<u64, StorageError> {
        let ask = |pragma| -> rusqlite::Result<i64> {
            self.connection.pragma_query_value(None, pragma, |row| row.get(0))
        };
        ask("page_count")
            .and_then(|pages| Ok(pages.saturating_mul(ask("page_size")?)))
            .map(|bytes| u64::try_from(bytes).unwrap_or(0))
            .map_err(|cause| failed("measure the database", &self.path, &cause))
    }

    /// A new file with what the snapshot has. Not synced.
    pub(crate) fn copy_to(&self, path: &Path) -> Result<(), StorageError> {
        let copy = || -> rusqlite::Result<()> {
            let mut target = Connection::open(path)?;
            target.pragma_update(None, "synchronous", "off")?;
            let backup = rusqlite::backup::Backup::new(&self.connection, &mut target)?;
            backup.step(-1)?;
            drop(backup);
            target.close().map_err(|(_, cause)| cause)
        };
        create_private(path).map_err(|cause| StorageError::Io {
            doing: "create a copy of the database",
            cause: format!("{}: {cause}", path.display()),
        })?;
        copy().map_err(|cause| failed("copy the database", &self.path, &cause))
    }
}

/// Moves everything from the write-ahead log into the file and leaves the log empty, without waiting
/// for readers. False if one of them was in the way.
pub(crate) fn truncate_journal(connection: &mut Connection) -> Result<bool, StorageError> {
    let truncate = || -> rusqlite::Result<bool> {
        connection.busy_timeout(Duration::ZERO)?;
        let busy = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(!busy?)
    };
    truncate().map_err(|cause| StorageError::Io {
        doing: "empty the database's journal",
        cause: cause.to_string(),
    })
}

/// Creates the file readable by its owner alone; SQLite gives its companions the same mode. An
/// existing file keeps its mode, which may be an operator's choice.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // `journal_mode` and `secure_delete` answer with a row; the rest answer with none.
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)
}

fn migrate(
    connection: &mut Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), StorageError> {
    let found = user_version(connection, path)?;
    let known = migrations.len();
    if found > known {
        return Err(StorageError::Io {
            doing: "open the database",
            cause: format!(
                "{} has schema version {found}, this release knows versions up to {known}: use the \
                 newer release or restore a backup",
                path.display()
            ),
        });
    }
    for (number, migration) in migrations.iter().enumerate().skip(found) {
        step(connection, number + 1, migration)
            .map_err(|cause| failed("migrate the database", path, &cause))?;
    }
    Ok(())
}

/// One migration and the new version number in one transaction: a crash leaves the file at either.
fn step(connection: &mut Connection, version: usize, sql: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "user_version", i64::try_from(version).unwrap_or(i64::MAX))?;
    transaction.commit()
}

fn user_version(connection: &Connection, path: &Path) -> Result<usize, StorageError> {
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|cause| failed("read the schema version", path, &cause))?;
    usize::try_from(version).map_err(|_| StorageError::Damaged {
        what: "schema version",
        detail: format!("{} says {version}, expected 0 or more", path.display()),
    })
}

fn failed(doing: &'static str, path: &Path, cause: &rusqlite::Error) -> StorageError {
    let not_a_database = cause.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase)
        || cause.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt);
    if not_a_database {
        return StorageError::Damaged {
            what: "database",
            detail: format!("{}: {cause}", path.display()),
        };
    }
    StorageError::Io { doing, cause: format!("{}: {cause}", path.display()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "CREATE TABLE a (x INTEGER NOT NULL) STRICT;";
    const SECOND: &str = "ALTER TABLE a ADD COLUMN y TEXT; UPDATE a SET y = 'old';";

    #[test]
    fn migrations_run_once_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.sqlite");
        let connection = open(&path, &[FIRST]).unwrap();
        connection.execute("INSERT INTO a (x) VALUES (1)", []).unwrap();
        drop(connection);
        for _ in 0..2 {
            let connection = open(&path, &[FIRST, SECOND]).unwrap();
            let y: String = connection.query_row("SELECT y FROM a", [], |row| row.get(0)).unwrap();
            assert_eq!(y, "old");
        }
    }

    #[test]
    fn a_newer_schema_is_refused_with_both_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.sqlite");
        drop(open(&path, &[FIRST, SECOND]).unwrap());
        let error = open(&path, &[FIRST]).unwrap_err().to_string();
        assert!(error.contains("version 2") && error.contains("up to 1"), "{error}");
    }

    #[test]
    fn a_failing_migration_leaves_the_version_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.sqlite");
        let broken = "CREATE TABLE b (x INTEGER); SELECT nothing FROM nowhere;";
        assert!(open(&path, &[FIRST, broken]).is_err());
        let connection = open(&path, &[FIRST, "CREATE TABLE b (x INTEGER);"]).unwrap();
        assert_eq!(user_version(&connection, &path).unwrap(), 2);
    }

    #[test]
    fn another_files_bytes_are_called_damage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.sqlite");
        std::fs::write(&path, [7u8; 4096]).unwrap();
        assert!(matches!(open(&path, &[FIRST]), Err(StorageError::Damaged { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_a_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.sqlite");
        let connection = open(&path, &[FIRST]).unwrap();
        connection.execute("INSERT INTO a (x) VALUES (1)", []).unwrap();
        for name in ["m.sqlite", "m.sqlite-wal"] {
            let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn the_durability_settings_are_in_force() {
        let dir = tempfile::tempdir().unwrap();
        let connection = open(&dir.path().join("m.sqlite"), &[]).unwrap();
        let ask = |pragma: &str| -> String {
            connection
                .pragma_query_value(None, pragma, |row| row.get::<_, rusqlite::types::Value>(0))
                .map(|value| format!("{value:?}"))
                .unwrap()
        };
        assert_eq!(ask("journal_mode"), "Text(\"wal\")");
        assert_eq!(ask("synchronous"), "Integer(2)");
        assert_eq!(ask("foreign_keys"), "Integer(1)");
        assert_eq!(ask("secure_delete"), "Integer(1)");
    }
}
