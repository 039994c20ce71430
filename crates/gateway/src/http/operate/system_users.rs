//! `/v1/system-users` and `/v1/integrations`: tokens that a platform issues without a person.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use holdfast_credentials::oauth::meta::SystemUser;
use holdfast_model::access::Role;
use holdfast_model::id::CredentialId;
use serde::Deserialize;

use crate::http::auth::Caller;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::query::TypedQuery;
use crate::services::connect::{self, Created, FetchIntegration, Installed, IssueToken};
use crate::services::credentials::VersionOutcome;
use crate::state::Gateway;

/// Of which business, and with whose token it is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    business: String,
    parent: CredentialId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    business: String,
    parent: CredentialId,
    name: String,
    #[serde(default = "employee")]
    role: String,
}

/// The lesser of the two.
fn employee() -> String {
    "EMPLOYEE".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Install {
    parent: CredentialId,
}

pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    TypedQuery(which): TypedQuery<Which>,
) -> Result<Json<Vec<SystemUser>>, ApiError> {
    caller.require(Role::Admin)?;
    Ok(Json(connect::list(&gateway, &which.parent, &which.business).await?))
}

pub async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    JsonBody(body): JsonBody<Create>,
) -> Result<(StatusCode, Json<Created>), ApiError> {
    caller.require(Role::Admin)?;
    let Create { business, parent, name, role } = body;
    let actor = caller.actor();
    let created = connect::create(&gateway, actor, &parent, &business, &name, &role).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

pub async fn install(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(user): Path<String>,
    JsonBody(body): JsonBody<Install>,
) -> Result<Json<Installed>, ApiError> {
    caller.require(Role::Admin)?;
    Ok(Json(connect::install(&gateway, caller.actor(), &body.parent, &user).await?))
}

/// 201 if the new version is active now, 202 if it is kept as a candidate.
pub async fn issue(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(user): Path<String>,
    JsonBody(body): JsonBody<IssueToken>,
) -> Result<(StatusCode, Json<VersionOutcome>), ApiError> {
    caller.require(Role::Admin)?;
    let outcome = connect::issue(&gateway, caller.actor(), &user, body).await?;
    Ok((status(&outcome), Json(outcome)))
}

/// The same.
pub async fn fetch_integration(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(business): Path<String>,
    JsonBody(body): JsonBody<FetchIntegration>,
) -> Result<(StatusCode, Json<VersionOutcome>), ApiError> {
    caller.require(Role::Admin)?;
    let outcome = connect::fetch_integration(&gateway, caller.actor(), &business, body).await?;
    Ok((status(&outcome), Json(outcome)))
}

fn status(outcome: &VersionOutcome) -> StatusCode {
    if outcome.activated { StatusCode::CREATED } else { StatusCode::ACCEPTED }
}
