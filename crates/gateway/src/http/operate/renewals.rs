//! `/v1/credentials/{id}/extend`, `…/rotate`, `…/revoke`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use holdfast_model::access::Role;
use holdfast_model::id::{CredentialId, VersionNo};
use holdfast_model::secret::Secret;
use serde::Deserialize;

use super::parse;
use crate::http::auth::Caller;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::services::credentials::{self, Extended, Given, Revoked, Rotated};
use crate::state::Gateway;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    token: String,
    #[serde(default)]
    refresh_token: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Revoke {
    version: Option<VersionNo>,
    /// Also if something waits for it, or the platform does not answer.
    force: bool,
}

pub async fn extend(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Extended>, ApiError> {
    caller.require(Role::Admin)?;
    let id: CredentialId = parse("credential", &id)?;
    Ok(Json(credentials::extend(&gateway, caller.actor(), &id).await?))
}

/// 201 if the new token is in use now, 202 if it is kept as a candidate.
pub async fn rotate(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Rotate>,
) -> Result<(StatusCode, Json<Rotated>), ApiError> {
    caller.require(Role::Admin)?;
    let id: CredentialId = parse("credential", &id)?;
    let given = Given {
        token: Secret::new(body.token),
        refresh_token: body.refresh_token.map(Secret::new),
    };
    let rotated = credentials::rotate(&gateway, caller.actor(), &id, given).await?;
    let is_active = rotated.outcome.activated;
    Ok((if is_active { StatusCode::CREATED } else { StatusCode::ACCEPTED }, Json(rotated)))
}

pub async fn revoke(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Revoke>,
) -> Result<Json<Revoked>, ApiError> {
    caller.require(Role::Admin)?;
    let id: CredentialId = parse("credential", &id)?;
    let revoked =
        credentials::revoke(&gateway, caller.actor(), &id, body.version, body.force).await?;
    Ok(Json(revoked))
}
