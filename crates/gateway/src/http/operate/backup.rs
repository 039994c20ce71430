//! `POST /v1/backup`

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use holdfast_model::access::Role;

use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::services::backup;
use crate::state::Gateway;

pub async fn take(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Response, ApiError> {
    caller.require(Role::Admin)?;
    let begun = backup::begin(&gateway, caller.actor()).await?;
    let headers = [
        (CONTENT_TYPE, "application/x-tar".to_owned()),
        (CONTENT_LENGTH, begun.bytes().to_string()),
    ];
    let mut chunks = backup::stream(begun);
    let body = futures_util::stream::poll_fn(move |context| chunks.poll_recv(context));
    Ok((headers, Body::from_stream(body)).into_response())
}
