//! Credentials: add, verify, activate. Tokens go in and never come out.

mod activate;
mod add;
mod extend;
mod probed;
mod revoke;
mod rotate;

pub use activate::{Suffices, note, verify};
pub(crate) use activate::{activate_if_fit, pending, verify_version};
pub(crate) use add::describe;
pub use add::{AddRequest, Given, add, add_if};
pub use extend::{Extended, extend};
pub(crate) use probed::Probed;
pub use revoke::{Revoked, revoke};
pub use rotate::{Rotated, rotate};

use holdfast_model::credential::{Credential, CredentialVersion};
use holdfast_model::fault::Fault;
use holdfast_model::id::CredentialId;
use holdfast_storage::DeliveryCount;
use serde::Serialize;

use super::ServiceError;
use crate::renewal::{self, Outlook};
use crate::state::Gateway;

/// What came of adding or verifying a version.
#[derive(Debug, Clone, Serialize)]
pub struct VersionOutcome {
    pub version: CredentialVersion,
    /// Sentences about the token's form; never the token.
    pub lint: Vec<String>,
    pub probes: Vec<ProbeView>,
    pub activated: bool,
    /// Why it was or was not activated.
    pub because: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    pub holds_lifted: u32,
}

#[derive(Debug, Clone, Serialize)]
pub struct ProbeView {
    pub destination: String,
    pub probe: String,
    pub answer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    #[serde(skip)]
    pub(super) proves_use: bool,
    #[serde(skip)]
    pub(super) refusal: Option<Fault>,
}

impl ProbeView {
    /// Whether it shows that the credential works on the destination's asset.
    pub fn proves_use(&self) -> bool {
        self.proves_use
    }

    /// What the platform refused it for, if it did.
    pub fn refusal(&self) -> Option<&Fault> {
        self.refusal.as_ref()
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct CredentialView {
    #[serde(flatten)]
    pub credential: Credential,
    pub versions: Vec<CredentialVersion>,
    pub destinations: Vec<String>,
    /// What was delivered with which version.
    pub deliveries: Vec<DeliveryCount>,
    /// Whether and when it renews itself.
    pub renewal: Outlook,
}

pub async fn list(gateway: &Gateway) -> Result<Vec<CredentialView>, ServiceError> {
    let mut views = Vec::new();
    for credential in gateway.registry.credentials().await? {
        views.push(view(gateway, credential).await?);
    }
    Ok(views)
}

pub async fn show(gateway: &Gateway, id: &CredentialId) -> Result<CredentialView, ServiceError> {
    let credential = gateway.registry.credentials().await?.into_iter().find(|c| c.id == *id);
    match credential {
        Some(credential) => view(gateway, credential).await,
        None => Err(ServiceError::NotFound { what: "credential", name: id.to_string() }),
    }
}

async fn view(gateway: &Gateway, credential: Credential) -> Result<CredentialView, ServiceError> {
    let mut versions = gateway.registry.credential_versions(&credential.id).await?;
    gateway.renewals.flush(gateway).await?;
    let deliveries = gateway.registry.delivery_counts(&credential.id).await?;
    for version in &mut versions {
        let of = |count: &&DeliveryCount| count.signed_with.version == version.version;
        let counted = deliveries.iter().find(of).map(|count| count.last_at);
        version.last_delivery_at = version.last_delivery_at.max(counted);
    }
    let renewal = renewal::outlook(gateway, &credential.id).await?;
    let using = gateway.snapshot().destinations_using(&credential.id);
    let destinations = using.iter().map(|d| d.id.to_string()).collect();
    Ok(CredentialView { credential, versions, destinations, deliveries, renewal })
}
