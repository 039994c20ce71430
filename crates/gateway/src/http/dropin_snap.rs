//! `POST /v3/{asset}/events` and `POST /v2/conversion`: Snap's Conversions API as its own clients
//! speak it, with one of our keys in the place of the token.
//!
//! All or nothing: the first event that is refused refuses the request. Version 2 names the asset
//! in each event; a request may name several.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use holdfast_model::platform::PlatformId;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::HttpState;
use super::auth::{AdminSocket, Caller, bearer};
use super::snap_answer::{SnapError, Version, processed};
use crate::directory::Snapshot;
use crate::ingest::dropin::{self, Part, Taken};
use crate::ingest::source::Source;
use crate::ingest::unit::{self, Found};
use crate::ingest::{IngestError, form};

/// Snap refuses requests with more, so a client that sends more is told so here.
const MAX_EVENTS: usize = 2_000;

/// `POST /v3/{asset}/events`
pub async fn v3(state: &HttpState, asset: String, request: Request) -> Response {
    counted(state, Version::V3, Some(asset), request).await
}

/// `POST /v2/conversion`
pub async fn v2(State(state): State<HttpState>, request: Request) -> Response {
    counted(&state, Version::V2, None, request).await
}

async fn counted(
    state: &HttpState,
    version: Version,
    asset: Option<String>,
    request: Request,
) -> Response {
    let response = match accept(state, asset, request).await {
        Ok(taken) => processed(version, &taken.remarks),
        Err(error) => error.response(version),
    };
    state.gateway.metrics.requests(response.status().as_u16());
    response
}

async fn accept(
    state: &HttpState,
    asset: Option<String>,
    request: Request,
) -> Result<Taken, SnapError> {
    let gateway = &*state.gateway;
    let snapshot = gateway.snapshot();
    let Posted { caller, parts, keys } = read(state, &snapshot, asset, request).await?;
    let key = caller.key.as_deref();
    Ok(dropin::take(gateway, &snapshot, key, PlatformId::Snap, &parts, &keys).await?)
}

/// What a client of Snap's sent.
pub struct Posted {
    pub caller: Caller,
    pub parts: Vec<Part>,
    pub keys: Map<String, Value>,
}

/// Whoever may not send is turned away before the body is read.
pub async fn read(
    state: &HttpState,
    snapshot: &Snapshot,
    asset: Option<String>,
    request: Request,
) -> Result<Posted, SnapError> {
    let (head, body) = request.into_parts();
    let caller = admitted(state, &head, snapshot)?;
    let mut source = Source::new(&head.headers, body)?;
    match events(state, asset, &mut source).await {
        Ok((parts, keys)) => Ok(Posted { caller, parts, keys }),
        Err(error) => {
            source.linger().await;
            Err(error)
        }
    }
}

/// A caller that may send, and may do so now.
pub fn admitted(state: &HttpState, head: &Parts, snapshot: &Snapshot) -> Result<Caller, SnapError> {
    let caller = caller(head, snapshot)?;
    if !caller.may_ingest() {
        return Err(SnapError::forbidden());
    }
    state.take_turn(&caller).map_err(SnapError::too_many_requests)?;
    Ok(caller)
}

/// Version 3 has the token in the query, version 2 in the header; both are looked at for both.
fn caller(parts: &Parts, snapshot: &Snapshot) -> Result<Caller, SnapError> {
    if parts.extensions.get::<AdminSocket>().is_some() {
        return Caller::of(parts, snapshot).map_err(|_| SnapError::bad_token());
    }
    let in_query = form::query_value(parts.uri.query(), "access_token");
    let in_query = in_query.as_deref().filter(|token| !token.is_empty());
    let presented = in_query.or_else(|| bearer(&parts.headers));
    presented
        .and_then(|presented| Caller::with_key(presented, snapshot))
        .ok_or_else(SnapError::bad_token)
}

async fn events(
    state: &HttpState,
    asset: Option<String>,
    source: &mut Source,
) -> Result<(Vec<Part>, Map<String, Value>), SnapError> {
    let settings = &state.gateway.settings.ingest;
    let patience = Duration::from_secs(settings.read_timeout_seconds);
    let body = source.whole(settings.max_body_bytes.0, patience).await?;
    // One more than is allowed, so that too many are noticed and told in Snap's terms.
    let Found::Unit(found) = unit::find(body, MAX_EVENTS + 1).await? else {
        let expected = "one JSON document with the events";
        return Err(IngestError::Shape { field: "body", expected }.into());
    };
    if found.events.len() > MAX_EVENTS {
        return Err(SnapError::too_many_events(MAX_EVENTS));
    }
    let events = found.events.into_iter().map(|(_, event)| event).enumerate();
    let parts = match asset {
        Some(asset) => vec![Part { asset, events: events.collect() }],
        None => by_asset(events)?,
    };
    Ok((parts, found.keys))
}

/// Where an event of version 2 says that it belongs.
#[derive(Deserialize)]
struct Named {
    pixel_id: Option<String>,
    snap_app_id: Option<String>,
}

fn by_asset(events: impl Iterator<Item = (usize, Bytes)>) -> Result<Vec<Part>, SnapError> {
    let mut parts: BTreeMap<String, Vec<(usize, Bytes)>> = BTreeMap::new();
    for (position, event) in events {
        let named: Option<Named> = serde_json::from_slice(&event).ok();
        let asset = named.and_then(|named| named.pixel_id.or(named.snap_app_id));
        let asset = asset.ok_or_else(|| SnapError::no_asset(position))?;
        parts.entry(asset).or_default().push((position, event));
    }
    if parts.is_empty() {
        return Err(IngestError::NoEvents.into());
    }
    Ok(parts.into_iter().map(|(asset, events)| Part { asset, events }).collect())
}
