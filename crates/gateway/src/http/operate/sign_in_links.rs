//! `POST /v1/sign-in-links`: a link that makes a browser an admin's, once. Over the admin socket it
//! is how a fresh installation gets its first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use holdfast_model::access::Role;
use holdfast_model::time::UnixMillis;
use serde::Serialize;

use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::services::sessions;
use crate::state::Gateway;

#[derive(Serialize)]
pub struct Link {
    /// Shown once, good once.
    url: String,
    expires_at: UnixMillis,
}

pub async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<(StatusCode, Json<Link>), ApiError> {
    caller.require(Role::Admin)?;
    let key = caller.key.as_ref().map(|key| &key.id);
    let (text, expires_at) = sessions::link(&gateway, caller.actor(), key).await?;
    let url = format!("{}/sign-in?link={}", gateway.settings.public_url(), text.expose());
    Ok((StatusCode::CREATED, Json(Link { url, expires_at })))
}
