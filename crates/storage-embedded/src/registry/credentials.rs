//! Credentials and their versions: candidate → active → superseded → retired.

use holdfast_model::credential::{Credential, CredentialVersion, Verification, VersionState};
use holdfast_model::id::{CredentialId, TENANT, VersionNo};
use holdfast_model::time::UnixMillis;
use holdfast_storage::StorageError;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::apps;
use super::row::{
    ROW_VERSION, check_sealed, conflict, encode, execute, exists, find, list, not_found, refused,
    sql_failed,
};

const VERSION: &str = "credential version";

pub(super) fn add(tx: &Transaction<'_>, credential: &Credential) -> Result<(), StorageError> {
    if is_known(tx, &credential.id)? {
        return Err(exists("credential", &credential.id));
    }
    if let Some(app) = &credential.app {
        apps::get(tx, app)?.ok_or_else(|| not_found("app", app))?;
    }
    execute(
        tx,
        "store a credential",
        "INSERT INTO credential (tenant_id, credential_id, app_id, row_v, row)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            TENANT,
            credential.id.as_str(),
            credential.app.as_ref().map(|app| app.as_str()),
            ROW_VERSION,
            encode("credential", credential)?
        ],
    )?;
    Ok(())
}

/// What its secrets are bound to stays what it is, whatever the description says.
pub(super) fn describe_whole(
    tx: &Transaction<'_>,
    credential: &Credential,
) -> Result<(), StorageError> {
    let sql = "SELECT row_v, row FROM credential WHERE tenant_id = ?1 AND credential_id = ?2";
    let stored: Credential = find(tx, "credential", sql, [TENANT, credential.id.as_str()])?
        .ok_or_else(|| not_found("credential", &credential.id))?;
    let described = Credential {
        platform: stored.platform,
        app: stored.app,
        created_at: stored.created_at,
        ..credential.clone()
    };
    execute(
        tx,
        "store a credential",
        "UPDATE credential SET row_v = ?3, row = ?4 WHERE tenant_id = ?1 AND credential_id = ?2",
        params![TENANT, credential.id.as_str(), ROW_VERSION, encode("credential", &described)?],
    )?;
    Ok(())
}

pub(super) fn all(tx: &Connection) -> Result<Vec<Credential>, StorageError> {
    let sql = "SELECT row_v, row FROM credential WHERE tenant_id = ?1 ORDER BY credential_id";
    list(tx, "credential", sql, [TENANT])
}

pub(super) fn require(tx: &Connection, id: &CredentialId) -> Result<(), StorageError> {
    if is_known(tx, id)? { Ok(()) } else { Err(not_found("credential", id)) }
}

/// Stores the next version. Whatever state the description claims, a new version is a candidate.
pub(super) fn add_version(
    tx: &Transaction<'_>,
    version: &CredentialVersion,
    sealed: &[u8],
) -> Result<(), StorageError> {
    let name = name_of(&version.credential, version.version);
    check_sealed(VERSION, &name, sealed)?;
    require(tx, &version.credential)?;
    if version.state != VersionState::Candidate {
        return Err(refused(VERSION, name, "a new version starts as a candidate"));
    }
    if version.version.0 != newest(tx, &version.credential)?.saturating_add(1) {
        return Err(conflict(VERSION, name));
    }
    execute(
        tx,
        "store a credential version",
        "INSERT INTO credential_version
             (tenant_id, credential_id, version, state, sealed, row_v, row)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            TENANT,
            version.credential.as_str(),
            version.version.0,
            state_text(version.state),
            sealed,
            ROW_VERSION,
            encode(VERSION, version)?
        ],
    )?;
    Ok(())
}

pub(super) fn versions(
    tx: &Connection,
    credential: &CredentialId,
) -> Result<Vec<CredentialVersion>, StorageError> {
    require(tx, credential)?;
    let sql = "SELECT row_v, row FROM credential_version
               WHERE tenant_id = ?1 AND credential_id = ?2 ORDER BY version";
    list(tx, VERSION, sql, [TENANT, credential.as_str()])
}

/// The sealed bytes, unless there is no such version or they were shredded.
pub(super) fn sealed(
    tx: &Connection,
    credential: &CredentialId,
    version: VersionNo,
) -> Result<Vec<u8>, StorageError> {
    let name = name_of(credential, version);
    let found: Option<Option<Vec<u8>>> = tx
        .query_row(
            "SELECT sealed FROM credential_version
             WHERE tenant_id = ?1 AND credential_id = ?2 AND version = ?3",
            params![TENANT, credential.as_str(), version.0],
            |row| row.get(0),
        )
        .optional()
        .map_err(sql_failed("read a sealed credential"))?;
    match found {
        Some(Some(sealed)) => Ok(sealed),
        Some(None) => Err(not_found("sealed secret of retired credential version", name)),
        None => Err(not_found(VERSION, name)),
    }
}

