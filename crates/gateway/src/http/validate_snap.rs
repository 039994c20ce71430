//! `POST /v3/{asset}/events/validate` and `POST /v2/conversion/validate`: Snap checks the events and
//! counts none of them. `GET …/logs` and `GET …/stats`: what Snap remembers of such checks.
//!
//! Events that Holdfast itself would refuse are answered here. Good ones go to Snap at once, with the
//! stored token, and Snap's own answer comes back. Nothing is stored.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use holdfast_model::platform::PlatformId;
use holdfast_model::wire::HttpResponse;
use holdfast_platforms::ProbeKind;
use serde_json::{Value, json};

use super::HttpState;
use super::dropin_snap::{Posted, admitted, read};
use super::error::json as answer;
use super::snap_answer::{SnapError, Version};
use crate::ingest::dropin::{self, Refused};
use crate::ingest::{form, targets};
use crate::services::trial::{self, TrialError};

pub async fn v3(
    State(state): State<HttpState>,
    Path(asset): Path<String>,
    request: Request,
) -> Response {
    counted(&state, Version::V3, Some(asset), request).await
}

pub async fn v2(State(state): State<HttpState>, request: Request) -> Response {
    counted(&state, Version::V2, None, request).await
}

pub async fn logs_v3(state: State<HttpState>, asset: Path<String>, parts: Parts) -> Response {
    told(&state, Version::V3, Some(&asset.0), &parts, ProbeKind::Quality).await
}

pub async fn stats_v3(state: State<HttpState>, asset: Path<String>, parts: Parts) -> Response {
    told(&state, Version::V3, Some(&asset.0), &parts, ProbeKind::Asset).await
}

/// Version 2 has the asset in the query.
pub async fn logs_v2(state: State<HttpState>, parts: Parts) -> Response {
    told(&state, Version::V2, None, &parts, ProbeKind::Quality).await
}

pub async fn stats_v2(state: State<HttpState>, parts: Parts) -> Response {
    told(&state, Version::V2, None, &parts, ProbeKind::Asset).await
}

/// Both versions have these answers in common.
async fn told(
    state: &HttpState,
    version: Version,
    asset: Option<&str>,
    parts: &Parts,
    kind: ProbeKind,
) -> Response {
    let response = match look(state, asset, parts, kind).await {
        Ok(snaps) => relayed(Version::V3, &snaps),
        Err(error) => error.response(version),
    };
    state.gateway.metrics.requests(response.status().as_u16());
    response
}

async fn look(
    state: &HttpState,
    asset: Option<&str>,
    parts: &Parts,
    kind: ProbeKind,
) -> Result<HttpResponse, SnapError> {
    let gateway = &*state.gateway;
    let snapshot = gateway.snapshot();
    let caller = admitted(state, parts, &snapshot)?;
    let in_query = form::query_value(parts.uri.query(), "asset_id");
    let asset = asset.map_or(in_query.unwrap_or_default().to_string(), str::to_owned);
    let key = caller.key.as_deref();
    let aims = targets::of_asset(&[], &snapshot, key, PlatformId::Snap, &asset)?;
    let aim = aims.into_iter().next().ok_or(Refused::UnknownAsset(asset))?;
    let destination = &aim.destination;
    let platform = holdfast_platforms::platform(destination.platform);
    let platform = platform.ok_or(TrialError::NotOffered(destination.platform));
    let looked = match platform {
        Ok(platform) => trial::look(gateway, platform, destination, kind).await,
        Err(error) => Err(error),
    };
    looked.map_err(|error| SnapError::untried(&error))
}

async fn counted(
    state: &HttpState,
    version: Version,
    asset: Option<String>,
    request: Request,
) -> Response {
    let response = match ask(state, asset, request).await {
        Ok(snaps) => relayed(version, &snaps),
        Err(error) => error.response(version),
    };
    state.gateway.metrics.requests(response.status().as_u16());
    response
}

async fn ask(
    state: &HttpState,
    asset: Option<String>,
    request: Request,
) -> Result<HttpResponse, SnapError> {
    let gateway = &*state.gateway;
    let snapshot = gateway.snapshot();
    let Posted { caller, parts, keys } = read(state, &snapshot, asset, request).await?;
    let [part] = &parts[..] else { return Err(SnapError::one_asset()) };
    let key = caller.key.as_deref();
    let tried = dropin::admit(gateway, &snapshot, key, PlatformId::Snap, part, &keys).await?;
    let fragments: Vec<&[u8]> = tried.fragments.iter().map(Vec::as_slice).collect();
    let target = &tried.target;
    trial::run(gateway, target.platform, &target.destination, &target.group, &fragments)
        .await
        .map_err(|error: TrialError| SnapError::untried(&error))
}

/// Snap answers in the words of version 3.
fn relayed(version: Version, snaps: &HttpResponse) -> Response {
    let status = StatusCode::from_u16(snaps.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let body = match (version, serde_json::from_slice::<Value>(&snaps.body)) {
        (Version::V2, Ok(told)) => in_version_2(&told).to_string().into_bytes(),
        _ => snaps.body.clone(),
    };
    answer(status, body)
}

fn in_version_2(told: &Value) -> Value {
    let is_good = matches!(told["status"].as_str(), Some("VALID" | "SUCCESS"));
    let logs = told["event_logs"].as_array().map(Vec::as_slice).unwrap_or_default();
    let records = |texts: fn(&Value) -> &Value| -> Vec<Value> {
        let of_log = |log: &Value| -> Vec<Value> {
            let index = log["event"].as_u64().unwrap_or(1).saturating_sub(1);
            let said = texts(log).as_array().cloned().unwrap_or_default();
            said.iter().map(|text| json!({ "reason": text, "record_indexes": [index] })).collect()
        };
        logs.iter().flat_map(of_log).collect()
    };
    json!({
        "status": if is_good { "SUCCESS" } else { "FAILED" },
        "reason": told["reason"],
        "error_records": records(|log| &log["errors"]["error_msgs"]),
        "warning_records": records(|log| &log["warnings"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_2_hears_what_version_3_said() {
        let told = json!({
            "status": "INVALID", "test_event": true, "reason": "bad",
            "event_logs": [
                {"event": 1, "status": "VALID", "warnings": ["odd"]},
                {"event": 2, "status": "INVALID", "errors": {"codes": ["517"], "error_msgs": ["no"]}},
            ],
        });
        let expected = json!({
            "status": "FAILED", "reason": "bad",
            "error_records": [{"reason": "no", "record_indexes": [1]}],
            "warning_records": [{"reason": "odd", "record_indexes": [0]}],
        });
        assert_eq!(in_version_2(&told), expected);
        assert_eq!(in_version_2(&json!({"status": "VALID"}))["status"], "SUCCESS");
    }
}
