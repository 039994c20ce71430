//! Test events: their log, and the statistics of an asset
//! (`GET …/events/validate/logs`, `GET …/events/validate/stats`).

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{Dialect, SnapError};
use super::caller;
use super::order::Order;
use super::turn::Turn;
use super::validate::Findings;
use super::world::{Activity, SnapAssetKind};
use crate::handle::SandboxHandle;

pub async fn logs(
    State(sandbox): State<SandboxHandle>,
    Path(asset): Path<String>,
    turn: Turn,
) -> Response {
    read(&sandbox, &turn, Dialect::V3, &asset, log)
}

pub async fn stats(
    State(sandbox): State<SandboxHandle>,
    Path(asset): Path<String>,
    turn: Turn,
) -> Response {
    read(&sandbox, &turn, Dialect::V3, &asset, counts)
}

pub async fn conversion_logs(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    let asset = turn.asked("asset_id").unwrap_or_default();
    read(&sandbox, &turn, Dialect::V2, asset, log)
}

pub async fn conversion_stats(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    let asset = turn.asked("asset_id").unwrap_or_default();
    read(&sandbox, &turn, Dialect::V2, asset, counts)
}

/// A test event as the log shows it, whichever version it came in.
pub fn shown(order: &Order, kind: SnapAssetKind, event: &Value, findings: &Findings) -> Value {
    let is_v3 = order.dialect == Dialect::V3;
    let text = |v3: &str, v2: &str| event[if is_v3 { v3 } else { v2 }].as_str().unwrap_or_default();
    let name = text("event_name", "event_type");
    let time = &event[if is_v3 { "event_time" } else { "timestamp" }];
    let time = time.as_str().map_or_else(|| time.to_string(), str::to_owned);
    let is_good = findings.errors.is_empty();
    let asset_key = match kind {
        SnapAssetKind::Pixel => "pixel_id",
        SnapAssetKind::SnapApp => "snap_app_id",
    };
    let errors: Vec<&str> = findings.errors.iter().map(|fault| fault.message.as_str()).collect();
    json!({
        "event_name": name.to_ascii_uppercase(),
        "raw_event_name": name,
        "event_time": time,
        "action_source": text("action_source", "event_conversion_type"),
        "status": if is_good { "VALID" } else { "INVALID" },
        "integration": event["integration"],
        "asset_id": order.asset,
        "error_records": errors,
        "warning_records": findings.warnings,
        "event_metadata": { asset_key: order.asset },
    })
}

fn read(
    sandbox: &SandboxHandle,
    turn: &Turn,
    dialect: Dialect,
    asset: &str,
    show: fn(&Activity, i64) -> Value,
) -> Response {
    let mut world = sandbox.world();
    turn.answer(&mut world, dialect, |world, token, _| {
        caller::may_use(&world.snap, token, asset)?;
        let now = world.clock.unix_seconds();
        let known = world.snap.assets.get(asset);
        let known = known.ok_or_else(|| {
            SnapError::plain(axum::http::StatusCode::NOT_FOUND, "Asset not found")
        })?;
        Ok(show(&known.activity, now))
    })
}

fn log(activity: &Activity, now: i64) -> Value {
    json!({ "status": "SUCCESS", "reason": "Logs were read.", "logs": activity.log(now) })
}

fn counts(activity: &Activity, now: i64) -> Value {
    json!({ "status": "SUCCESS", "reason": "Stats were read.", "stats": activity.stats(now) })
}
