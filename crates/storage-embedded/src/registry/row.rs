//! Values to rows and back, and SQLite's errors to ours.

use holdfast_storage::StorageError;
use rusqlite::{Connection, ErrorCode, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Version of the JSON in the `row` columns. A release reads its own and older ones.
pub(super) const ROW_VERSION: i64 = 1;

/// Most rows that a listing returns, whatever it was asked for. A listing is for people and for
/// the console; ten thousand rows are about ten megabytes.
pub(super) const MAX_LISTED: u32 = 10_000;

/// Longest sealed secret. The longest token in use is about 5 KiB (a JWT); sealing adds 150 bytes.
pub(super) const MAX_SEALED_BYTES: usize = 64 << 10;

pub(super) fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(|cause| StorageError::Io {
        doing: "encode a row",
        cause: format!("{what}: {cause}"),
    })
}

/// A row whose first two selected columns are `row_v` and `row`.
pub(super) struct Stored {
    version: i64,
    json: String,
}

impl Stored {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { version: row.get(0)?, json: row.get(1)? })
    }

    pub(super) fn decode<T: DeserializeOwned>(
        &self,
        what: &'static str,
    ) -> Result<T, StorageError> {
        if self.version > ROW_VERSION {
            return Err(StorageError::Damaged {
                what,
                detail: format!(
                    "a row has version {}, this release reads up to {ROW_VERSION}",
                    self.version
                ),
            });
        }
        serde_json::from_str(&self.json)
            .map_err(|cause| StorageError::Damaged { what, detail: cause.to_string() })
    }
}

/// All values of a query that selects `row_v, row` first.
pub(super) fn list<T: DeserializeOwned>(
    connection: &Connection,
    what: &'static str,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<T>, StorageError> {
    let mut statement = connection.prepare_cached(sql).map_err(sql_failed("prepare a query"))?;
    let rows = statement.query_map(params, Stored::read).map_err(sql_failed("query"))?;
    rows.map(|row| row.map_err(sql_failed("read a row"))?.decode(what)).collect()
}

/// The one value of such a query, or `None`.
pub(super) fn find<T: DeserializeOwned>(
    connection: &Connection,
    what: &'static str,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Option<T>, StorageError> {
    use rusqlite::OptionalExtension;
    let mut statement = connection.prepare_cached(sql).map_err(sql_failed("prepare a query"))?;
    let stored =
        statement.query_row(params, Stored::read).optional().map_err(sql_failed("query"))?;
    stored.map(|stored| stored.decode(what)).transpose()
}

/// Runs a statement that changes rows; returns how many.
pub(super) fn execute(
    connection: &Connection,
    doing: &'static str,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<usize, StorageError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(params))
        .map_err(sql_failed(doing))
}

pub(super) fn sql_failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> StorageError {
    move |cause| match cause.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StorageError::Damaged { what: "registry", detail: cause.to_string() }
        }
        _ => StorageError::Io { doing, cause: cause.to_string() },
    }
}

pub(super) fn not_found(what: &'static str, id: impl ToString) -> StorageError {
    StorageError::NotFound { what, id: id.to_string() }
}

pub(super) fn exists(what: &'static str, id: impl ToString) -> StorageError {
    StorageError::Exists { what, id: id.to_string() }
}

pub(super) fn conflict(what: &'static str, id: impl ToString) -> StorageError {
    StorageError::Conflict { what, id: id.to_string() }
}

pub(super) fn refused(
    what: &'static str,
    id: impl ToString,
    why: impl Into<String>,
) -> StorageError {
    StorageError::Refused { what, id: id.to_string(), why: why.into() }
}

/// Refuses sealed bytes that cannot be a sealed secret.
pub(super) fn check_sealed(
    what: &'static str,
    id: impl ToString,
    sealed: &[u8],
) -> Result<(), StorageError> {
    if (1..=MAX_SEALED_BYTES).contains(&sealed.len()) {
        return Ok(());
    }
    let why =
        format!("the sealed secret has {} bytes, expected 1 to {MAX_SEALED_BYTES}", sealed.len());
    Err(refused(what, id, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_a_later_release_is_not_guessed_at() {
        let stored = Stored { version: ROW_VERSION + 1, json: "1".to_owned() };
        let error = stored.decode::<u32>("app").unwrap_err().to_string();
        assert!(error.contains("version 2"), "{error}");
    }

    #[test]
    fn a_row_that_does_not_parse_is_damage() {
        let stored = Stored { version: 1, json: "{".to_owned() };
        assert!(matches!(stored.decode::<u32>("app"), Err(StorageError::Damaged { .. })));
    }
}
