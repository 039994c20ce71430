//! Ending a token: at the platform where the app is ours, and here.

use std::sync::Arc;

use holdfast_credentials::lifecycle::Found;
use holdfast_credentials::proves;
use holdfast_model::credential::{Credential, CredentialVersion, VersionState};
use holdfast_model::id::{CredentialId, VersionNo};
use holdfast_model::platform::PlatformId;
use serde::Serialize;

use super::super::{Actor, ServiceError};
use super::activate::verify_version;
use super::{CredentialView, Suffices, show};
use crate::lanes::Nudge;
use crate::renewal;
use crate::services::probing;
use crate::state::Gateway;

#[derive(Debug, Clone, Serialize)]
pub struct Revoked {
    pub credential: CredentialId,
    pub version: VersionNo,
    pub fingerprint: String,
    /// Whether the platform said that it has ended it.
    pub ended_at_platform: bool,
    /// In a sentence.
    pub says: String,
    /// What signs from now on, in a sentence.
    pub then: String,
}

/// Ends a version, or else the active one. The version before takes its place if it still works. The
/// only one that works is not ended while something waits for it, unless that is wanted.
pub async fn revoke(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    id: &CredentialId,
    version: Option<VersionNo>,
    is_forced: bool,
) -> Result<Revoked, ServiceError> {
    let view = show(gateway, id).await?;
    let revoked = find(&view, version)?;
    let was_in_use = revoked.state == VersionState::Active;
    let before = view.versions.iter().rev().find(|one| one.state == VersionState::Superseded);
    if !is_forced {
        refuse_twins(gateway, revoked).await?;
        let has_way_back = match before.filter(|_| was_in_use) {
            Some(before) => still_works(gateway, &view.credential, before).await,
            None => !was_in_use,
        };
        if !has_way_back {
            refuse_if_needed(gateway, &view).await?;
        }
    }
    let found = renewal::end_at_platform(gateway, &view.credential, revoked, revoked).await;
    let found = found.unwrap_or_else(|error| Found::No(error.to_string()));
    let (ended_at_platform, says) = match found {
        Found::Yes => (true, "It is ended at the platform and shredded here.".to_owned()),
        Found::No(says) => {
            let how = where_to_end_it(view.credential.platform);
            (false, format!("It is shredded here, and may live on at the platform: {says}. {how}"))
        }
        Found::Silent(says) if !is_forced => {
            return Err(ServiceError::Refused {
                reason: format!("the platform did not answer: {says}"),
                hint: "Try again; with `--force` it is shredded here all the same, and cannot be \
                       ended from here any more."
                    .to_owned(),
            });
        }
        Found::Silent(says) => {
            let how = where_to_end_it(view.credential.platform);
            (false, format!("It is shredded here; the platform did not answer: {says}. {how}"))
        }
    };
    // From here on it is dead: whatever else fails, it must not stay in use.
    let then = match before.filter(|_| was_in_use) {
        Some(before) => go_back(gateway, actor, &view.credential, before).await,
        None if was_in_use => NOTHING_SIGNS.to_owned(),
        None => "What is in use stays in use.".to_owned(),
    };
    renewal::retire(gateway, actor, id, revoked.version).await?;
    if was_in_use {
        gateway.registry.shred_refresh_tokens(id).await?;
    }
    let subject = format!("credential:{id}/{}", revoked.version);
    let detail = format!("fingerprint {}: {says}", revoked.fingerprint);
    gateway.audit(actor.0, "credential.revoke", subject, detail).await?;
    for destination in gateway.snapshot().destinations_using(id) {
        gateway.lanes.nudge(destination.lane, Nudge::CredentialChanged);
    }
    Ok(Revoked {
        credential: id.clone(),
        version: revoked.version,
        fingerprint: revoked.fingerprint.clone(),
        ended_at_platform,
        says,
        then,
    })
}

const NOTHING_SIGNS: &str =
    "No version is in use now: what comes is kept, and waits for the next token.";

