//! From a candidate to the version in use, by evidence.

use std::sync::Arc;

use holdfast_credentials::{Activation, Lint, decide_activation, lint, lost_scopes, proves};
use holdfast_model::credential::{
    Credential, CredentialVersion, Expiry, Made, Verification, VersionState,
};
use holdfast_model::hold::LiftedBy;
use holdfast_model::id::{AssetId, CredentialId, VersionNo};
use holdfast_platforms::{Learned, ProbeAnswer, ProbeKind, ProbeReading};

use super::{ProbeView, Probed, VersionOutcome, show};
use crate::lanes::Nudge;
use crate::renewal;
use crate::services::probing::{self, ProbeResult};
use crate::services::secrets::Keyring;
use crate::services::{Actor, ServiceError, holds, standby};
use crate::state::Gateway;

/// What suffices to activate a version, where nothing refutes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suffices {
    /// Nothing: what probes cannot see speaks against it.
    Nothing,
    /// A read of what it is for. Some tokens may look at an asset's quality and send nothing.
    AssetRead,
    /// A proof on what it is for. Nobody asked for more: no event is sent to find out.
    Proof,
    /// A proof, or that nothing can be asked: the first delivery is the proof then.
    ProofOrUnprobeable,
    /// Silence too.
    Silence,
}

impl Suffices {
    /// What an operator says.
    pub fn asked_for(accept_unverified: bool) -> Self {
        if accept_unverified { Self::Silence } else { Self::ProofOrUnprobeable }
    }
}

/// The version that waits to be proved: the newest candidate that came after the one in use. What was
/// refused before that never stands in its way, and what a renewal brought is the renewal's to prove.
pub(crate) fn pending(versions: &[CredentialVersion]) -> Option<&CredentialVersion> {
    let active = versions.iter().find(|version| version.state == VersionState::Active);
    let is_pending = |version: &&CredentialVersion| {
        version.state == VersionState::Candidate
            && active.is_none_or(|active| version.version > active.version)
            && !matches!(version.made, Made::Renewed { .. })
    };
    versions.iter().rev().find(is_pending)
}

/// Probes a version again: the one that waits to be proved, or the active one.
pub async fn verify(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    id: &CredentialId,
    suffices: Suffices,
) -> Result<VersionOutcome, ServiceError> {
    let view = show(gateway, id).await?;
    let active = view.versions.iter().find(|v| v.state == VersionState::Active);
    let version = pending(&view.versions).or(active).cloned().ok_or_else(|| {
        ServiceError::NotFound { what: "usable version of credential", name: id.to_string() }
    })?;
    verify_version(gateway, actor, &view.credential, version, suffices).await
}

/// Probes one given version, and makes it active if that suffices.
pub(crate) async fn verify_version(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    credential: &Credential,
    version: CredentialVersion,
    suffices: Suffices,
) -> Result<VersionOutcome, ServiceError> {
    let linted = lint_of(gateway, credential, &version).await?;
    let mut outcome =
        activate_if_proven(gateway, actor, credential, version, &linted, suffices).await?;
    outcome.lint = linted.describe();
    Ok(outcome)
}

async fn lint_of(
    gateway: &Gateway,
    credential: &Credential,
    version: &CredentialVersion,
) -> Result<Lint, ServiceError> {
    let keyring =
        Keyring::open(gateway, credential, version).await.map_err(|e| ServiceError::Refused {
            reason: e.to_string(),
            hint: "Add the token again: `holdfast credential add`.".to_owned(),
        })?;
    Ok(lint(
        keyring.token.expose(),
        credential.platform,
        credential.app.as_ref(),
        gateway.clock.wall().to_seconds(),
    ))
}

pub(super) async fn activate_if_proven(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    credential: &Credential,
    version: CredentialVersion,
    linted: &Lint,
    suffices: Suffices,
) -> Result<VersionOutcome, ServiceError> {
    let probed = probe_everywhere(gateway, credential, &version).await;
    judge(gateway, actor, credential, version, linted, probed, suffices).await
}

/// Makes a version active by what somebody else asked about it, if that suffices.
pub(crate) async fn activate_if_fit(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    credential: &Credential,
    version: CredentialVersion,
    probed: Probed,
    suffices: Suffices,
) -> Result<VersionOutcome, ServiceError> {
    let linted = lint_of(gateway, credential, &version).await?;
    judge(gateway, actor, credential, version, &linted, probed, suffices).await
}

