//! `GET /healthz`, `GET /readyz`, `GET /metrics`: for supervisors, load balancers and scrapers.
//! Open to everyone; none of them shows an asset, a token or an event.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::error::ApiError;
use crate::state::Gateway;

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The process answers.
pub async fn healthz() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

/// Events can be accepted and delivered: storage is open and every destination has its lane.
pub async fn readyz(State(gateway): State<Arc<Gateway>>) -> Response {
    match not_ready(&gateway).await {
        None => Json(json!({"status": "ready"})).into_response(),
        Some(reason) => {
            let body = json!({"status": "not_ready", "reason": reason});
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

pub async fn metrics(State(gateway): State<Arc<Gateway>>) -> Result<Response, ApiError> {
    let page = gateway.metrics.encode(&gateway).await?;
    Ok(([(CONTENT_TYPE, METRICS_TYPE)], page).into_response())
}

async fn not_ready(gateway: &Gateway) -> Option<&'static str> {
    if gateway.registry.open_holds().await.is_err() {
        return Some("the registry does not answer");
    }
    for destination in gateway.snapshot().destinations.values() {
        if gateway.outbox.counts(destination.lane).await.is_err() {
            return Some("the outbox does not answer");
        }
        let deliverable = holdfast_platforms::platform(destination.platform).is_some();
        if deliverable && gateway.lanes.view(destination.lane).is_none() {
            return Some("a destination has no running lane");
        }
    }
    None
}
