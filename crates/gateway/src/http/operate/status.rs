//! `GET /v1/status`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use holdfast_model::access::Role;

use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::services::status::{Status, status};
use crate::state::Gateway;

pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Json<Status>, ApiError> {
    caller.require(Role::Operator)?;
    Ok(Json(status(&gateway).await?))
}
