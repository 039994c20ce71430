//! The end of a version: at the platform, where the app is ours, and here.

use holdfast_credentials::lifecycle::{Found, Known};
use holdfast_credentials::oauth::{AppKeys, ExchangeError, meta as facebook};
use holdfast_model::credential::{Credential, CredentialVersion, VersionState};
use holdfast_model::id::{CredentialId, VersionNo};
use holdfast_model::platform::PlatformId;
use holdfast_platforms::meta::DEFAULT_API_VERSION;
use holdfast_storage::DeliveryCount;

use crate::lanes::observe_date;
use crate::services::secrets::Keyring;
use crate::services::{Actor, ServiceError};
use crate::state::Gateway;

/// Retired versions that are kept to be looked at.
const KEPT: u32 = 20;

/// Ends a version at the platform. That it could not be ended is said, and is not a failure: it
/// ends by itself, or somebody ends it there.
pub(super) async fn revoke(
    gateway: &Gateway,
    known: &Known,
    version: VersionNo,
) -> Result<Found, ServiceError> {
    let (Some(revoked), Some(active)) = (known.version(version), known.active()) else {
        return Ok(Found::No("the version is not there any more".to_owned()));
    };
    let found = end_at_platform(gateway, &known.credential, revoked, active).await?;
    let said = match &found {
        Found::Yes => "ended at the platform".to_owned(),
        Found::No(says) => format!("the platform would not end it: {says}"),
        Found::Silent(says) => format!("the platform did not answer; it is tried again: {says}"),
    };
    if found != Found::Yes {
        tracing::warn!(credential = %known.credential.id, %version, said, "a token was not revoked");
    }
    let subject = format!("credential:{}/{version}", known.credential.id);
    let detail = format!("fingerprint {}: {said}", revoked.fingerprint);
    gateway.audit(Actor::HOLDFAST.0, "credential.revoke", subject, detail).await?;
    Ok(found)
}

/// Asks Meta to end one token, in the name of another of the same app, or of itself.
pub(crate) async fn end_at_platform(
    gateway: &Gateway,
    credential: &Credential,
    revoked: &CredentialVersion,
    caller: &CredentialVersion,
) -> Result<Found, ServiceError> {
    if credential.platform == PlatformId::Snap {
        return Ok(Found::No("Snap has no call that ends a token".to_owned()));
    }
    let ends = Keyring::open(gateway, credential, revoked).await?;
    let calls = Keyring::open(gateway, credential, caller).await?;
    let (Some(id), Some(secret)) = (&credential.app, &ends.app_secret) else {
        return Ok(Found::No("the app that issued it is not ours".to_owned()));
    };
    let request = facebook::revoke(
        gateway.base_url(credential.platform),
        DEFAULT_API_VERSION,
        AppKeys { id, secret },
        &ends.token,
        &calls.token,
    );
    let response = match gateway.egress.send(request).await {
        Ok(response) => response,
        Err(failure) => return Ok(Found::Silent(failure.to_string())),
    };
    observe_date(gateway, &response);
    let response = calls.mask(ends.mask(response));
    Ok(match facebook::read_revoked(&response) {
        Ok(()) => Found::Yes,
        Err(ExchangeError::Silent(says)) => Found::Silent(says),
        Err(error) => Found::No(error.to_string()),
    })
}

/// Shreds a version and says in the audit trail what it had delivered.
pub(crate) async fn retire(
    gateway: &Gateway,
    actor: Actor<'_>,
    credential: &CredentialId,
    version: VersionNo,
) -> Result<(), ServiceError> {
    gateway.renewals.flush(gateway).await?;
    let versions = gateway.registry.credential_versions(credential).await?;
    let Some(retired) = versions.iter().find(|one| one.version == version) else { return Ok(()) };
    let counts = gateway.registry.delivery_counts(credential).await?;
    let count = counts.iter().find(|count| count.signed_with.version == version);
    gateway.registry.set_version_state(credential, version, VersionState::Retired).await?;
    gateway.registry.forget_retired(credential, KEPT).await?;
    let subject = format!("credential:{credential}/{version}");
    let detail = format!("fingerprint {}; {}", retired.fingerprint, delivered(count));
    gateway.audit(actor.0, "credential.retire", subject, detail).await?;
    gateway.reload_directory().await?;
    Ok(())
}

fn delivered(count: Option<&DeliveryCount>) -> String {
    count.map_or_else(
        || "delivered nothing".to_owned(),
        |count| {
            format!(
                "delivered {} items in {} requests, the last on {}",
                count.items, count.requests, count.last_at
            )
        },
    )
}
