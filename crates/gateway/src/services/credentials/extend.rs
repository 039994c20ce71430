//! Extending a credential now, because somebody asks for it.

use std::sync::Arc;

use holdfast_credentials::lifecycle::{Outcome, Way};
use holdfast_model::id::CredentialId;
use serde::Serialize;

use super::super::{Actor, ServiceError};
use crate::renewal::{self, Outlook, Ran};
use crate::state::Gateway;

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Extended {
    pub credential: CredentialId,
    /// Whether there is something to extend at all.
    pub can_extend: bool,
    pub outcome: Outcome,
    /// In a sentence.
    pub says: String,
    /// What to do instead, where there is nothing to extend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
    pub renewal: Outlook,
}

/// Does what is planned for later. Where there is nothing to extend it says why and what to do
/// instead; that is an answer, not a failure.
pub async fn extend(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    id: &CredentialId,
) -> Result<Extended, ServiceError> {
    super::show(gateway, id).await?;
    let before = renewal::outlook(gateway, id).await?;
    if let Way::None { why, instead } = &before.way {
        return Ok(Extended {
            credential: id.clone(),
            can_extend: false,
            outcome: Outcome::Nothing,
            says: format!("Nothing to extend: {why}."),
            instead: Some(instead.clone()),
            renewal: before,
        });
    }
    let subject = format!("credential:{id}");
    gateway.audit(actor.0, "credential.extend", subject, before.way.name().to_owned()).await?;
    let ran = renewal::run_asked(gateway, id).await?;
    // What a run leaves to do is done at once.
    gateway.renewals.due.notify_one();
    let (outcome, says) = match ran {
        Ran::Done { end } => {
            let says = end.record.map_or_else(|| "It is in progress.".to_owned(), |r| r.outcome);
            (end.outcome, says)
        }
        Ran::Busy => (Outcome::Nothing, "It is being renewed just now.".to_owned()),
        Ran::Waits { .. } => (
            Outcome::Nothing,
            "Its token has expired, and an expired token cannot be extended. Add a new one."
                .to_owned(),
        ),
    };
    Ok(Extended {
        credential: id.clone(),
        can_extend: true,
        outcome,
        says,
        instead: None,
        renewal: renewal::outlook(gateway, id).await?,
    })
}
