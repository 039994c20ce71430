//! `/v1/credentials`: tokens are write-only.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use holdfast_model::access::Role;
use holdfast_model::id::{AppId, CredentialId};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use serde::Deserialize;

use super::parse;
use crate::http::auth::Caller;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::services::credentials::{
    self, AddRequest, CredentialView, Given, Suffices, VersionOutcome,
};
use crate::state::Gateway;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddCredential {
    id: CredentialId,
    platform: PlatformId,
    #[serde(default)]
    app: Option<AppId>,
    /// Mail address of the person who has to grant anew when it dies.
    #[serde(default)]
    contact: Option<String>,
    token: String,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    accept_unverified: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    accept_unverified: bool,
}

pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Json<Vec<CredentialView>>, ApiError> {
    caller.require(Role::Operator)?;
    Ok(Json(credentials::list(&gateway).await?))
}

pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<CredentialView>, ApiError> {
    caller.require(Role::Operator)?;
    let id: CredentialId = parse("credential", &id)?;
    Ok(Json(credentials::show(&gateway, &id).await?))
}

/// Adds a credential, or the next version of a known one. 201 if it is active now, 202 if it is
/// kept as a candidate.
pub async fn add(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    JsonBody(body): JsonBody<AddCredential>,
) -> Result<(StatusCode, Json<VersionOutcome>), ApiError> {
    caller.require(Role::Admin)?;
    let given = Given {
        token: Secret::new(body.token),
        refresh_token: body.refresh_token.map(Secret::new),
    };
    let request = AddRequest {
        id: body.id,
        platform: body.platform,
        app: body.app,
        origin: None,
        contact: body.contact,
        accept_unverified: body.accept_unverified,
    };
    let outcome = credentials::add(&gateway, caller.actor(), request, given).await?;
    let status = if outcome.activated { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    Ok((status, Json(outcome)))
}

pub async fn verify(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Verify>,
) -> Result<Json<VersionOutcome>, ApiError> {
    caller.require(Role::Admin)?;
    let id: CredentialId = parse("credential", &id)?;
    let suffices = Suffices::asked_for(body.accept_unverified);
    let outcome = credentials::verify(&gateway, caller.actor(), &id, suffices).await?;
    Ok(Json(outcome))
}