async fn judge(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    credential: &Credential,
    version: CredentialVersion,
    linted: &Lint,
    probed: Probed,
    suffices: Suffices,
) -> Result<VersionOutcome, ServiceError> {
    let Probed { assets, views: probes, is_partial } = probed;
    let decision = decide_activation(linted, &assets);
    let readings = assets.concat();
    let described = describe(gateway, version, &readings).await?;
    let mut outcome = VersionOutcome {
        version: described,
        lint: Vec::new(),
        probes,
        activated: false,
        because: String::new(),
        fault: None,
        holds_lifted: 0,
    };
    let verification = match decision {
        Activation::Activate { verification, why } => {
            outcome.because = why;
            if !is_enough(suffices, verification, &readings) {
                return Ok(outcome);
            }
            verification
        }
        Activation::Keep { why } if suffices == Suffices::Silence => {
            outcome.because =
                format!("{why} Activated unverified, as asked: its first delivery is the proof.");
            Verification::Silent
        }
        Activation::Keep { why } => {
            outcome.because = why;
            return Ok(outcome);
        }
        Activation::Refuse { fault, why } => {
            outcome.because = why;
            outcome.fault = fault;
            return Ok(outcome);
        }
    };
    activate(gateway, actor, credential, &mut outcome, verification, is_partial).await?;
    Ok(outcome)
}

fn is_enough(
    suffices: Suffices,
    verification: Verification,
    readings: &[(ProbeKind, ProbeReading)],
) -> bool {
    let was_read = || {
        let mut on_asset = readings.iter().filter(|(kind, _)| *kind == ProbeKind::Asset);
        on_asset.any(|(_, reading)| reading.answer == ProbeAnswer::Proved)
    };
    match suffices {
        Suffices::Nothing => false,
        Suffices::AssetRead => was_read(),
        Suffices::Proof => verification == Verification::Proved,
        Suffices::ProofOrUnprobeable | Suffices::Silence => true,
    }
}

async fn activate(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    credential: &Credential,
    outcome: &mut VersionOutcome,
    verification: Verification,
    is_partial: bool,
) -> Result<(), ServiceError> {
    let number = outcome.version.version;
    let at = gateway.clock.wall();
    let is_news = outcome.version.state != VersionState::Active;
    if is_news {
        gateway.registry.activate_version(&credential.id, number, verification, at).await?;
    }
    outcome.version.state = VersionState::Active;
    outcome.version.verification = verification;
    outcome.version.verified_at = (verification == Verification::Proved).then_some(at);
    outcome.activated = true;
    let subject = format!("credential:{}/{number}", credential.id);
    let detail = format!("{verification:?}, fingerprint {}", outcome.version.fingerprint);
    if is_news {
        gateway.audit(actor.0, "credential.activate", subject, detail).await?;
    }
    gateway.reload_directory().await?;
    for destination in gateway.snapshot().destinations_using(&credential.id) {
        gateway.lanes.nudge(destination.lane, Nudge::CredentialChanged);
    }
    let by = match verification {
        Verification::Proved => LiftedBy::VerifiedCredential,
        _ => LiftedBy::UnverifiedCredential,
    };
    let reason = format!("version {number} of credential {} is active", credential.id);
    let proved_on = proved_assets(gateway, &outcome.probes);
    let is_known_where = verification == Verification::Proved || is_partial;
    let only_on = is_known_where.then_some(proved_on.as_slice());
    // Without a destination nothing was asked, and nothing is known that could end a hold.
    if !gateway.snapshot().destinations_using(&credential.id).is_empty() {
        let version = &outcome.version;
        outcome.holds_lifted =
            holds::lift_for_version(gateway, version, only_on, by, &reason).await?;
    }
    standby::take_over(gateway).await;
    if is_news && let Err(error) = retire_overtaken(gateway, actor, &credential.id, number).await {
        tracing::error!(credential = %credential.id, %error,
            "candidates that came before the version in use could not be retired");
    }
    Ok(())
}

/// Shreds the candidates that somebody brought before the version that is in use now: nobody will
/// prove them any more.
async fn retire_overtaken(
    gateway: &Gateway,
    actor: Actor<'_>,
    id: &CredentialId,
    active: VersionNo,
) -> Result<(), ServiceError> {
    let is_overtaken = |version: &&CredentialVersion| {
        version.state == VersionState::Candidate
            && version.version < active
            && version.made.is_added()
    };
    for version in gateway.registry.credential_versions(id).await?.iter().filter(is_overtaken) {
        renewal::retire(gateway, actor, id, version.version).await?;
    }
    Ok(())
}

