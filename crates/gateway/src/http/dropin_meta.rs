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
use super::fallback;
use super::graph::{GraphError, is_version, received};
use crate::directory::Snapshot;
use crate::ingest::admission::Admission;
use crate::ingest::commit::commit;
use crate::ingest::dropin_meta::{Posted, read};
use crate::ingest::source::Source;
use crate::ingest::{IngestError, form, targets};
use crate::state::Gateway;

/// As Meta's servers do it: 200.
pub async fn post(
    State(state): State<HttpState>,
    Path((version, asset)): Path<(String, String)>,
    request: Request,
) -> Response {
    if !is_version(&version) {
        return fallback::not_found(request.uri().clone()).await;
    }
    counted(&state, StatusCode::OK, &asset, request).await
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

/// What was made durable.
struct Taken {
    events: usize,
    /// What a route's copies met.
    remarks: Vec<String>,
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
    make_durable(gateway, &snapshot, &caller, asset, posted, max_events).await
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

async fn make_durable(
    gateway: &Gateway,
    snapshot: &Snapshot,
    caller: &Caller,
    asset: &str,
    posted: Posted,
    max_events: usize,
) -> Result<Taken, GraphError> {
    let key = caller.key.as_deref();
    let routes = &gateway.settings.routes;
    let aims = targets::of_asset(routes, snapshot, key, PlatformId::Meta, asset)?;
    if aims.is_empty() {
        return Err(GraphError::no_such_object("post", asset));
    }
    let events = posted.events.len();
    if events == 0 {
        return Err(GraphError::no_events());
    }
    if events.saturating_mul(aims.len()) > max_events {
        let bound = max_events / aims.len();
        return Err(IngestError::TooManyEvents { bound }.into());
    }
    let targets = targets::prepare(gateway, aims, &posted.keys)?;
    let at = gateway.clock.wall();
    let max_event_bytes = gateway.settings.ingest.max_event_bytes.0;
    let mut admission = Admission::new(&targets, at, max_event_bytes, events);
    let admitted = admission.admit_all_or_nothing(posted.events.iter().map(|e| &e[..])).await;
    admission.tally.count_refused(&gateway.metrics);
    admitted.map_err(|(position, rejection)| GraphError::event(position, &rejection))?;
    commit(gateway, std::mem::take(&mut admission.items), None, at).await?;
    admission.tally.count_admitted(&gateway.metrics);
    Ok(Taken { events, remarks: admission.remarks })
}
