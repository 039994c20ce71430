//! What is kept of a push until it is dealt with.

use holdfast_credentials::signals::Signal;
use holdfast_model::id::{AppId, CredentialId, TENANT};
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixSeconds;
use holdfast_storage::{Inbound, StorageError};
use holdfast_vault::Aad;
use serde::{Deserialize, Serialize};

use crate::services::ServiceError;
use crate::state::Gateway;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    Signal(Signal),
    /// A signal, and the tokens that still answered when they were asked for the first time.
    Contradicted {
        signal: Signal,
        by: Vec<CredentialId>,
    },
    /// A person, by the id that the app knows them by, wants to be forgotten.
    Deletion {
        user: String,
        code: String,
        /// As the platform dated it; none was kept of wishes before.
        #[serde(default)]
        wished_at: Option<UnixSeconds>,
    },
}

impl Content {
    pub fn seal(
        &self,
        gateway: &Gateway,
        app: &AppId,
        sha256: &[u8; 32],
    ) -> Result<Vec<u8>, ServiceError> {
        let text = serde_json::to_vec(self).map_err(|cause| {
            let cause = cause.to_string();
            ServiceError::Storage(StorageError::Io { doing: "encode a push", cause })
        })?;
        Ok(gateway.vault.seal(&text, &aad(app, &hex::encode(sha256)))?)
    }

    pub fn open(gateway: &Gateway, inbound: &Inbound) -> Result<Self, ServiceError> {
        let name = hex::encode(inbound.sha256);
        let text = gateway.vault.open(&inbound.sealed, &aad(&inbound.app, &name))?;
        serde_json::from_slice(&text).map_err(|cause| {
            let detail = cause.to_string();
            ServiceError::Storage(StorageError::Damaged { what: "a push", detail })
        })
    }
}

/// A row that is moved to another push or another app does not open.
fn aad<'a>(app: &'a AppId, sha256: &'a str) -> Aad<'a> {
    Aad {
        schema: "inbound.v1",
        tenant_id: TENANT,
        owner_id: sha256,
        version: 1,
        kind: "push",
        provider: "meta",
        app_id: app.as_str(),
    }
}

/// How a person is named where anybody may read it: the same person has the same fingerprint here,
/// and nobody else can tell who it is.
pub fn fingerprint_of_person(gateway: &Gateway, app: &AppId, user: &str) -> String {
    let person = Secret::new(format!("person:{app}:{user}"));
    format!("person:{}", gateway.vault.fingerprint(&person))
}