fn proved_assets(gateway: &Gateway, probes: &[ProbeView]) -> Vec<AssetId> {
    let snapshot = gateway.snapshot();
    let proved = probes.iter().filter(|probe| probe.proves_use());
    let destinations = proved.filter_map(|probe| snapshot.destination(&probe.destination));
    destinations.map(|destination| destination.asset.clone()).collect()
}

/// Probes the version on every asset that a destination uses it for. What was said comes by asset.
async fn probe_everywhere(
    gateway: &Gateway,
    credential: &Credential,
    version: &CredentialVersion,
) -> Probed {
    let mut all = Probed::default();
    for destination in gateway.snapshot().destinations_using(&credential.id) {
        let api_version = destination.settings.api_version.as_deref();
        let probed =
            probing::probe(gateway, credential, version, &destination.asset, api_version).await;
        let probed = probed.unwrap_or_else(|error| {
            tracing::warn!(destination = %destination.id, %error, "failed to probe");
            Vec::new()
        });
        all.add(&destination, probed);
    }
    all
}

pub(super) fn probe_view(destination: &str, result: &ProbeResult) -> ProbeView {
    let answer = match result.reading.answer {
        ProbeAnswer::Proved => "proved",
        ProbeAnswer::Refuted => "refuted",
        ProbeAnswer::Silent => "silent",
        ProbeAnswer::Unprobeable => "unprobeable",
    };
    let says = result.reading.fault.as_ref().map(|fault| {
        if fault.platform_message.is_empty() {
            fault.summary.clone()
        } else {
            fault.platform_message.clone()
        }
    });
    ProbeView {
        destination: destination.to_owned(),
        probe: format!("{:?}", result.kind).to_lowercase(),
        answer,
        says,
        proves_use: proves(result.kind, result.reading.answer),
        refusal: result
            .reading
            .fault
            .clone()
            .filter(|_| result.reading.answer == ProbeAnswer::Refuted),
    }
}

/// What this version, or the one in use before it, was last known to be allowed.
fn scopes_had(gateway: &Gateway, version: &CredentialVersion) -> Vec<String> {
    let active = gateway.snapshot().active.get(&version.credential).cloned();
    let known =
        if version.scopes.is_empty() { active.as_ref().unwrap_or(version) } else { version };
    known.scopes.iter().chain(&known.scopes_lost).cloned().collect()
}

/// Stores what the probes taught.
async fn describe(
    gateway: &Gateway,
    mut version: CredentialVersion,
    readings: &[(ProbeKind, ProbeReading)],
) -> Result<CredentialVersion, ServiceError> {
    let had = scopes_had(gateway, &version);
    for (_, reading) in readings {
        learn(&mut version, &reading.learned, &had);
    }
    if readings.iter().any(|(kind, reading)| proves(*kind, reading.answer)) {
        version.verification = Verification::Proved;
        version.verified_at = Some(gateway.clock.wall());
    }
    gateway.registry.describe_version(&version).await?;
    Ok(version)
}

/// What an answer leaves out never erases what is known. `had` is what it was allowed before.
fn learn(version: &mut CredentialVersion, learned: &Learned, had: &[String]) {
    if let Some(kind) = learned.kind {
        version.kind = kind;
    }
    if learned.expires_at != Expiry::Unknown {
        version.expires_at = learned.expires_at;
    }
    if learned.data_access_expires_at != Expiry::Unknown {
        version.data_access_expires_at = learned.data_access_expires_at;
    }
    if learned.subject.is_some() {
        version.subject.clone_from(&learned.subject);
    }
    if !learned.scopes.is_empty() {
        version.scopes_lost = lost_scopes(had, &learned.scopes);
        version.scopes.clone_from(&learned.scopes);
    }
}

/// Writes down what was said of a version where it came from.
pub async fn note(
    gateway: &Gateway,
    mut outcome: VersionOutcome,
    learned: &Learned,
) -> Result<VersionOutcome, ServiceError> {
    let had = scopes_had(gateway, &outcome.version);
    learn(&mut outcome.version, learned, &had);
    gateway.registry.describe_version(&outcome.version).await?;
    gateway.reload_directory().await?;
    Ok(outcome)
}
