//! Looking after credentials that nobody uses just now.
//!
//! Each is probed daily on what it is for, and hourly as long as something is undecided: a hold may
//! end because a person passed a check, and a young token may be accepted at last. What the platform
//! refuses twice in a row is held before an event finds out; what it does not answer is nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast_model::credential::{Credential, CredentialVersion, VersionState};
use holdfast_model::fault::{Fault, FaultAction};
use holdfast_model::hold::Confirmation;
use holdfast_model::id::CredentialId;
use holdfast_model::time::{HOUR_S, UnixMillis};
use holdfast_platforms::ProbeAnswer;
use tokio_util::sync::CancellationToken;

use crate::lanes::confirm;
use crate::services::credentials::{self, Suffices, VersionOutcome, verify_version};
use crate::services::{Actor, ServiceError, holds, standby};
use crate::state::Gateway;

/// How often it is looked whether somebody is due.
const TICK: Duration = Duration::from_secs(60);

/// The platforms' limits are far above a call a day, and a day is what Meta recommends.
const PERIOD_MS: i64 = 24 * HOUR_S * 1_000;

/// Credentials are not looked at all in the same minute.
const JITTER_MS: u64 = 2 * 3_600_000;

/// After a candidate was added it is first looked at again, and the wait doubles.
const FIRST_WAIT_MS: i64 = 5 * 60_000;

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
    let candidate = credentials::pending(&versions);
    let newest = candidate.or(snapshot.active.get(id));
    let Some(newest) = newest else { return Ok(false) };
    let is_held = using.iter().any(|one| gateway.is_held(&standby::as_used_by(one, id)));
    let is_undecided = candidate.is_some() || is_held;
    let proved = newest.verified_at.filter(|_| !is_undecided).unwrap_or(newest.added_at);
    let last = looked.get(id).copied().unwrap_or(proved).max(proved);
    let for_active = if is_held { UNDECIDED_MS } else { PERIOD_MS - jitter_ms(id) };
    let period = candidate
        .map_or(for_active, |candidate| patience_ms(last.0 - candidate.added_at.0).min(for_active));
    Ok(now.0 - last.0 >= period)
}

/// How long after a look at this age a candidate is looked at again. A young token is mostly accepted
/// within the hour and by experience within a day (`spec/snap-conversions.md §11`), so that it is
/// asked soon at first, then hourly; one that was not accepted in two days rests longer and longer.
fn patience_ms(age_ms: i64) -> i64 {
    const TWO_DAYS_MS: i64 = 48 * UNDECIDED_MS;
    if age_ms < TWO_DAYS_MS {
        return age_ms.clamp(FIRST_WAIT_MS, UNDECIDED_MS);
    }
    (age_ms / 8).min(PERIOD_MS)
}

/// The same for the same name.
fn jitter_ms(id: &CredentialId) -> i64 {
    let sum = id.as_str().bytes().fold(0_u64, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
    (sum % JITTER_MS) as i64
}

/// Probes the version that waits to be proved, if there is one, and the one in use. A proof lifts
/// what it ends, as when an operator asks for it.
///
/// Standby credentials are held like those in use: a hold on one stops nothing yet, but somebody
/// hears of it before it is needed, and it does not take over.
pub(crate) async fn look(
    gateway: &Arc<Gateway>,
    id: &CredentialId,
) -> Result<Looked, ServiceError> {
    let snapshot = gateway.snapshot();
    let Some(credential) = snapshot.credentials.get(id) else { return Ok(Looked::NOTHING_TO_ASK) };
    let versions = gateway.registry.credential_versions(id).await?;
    let mut looked = Looked::NOTHING_TO_ASK;
    if let Some(candidate) = credentials::pending(&versions) {
        match ask(gateway, credential, candidate).await {
            Ok(outcome) if outcome.activated => return Ok(Looked::at(&outcome)),
            Ok(outcome) => looked = Looked::at(&outcome),
            // The one in use is looked at whatever becomes of the next.
            Err(error) => tracing::warn!(credential = %id, version = %candidate.version, %error,
                "a candidate could not be looked at"),
        }
    }
    let active = versions.iter().find(|version| version.state == VersionState::Active);
    if let Some(active) = active {
        let outcome = ask(gateway, credential, active).await?;
        hold_where_refused(gateway, id, &outcome).await?;
        looked = looked.and(Looked::at(&outcome));
    }
    Ok(looked)
}

async fn ask(
    gateway: &Arc<Gateway>,
    credential: &Credential,
    version: &CredentialVersion,
) -> Result<VersionOutcome, ServiceError> {
    let version = version.clone();
    verify_version(gateway, Actor::HOLDFAST, credential, version, Suffices::Proof).await
}

/// What came of looking at a credential.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looked {
    /// False if the platform was silent whatever it was asked.
    pub has_answered: bool,
    /// Whether the version in use works somewhere.
    pub is_proved: bool,
}

impl Looked {
    pub(crate) const NOTHING_TO_ASK: Self = Self { has_answered: true, is_proved: false };
    pub(crate) const SILENCE: Self = Self { has_answered: false, is_proved: false };

    fn at(outcome: &VersionOutcome) -> Self {
        let is_silence = |probe: &credentials::ProbeView| probe.answer == "silent";
        let is_active = outcome.version.state == VersionState::Active;
        Self {
            has_answered: outcome.probes.is_empty() || !outcome.probes.iter().all(is_silence),
            is_proved: is_active && outcome.probes.iter().any(|probe| probe.proves_use()),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            has_answered: self.has_answered && other.has_answered,
            is_proved: self.is_proved || other.is_proved,
        }
    }
}

async fn hold_where_refused(
    gateway: &Gateway,
    id: &CredentialId,
    outcome: &VersionOutcome,
) -> Result<(), ServiceError> {
    for destination in gateway.snapshot().destinations_using(id) {
        let used = standby::as_used_by(&destination, id);
        let refusal = refusal(outcome, destination.id.as_str()).filter(|_| !gateway.is_held(&used));
        // One refusal may be a slip of the platform's.
        if let Some(fault) = refusal
            && confirm(gateway, &used, fault).await == ProbeAnswer::Refuted
        {
            holds::open_for(gateway, &used, fault.clone(), Confirmation::Confirmed).await?;
        }
    }
    Ok(())
}

/// Why it is refused on this destination's asset, if that is to be held.
fn refusal<'a>(outcome: &'a VersionOutcome, destination: &str) -> Option<&'a Fault> {
    let here = || outcome.probes.iter().filter(|probe| probe.destination == destination);
    if here().any(|probe| probe.proves_use()) {
        return None;
    }
    here().find_map(|probe| probe.refusal()).filter(|fault| fault.action == FaultAction::Hold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_from_minutes_to_a_day() {
        const MINUTE: i64 = 60_000;
        for (age, wait) in [
            (0, 5 * MINUTE),
            (10 * MINUTE, 10 * MINUTE),
            (45 * MINUTE, 45 * MINUTE),
            (5 * 60 * MINUTE, 60 * MINUTE),
            (48 * 60 * MINUTE, 6 * 60 * MINUTE),
            (30 * 24 * 60 * MINUTE, 24 * 60 * MINUTE),
        ] {
            assert_eq!(patience_ms(age), wait, "{age}");
        }
    }

    #[test]
    fn a_token_that_is_never_accepted_is_asked_about_a_bounded_number_of_times() {
        let (mut age, mut looks) = (0, 0);
        while age < 7 * PERIOD_MS {
            age += patience_ms(age);
            looks += 1;
        }
        assert!((48..80).contains(&looks), "{looks}");
    }
}
