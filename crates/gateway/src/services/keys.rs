//! Keys of Holdfast's own API.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use holdfast_model::access::{AccessKey, Role};
use holdfast_model::id::{DestinationId, KeyId};
use holdfast_model::secret::Secret;
use sha2::{Digest, Sha256};

use super::{Actor, ServiceError};
use crate::state::Gateway;

/// Keys are recognizable, so that one pasted in the wrong place can be told from a token.
pub const PREFIX: &str = "hfk_";

/// Who else acts: no key may pass for them in the audit trail.
const RESERVED: [&str; 3] = ["admin-socket", "holdfast", "nobody"];

/// A key that was just made. Its text exists here and in the answer to whoever asked, once.
pub struct NewKey {
    pub key: AccessKey,
    pub text: Secret,
}

pub async fn create(
    gateway: &Gateway,
    actor: Actor<'_>,
    id: KeyId,
    role: Role,
    destinations: Vec<DestinationId>,
) -> Result<NewKey, ServiceError> {
    if RESERVED.contains(&id.as_str()) {
        let expected = "expected another name: the audit trail has this one for what no key did";
        return Err(ServiceError::invalid("id", expected));
    }
    if role != Role::Ingest && !destinations.is_empty() {
        return Err(ServiceError::invalid(
            "destinations",
            "expected none: only ingest keys are bound",
        ));
    }
    for destination in &destinations {
        super::destinations::find(gateway, destination)?;
    }
    let text = Secret::new(format!(
        "{PREFIX}{}",
        BASE64_URL_SAFE_NO_PAD.encode(crate::random::bytes::<32>())
    ));
    let key =
        AccessKey { id, role, destinations, created_at: gateway.clock.wall(), revoked_at: None };
    let sha256: [u8; 32] = Sha256::digest(text.expose().as_bytes()).into();
    gateway.registry.add_key(&key, &sha256).await?;
    let subject = format!("key:{}", key.id);
    gateway.audit(actor.0, "key.create", subject, role.as_str().to_owned()).await?;
    gateway.reload_directory().await?;
    Ok(NewKey { key, text })
}

pub async fn list(gateway: &Gateway) -> Result<Vec<AccessKey>, ServiceError> {
    Ok(gateway.registry.keys().await?.into_iter().map(|(key, _)| key).collect())
}

pub async fn revoke(gateway: &Gateway, actor: Actor<'_>, id: &KeyId) -> Result<(), ServiceError> {
    if !gateway.registry.revoke_key(id, gateway.clock.wall()).await? {
        return Err(ServiceError::NotFound { what: "unrevoked key", name: id.to_string() });
    }
    gateway.audit(actor.0, "key.revoke", format!("key:{id}"), String::new()).await?;
    gateway.reload_directory().await?;
    Ok(())
}
