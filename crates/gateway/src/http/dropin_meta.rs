//! `POST /{vN.N}/{asset}/events` and `POST /capi/{asset}/events`: Meta's Conversions API as its
//! own SDKs speak it, with one of our keys in the place of the token.
//!
//! All or nothing: the first event that is refused refuses the request, as Meta would. Inbound
//! proofs are ignored; they are made anew when events are delivered.

use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use holdfast_model::platform::PlatformId;

use super::HttpState;
use super::auth::{AdminSocket, Caller, bearer};
use super::graph::{GraphError, received};
use crate::directory::Snapshot;
use crate::ingest::dropin::{self, Part, Taken};
use crate::ingest::dropin_meta::read;
use crate::ingest::form;
use crate::ingest::source::Source;

/// As Meta's servers do it: 200.
pub async fn post(state: &HttpState, asset: &str, request: Request) -> Response {
    counted(state, StatusCode::OK, asset, request).await
}

/// As a Conversions API Gateway does it: anything but 202 is a failure to its clients.
pub async fn post_capi(
    State(state): State<HttpState>,
    Path(asset): Path<String>,
    request: Request,
) -> Response {
    counted(&state, StatusCode::ACCEPTED, &asset, request).await
}

async fn counted(
    state: &HttpState,
    success: StatusCode,
    asset: &str,
    request: Request,
) -> Response {
    let response = match accept(state, asset, request).await {
        Ok(taken) => received(success, taken.events, &taken.remarks),
        Err(error) => error.into_response(),
    };
    state.gateway.metrics.requests(response.status().as_u16());
    response
}

async fn accept(state: &HttpState, asset: &str, request: Request) -> Result<Taken, GraphError> {
    let (parts, body) = request.into_parts();
    let mut source = Source::new(&parts.headers, body)?;
    let taken = take(state, asset, &parts, &mut source).await;
    if taken.is_err() {
        source.linger().await;
    }
    taken
}

async fn take(
    state: &HttpState,
    asset: &str,
    parts: &Parts,
    source: &mut Source,
) -> Result<Taken, GraphError> {
    let gateway = &*state.gateway;
    let settings = &gateway.settings.ingest;
    let snapshot = gateway.snapshot();
    // Who says at once who they are is checked before anything of the body is read.
    let early = caller_of_head(parts, &snapshot)?;
    if let Some(caller) = &early {
        admit_caller(state, caller)?;
    }
    let patience = Duration::from_secs(settings.read_timeout_seconds);
    let body = source.whole(settings.max_body_bytes.0, patience).await?;
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let max_events = usize::try_from(settings.max_events_per_request).unwrap_or(usize::MAX);
    let posted = read(parts.uri.query(), content_type, body, max_events).await?;
    let caller = match early {
        Some(caller) => caller,
        None => {
            let token = posted.token.as_ref().ok_or_else(GraphError::no_token)?;
            let caller = Caller::with_key(token.expose(), &snapshot);
            let caller = caller.ok_or_else(GraphError::bad_token)?;
            admit_caller(state, &caller)?;
            caller
        }
    };
    let part =
        Part { asset: asset.to_owned(), events: posted.events.into_iter().enumerate().collect() };
    let key = caller.key.as_deref();
    let taken =
        dropin::take(gateway, &snapshot, key, PlatformId::Meta, &[part], &posted.keys).await;
    Ok(taken?)
}

/// The caller, as far as the query or the Authorization header say.
fn caller_of_head(parts: &Parts, snapshot: &Snapshot) -> Result<Option<Caller>, GraphError> {
    if parts.extensions.get::<AdminSocket>().is_some() {
        return Ok(Caller::of(parts, snapshot).ok());
    }
    let in_query = form::query_value(parts.uri.query(), "access_token");
    let in_query = in_query.as_deref().filter(|token| !token.is_empty());
    let Some(presented) = in_query.or_else(|| bearer(&parts.headers)) else { return Ok(None) };
    let caller = Caller::with_key(presented, snapshot).ok_or_else(GraphError::bad_token)?;
    Ok(Some(caller))
}

fn admit_caller(state: &HttpState, caller: &Caller) -> Result<(), GraphError> {
    if !caller.may_ingest() {
        return Err(GraphError::forbidden());
    }
    state.take_turn(caller).map_err(GraphError::too_many_requests)
}
