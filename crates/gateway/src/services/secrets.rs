//! From the vault to a request, and no further.
//!
//! A token is opened for one request and wiped when that request was answered: the answer is
//! searched for it first. Only sealed bytes are ever kept in between.

use holdfast_model::credential::{App, Credential, CredentialVersion, SignedWith};
use holdfast_model::fault::Fault;
use holdfast_model::id::{AppId, CredentialId, TENANT, VersionNo};
use holdfast_model::platform::PlatformId;
use holdfast_model::redact::LiveSecrets;
use holdfast_model::secret::Secret;
use holdfast_model::wire::HttpResponse;
use holdfast_storage::{Registry, StorageError};
use holdfast_vault::{Aad, Vault, VaultError};

use crate::state::Gateway;

/// The opened secrets that sign one request.
pub struct Keyring {
    pub token: Secret,
    pub app_secret: Option<Secret>,
    pub signed_with: SignedWith,
}

#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    #[error("credential {0} has no active version")]
    NoActiveVersion(CredentialId),
    #[error("version {version} of credential {credential} cannot be opened: {cause}")]
    SealedUnreadable { credential: CredentialId, version: VersionNo, cause: VaultError },
    #[error("the secret of app {app} cannot be opened: {cause}")]
    AppSecretUnreadable { app: AppId, cause: VaultError },
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl SecretsError {
    /// The fault that holds the lane. None for a passing storage failure.
    pub fn fault(&self) -> Option<Fault> {
        let name = match self {
            Self::NoActiveVersion(_) => "holdfast.no_active_credential",
            Self::SealedUnreadable { .. } | Self::AppSecretUnreadable { .. } => {
                "holdfast.sealed_unreadable"
            }
            Self::Storage(error) => {
                tracing::error!(%error, "failed to read a sealed secret");
                return None;
            }
        };
        let mut fault = holdfast_platforms::catalog::own().by_name(name)?.fault();
        fault.platform_message = self.to_string();
        Some(fault)
    }
}

impl Keyring {
    /// Opens the active version of a credential, and the secret of its app where we have it.
    pub async fn open_active(
        gateway: &Gateway,
        credential: &CredentialId,
    ) -> Result<Self, SecretsError> {
        let snapshot = gateway.snapshot();
        let (Some(known), Some(active)) =
            (snapshot.credentials.get(credential), snapshot.active.get(credential))
        else {
            return Err(SecretsError::NoActiveVersion(credential.clone()));
        };
        Self::open(gateway, known, active).await
    }

    /// An answer without what it repeats of these secrets. It passes through here before anything
    /// reads it, so that nothing that comes of it can hold a piece of them.
    pub fn mask(&self, answer: HttpResponse) -> HttpResponse {
        mask(answer, [Some(&self.token), self.app_secret.as_ref()].into_iter().flatten())
    }

    /// Opens one given version.
    pub async fn open(
        gateway: &Gateway,
        credential: &Credential,
        version: &CredentialVersion,
    ) -> Result<Self, SecretsError> {
        Ok(Self {
            token: open_token(&*gateway.registry, &gateway.vault, credential, version).await?,
            app_secret: app_secret(gateway, credential.app.as_ref()).await?,
            signed_with: SignedWith {
                credential: credential.id.clone(),
                version: version.version,
                fingerprint: version.fingerprint.clone(),
            },
        })
    }
}

/// The newest secret of an app of ours, if it has one.
pub async fn app_secret(
    gateway: &Gateway,
    app: Option<&AppId>,
) -> Result<Option<Secret>, SecretsError> {
    let snapshot = gateway.snapshot();
    match app.and_then(|id| snapshot.apps.get(id)) {
        Some(app) => open_app_secret(&*gateway.registry, &gateway.vault, app).await,
        None => Ok(None),
    }
}

/// A version's token, wherever registry and vault come from.
pub async fn open_token(
    registry: &dyn Registry,
    vault: &Vault,
    credential: &Credential,
    version: &CredentialVersion,
) -> Result<Secret, SecretsError> {
    let sealed = registry.sealed_credential(&credential.id, version.version).await?;
    let aad = credential_aad(credential, version.version);
    open_text(vault, &sealed, &aad).map_err(|cause| SecretsError::SealedUnreadable {
        credential: credential.id.clone(),
        version: version.version,
        cause,
    })
}

/// The app's newest secret, if it has one.
pub async fn open_app_secret(
    registry: &dyn Registry,
    vault: &Vault,
    app: &App,
) -> Result<Option<Secret>, SecretsError> {
    let Some(version) = app.secret_version else { return Ok(None) };
    let sealed = registry.app_secret(&app.id, version).await?;
    let aad = app_aad(&app.id, app.platform, version);
    let secret = open_text(vault, &sealed, &aad)
        .map_err(|cause| SecretsError::AppSecretUnreadable { app: app.id.clone(), cause })?;
    Ok(Some(secret))
}

/// An answer without what it repeats of secrets.
pub fn mask<'a>(
    mut answer: HttpResponse,
    secrets: impl Iterator<Item = &'a Secret>,
) -> HttpResponse {
    let mut live = LiveSecrets::default();
    secrets.for_each(|secret| live.add(secret.expose()));
    if let Some(masked) = live.mask(&String::from_utf8_lossy(&answer.body)) {
        answer.body = masked.into_bytes();
    }
    for (_, value) in &mut answer.headers {
        if let Some(masked) = live.mask(value) {
            *value = masked;
        }
    }
    answer
}

/// What a sealed token is bound to: swapped rows do not open.
pub fn credential_aad(credential: &Credential, version: VersionNo) -> Aad<'_> {
    Aad {
        schema: "credential.v1",
        tenant_id: TENANT,
        owner_id: credential.id.as_str(),
        version: version.0,
        kind: "token",
        provider: credential.platform.as_str(),
        app_id: credential.app.as_ref().map_or("", AppId::as_str),
    }
}

/// What a sealed refresh token is bound to.
pub fn refresh_aad(credential: &Credential, version: VersionNo) -> Aad<'_> {
    Aad { schema: "refresh-token.v1", kind: "refresh_token", ..credential_aad(credential, version) }
}

/// The newest refresh token of a credential, if it has one.
pub async fn open_refresh_token(
    registry: &dyn Registry,
    vault: &Vault,
    credential: &Credential,
) -> Result<Option<(VersionNo, Secret)>, SecretsError> {
    let Some(newest) = registry.refresh_token(&credential.id).await? else { return Ok(None) };
    let aad = refresh_aad(credential, newest.version);
    let secret =
        open_text(vault, &newest.sealed, &aad).map_err(|cause| SecretsError::SealedUnreadable {
            credential: credential.id.clone(),
            version: newest.version,
            cause,
        })?;
    Ok(Some((newest.version, secret)))
}

/// What a sealed app secret is bound to.
pub fn app_aad(app: &AppId, platform: PlatformId, version: VersionNo) -> Aad<'_> {
    Aad {
        schema: "app.v1",
        tenant_id: TENANT,
        owner_id: app.as_str(),
        version: version.0,
        kind: "app_secret",
        provider: platform.as_str(),
        app_id: app.as_str(),
    }
}

fn open_text(vault: &Vault, sealed: &[u8], aad: &Aad<'_>) -> Result<Secret, VaultError> {
    let opened = vault.open(sealed, aad)?;
    let text = std::str::from_utf8(&opened).map_err(|_| VaultError::Damaged)?;
    Ok(Secret::new(text.to_owned()))
}
