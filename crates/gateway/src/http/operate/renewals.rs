//! `/v1/credentials/{id}/extend`, `…/rotate`, `…/revoke`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use holdfast_model::access::Role;
use holdfast_model::id::{CredentialId, VersionNo};
use holdfast_model::secret::Secret;
use holdfast_storage::StorageError;
use serde::Deserialize;

use super::parse;
use crate::http::auth::Caller;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::services::credentials::{self, Extended, Given, Revoked, Rotated};
use crate::services::{Actor, ServiceError};
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
    let actor = caller.actor().0.to_owned();
    let asked = gateway.clone();
    let extend = async move { credentials::extend(&asked, Actor(&actor), &id).await };
    Ok(Json(to_the_end(&gateway, extend).await?))
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
    let actor = caller.actor().0.to_owned();
    let asked = gateway.clone();
    let rotate = async move { credentials::rotate(&asked, Actor(&actor), &id, given).await };
    let rotated = to_the_end(&gateway, rotate).await?;
    let is_active = rotated.outcome.activated;
    Ok((if is_active { StatusCode::CREATED } else { StatusCode::ACCEPTED }, Json(rotated)))
}

/// What a platform has issued must not be lost because the caller went away.
async fn to_the_end<T: Send + 'static>(
    gateway: &Gateway,
    work: impl Future<Output = Result<T, ServiceError>> + Send + 'static,
) -> Result<T, ServiceError> {
    let done = gateway.renewals.to_the_end(work).await;
    done.ok_or(ServiceError::Storage(StorageError::Closed))?
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
