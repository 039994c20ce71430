//! `/v1/holds`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use holdfast_model::access::Role;
use holdfast_model::id::HoldId;
use serde::Deserialize;

use super::parse;
use crate::http::auth::Caller;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::query::TypedQuery;
use crate::services::holds::{self, HoldView};
use crate::state::Gateway;

#[derive(Deserialize)]
pub struct Which {
    /// Also those that are lifted.
    #[serde(default)]
    all: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    reason: String,
}

pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    TypedQuery(which): TypedQuery<Which>,
) -> Result<Json<Vec<HoldView>>, ApiError> {
    caller.require(Role::Operator)?;
    Ok(Json(holds::list(&gateway, which.all).await?))
}

pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<HoldView>, ApiError> {
    caller.require(Role::Operator)?;
    let id: HoldId = parse("hold", &id)?;
    Ok(Json(holds::show(&gateway, id).await?))
}

pub async fn lift(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Lift>,
) -> Result<Json<HoldView>, ApiError> {
    caller.require(Role::Operator)?;
    let id: HoldId = parse("hold", &id)?;
    holds::lift(&gateway, caller.actor(), id, &body.reason).await?;
    Ok(Json(holds::show(&gateway, id).await?))
}
