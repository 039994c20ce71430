//! `/v1/destinations`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use holdfast_model::access::Role;
use holdfast_model::destination::Destination;
use holdfast_model::hold::Hold;
use holdfast_model::id::{CredentialId, DestinationId};
use serde::Deserialize;

use super::parse;
use crate::http::auth::Caller;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::services::destinations::{self, Added, DestinationRequest};
use crate::services::holds;
use crate::services::standby::{self, StandbySet};
use crate::state::Gateway;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rebind {
    credential: CredentialId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standby {
    /// In the order in which they take over. Empty: none.
    credentials: Vec<CredentialId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    reason: String,
}

pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Json<Vec<Destination>>, ApiError> {
    caller.require(Role::Operator)?;
    let mut all: Vec<Destination> =
        gateway.snapshot().destinations.values().map(|d| (**d).clone()).collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Json(all))
}

pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Destination>, ApiError> {
    caller.require(Role::Operator)?;
    let id: DestinationId = parse("destination", &id)?;
    Ok(Json((*destinations::find(&gateway, &id)?).clone()))
}

pub async fn add(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    JsonBody(body): JsonBody<DestinationRequest>,
) -> Result<(StatusCode, Json<Added>), ApiError> {
    caller.require(Role::Admin)?;
    let added = destinations::add(&gateway, caller.actor(), body).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

pub async fn rebind(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Rebind>,
) -> Result<Json<Destination>, ApiError> {
    caller.require(Role::Admin)?;
    let id: DestinationId = parse("destination", &id)?;
    let changed = destinations::rebind(&gateway, caller.actor(), &id, body.credential).await?;
    Ok(Json(changed))
}

pub async fn standby(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Standby>,
) -> Result<Json<StandbySet>, ApiError> {
    caller.require(Role::Admin)?;
    let id: DestinationId = parse("destination", &id)?;
    Ok(Json(standby::set(&gateway, caller.actor(), &id, body.credentials).await?))
}

pub async fn pause(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Pause>,
) -> Result<(StatusCode, Json<Hold>), ApiError> {
    caller.require(Role::Operator)?;
    let id: DestinationId = parse("destination", &id)?;
    let destination = destinations::find(&gateway, &id)?;
    let hold = holds::pause(&gateway, caller.actor(), &destination, &body.reason).await?;
    Ok((StatusCode::CREATED, Json(hold)))
}
