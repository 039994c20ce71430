//! A new credential, or the next version of a known one.

use std::sync::Arc;

use holdfast_credentials::{Lint, lint};
use holdfast_model::credential::{
    Credential, CredentialKind, CredentialVersion, Expiry, Made, Origin, Verification, VersionState,
};
use holdfast_model::id::{AppId, CredentialId, VersionNo};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_storage::SealedRefreshToken;

use super::VersionOutcome;
use super::activate::{Suffices, activate_if_proven};
use crate::services::secrets::{credential_aad, open_refresh_token, refresh_aad};
use crate::services::{Actor, ServiceError};
use crate::state::Gateway;

/// What an operator gives to add a version, besides the token.
#[derive(Debug, Clone)]
pub struct AddRequest {
    pub id: CredentialId,
    pub platform: PlatformId,
    pub app: Option<AppId>,
    /// How the token came here. None leaves what is known.
    pub origin: Option<Origin>,
    /// Mail address of the person who has to grant anew. None leaves what is known.
    pub contact: Option<String>,
    /// Activate although no probe proved it, where nothing refuted it either.
    pub accept_unverified: bool,
}

/// The secrets that come in together.
pub struct Given {
    pub token: Secret,
    /// What further tokens are asked for with, where the platform issues such a thing.
    pub refresh_token: Option<Secret>,
}

impl From<Secret> for Given {
    fn from(token: Secret) -> Self {
        Self { token, refresh_token: None }
    }
}

/// Lints, seals, probes and, if the evidence allows, activates.
pub async fn add(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    request: AddRequest,
    given: Given,
) -> Result<VersionOutcome, ServiceError> {
    let suffices = Suffices::asked_for(request.accept_unverified);
    add_if(gateway, actor, request, given, suffices).await
}

/// The same, where somebody else than an operator says what suffices to activate it.
pub async fn add_if(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    request: AddRequest,
    given: Given,
    suffices: Suffices,
) -> Result<VersionOutcome, ServiceError> {
    add_as(gateway, actor, request, given, suffices, Made::Added).await
}

/// The same for a version that is to take the place of the one before.
pub(super) async fn add_as(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    request: AddRequest,
    given: Given,
    suffices: Suffices,
    made: Made,
) -> Result<VersionOutcome, ServiceError> {
    let Given { token, refresh_token } = given;
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
    // First, because it may be the only way to another token.
    if let Some(refresh_token) = refresh_token {
        keep_refresh_token(gateway, actor, &credential, &refresh_token).await?;
    }
    let version = store(gateway, actor, &credential, &linted, made).await?;
    let mut outcome =
        activate_if_proven(gateway, actor, &credential, version, &linted, suffices).await?;
    outcome.lint = linted.describe();
    Ok(outcome)
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
        return learn(gateway, known, request).await;
    }
    let credential = Credential {
        id: request.id.clone(),
        platform: request.platform,
        app: request.app.clone(),
        origin: request.origin.clone().unwrap_or_default(),
        contact: request.contact.clone(),
        created_at: gateway.clock.wall(),
    };
    gateway.registry.add_credential(&credential).await?;
    Ok(credential)
}

/// What the request says of a known credential. What it leaves out stays as it is.
async fn learn(
    gateway: &Gateway,
    known: Credential,
    request: &AddRequest,
) -> Result<Credential, ServiceError> {
    let learned = Credential {
        origin: request.origin.clone().unwrap_or_else(|| known.origin.clone()),
        contact: request.contact.clone().or_else(|| known.contact.clone()),
        ..known.clone()
    };
    if learned != known {
        gateway.registry.describe_credential(&learned).await?;
    }
    Ok(learned)
}

/// Stores it, unless it is the one we have.
async fn keep_refresh_token(
    gateway: &Gateway,
    actor: Actor<'_>,
    credential: &Credential,
    refresh_token: &Secret,
) -> Result<(), ServiceError> {
    let known = open_refresh_token(&*gateway.registry, &gateway.vault, credential).await;
    let newest = gateway.registry.refresh_token(&credential.id).await?;
    // One that cannot be opened is replaced like any other.
    if let Ok(Some((_, known))) = known
        && gateway.vault.fingerprint(&known) == gateway.vault.fingerprint(refresh_token)
    {
        return Ok(());
    }
    let version = VersionNo(newest.map_or(1, |newest| newest.version.0 + 1));
    let aad = refresh_aad(credential, version);
    let sealed = gateway.vault.seal(refresh_token.expose().as_bytes(), &aad)?;
    let refresh = SealedRefreshToken { version, sealed };
    gateway.registry.add_refresh_token(&credential.id, &refresh, gateway.clock.wall()).await?;
    let subject = format!("credential:{}/refresh-token/{version}", credential.id);
    let detail = format!("fingerprint {}", gateway.vault.fingerprint(refresh_token));
    Ok(gateway.audit(actor.0, "credential.add", subject, detail).await?)
}

/// Seals the normalized token as the next version, a candidate.
async fn store(
    gateway: &Gateway,
    actor: Actor<'_>,
    credential: &Credential,
    linted: &Lint,
    made: Made,
) -> Result<CredentialVersion, ServiceError> {
    let versions = gateway.registry.credential_versions(&credential.id).await?;
    let number = VersionNo(versions.last().map_or(1, |v| v.version.0 + 1));
    let fingerprint = gateway.vault.fingerprint(linted.token());
    if let Some(same) = versions.iter().find(|v| v.fingerprint == fingerprint) {
        tracing::info!(credential = %credential.id, version = %same.version,
            "this is the same token as an earlier version");
    }
    let described = describe(gateway, credential, number, fingerprint, linted);
    let version = CredentialVersion { made, ..described };
    let aad = credential_aad(credential, number);
    let sealed = gateway.vault.seal(linted.token().expose().as_bytes(), &aad)?;
    gateway.registry.add_credential_version(&version, &sealed).await?;
    let subject = format!("credential:{}/{number}", credential.id);
    let detail = format!("fingerprint {}", version.fingerprint);
    gateway.audit(actor.0, "credential.add", subject, detail).await?;
    gateway.reload_directory().await?;
    Ok(version)
}

/// What is known of a version when it comes in: its form.
pub(crate) fn describe(
    gateway: &Gateway,
    credential: &Credential,
    number: VersionNo,
    fingerprint: String,
    linted: &Lint,
) -> CredentialVersion {
    CredentialVersion {
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
        scopes_lost: Vec::new(),
        subject: None,
        added_at: gateway.clock.wall(),
        verified_at: None,
        last_delivery_at: None,
        made: Made::Added,
    }
}
