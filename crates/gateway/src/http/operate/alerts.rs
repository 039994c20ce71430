//! `/v1/alerts`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use holdfast_model::access::Role;
use holdfast_model::alert::Alert;
use holdfast_model::id::CredentialId;
use holdfast_storage::SentAlert;
use serde::{Deserialize, Serialize};

use crate::alerts;
use crate::http::auth::Caller;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::services::ServiceError;
use crate::state::Gateway;

/// Most alerts in one answer.
const MOST: u32 = 200;

#[derive(Serialize)]
pub struct Tested {
    #[serde(flatten)]
    alert: Alert,
    /// Where it is sent. `GET /v1/alerts` tells what became of it.
    channels: Vec<String>,
}

/// The newest first, each with what became of it in each channel.
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Json<Vec<SentAlert>>, ApiError> {
    caller.require(Role::Operator)?;
    Ok(Json(gateway.registry.alerts(MOST).await.map_err(ServiceError::from)?))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    /// The credential whose contact is written to, in place of every channel.
    contact: Option<CredentialId>,
}

pub async fn test(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    JsonBody(asked): JsonBody<Asked>,
) -> Result<Json<Tested>, ApiError> {
    caller.require(Role::Operator)?;
    let (alert, channels) = alerts::test(&gateway, asked.contact.as_ref()).await?;
    Ok(Json(Tested { alert, channels }))
}
