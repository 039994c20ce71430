//! Apps and the versions of their secrets.

use holdfast_model::credential::App;
use holdfast_model::id::{AppId, TENANT, VersionNo};
use holdfast_model::time::UnixMillis;
use holdfast_storage::StorageError;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::row::{
    ROW_VERSION, check_sealed, conflict, encode, execute, exists, find, list, not_found, refused,
    sql_failed,
};

/// The newest secret is not taken from the value: only [`add_secret`] moves it.
pub(super) fn put(tx: &Transaction<'_>, app: &App) -> Result<(), StorageError> {
    let known = get(tx, &app.id)?;
    if let Some(known) = known.as_ref().filter(|known| known.platform != app.platform) {
        let why = format!("it belongs to {}, and an app never changes platform", known.platform);
        return Err(refused("app", &app.id, why));
    }
    let secret_version = known.and_then(|known| known.secret_version);
    write(tx, &App { secret_version, ..app.clone() })
}

pub(super) fn all(tx: &Connection) -> Result<Vec<App>, StorageError> {
    list(tx, "app", "SELECT row_v, row FROM app WHERE tenant_id = ?1 ORDER BY app_id", [TENANT])
}

pub(super) fn get(tx: &Connection, id: &AppId) -> Result<Option<App>, StorageError> {
    let sql = "SELECT row_v, row FROM app WHERE tenant_id = ?1 AND app_id = ?2";
    find(tx, "app", sql, [TENANT, id.as_str()])
}

pub(super) fn add_secret(
    tx: &Transaction<'_>,
    id: &AppId,
    version: VersionNo,
    sealed: &[u8],
    at: UnixMillis,
) -> Result<(), StorageError> {
    let name = format!("{id}/{version}");
    check_sealed("app secret", &name, sealed)?;
    let mut app = get(tx, id)?.ok_or_else(|| not_found("app", id))?;
    let newest = app.secret_version.unwrap_or(VersionNo(0));
    if version.0 == 0 || version.0 > newest.0.saturating_add(1) {
        return Err(conflict("app secret", name));
    }
    if version <= newest {
        return Err(exists("app secret", name));
    }
    execute(
        tx,
        "store an app secret",
        "INSERT INTO app_secret (tenant_id, app_id, version, sealed, added_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![TENANT, id.as_str(), version.0, sealed, at.0],
    )?;
    app.secret_version = Some(version);
    write(tx, &app)
}

pub(super) fn secret(
    tx: &Connection,
    id: &AppId,
    version: VersionNo,
) -> Result<Vec<u8>, StorageError> {
    tx.query_row(
        "SELECT sealed FROM app_secret WHERE tenant_id = ?1 AND app_id = ?2 AND version = ?3",
        params![TENANT, id.as_str(), version.0],
        |row| row.get(0),
    )
    .optional()
    .map_err(sql_failed("read an app secret"))?
    .ok_or_else(|| not_found("app secret", format!("{id}/{version}")))
}

pub(super) fn secret_added_at(
    tx: &Connection,
    id: &AppId,
    version: VersionNo,
) -> Result<UnixMillis, StorageError> {
    tx.query_row(
        "SELECT added_at FROM app_secret WHERE tenant_id = ?1 AND app_id = ?2 AND version = ?3",
        params![TENANT, id.as_str(), version.0],
        |row| row.get(0).map(UnixMillis),
    )
    .optional()
    .map_err(sql_failed("read when an app secret was added"))?
    .ok_or_else(|| not_found("app secret", format!("{id}/{version}")))
}

fn write(tx: &Transaction<'_>, app: &App) -> Result<(), StorageError> {
    execute(
        tx,
        "store an app",
        "INSERT INTO app (tenant_id, app_id, row_v, row) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant_id, app_id) DO UPDATE SET row_v = excluded.row_v, row = excluded.row",
        params![TENANT, app.id.as_str(), ROW_VERSION, encode("app", app)?],
    )?;
    Ok(())
}
