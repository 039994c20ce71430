//! Destinations and their lane numbers.

use holdfast_model::destination::Destination;
use holdfast_model::id::{CredentialId, DestinationId, LaneId, TENANT};
use holdfast_storage::{NewDestination, StorageError};
use rusqlite::{Connection, Transaction, params};

use super::credentials;
use super::row::{
    ROW_VERSION, encode, execute, exists, find, list, not_found, refused, sql_failed,
};

const DESTINATION: &str = "destination";

pub(super) fn add(tx: &Transaction<'_>, new: NewDestination) -> Result<Destination, StorageError> {
    if get(tx, &new.id)?.is_some() {
        return Err(exists(DESTINATION, new.id));
    }
    require_credentials(tx, &new.credential, &new.standby)?;
    let destination = Destination {
        lane: next_lane(tx)?,
        id: new.id,
        platform: new.platform,
        asset: new.asset,
        credential: new.credential,
        standby: new.standby,
        settings: new.settings,
        created_at: new.created_at,
    };
    execute(
        tx,
        "store a destination",
        "INSERT INTO destination (tenant_id, destination_id, lane, credential_id, row_v, row)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            TENANT,
            destination.id.as_str(),
            destination.lane.0,
            destination.credential.as_str(),
            ROW_VERSION,
            encode(DESTINATION, &destination)?
        ],
    )?;
    Ok(destination)
}

/// Lane and platform stay: items on disk were encoded for the one and carry the other.
pub(super) fn update(
    tx: &Transaction<'_>,
    was: &Destination,
    destination: &Destination,
) -> Result<bool, StorageError> {
    let stored =
        get(tx, &destination.id)?.ok_or_else(|| not_found(DESTINATION, &destination.id))?;
    for (field, stays) in [
        ("lane", stored.lane == destination.lane),
        ("platform", stored.platform == destination.platform),
    ] {
        if !stays {
            let why = format!("its {field} cannot change, expected what it was created with");
            return Err(refused(DESTINATION, &destination.id, why));
        }
    }
    require_credentials(tx, &destination.credential, &destination.standby)?;
    if stored != *was {
        return Ok(false);
    }
    execute(
        tx,
        "change a destination",
        "UPDATE destination SET credential_id = ?3, row_v = ?4, row = ?5
         WHERE tenant_id = ?1 AND destination_id = ?2",
        params![
            TENANT,
            destination.id.as_str(),
            destination.credential.as_str(),
            ROW_VERSION,
            encode(DESTINATION, destination)?
        ],
    )?;
    Ok(true)
}

pub(super) fn all(tx: &Connection) -> Result<Vec<Destination>, StorageError> {
    let sql = "SELECT row_v, row FROM destination WHERE tenant_id = ?1 ORDER BY destination_id";
    list(tx, DESTINATION, sql, [TENANT])
}

pub(super) fn require(tx: &Connection, id: &DestinationId) -> Result<(), StorageError> {
    get(tx, id)?.map(drop).ok_or_else(|| not_found(DESTINATION, id))
}

fn get(tx: &Connection, id: &DestinationId) -> Result<Option<Destination>, StorageError> {
    let sql = "SELECT row_v, row FROM destination WHERE tenant_id = ?1 AND destination_id = ?2";
    find(tx, DESTINATION, sql, [TENANT, id.as_str()])
}

fn require_credentials(
    tx: &Connection,
    credential: &CredentialId,
    standby: &[CredentialId],
) -> Result<(), StorageError> {
    std::iter::once(credential).chain(standby).try_for_each(|id| credentials::require(tx, id))
}

/// A number that was never given before, also not to a destination that is gone. The first is 1.
fn next_lane(tx: &Transaction<'_>) -> Result<LaneId, StorageError> {
    let last: i64 = tx
        .query_row(
            "INSERT INTO counter (tenant_id, name, last) VALUES (?1, 'lane', 1)
             ON CONFLICT (tenant_id, name) DO UPDATE SET last = last + 1
             RETURNING last",
            [TENANT],
            |row| row.get(0),
        )
        .map_err(sql_failed("draw a lane number"))?;
    u32::try_from(last)
        .map(LaneId)
        .map_err(|_| refused("lane", last, "all lane numbers have been given"))
}