/// The version before is put in use again, if the platform proves that it works.
async fn go_back(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    credential: &Credential,
    before: &CredentialVersion,
) -> String {
    let found = verify_version(gateway, actor, credential, before.clone(), Suffices::Proof).await;
    match found {
        Ok(outcome) if outcome.activated => {
            format!("Version {} is in use again: it was proved.", before.version)
        }
        Ok(_) => NOTHING_SIGNS.to_owned(),
        Err(error) => {
            tracing::warn!(credential = %credential.id, %error, "the version before cannot be used");
            NOTHING_SIGNS.to_owned()
        }
    }
}

/// Whether a version works wherever the credential signs. Changes nothing.
async fn still_works(
    gateway: &Gateway,
    credential: &Credential,
    version: &CredentialVersion,
) -> bool {
    for destination in gateway.snapshot().destinations_using(&credential.id) {
        if destination.credential != credential.id {
            continue;
        }
        let api_version = destination.settings.api_version.as_deref();
        let probed =
            probing::probe(gateway, credential, version, &destination.asset, api_version).await;
        let is_proved = probed
            .unwrap_or_default()
            .iter()
            .any(|result| proves(result.kind, result.reading.answer));
        if !is_proved {
            return false;
        }
    }
    true
}

/// Ending a token ends it everywhere: the same one may be stored twice, here or under another name.
async fn refuse_twins(gateway: &Gateway, revoked: &CredentialVersion) -> Result<(), ServiceError> {
    for credential in gateway.registry.credentials().await? {
        let versions = gateway.registry.credential_versions(&credential.id).await?;
        let is_twin = |one: &&CredentialVersion| {
            one.fingerprint == revoked.fingerprint
                && one.state != VersionState::Retired
                && (&one.credential, one.version) != (&revoked.credential, revoked.version)
        };
        if let Some(twin) = versions.iter().find(is_twin) {
            return Err(ServiceError::Refused {
                reason: format!(
                    "version {} of credential {} is the same token, and would end with it",
                    twin.version, twin.credential
                ),
                hint: "Give that one another token first; or end both with `--force`.".to_owned(),
            });
        }
    }
    Ok(())
}

fn find(
    view: &CredentialView,
    version: Option<VersionNo>,
) -> Result<&CredentialVersion, ServiceError> {
    let id = &view.credential.id;
    let is_meant = |one: &&CredentialVersion| match version {
        Some(number) => one.version == number,
        None => one.state == VersionState::Active,
    };
    let found = view.versions.iter().find(is_meant).ok_or_else(|| match version {
        Some(number) => {
            ServiceError::NotFound { what: "version of credential", name: format!("{id}/{number}") }
        }
        None => {
            ServiceError::NotFound { what: "active version of credential", name: id.to_string() }
        }
    })?;
    if found.state == VersionState::Retired {
        return Err(ServiceError::Refused {
            reason: format!("version {} is retired: its token was shredded", found.version),
            hint: where_to_end_it(view.credential.platform).to_owned(),
        });
    }
    Ok(found)
}

/// With something waiting for it, and nothing else to send that with.
async fn refuse_if_needed(gateway: &Gateway, view: &CredentialView) -> Result<(), ServiceError> {
    let mut waiting = 0;
    for destination in gateway.snapshot().destinations_using(&view.credential.id) {
        if destination.credential == view.credential.id {
            waiting += gateway.outbox.counts(destination.lane).await?.ledger.queued;
        }
    }
    if waiting == 0 {
        return Ok(());
    }
    Err(ServiceError::Refused {
        reason: format!("{waiting} items wait to be sent with it, and it is the version in use"),
        hint:
            "Rotate to a new token first: `holdfast credential rotate`. With `--force` they wait \
               until a new token is added."
                .to_owned(),
    })
}

/// Where a person ends a token that cannot be ended from here.
pub(super) fn where_to_end_it(platform: PlatformId) -> &'static str {
    match platform {
        PlatformId::Snap => {
            "Delete it at Snap: Business Details, Conversions API tokens; a granted one under Login \
             and Security, connected apps."
        }
        PlatformId::Meta | PlatformId::Whatsapp => {
            "End it at Meta: Business Settings, System users, the user it belongs to, Revoke tokens \
             (which ends all of that user's); a person's under Settings, Business integrations."
        }
    }
}
