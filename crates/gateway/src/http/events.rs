//! `POST /v1/events?destination=NAME[,NAME…]` or `?route=NAME`
//!
//! The body is one event, an array of events, `{"data":[…]}` with request-level keys beside it, or
//! NDJSON, optionally gzipped. Every event gets a receipt: 202 if any was accepted, 422 if none.
//!
//! NDJSON is streamed and committed in chunks. If a stream has to stop in the middle, the answer
//! is still 202 for what was accepted, with `stopped` saying why and from which line on nothing
//! was: a line without an accepted receipt was not accepted. With an `Idempotency-Key`, NDJSON is
//! one unit like any other body and bounded like one.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::Map;

use super::HttpState;
use super::auth::Caller;
use super::error::{ApiError, json};
use crate::directory::Snapshot;
use crate::ingest::IngestError;
use crate::ingest::idempotency::{self, Repeatable};
use crate::ingest::source::Source;
use crate::ingest::stream::{self, StreamAnswer};
use crate::ingest::targets::{self, Target};
use crate::ingest::unit::{self, Found, UnitAnswer};
use crate::state::Gateway;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

const NDJSON_TYPES: [&str; 5] = [
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/jsonlines",
];

pub async fn post(State(state): State<HttpState>, request: Request) -> Response {
    let response = accept(&state, request).await.unwrap_or_else(IntoResponse::into_response);
    state.gateway.metrics.requests(response.status().as_u16());
    response
}

async fn accept(state: &HttpState, request: Request) -> Result<Response, ApiError> {
    let gateway = &*state.gateway;
    let (parts, body) = request.into_parts();
    let snapshot = gateway.snapshot();
    let caller = Caller::of(&parts, &snapshot)?;
    caller.require_ingest()?;
    state.take_turn(&caller).map_err(too_many_requests)?;
    let mut source = Source::new(&parts.headers, body)?;
    let call = Call { gateway, snapshot: &snapshot, caller: &caller, parts: &parts };
    let taken = call.take(&mut source).await;
    if !taken.as_ref().is_ok_and(|taken| taken.whole) {
        source.linger().await;
    }
    Ok(taken?.response)
}

fn too_many_requests(wait_s: u32) -> ApiError {
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "holdfast.too_many_requests",
        "this key made more requests than ingest.max_requests_per_second_per_key allows",
    )
    .hint("Send several events in one request.")
    .retry_after(wait_s)
}

/// One authenticated request.
struct Call<'a> {
    gateway: &'a Gateway,
    snapshot: &'a Snapshot,
    caller: &'a Caller,
    parts: &'a Parts,
}

struct Taken {
    response: Response,
    /// The body was read to its end.
    whole: bool,
}

impl Call<'_> {
    async fn take(&self, source: &mut Source) -> Result<Taken, IngestError> {
        let key = self.caller.key.as_deref();
        let routes = &self.gateway.settings.routes;
        let aims = targets::named(routes, self.snapshot, key, self.parts.uri.query())?;
        let presented = idempotency::presented(&self.parts.headers)?;
        let lines = says_ndjson(&self.parts.headers);
        if lines && presented.is_none() {
            let targets = targets::prepare(self.gateway, aims, &Map::new())?;
            return stream::take(self.gateway, &targets, source).await.map(streamed);
        }
        let body = self.whole_body(source).await?;
        let repeatable = match presented {
            None => None,
            Some(presented) => {
                let caller = self.caller.name().to_owned();
                let (presented, named) = (presented.to_owned(), aims.clone());
                let make = move |body: &Bytes| Repeatable::new(&caller, &presented, &named, body);
                Some(unit::fingerprint(body.clone(), make).await?)
            }
        };
        if let Some(answer) = self.earlier_answer(repeatable.as_ref()).await? {
            return Ok(Taken { response: answered(answer), whole: true });
        }
        let max_events = self.max_events(aims.len());
        let unit = if lines {
            unit::find_lines(body, max_events).await?
        } else {
            match unit::find(body.clone(), max_events).await? {
                Found::Unit(unit) => unit,
                Found::Lines if repeatable.is_some() => unit::find_lines(body, max_events).await?,
                Found::Lines => {
                    let targets = targets::prepare(self.gateway, aims, &Map::new())?;
                    return self.stream_arrived(&targets, body).await;
                }
            }
        };
        let targets = targets::prepare(self.gateway, aims, &unit.keys)?;
        let answer = unit::take(self.gateway, &targets, &unit, repeatable).await?;
        Ok(Taken { response: answered(answer), whole: true })
    }

    async fn whole_body(&self, source: &mut Source) -> Result<Bytes, IngestError> {
        let settings = &self.gateway.settings.ingest;
        let patience = Duration::from_secs(settings.read_timeout_seconds);
        source.whole(settings.max_body_bytes.0, patience).await
    }

    async fn stream_arrived(&self, targets: &[Target], body: Bytes) -> Result<Taken, IngestError> {
        let answer = stream::take(self.gateway, targets, &mut Source::arrived(body)).await?;
        Ok(Taken { whole: true, ..streamed(answer) })
    }

    async fn earlier_answer(
        &self,
        repeatable: Option<&Repeatable>,
    ) -> Result<Option<UnitAnswer>, IngestError> {
        let Some(request) = repeatable else { return Ok(None) };
        let remembered = self.gateway.outbox.remembered(request.key()).await;
        let Some(remembered) = remembered.map_err(IngestError::Storage)? else { return Ok(None) };
        let body = request.answer(remembered)?;
        Ok(Some(UnitAnswer { body, accepted_any: true, replayed: true }))
    }

    /// Most events of a unit: what is bounded is what one commit holds.
    fn max_events(&self, destinations: usize) -> usize {
        let items = self.gateway.settings.ingest.max_events_per_request;
        (usize::try_from(items).unwrap_or(usize::MAX) / destinations.max(1)).max(1)
    }
}

fn says_ndjson(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim();
    NDJSON_TYPES.iter().any(|name| name.eq_ignore_ascii_case(essence))
}

fn status(accepted_any: bool) -> StatusCode {
    if accepted_any { StatusCode::ACCEPTED } else { StatusCode::UNPROCESSABLE_ENTITY }
}

fn answered(answer: UnitAnswer) -> Response {
    let mut response = json(status(answer.accepted_any), answer.body);
    if answer.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

fn streamed(answer: StreamAnswer) -> Taken {
    let mut response = json(status(answer.accepted_any), answer.body);
    if let Some(seconds) = answer.retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    Taken { response, whole: !answer.stopped }
}
