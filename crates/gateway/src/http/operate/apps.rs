//! `/v1/apps`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use holdfast_model::access::Role;
use holdfast_model::credential::App;
use holdfast_model::id::AppId;
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use serde::Deserialize;

use crate::http::auth::Caller;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::services::apps;
use crate::state::Gateway;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutApp {
    id: AppId,
    platform: PlatformId,
    #[serde(default)]
    label: String,
    #[serde(default)]
    secret: Option<String>,
}

pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Json<Vec<App>>, ApiError> {
    caller.require(Role::Operator)?;
    Ok(Json(apps::list(&gateway).await?))
}

pub async fn put(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    JsonBody(body): JsonBody<PutApp>,
) -> Result<Json<App>, ApiError> {
    caller.require(Role::Admin)?;
    let secret = body.secret.map(Secret::new);
    let app =
        apps::put(&gateway, caller.actor(), body.id, body.platform, body.label, secret).await?;
    Ok(Json(app))
}
