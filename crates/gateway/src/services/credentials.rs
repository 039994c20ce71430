//! Credentials: add, verify, activate. Tokens go in and never come out.

use std::sync::Arc;

use holdfast_credentials::{Activation, Lint, decide_activation, lint, proves};
use holdfast_model::credential::{
    Credential, CredentialKind, CredentialVersion, Expiry, Verification, VersionState,
};
use holdfast_model::fault::Fault;
use holdfast_model::hold::LiftedBy;
use holdfast_model::id::{AppId, AssetId, CredentialId, VersionNo};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_platforms::{ProbeAnswer, ProbeKind, ProbeReading};
use serde::Serialize;

use super::probing::{self, ProbeResult};
use super::secrets::credential_aad;
use super::{Actor, ServiceError, holds, standby};
use crate::lanes::Nudge;
use crate::state::Gateway;

/// What came of adding or verifying a version.
#[derive(Debug, Clone, Serialize)]
pub struct VersionOutcome {
    pub version: CredentialVersion,
    /// Sentences about the token's form; never the token.
    pub lint: Vec<String>,
    pub probes: Vec<ProbeView>,
    pub activated: bool,
    /// Why it was or was not activated.
    pub because: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    pub holds_lifted: u32,
}

#[derive(Debug, Clone, Serialize)]
pub struct ProbeView {
    pub destination: String,
    pub probe: String,
    pub answer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    #[serde(skip)]
    pub(super) proves_use: bool,
}

