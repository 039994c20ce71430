//! Looking after credentials that nobody uses just now.
//!
//! Each is probed daily on what it is for, and hourly as long as something is undecided: a hold may
//! end because a person passed a check, and a young token may be accepted at last. What the platform
//! refuses twice in a row is held before an event finds out; what it does not answer is nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast_model::credential::VersionState;
use holdfast_model::fault::FaultAction;
use holdfast_model::hold::Confirmation;
use holdfast_model::id::CredentialId;
use holdfast_model::time::{HOUR_S, UnixMillis};
use holdfast_platforms::ProbeAnswer;
use tokio_util::sync::CancellationToken;

use crate::lanes::confirm;
use crate::services::credentials::{self, Suffices, VersionOutcome};
use crate::services::{Actor, ServiceError, holds};
use crate::state::Gateway;

/// How often it is looked whether somebody is due.
const TICK: Duration = Duration::from_secs(60);

/// The platforms' limits are far above a call a day, and a day is what Meta recommends.
const PERIOD_MS: i64 = 24 * HOUR_S * 1_000;

/// Credentials are not looked at all in the same minute.
const JITTER_MS: u64 = 2 * 3_600_000;

/// As long as something is undecided.
const UNDECIDED_MS: i64 = HOUR_S * 1_000;

/// Looks until it is stopped.
pub async fn run(gateway: Arc<Gateway>, stop: CancellationToken) {
    let mut looked = HashMap::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = look_at_those_due(&gateway, &mut looked) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = gateway.watch_due.notified() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

async fn look_at_those_due(gateway: &Arc<Gateway>, looked: &mut HashMap<CredentialId, UnixMillis>) {
    let snapshot = gateway.snapshot();
    looked.retain(|id, _| snapshot.credentials.contains_key(id));
    for id in snapshot.credentials.keys() {
        let now = gateway.clock.wall();
        match is_due(gateway, id, looked, now).await {
            Ok(false) => continue,
            Ok(true) => {}
            Err(error) => {
                tracing::error!(credential = %id, %error, "failed to read a credential");
                continue;
            }
        }
        looked.insert(id.clone(), now);
        if let Err(error) = look(gateway, id).await {
            tracing::warn!(credential = %id, %error, "a credential could not be looked at");
        }
    }
}

async fn is_due(
    gateway: &Gateway,
    id: &CredentialId,
    looked: &HashMap<CredentialId, UnixMillis>,
    now: UnixMillis,
) -> Result<bool, ServiceError> {
    let snapshot = gateway.snapshot();
    let using = snapshot.destinations_using(id);
    if using.is_empty() {
        return Ok(false);
    }
    let versions = gateway.registry.credential_versions(id).await?;
    let candidate = versions.iter().rev().find(|v| v.state == VersionState::Candidate);
    let newest = candidate.or(snapshot.active.get(id));
    let Some(newest) = newest else { return Ok(false) };
    let is_held = using.iter().any(|one| one.credential == *id && gateway.is_held(one));
    let is_undecided = candidate.is_some() || is_held;
    let period = if is_undecided { UNDECIDED_MS } else { PERIOD_MS - jitter_ms(id) };
    let proved = newest.verified_at.filter(|_| !is_undecided).unwrap_or(newest.added_at);
    let last = looked.get(id).copied().unwrap_or(proved).max(proved);
    Ok(now.0 - last.0 >= period)
}

/// The same for the same name.
fn jitter_ms(id: &CredentialId) -> i64 {
    let sum = id.as_str().bytes().fold(0_u64, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
    (sum % JITTER_MS) as i64
}

/// Probes it. A proof lifts what it ends, as when an operator asks for it.
async fn look(gateway: &Arc<Gateway>, id: &CredentialId) -> Result<(), ServiceError> {
    let outcome = credentials::verify(gateway, Actor::HOLDFAST, id, Suffices::Proof).await?;
    let is_active = outcome.version.state == VersionState::Active;
    let Some(fault) = outcome.fault.clone().filter(|_| is_active) else { return Ok(()) };
    if fault.action != FaultAction::Hold {
        return Ok(());
    }
    for destination in gateway.snapshot().destinations_using(id) {
        let is_refused = destination.credential == *id
            && refuses(&outcome, destination.id.as_str())
            && !gateway.is_held(&destination);
        // One refusal may be a slip of the platform's.
        if is_refused && confirm(gateway, &destination, &fault).await == ProbeAnswer::Refuted {
            holds::open_for(gateway, &destination, fault.clone(), Confirmation::Confirmed).await?;
        }
    }
    Ok(())
}

fn refuses(outcome: &VersionOutcome, destination: &str) -> bool {
    let here = || outcome.probes.iter().filter(|probe| probe.destination == destination);
    here().any(|probe| probe.answer == "refuted") && !here().any(|probe| probe.proves_use())
}
