//! `POST /deauthorize/meta`: a person removed the app.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use serde_json::{Value, json};

use super::{Taken, refused, signed_request};
use crate::http::error::ApiError;
use crate::http::peer::Peer;
use crate::inbound::{Callback, receive_callback};
use crate::state::Gateway;

pub async fn post(
    State(gateway): State<Arc<Gateway>>,
    peer: Peer,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    let Taken { content, slot: _slot } = signed_request(&gateway, peer, body).await?;
    let received = receive_callback(&gateway, Callback::Deauthorize, &content).await;
    received.map(|_| Json(json!({"success": true}))).map_err(|refusal| refused(&gateway, refusal))
}
