//! What a run is decided by, read from where it is durable.

use holdfast_credentials::lifecycle::{Attempts, Known, Parent};
use holdfast_model::credential::{Credential, Made, Origin};
use holdfast_model::fault::FaultClass;
use holdfast_model::id::{CredentialId, VersionNo};
use holdfast_model::scope::SelectorKind;
use holdfast_model::time::UnixMillis;
use holdfast_storage::{RenewalRecord, StorageError};

use crate::directory::Snapshot;
use crate::state::Gateway;

/// None if there is no such credential.
pub(crate) async fn read(
    gateway: &Gateway,
    id: &CredentialId,
) -> Result<Option<Known>, StorageError> {
    gateway.renewals.flush(gateway).await?;
    let snapshot = gateway.snapshot();
    let Some(credential) = snapshot.credentials.get(id).cloned() else { return Ok(None) };
    let versions = gateway.registry.credential_versions(id).await?;
    let records = gateway.registry.renewals().await?;
    let counts = gateway.registry.delivery_counts(id).await?;
    let active = snapshot.active.get(id).map(|active| active.version);
    let (children, children_behind) = children(gateway, &snapshot, id, active);
    let of_active = counts.iter().find(|count| Some(count.signed_with.version) == active);
    let now = gateway.clock.wall();
    Ok(Some(Known {
        has_app_secret: snapshot.app_of(id).is_some_and(|app| app.secret_version.is_some()),
        has_refresh_token: gateway.registry.refresh_token(id).await?.is_some(),
        parent: parent(&snapshot, &credential),
        children,
        children_behind,
        attempts: records.iter().find(|record| record.credential == *id).and_then(attempts),
        refused_since: active.and_then(|active| refused_since(gateway, id, active)),
        delivered: of_active.map_or(0, |count| count.requests),
        active_since: active.map_or(now, |active| gateway.renewals.active_since(id, active, now)),
        versions,
        credential,
    }))
}

/// A record of a run in which nothing was tried says nothing.
pub(super) fn attempts(record: &RenewalRecord) -> Option<Attempts> {
    (!record.outcome.is_empty()).then(|| Attempts {
        version: record.version,
        tried_at: record.tried_at,
        renewed_at: record.renewed_at,
        failures: record.failures,
        next_at: record.next_at,
        outcome: record.outcome.clone(),
    })
}

pub(super) fn record(id: &CredentialId, attempts: Option<&Attempts>) -> RenewalRecord {
    let never = Attempts {
        version: None,
        tried_at: UnixMillis(0),
        renewed_at: None,
        failures: 0,
        next_at: UnixMillis(0),
        outcome: String::new(),
    };
    let attempts = attempts.unwrap_or(&never);
    RenewalRecord {
        credential: id.clone(),
        version: attempts.version,
        tried_at: attempts.tried_at,
        renewed_at: attempts.renewed_at,
        failures: attempts.failures,
        next_at: attempts.next_at,
        outcome: attempts.outcome.clone(),
    }
}

fn parent(snapshot: &Snapshot, credential: &Credential) -> Option<Parent> {
    let active = snapshot.active.get(credential.origin.parent()?)?;
    Some(Parent { version: active.version })
}

/// How many pages were derived with this credential, and how many of them with another version of
/// it than the active one: those die with the version that they were derived with.
/// One that is refused may have to go back to what it was before.
fn children(
    gateway: &Gateway,
    snapshot: &Snapshot,
    id: &CredentialId,
    active: Option<VersionNo>,
) -> (u32, u32) {
    let mut counts = (0, 0);
    for credential in snapshot.credentials.values() {
        let is_child = matches!(&credential.origin, Origin::Page { parent, .. } if parent == id);
        let Some(child) = snapshot.active.get(&credential.id).filter(|_| is_child) else {
            continue;
        };
        counts.0 += 1;
        let is_abreast = matches!(child.made, Made::Renewed { parent } if parent == active)
            && refused_since(gateway, &credential.id, child.version).is_none();
        counts.1 += u32::from(!is_abreast);
    }
    counts
}

/// Only what a platform said of this very version.
fn refused_since(gateway: &Gateway, id: &CredentialId, active: VersionNo) -> Option<UnixMillis> {
    let open = gateway.holds.open();
    let about_it = open.iter().filter(|hold| {
        hold.opened_by.is_none()
            && hold.fault.class == FaultClass::Credential
            && hold.scope.get(SelectorKind::Credential) == Some(id.as_str())
            && hold.credential_version == Some(active)
    });
    about_it.map(|hold| hold.opened_at).min()
}
