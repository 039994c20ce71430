//! `POST /webhooks/meta` and `POST /webhooks/whatsapp`. Both take any object: an app has one address
//! for each, and what comes is told apart by what it says, not by where it was sent.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use super::{MAX_WEBHOOK_BYTES, Taken, raw, refused};
use crate::http::error::ApiError;
use crate::http::peer::Peer;
use crate::inbound::{read_signature, receive_push};
use crate::state::Gateway;

/// 200 when all that has a consequence is on disk; the consequences come after the answer.
pub async fn post(
    State(gateway): State<Arc<Gateway>>,
    peer: Peer,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let header = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok());
    let signature =
        read_signature(&gateway, header).map_err(|refusal| refused(&gateway, refusal))?;
    let Taken { content, slot: _slot } = raw(&gateway, peer, body, MAX_WEBHOOK_BYTES).await?;
    let received = receive_push(&gateway, signature, content).await;
    received.map(|()| StatusCode::OK).map_err(|refusal| refused(&gateway, refusal))
}
