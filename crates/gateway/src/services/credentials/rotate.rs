//! Overlap rotation: a new token takes the place of one that nothing can extend, without a gap.

use std::sync::Arc;

use holdfast_credentials::lifecycle::{DELIVERIES_BEFORE_REVOKING, is_revocable};
use holdfast_model::credential::{Made, VersionState};
use holdfast_model::id::{CredentialId, VersionNo};
use serde::Serialize;

use super::super::{Actor, ServiceError};
use super::add::{AddRequest, Given, add_as};
use super::revoke::where_to_end_it;
use super::{Suffices, VersionOutcome, show};
use crate::renewal;
use crate::state::Gateway;

#[derive(Debug, Clone, Serialize)]
pub struct Rotated {
    #[serde(flatten)]
    pub outcome: VersionOutcome,
    /// The version whose place it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<VersionNo>,
    /// What becomes of that one, in a sentence.
    pub then: String,
}

/// Adds a token beside the one in use. Once it is proved it is used; the old one is kept until the
/// new one has delivered, and then revoked where the app is ours.
pub async fn rotate(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    id: &CredentialId,
    given: Given,
) -> Result<Rotated, ServiceError> {
    let view = show(gateway, id).await?;
    let fingerprint = gateway.vault.fingerprint(&given.token);
    let is_known = |v: &&holdfast_model::credential::CredentialVersion| {
        v.fingerprint == fingerprint && v.state != VersionState::Retired
    };
    if let Some(same) = view.versions.iter().find(is_known) {
        return Err(ServiceError::Refused {
            reason: format!("this token is version {} already", same.version),
            hint: "Make another token at the platform, and leave the old one alive until then."
                .to_owned(),
        });
    }
    let old = view.versions.iter().find(|version| version.state == VersionState::Active);
    let request = AddRequest {
        id: id.clone(),
        platform: view.credential.platform,
        app: None,
        origin: None,
        contact: None,
        accept_unverified: false,
    };
    let suffices = Suffices::ProofOrUnprobeable;
    let outcome = add_as(gateway, actor, request, given, suffices, Made::Rotated).await?;
    gateway.renewals.due.notify_one();
    let then = match old {
        None => "There was none in use before.".to_owned(),
        Some(old) if !outcome.activated => {
            format!("Version {} stays in use until the new one is proved.", old.version)
        }
        Some(old) => {
            let known = renewal::read_known(gateway, id).await?;
            let is_ours = known.is_some_and(|known| is_revocable(&known, old.version));
            let end = match is_ours {
                true => "then it is revoked at the platform and shredded here".to_owned(),
                false => format!(
                    "then it is shredded here. {}",
                    where_to_end_it(view.credential.platform)
                ),
            };
            format!(
                "Version {} is kept until the new one has delivered {DELIVERIES_BEFORE_REVOKING} \
                 requests; {end}",
                old.version
            )
        }
    };
    Ok(Rotated { outcome, old: old.map(|old| old.version), then })
}
