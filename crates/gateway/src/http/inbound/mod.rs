//! Routes that platforms call, one file each. Nobody has a key here: what counts is a signature over
//! the bytes as they came, made with a secret of one of our apps.

pub mod deauthorize;
pub mod deletion;
pub mod deletion_status;
pub mod handshake;
pub mod webhook;

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use tokio::sync::SemaphorePermit;

use super::error::ApiError;
use super::peer::Peer;
use crate::inbound::{Refusal, require_secret};
use crate::ingest::{form, source::Source};
use crate::services::ServiceError;
use crate::state::Gateway;

/// Meta's webhooks have up to three megabytes (`spec/whatsapp.md §2`).
const MAX_WEBHOOK_BYTES: u64 = 3 << 20;

/// A form with one signed request of some two hundred characters.
const MAX_CALLBACK_BYTES: u64 = 64 << 10;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// When to come again while too much is waiting.
const RETRY_S: u32 = 30;

/// What came, and the slot in which it is dealt with: to be held until it is.
struct Taken<'a, T> {
    content: T,
    slot: SemaphorePermit<'a>,
}

/// The bytes as they came: nothing is decompressed, because it is these bytes that are signed. The
/// slot is taken when they are all there.
async fn raw(
    gateway: &Gateway,
    Peer(peer): Peer,
    body: Body,
    max_bytes: u64,
) -> Result<Taken<'_, Bytes>, ApiError> {
    let _reading = gateway.inbound.readings.begin(peer).ok_or_else(busy)?;
    let content = Source::new(&HeaderMap::new(), body)?.whole(max_bytes, PATIENCE).await?;
    let slot = gateway.inbound.slots.try_acquire().map_err(|_| busy())?;
    Ok(Taken { content, slot })
}

/// The form's one field that counts. Nothing is read if no secret could have signed it.
async fn signed_request(
    gateway: &Gateway,
    peer: Peer,
    body: Body,
) -> Result<Taken<'_, String>, ApiError> {
    require_secret(gateway).map_err(|refusal| refused(gateway, refusal))?;
    let Taken { content, slot } = raw(gateway, peer, body, MAX_CALLBACK_BYTES).await?;
    let field = form::pairs(&content).flatten().find(|pair| pair.name == "signed_request");
    let missing = || ApiError::invalid("signed_request: expected one in the form");
    let content = field.map(|pair| pair.value).ok_or_else(missing)?;
    Ok(Taken { content, slot })
}

fn busy() -> ApiError {
    let message = "too much is waiting; send it again later";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "holdfast.busy", message).retry_after(RETRY_S)
}

/// Counted, and said to whoever called in words that help nobody to forge anything.
fn refused(gateway: &Gateway, refusal: Refusal) -> ApiError {
    gateway.metrics.signal_refused();
    let words = refusal.to_string();
    match refusal {
        Refusal::NoSecret => ApiError::new(StatusCode::NOT_FOUND, "holdfast.no_app_secret", words)
            .hint("The operator stores the app's secret: `holdfast app add`."),
        Refusal::Malformed(_) => {
            ApiError::new(StatusCode::BAD_REQUEST, "holdfast.malformed_push", words)
        }
        Refusal::Signature => {
            ApiError::new(StatusCode::FORBIDDEN, "holdfast.signature_refused", words)
        }
        Refusal::Busy => busy(),
        Refusal::Failed(ServiceError::Storage(error)) => {
            tracing::error!(%error, "a push could not be kept; the platform is told to send it again");
            busy()
        }
        Refusal::Failed(error) => error.into(),
    }
}
