//! What a run is decided by, read from where it is durable.

use std::collections::BTreeSet;

use holdfast_credentials::lifecycle::{Attempts, Known, Parent};
use holdfast_model::credential::{Credential, CredentialVersion, Made, Origin, VersionState};
use holdfast_model::fault::FaultClass;
use holdfast_model::hold::{Confirmation, Hold};
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
    let open = gateway.holds.open();
    Ok(Some(Known {
        is_held: active.is_some_and(|active| open.iter().any(|hold| is_of(hold, id, active))),
        kept_elsewhere: kept_elsewhere(gateway, id, &versions).await?,
        revoke_after: gateway.renewals.revoke_after(id),
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

/// Which fingerprints of these versions are kept under other credentials too. It is looked for only
/// where a version may be revoked: with many credentials it is a long look.
async fn kept_elsewhere(
    gateway: &Gateway,
    id: &CredentialId,
    versions: &[CredentialVersion],
) -> Result<BTreeSet<String>, StorageError> {
    let may_end = |version: &&CredentialVersion| {
        matches!(version.state, VersionState::Superseded | VersionState::Candidate)
    };
    let ours: BTreeSet<&str> =
        versions.iter().filter(may_end).map(|version| version.fingerprint.as_str()).collect();
    let mut found = BTreeSet::new();
    if ours.is_empty() {
        return Ok(found);
    }
    for other in gateway.registry.credentials().await?.into_iter().filter(|other| other.id != *id) {
        let kept = gateway.registry.credential_versions(&other.id).await?;
        let kept = kept.into_iter().filter(|version| version.state != VersionState::Retired);
        let fingerprints = kept.map(|version| version.fingerprint);
        found.extend(fingerprints.filter(|fingerprint| ours.contains(fingerprint.as_str())));
    }
    Ok(found)
}

fn refused_since(gateway: &Gateway, id: &CredentialId, active: VersionNo) -> Option<UnixMillis> {
    let open = gateway.holds.open();
    let refusals = open.iter().filter(|hold| is_of(hold, id, active) && is_refusal(hold));
    refusals.map(|hold| hold.opened_at).min()
}

/// Whether it was opened for this very version.
fn is_of(hold: &Hold, id: &CredentialId, version: VersionNo) -> bool {
    hold.scope.get(SelectorKind::Credential) == Some(id.as_str())
        && hold.credential_version == Some(version)
}

/// Whether a platform refuses the token as a whole. What is refused on one asset may be as it should
/// be on the others, and whoever paused something by hand has said nothing of the token.
fn is_refusal(hold: &Hold) -> bool {
    hold.opened_by.is_none()
        && hold.fault.class == FaultClass::Credential
        && hold.scope.get(SelectorKind::Asset).is_none()
        && !(is_pushed(hold) && hold.confirmation == Confirmation::Conflict)
}

/// What platforms tell without having been asked. It may be about another grant of the same person:
/// where a probe contradicts it, the token works.
fn is_pushed(hold: &Hold) -> bool {
    matches!(hold.fault.name.as_str(), "meta.deauthorized" | "meta.integration_uninstalled")
}

#[cfg(test)]
mod tests {
    use holdfast_model::id::HoldId;
    use holdfast_model::scope::Scope;
    use holdfast_platforms::catalog;

    use super::*;

    const VERSION: VersionNo = VersionNo(2);

    fn id() -> CredentialId {
        CredentialId::new("it").unwrap()
    }

    fn hold(fault: &str) -> Hold {
        Hold {
            id: HoldId::from_bytes([1; 16]),
            scope: Scope::new([(SelectorKind::Credential, "it".to_owned())]),
            fault: catalog::entry(fault).unwrap().fault(),
            opened_at: UnixMillis(1),
            confirmation: Confirmation::Confirmed,
            credential_version: Some(VERSION),
            opened_by: None,
            lifted: None,
        }
    }

    #[track_caller]
    fn check(hold: &Hold, expected: bool) {
        assert!(is_of(hold, &id(), VERSION));
        assert_eq!(is_refusal(hold), expected, "{hold:?}");
    }

    #[test]
    fn only_what_a_platform_says_of_the_whole_token_is_a_refusal() {
        check(&hold("meta.token_refused"), true);
        let scope = Scope::new([
            (SelectorKind::Credential, "it".to_owned()),
            (SelectorKind::Asset, "1234567890".to_owned()),
        ]);
        check(&Hold { scope, ..hold("meta.token_refused") }, false);
        check(&Hold { opened_by: Some("ann".to_owned()), ..hold("meta.token_refused") }, false);
        let confirmation = Confirmation::Conflict;
        check(&Hold { confirmation, ..hold("meta.token_refused") }, true);
        check(&Hold { confirmation, ..hold("meta.deauthorized") }, false);
        check(&Hold { confirmation, ..hold("meta.integration_uninstalled") }, false);
        check(&hold("meta.deauthorized"), true);
    }

    #[test]
    fn a_hold_of_another_version_or_credential_says_nothing() {
        assert!(!is_of(&hold("meta.token_refused"), &id(), VersionNo(1)));
        let other = CredentialId::new("other").unwrap();
        assert!(!is_of(&hold("meta.token_refused"), &other, VERSION));
    }
}
