//! `GET /webhooks/meta` and `GET /webhooks/whatsapp`: Meta asks whether the address is ours.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::http::error::ApiError;
use crate::ingest::form::query_value;
use crate::state::Gateway;

/// Longest challenge that is given back. Meta's are numbers of ten digits.
const MAX_CHALLENGE_CHARS: usize = 128;

/// Gives the bare challenge back to whoever knows the verify token.
pub async fn answer(State(gateway): State<Arc<Gateway>>, uri: Uri) -> Result<Response, ApiError> {
    let value = |name| query_value(uri.query(), name).unwrap_or_default();
    let Some(expected) = &gateway.inbound.verify_token else { return Err(no_token(&gateway)) };
    let knows_it = is_same(&value("hub.verify_token"), expected.expose());
    if value("hub.mode") != "subscribe" || !knows_it {
        let message = "the verify token is another one";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "holdfast.forbidden", message)
            .hint("It is the text in the file that webhooks.verify_token_file names."));
    }
    let challenge = value("hub.challenge");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if challenge.len() > MAX_CHALLENGE_CHARS || !challenge.chars().all(is_plain) {
        return Err(ApiError::invalid("hub.challenge: expected letters and digits"));
    }
    let headers = [(CONTENT_TYPE, "text/plain"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((headers, challenge).into_response())
}

fn no_token(gateway: &Gateway) -> ApiError {
    if !gateway.inbound.has_said_no_token.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "somebody asked whether this address takes webhooks, but webhooks.verify_token_file is \
             not set. This is said once"
        );
    }
    let message = "no verify token is configured";
    ApiError::new(StatusCode::NOT_FOUND, "holdfast.not_found", message)
}

/// In constant time, whatever the lengths.
fn is_same(given: &str, expected: &str) -> bool {
    Sha256::digest(given.as_bytes()).ct_eq(&Sha256::digest(expected.as_bytes())).into()
}