/// The state stays what it is, whatever the description says, and whose a retired version was stays
/// forgotten: somebody may have asked for that while this was being found out.
pub(super) fn describe(
    tx: &Transaction<'_>,
    version: &CredentialVersion,
) -> Result<(), StorageError> {
    let stored = get(tx, &version.credential, version.version)?;
    let subject = match stored.state {
        VersionState::Retired => stored.subject.filter(|_| version.subject.is_some()),
        _ => version.subject.clone(),
    };
    write(tx, &CredentialVersion { state: stored.state, subject, ..version.clone() })
}

pub(super) fn activate(
    tx: &Transaction<'_>,
    credential: &CredentialId,
    version: VersionNo,
    verification: Verification,
    at: UnixMillis,
) -> Result<(), StorageError> {
    let mut next = get(tx, credential, version)?;
    if !matches!(next.state, VersionState::Candidate | VersionState::Superseded) {
        let why =
            format!("it is {}, expected a candidate or superseded version", state_text(next.state));
        return Err(refused(VERSION, name_of(credential, version), why));
    }
    // The former one first: the index allows one active version at any moment.
    if let Some(mut former) = active(tx, credential)? {
        former.state = VersionState::Superseded;
        write(tx, &former)?;
    }
    next.state = VersionState::Active;
    next.verification = verification;
    if verification == Verification::Proved {
        next.verified_at = Some(at);
    }
    write(tx, &next)
}

/// After a retirement the caller empties the write-ahead log, which still has the old page.
pub(super) fn set_state(
    tx: &Transaction<'_>,
    credential: &CredentialId,
    version: VersionNo,
    state: VersionState,
) -> Result<(), StorageError> {
    let mut stored = get(tx, credential, version)?;
    match (stored.state, state) {
        (VersionState::Retired, VersionState::Retired)
        | (VersionState::Superseded, VersionState::Superseded) => return Ok(()),
        (VersionState::Active, VersionState::Superseded) => {}
        (_, VersionState::Retired) => shred(tx, credential, version)?,
        (from, to) => {
            let why = format!(
                "a {} version cannot become {} this way, expected active to superseded or \
                 anything to retired",
                state_text(from),
                state_text(to)
            );
            return Err(refused(VERSION, name_of(credential, version), why));
        }
    }
    stored.state = state;
    write(tx, &stored)
}

/// Overwrites the sealed bytes in place, at their own length; [`write`] then sets them to NULL.
fn shred(
    tx: &Transaction<'_>,
    credential: &CredentialId,
    version: VersionNo,
) -> Result<(), StorageError> {
    execute(
        tx,
        "overwrite a sealed credential",
        "UPDATE credential_version SET sealed = zeroblob(length(sealed))
         WHERE tenant_id = ?1 AND credential_id = ?2 AND version = ?3",
        params![TENANT, credential.as_str(), version.0],
    )?;
    Ok(())
}

fn write(tx: &Transaction<'_>, version: &CredentialVersion) -> Result<(), StorageError> {
    execute(
        tx,
        "store a credential version",
        "UPDATE credential_version
         SET state = ?4, row_v = ?5, row = ?6,
             sealed = CASE ?4 WHEN 'retired' THEN NULL ELSE sealed END
         WHERE tenant_id = ?1 AND credential_id = ?2 AND version = ?3",
        params![
            TENANT,
            version.credential.as_str(),
            version.version.0,
            state_text(version.state),
            ROW_VERSION,
            encode(VERSION, version)?
        ],
    )?;
    Ok(())
}

fn get(
    tx: &Connection,
    credential: &CredentialId,
    version: VersionNo,
) -> Result<CredentialVersion, StorageError> {
    let sql = "SELECT row_v, row FROM credential_version
               WHERE tenant_id = ?1 AND credential_id = ?2 AND version = ?3";
    find(tx, VERSION, sql, params![TENANT, credential.as_str(), version.0])?
        .ok_or_else(|| not_found(VERSION, name_of(credential, version)))
}

fn active(
    tx: &Connection,
    credential: &CredentialId,
) -> Result<Option<CredentialVersion>, StorageError> {
    let sql = "SELECT row_v, row FROM credential_version
               WHERE tenant_id = ?1 AND credential_id = ?2 AND state = 'active'";
    find(tx, VERSION, sql, [TENANT, credential.as_str()])
}

fn newest(tx: &Connection, credential: &CredentialId) -> Result<u32, StorageError> {
    tx.query_row(
        "SELECT coalesce(max(version), 0) FROM credential_version
         WHERE tenant_id = ?1 AND credential_id = ?2",
        [TENANT, credential.as_str()],
        |row| row.get(0),
    )
    .map_err(sql_failed("read the newest version"))
}

fn is_known(tx: &Connection, id: &CredentialId) -> Result<bool, StorageError> {
    tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM credential WHERE tenant_id = ?1 AND credential_id = ?2)",
        [TENANT, id.as_str()],
        |row| row.get(0),
    )
    .map_err(sql_failed("look for a credential"))
}

fn name_of(credential: &CredentialId, version: VersionNo) -> String {
    format!("{credential}/{version}")
}

const fn state_text(state: VersionState) -> &'static str {
    match state {
        VersionState::Candidate => "candidate",
        VersionState::Active => "active",
        VersionState::Superseded => "superseded",
        VersionState::Retired => "retired",
    }
}
