//! `/v1/keys`: a key's text is in the answer to its creation and nowhere else.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use holdfast_model::access::{AccessKey, Role};
use holdfast_model::id::{DestinationId, KeyId};
use serde::{Deserialize, Serialize};

use super::parse;
use crate::http::auth::Caller;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::services::keys;
use crate::state::Gateway;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    id: KeyId,
    role: Role,
    #[serde(default)]
    destinations: Vec<DestinationId>,
}

#[derive(Serialize)]
pub struct CreatedKey {
    #[serde(flatten)]
    key: AccessKey,
    /// Shown once.
    text: String,
}

pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Json<Vec<AccessKey>>, ApiError> {
    caller.require(Role::Admin)?;
    Ok(Json(keys::list(&gateway).await?))
}

pub async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    JsonBody(body): JsonBody<CreateKey>,
) -> Result<(StatusCode, Json<CreatedKey>), ApiError> {
    caller.require(Role::Admin)?;
    let new = keys::create(&gateway, caller.actor(), body.id, body.role, body.destinations).await?;
    let text = new.text.expose().to_owned();
    Ok((StatusCode::CREATED, Json(CreatedKey { key: new.key, text })))
}

pub async fn revoke(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.require(Role::Admin)?;
    let id: KeyId = parse("key", &id)?;
    keys::revoke(&gateway, caller.actor(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
