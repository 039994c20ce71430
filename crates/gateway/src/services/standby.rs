//! Standby credentials: verified in advance, they take over when a hold stops the credential in
//! use, and stay until an operator changes it.
//!
//! Taking over needs no restart and no new token. The hold on the dead credential stays open, so
//! somebody still hears that it died; it just covers nothing of the destination any more. Whoever
//! took over is the credential in use from then on, and the one before goes to the end of the
//! list: once it is mended it is a standby itself.

use std::sync::Arc;
use std::time::Duration;

use holdfast_credentials::proves;
use holdfast_model::credential::{CredentialVersion, Expiry, Verification};
use holdfast_model::destination::Destination;
use holdfast_model::fault::FaultClass;
use holdfast_model::hold::Hold;
use holdfast_model::id::{CredentialId, DestinationId};
use holdfast_platforms::ProbeAnswer;

use super::credentials::{self, ProbeView, Suffices};
use super::{Actor, ServiceError, destinations, probing};
use crate::lanes::Nudge;
use crate::state::Gateway;

/// Most standby credentials of a destination: more than anyone keeps alive.
pub const MAX_STANDBY: usize = 8;

/// How long a standby's probe may take before it takes over on the evidence that there was. A
/// platform that is silent says nothing against it.
const PROBE_PATIENCE: Duration = Duration::from_secs(3);

/// What came of naming the standby credentials.
#[derive(Debug, Clone, serde::Serialize)]
pub struct StandbySet {
    #[serde(flatten)]
    pub destination: Destination,
    /// What the platform said of each on the destination's asset.
    pub probes: Vec<ProbeView>,
    /// Those that nothing proved on this asset. They do not take over until something does.
    pub unproved: Vec<CredentialId>,
}

/// Names the standby credentials of a destination, in the order in which they take over. Each is
/// probed on the destination's asset; one that the platform refuses is refused here.
pub async fn set(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    id: &DestinationId,
    standby: Vec<CredentialId>,
) -> Result<StandbySet, ServiceError> {
    let current = destinations::find(gateway, id)?;
    check(gateway, &current, &standby)?;
    let changed = Destination { standby, ..(*current).clone() };
    store(gateway, &current, &changed).await?;
    let (mut probes, mut unproved) = (Vec::new(), Vec::new());
    for credential in &changed.standby {
        let here = probe_here(gateway, actor, credential, id).await;
        if let Some(refused) = here.iter().find(|probe| probe.answer == "refuted") {
            store(gateway, &changed, &current).await?;
            return Err(ServiceError::Refused {
                reason: format!(
                    "the platform refuses credential {credential} on this asset: {}",
                    refused.says.as_deref().unwrap_or("no words")
                ),
                hint: "Give the credential access to the asset, or name another one.".to_owned(),
            });
        }
        if !here.iter().any(ProbeView::proves_use) {
            unproved.push(credential.clone());
        }
        probes.extend(here);
    }
    let names: Vec<&str> = changed.standby.iter().map(CredentialId::as_str).collect();
    let subject = format!("destination:{id}");
    gateway.audit(actor.0, "destination.standby", subject, names.join(", ")).await?;
    take_over(gateway).await;
    let destination = (*destinations::find(gateway, id)?).clone();
    Ok(StandbySet { destination, probes, unproved })
}

/// Probes a credential everywhere; returns what was said on this destination's asset.
async fn probe_here(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    credential: &CredentialId,
    id: &DestinationId,
) -> Vec<ProbeView> {
    let asked = Suffices::ProofOrUnprobeable;
    let outcome = credentials::verify(gateway, actor, credential, asked).await;
    let probes = outcome.map(|outcome| outcome.probes).unwrap_or_else(|error| {
        tracing::warn!(%credential, %error, "the standby credential was not probed");
        Vec::new()
    });
    let here = probes.into_iter().filter(|probe| probe.destination == id.as_str());
    here.map(|probe| ProbeView { probe: format!("{credential}: {}", probe.probe), ..probe })
        .collect()
}

/// Gives every destination that a hold stops to its first standby credential that can carry it.
/// Called after whatever may have made that possible: a hold, a verified version, a new list.
pub(crate) async fn take_over(gateway: &Gateway) {
    let snapshot = gateway.snapshot();
    for destination in snapshot.destinations.values() {
        if destination.standby.is_empty() {
            continue;
        }
        if let Err(error) = consider(gateway, destination).await {
            tracing::error!(destination = %destination.id, %error, "no standby could take over");
        }
    }
}

async fn consider(gateway: &Gateway, destination: &Destination) -> Result<(), ServiceError> {
    let covering = gateway.holds.covering(&gateway.scope_facts(destination));
    if covering.is_empty() || !covering.iter().all(another_credential_may_help) {
        return Ok(());
    }
    for candidate in &destination.standby {
        let bound = bound_to(destination, candidate);
        if !is_ready(gateway, candidate) || gateway.is_held(&bound) {
            continue;
        }
        if !works_here(gateway, &bound).await {
            tracing::warn!(destination = %destination.id, credential = %candidate,
                "the standby credential does not work on this asset");
            continue;
        }
        return rebind(gateway, destination, &bound, &covering).await;
    }
    tracing::warn!(destination = %destination.id, hold = %covering[0].id,
        "no standby credential can take over");
    Ok(())
}