impl ProbeView {
    /// Whether it shows that the credential works on the destination's asset.
    pub fn proves_use(&self) -> bool {
        self.proves_use
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct CredentialView {
    #[serde(flatten)]
    pub credential: Credential,
    pub versions: Vec<CredentialVersion>,
    pub destinations: Vec<String>,
}

/// What suffices to activate a version, where nothing refutes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suffices {
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

/// What an operator gives to add a version, besides the token.
#[derive(Debug, Clone)]
pub struct AddRequest {
    pub id: CredentialId,
    pub platform: PlatformId,
    pub app: Option<AppId>,
    /// Activate although no probe proved it, where nothing refuted it either.
    pub accept_unverified: bool,
}

/// Lints, seals, probes and, if the evidence allows, activates.
pub async fn add(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    request: AddRequest,
    token: Secret,
) -> Result<VersionOutcome, ServiceError> {
    let credential = ensure_credential(gateway, &request).await?;
    let linted = lint(
        token.expose(),
        request.platform,
        credential.app.as_ref(),
        gateway.clock.wall().to_seconds(),
    );
    drop(token);
    if !linted.is_storable() {
        return Err(ServiceError::invalid("token", linted.describe().join(" ")));
    }
    let version = store(gateway, actor, &credential, &linted).await?;
    let mut outcome = activate_if_proven(
        gateway,
        actor,
        &credential,
        version,
        &linted,
        Suffices::asked_for(request.accept_unverified),
    )
    .await?;
    outcome.lint = linted.describe();
    Ok(outcome)
}

/// Probes a version again: the newest candidate, or the active one.
pub async fn verify(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    id: &CredentialId,
    suffices: Suffices,
) -> Result<VersionOutcome, ServiceError> {
    let view = show(gateway, id).await?;
    let candidate = view.versions.iter().rev().find(|v| v.state == VersionState::Candidate);
    let active = view.versions.iter().find(|v| v.state == VersionState::Active);
    let version = candidate.or(active).cloned().ok_or_else(|| ServiceError::NotFound {
        what: "usable version of credential",
        name: id.to_string(),
    })?;
    let keyring = super::secrets::Keyring::open(gateway, &view.credential, &version)
        .await
        .map_err(|e| ServiceError::Refused {
            reason: e.to_string(),
            hint: "Add the token again: `holdfast credential add`.".to_owned(),
        })?;
    let linted = lint(
        keyring.token.expose(),
        view.credential.platform,
        view.credential.app.as_ref(),
        gateway.clock.wall().to_seconds(),
    );
    drop(keyring);
    let mut outcome =
        activate_if_proven(gateway, actor, &view.credential, version, &linted, suffices).await?;
    outcome.lint = linted.describe();
    Ok(outcome)
}

pub async fn list(gateway: &Gateway) -> Result<Vec<CredentialView>, ServiceError> {
    let mut views = Vec::new();
    for credential in gateway.registry.credentials().await? {
        views.push(view(gateway, credential).await?);
    }
    Ok(views)
}

pub async fn show(gateway: &Gateway, id: &CredentialId) -> Result<CredentialView, ServiceError> {
    let credential = gateway.registry.credentials().await?.into_iter().find(|c| c.id == *id);
    match credential {
        Some(credential) => view(gateway, credential).await,
        None => Err(ServiceError::NotFound { what: "credential", name: id.to_string() }),
    }
}

async fn view(gateway: &Gateway, credential: Credential) -> Result<CredentialView, ServiceError> {
    let versions = gateway.registry.credential_versions(&credential.id).await?;
    let using = gateway.snapshot().destinations_using(&credential.id);
    let destinations = using.iter().map(|d| d.id.to_string()).collect();
    Ok(CredentialView { credential, versions, destinations })
}

async fn ensure_credential(
    gateway: &Gateway,
    request: &AddRequest,
) -> Result<Credential, ServiceError> {
    if let Some(app) = &request.app
        && !gateway.snapshot().apps.contains_key(app)
    {
        return Err(ServiceError::NotFound { what: "app", name: app.to_string() });
    }
    let known = gateway.registry.credentials().await?.into_iter().find(|c| c.id == request.id);
    if let Some(known) = known {
        if known.platform != request.platform {
            let expected = format!("credential {} belongs to {}", known.id, known.platform);
            return Err(ServiceError::invalid("platform", expected));
        }
        if request.app.is_some() && request.app != known.app {
            let expected = match &known.app {
                Some(app) => format!("credential {} belongs to app {app}", known.id),
                None => format!("credential {} was added without an app", known.id),
            };
            return Err(ServiceError::invalid("app", expected));
        }
        return Ok(known);
    }
    let credential = Credential {
        id: request.id.clone(),
        platform: request.platform,
        app: request.app.clone(),
        created_at: gateway.clock.wall(),
    };
    gateway.registry.add_credential(&credential).await?;
    Ok(credential)
}

/// Seals the normalized token as the next version, a candidate.
async fn store(
    gateway: &Gateway,
    actor: Actor<'_>,
    credential: &Credential,
    linted: &Lint,
) -> Result<CredentialVersion, ServiceError> {
    let versions = gateway.registry.credential_versions(&credential.id).await?;
    let number = VersionNo(versions.last().map_or(1, |v| v.version.0 + 1));
    let fingerprint = gateway.vault.fingerprint(linted.token());
    if let Some(same) = versions.iter().find(|v| v.fingerprint == fingerprint) {
        tracing::info!(credential = %credential.id, version = %same.version,
            "this is the same token as an earlier version");
    }
    let version = CredentialVersion {
        credential: credential.id.clone(),
        version: number,
        state: VersionState::Candidate,
        verification: Verification::Untried,
        kind: CredentialKind::Unknown,
        fingerprint,
        length: u32::try_from(linted.token().len()).unwrap_or(u32::MAX),
        head: linted.head(),
        tail: linted.tail(),
        decoded_app_id: linted.decoded_app_id,
        expires_at: Expiry::Unknown,
        data_access_expires_at: Expiry::Unknown,
        scopes: Vec::new(),
        added_at: gateway.clock.wall(),
        verified_at: None,
        last_delivery_at: None,
    };
    let aad = credential_aad(credential, number);
    let sealed = gateway.vault.seal(linted.token().expose().as_bytes(), &aad)?;
    gateway.registry.add_credential_version(&version, &sealed).await?;
    let subject = format!("credential:{}/{number}", credential.id);
    let detail = format!("fingerprint {}", version.fingerprint);
    gateway.audit(actor.0, "credential.add", subject, detail).await?;
    gateway.reload_directory().await?;
    Ok(version)
}

async fn activate_if_proven(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    credential: &Credential,
    version: CredentialVersion,
    linted: &Lint,
    suffices: Suffices,
) -> Result<VersionOutcome, ServiceError> {
    let (results, probes) = probe_everywhere(gateway, credential, &version).await;
    let readings: Vec<(ProbeKind, ProbeReading)> =
        results.into_iter().map(|result| (result.kind, result.reading)).collect();
    let described = describe(gateway, version, &readings).await?;
    let decision = decide_activation(linted, &readings);
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
            if suffices == Suffices::Proof && verification != Verification::Proved {
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
    activate(gateway, actor, credential, &mut outcome, verification).await?;
    Ok(outcome)
}

async fn activate(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    credential: &Credential,
    outcome: &mut VersionOutcome,
    verification: Verification,
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
    let is_known_where = verification == Verification::Proved;
    let only_on = is_known_where.then_some(proved_on.as_slice());
    outcome.holds_lifted =
        holds::lift_for_credential(gateway, &credential.id, only_on, by, &reason).await?;
    standby::take_over(gateway).await;
    Ok(())
}

fn proved_assets(gateway: &Gateway, probes: &[ProbeView]) -> Vec<AssetId> {
    let snapshot = gateway.snapshot();
    let proved = probes.iter().filter(|probe| probe.proves_use());
    let destinations = proved.filter_map(|probe| snapshot.destination(&probe.destination));
    destinations.map(|destination| destination.asset.clone()).collect()
}

/// Probes the version on every asset that a destination uses it for.
async fn probe_everywhere(
    gateway: &Gateway,
    credential: &Credential,
    version: &CredentialVersion,
) -> (Vec<ProbeResult>, Vec<ProbeView>) {
    let mut results = Vec::new();
    let mut views = Vec::new();
    for destination in gateway.snapshot().destinations_using(&credential.id) {
        let api_version = destination.settings.api_version.as_deref();
        let probed =
            probing::probe(gateway, credential, version, &destination.asset, api_version).await;
        let probed = probed.unwrap_or_else(|error| {
            tracing::warn!(destination = %destination.id, %error, "failed to probe");
            Vec::new()
        });
        views.extend(probed.iter().map(|result| probe_view(destination.id.as_str(), result)));
        results.extend(probed);
    }
    (results, views)
}

fn probe_view(destination: &str, result: &ProbeResult) -> ProbeView {
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
    }
}

/// Stores what the probes taught. What an answer leaves out never erases what is known.
async fn describe(
    gateway: &Gateway,
    mut version: CredentialVersion,
    readings: &[(ProbeKind, ProbeReading)],
) -> Result<CredentialVersion, ServiceError> {
    for (_, reading) in readings {
        let learned = &reading.learned;
        if let Some(kind) = learned.kind {
            version.kind = kind;
        }
        if learned.expires_at != Expiry::Unknown {
            version.expires_at = learned.expires_at;
        }
        if learned.data_access_expires_at != Expiry::Unknown {
            version.data_access_expires_at = learned.data_access_expires_at;
        }
        if !learned.scopes.is_empty() {
            version.scopes.clone_from(&learned.scopes);
        }
    }
    if readings.iter().any(|(kind, reading)| proves(*kind, reading.answer)) {
        version.verification = Verification::Proved;
        version.verified_at = Some(gateway.clock.wall());
    }
    gateway.registry.describe_version(&version).await?;
    Ok(version)
}
