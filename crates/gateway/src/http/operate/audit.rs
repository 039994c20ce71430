//! `GET /v1/audit`, `GET /v1/audit/chain`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use holdfast_model::access::Role;
use holdfast_storage::{AuditChain, AuditEntry, StorageError};
use serde::{Deserialize, Serialize};

use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::query::TypedQuery;
use crate::services::ServiceError;
use crate::state::Gateway;

/// Most entries in one answer.
const MOST: u32 = 1_000;

#[derive(Deserialize)]
pub struct Page {
    limit: Option<u32>,
}

pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    TypedQuery(page): TypedQuery<Page>,
) -> Result<Json<Vec<AuditEntry>>, ApiError> {
    caller.require(Role::Operator)?;
    let limit = page.limit.unwrap_or(100).clamp(1, MOST);
    Ok(Json(gateway.registry.audit(limit).await.map_err(ServiceError::from)?))
}

#[derive(Serialize)]
pub struct Chain {
    entries: u64,
    /// Hash of the newest entry. Kept elsewhere, it shows later that nothing was rewritten.
    head: String,
}

/// Computes the trail's chain anew. 409 names the first entry that is not what was written.
pub async fn chain(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Json<Chain>, ApiError> {
    caller.require(Role::Operator)?;
    match gateway.registry.verify_audit().await {
        Ok(AuditChain { entries, head }) => Ok(Json(Chain { entries, head: hex::encode(head) })),
        Err(StorageError::Damaged { detail, .. }) => {
            let broken = format!("the audit trail is not what was written: {detail}");
            Err(ApiError::new(StatusCode::CONFLICT, "holdfast.audit_broken", broken))
        }
        Err(other) => Err(ServiceError::from(other).into()),
    }
}
