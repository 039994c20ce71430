//! `GET /v1/audit`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use holdfast_model::access::Role;
use holdfast_storage::AuditEntry;
use serde::Deserialize;

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
