//! `POST /deauthorize/meta`: a person removed the app.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use serde_json::{Value, json};

use super::{busy, refused, signed_request};
use crate::http::error::ApiError;
use crate::inbound::{Callback, receive_callback};
use crate::state::Gateway;

pub async fn post(
    State(gateway): State<Arc<Gateway>>,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    let _slot = gateway.inbound.slots.try_acquire().map_err(|_| busy())?;
    let signed = signed_request(body).await?;
    let received = receive_callback(&gateway, Callback::Deauthorize, &signed).await;
    received.map(|_| Json(json!({"success": true}))).map_err(|refusal| refused(&gateway, refusal))
}
