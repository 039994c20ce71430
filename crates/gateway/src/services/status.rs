//! What is going on: the ledger, the lanes, the holds.

use holdfast_delivery::LaneState;
use holdfast_model::ledger::LedgerCounts;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use serde::Serialize;

use super::ServiceError;
use super::holds::{self, HoldView};
use crate::lanes::LaneView;
use crate::state::Gateway;

#[derive(Debug, Clone, Serialize)]
pub struct Status {
    pub version: &'static str,
    pub at: UnixMillis,
    /// Over all destinations.
    pub ledger: LedgerCounts,
    /// Accepted items that are in no state. Anything but 0 is a defect of Holdfast.
    pub lost: i64,
    pub clock_trusted: bool,
    /// How often this installation was restored from a backup.
    pub epoch: u64,
    pub destinations: Vec<DestinationStatus>,
    pub holds: Vec<HoldView>,
}

#[derive(Debug, Clone, Serialize)]
pub struct DestinationStatus {
    pub id: String,
    pub platform: String,
    pub asset: String,
    pub credential: String,
    /// `flowing`, `held`, `backing_off`, …
    pub state: String,
    /// One sentence for a person.
    pub doing: String,
    pub ledger: LedgerCounts,
    pub in_flight: u64,
    pub queued_bytes: u64,
    pub quota_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_deadline: Option<UnixSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_delivery_at: Option<UnixMillis>,
    pub attempts: u64,
    pub poison_found: u64,
    pub poison_extra_requests: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_delivery_after_lift_ms: Option<u64>,
}

pub async fn status(gateway: &Gateway) -> Result<Status, ServiceError> {
    let snapshot = gateway.snapshot();
    let mut destinations: Vec<_> = snapshot.destinations.values().collect();
    destinations.sort_by(|a, b| a.id.cmp(&b.id));
    let mut total = LedgerCounts::default();
    let mut rows = Vec::with_capacity(destinations.len());
    for destination in destinations {
        let mut counts = gateway.outbox.counts(destination.lane).await?;
        if gateway.is_held(destination) {
            counts.ledger.hold_queued();
        }
        total += counts.ledger;
        let view = gateway.lanes.view(destination.lane).unwrap_or_default();
        rows.push(DestinationStatus {
            id: destination.id.to_string(),
            platform: destination.platform.to_string(),
            asset: destination.asset.to_string(),
            credential: destination.credential.to_string(),
            state: state_name(&view.state).to_owned(),
            doing: describe(&view, counts.ledger),
            ledger: counts.ledger,
            in_flight: counts.in_flight,
            queued_bytes: counts.queued_bytes,
            quota_bytes: destination.settings.quota_bytes,
            first_deadline: counts.first_deadline,
            last_delivery_at: view.last_delivery_at,
            attempts: view.attempts,
            poison_found: view.poison_found,
            poison_extra_requests: view.poison_extra_requests,
            first_delivery_after_lift_ms: view.last_recovery_ms,
        });
    }
    let now = gateway.clock.now();
    Ok(Status {
        version: env!("CARGO_PKG_VERSION"),
        at: now.wall,
        ledger: total,
        lost: total.lost(),
        clock_trusted: now.wall_is_trusted,
        epoch: gateway.registry.epoch().await?,
        destinations: rows,
        holds: holds::list(gateway, false).await?,
    })
}

fn state_name(state: &LaneState) -> &'static str {
    state.name()
}

fn describe(view: &LaneView, ledger: LedgerCounts) -> String {
    match &view.state {
        LaneState::Flowing if ledger.queued == 0 => "nothing is waiting".to_owned(),
        LaneState::Flowing => "delivering".to_owned(),
        LaneState::Held => format!("held; {} items wait and none is attempted", ledger.held),
        LaneState::Draining => "stopping after what is in flight".to_owned(),
        LaneState::Stopped => "stopped".to_owned(),
        other => match &view.last_fault {
            Some(fault) => format!("{} after {}", other.name().replace('_', " "), fault.name),
            None => other.name().replace('_', " "),
        },
    }
}