/// An operator's pause is to be obeyed, a policy block is about the account, and an event that
/// every request refuses would be refused under another name too.
fn another_credential_may_help(hold: &Hold) -> bool {
    let about_the_credential = matches!(
        hold.fault.class,
        FaultClass::Credential | FaultClass::Permission | FaultClass::Asset | FaultClass::App
    );
    hold.opened_by.is_none() && about_the_credential
}

/// The destination with the candidate in use and the credential before it last in the list.
fn bound_to(destination: &Destination, candidate: &CredentialId) -> Destination {
    let mut bound = destination.clone();
    bound.standby.retain(|id| id != candidate);
    bound.standby.push(std::mem::replace(&mut bound.credential, candidate.clone()));
    bound
}

/// The destination as it is while this credential of it is in use.
pub(crate) fn as_used_by(destination: &Destination, credential: &CredentialId) -> Destination {
    if destination.credential == *credential {
        return destination.clone();
    }
    bound_to(destination, credential)
}

/// Proved, and not known to be past its end.
fn is_ready(gateway: &Gateway, credential: &CredentialId) -> bool {
    let now = gateway.clock.wall().to_seconds();
    let has_ended = |version: &CredentialVersion| match version.expires_at {
        Expiry::At(end) => end <= now,
        _ => false,
    };
    let snapshot = gateway.snapshot();
    let active = snapshot.active.get(credential);
    active.is_some_and(|v| v.verification == Verification::Proved && !has_ended(v))
}

/// It was proved once, perhaps on another asset, and whatever killed the other may have killed it
/// too. Silence leaves the earlier proof standing.
async fn works_here(gateway: &Gateway, bound: &Destination) -> bool {
    let probing = probing::probe_active(gateway, bound);
    let results = match tokio::time::timeout(PROBE_PATIENCE, probing).await {
        Err(_) => return true,
        Ok(Err(error)) => {
            tracing::warn!(destination = %bound.id, %error, "failed to probe a standby credential");
            return false;
        }
        Ok(Ok(results)) => results,
    };
    let is = |answer| results.iter().any(|result| result.reading.answer == answer);
    let is_proved = results.iter().any(|result| proves(result.kind, result.reading.answer));
    !is(ProbeAnswer::Refuted) && (is_proved || is(ProbeAnswer::Silent))
}

async fn rebind(
    gateway: &Gateway,
    destination: &Destination,
    bound: &Destination,
    covering: &[Hold],
) -> Result<(), ServiceError> {
    if !gateway.registry.update_destination(destination, bound).await? {
        // Somebody else was first; what they stored is looked at when they nudge.
        return Ok(());
    }
    let holds: Vec<String> = covering.iter().map(|hold| hold.id.to_string()).collect();
    let detail = format!(
        "from {} to standby {} because of hold {}",
        destination.credential,
        bound.credential,
        holds.join(", ")
    );
    let subject = format!("destination:{}", destination.id);
    gateway.audit(Actor::HOLDFAST.0, "destination.take_over", subject, detail).await?;
    gateway.metrics.taken_over(destination);
    tracing::warn!(destination = %destination.id, from = %destination.credential,
        to = %bound.credential, hold = %holds.join(", "),
        "a standby credential took over; it stays until somebody changes it");
    gateway.reload_directory().await?;
    gateway.lanes.nudge(bound.lane, Nudge::CredentialChanged);
    Ok(())
}

async fn store(gateway: &Gateway, was: &Destination, is: &Destination) -> Result<(), ServiceError> {
    if !gateway.registry.update_destination(was, is).await? {
        return Err(destinations::changed_meanwhile(&is.id));
    }
    gateway.reload_directory().await?;
    Ok(())
}

fn check(
    gateway: &Gateway,
    destination: &Destination,
    standby: &[CredentialId],
) -> Result<(), ServiceError> {
    if standby.len() > MAX_STANDBY {
        let expected = format!("expected at most {MAX_STANDBY}, found {}", standby.len());
        return Err(ServiceError::invalid("credentials", expected));
    }
    let snapshot = gateway.snapshot();
    for (at, id) in standby.iter().enumerate() {
        let known = snapshot
            .credentials
            .get(id)
            .ok_or_else(|| ServiceError::NotFound { what: "credential", name: id.to_string() })?;
        let problem = if known.platform != destination.platform {
            format!(
                "expected credentials of {}, {id} is one of {}",
                destination.platform, known.platform
            )
        } else if *id == destination.credential {
            format!("{id} is the credential in use")
        } else if standby[..at].contains(id) {
            format!("{id} is named twice")
        } else {
            continue;
        };
        return Err(ServiceError::invalid("credentials", problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use holdfast_model::destination::DestinationSettings;
    use holdfast_model::id::{AssetId, LaneId};
    use holdfast_model::platform::PlatformId;
    use holdfast_model::time::UnixMillis;

    use super::*;

    #[test]
    fn who_takes_over_leaves_the_list_and_who_failed_goes_to_its_end() {
        let id = |name: &str| CredentialId::new(name).unwrap();
        let destination = Destination {
            id: DestinationId::new("web").unwrap(),
            lane: LaneId(1),
            platform: PlatformId::Meta,
            asset: AssetId::new("1").unwrap(),
            credential: id("first"),
            standby: vec![id("second"), id("third")],
            settings: DestinationSettings::default(),
            created_at: UnixMillis(0),
        };
        let bound = bound_to(&destination, &id("third"));
        assert_eq!(
            (bound.credential.as_str(), bound.standby),
            ("third", vec![id("second"), id("first")])
        );
    }
}
