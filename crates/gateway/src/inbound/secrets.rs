//! Whose signature it is.
//!
//! A push does not say, before it is read, which app it belongs to, so every app of ours is tried.
//! While a secret is being changed the platform may still sign with the one before, so that is tried
//! too.

use holdfast_model::credential::App;
use holdfast_model::id::{AppId, VersionNo};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;

use crate::directory::Snapshot;
use crate::services::secrets::{SecretsError, open_app_secret};
use crate::state::Gateway;

/// Most apps that are tried: each costs a look at the whole body, and a company has a few.
const MAX_APPS: usize = 16;

/// Cheap, and asked before anything else: without a secret there is nothing to check.
pub fn is_any_known(snapshot: &Snapshot) -> bool {
    snapshot.apps.values().any(|app| signs(&app) && app.secret_version.is_some())
}

fn signs(app: &&App) -> bool {
    matches!(app.platform, PlatformId::Meta | PlatformId::Whatsapp)
}

/// The secrets that may have signed, the newest of each app before the one it replaced.
pub async fn candidates(gateway: &Gateway) -> Vec<(AppId, Secret)> {
    let snapshot = gateway.snapshot();
    let mut apps: Vec<&App> = snapshot.apps.values().filter(signs).collect();
    apps.retain(|app| app.secret_version.is_some());
    apps.sort_by(|a, b| a.id.cmp(&b.id));
    if apps.len() > MAX_APPS {
        tracing::warn!(apps = apps.len(), tried = MAX_APPS, "not every app's secret is tried");
    }
    let mut found = Vec::new();
    for app in apps.into_iter().take(MAX_APPS) {
        let newest = app.secret_version.map_or(0, |version| version.0);
        for version in [newest, newest.saturating_sub(1)] {
            match secret(gateway, app, VersionNo(version)).await {
                Ok(Some(secret)) => found.push((app.id.clone(), secret)),
                Ok(None) => {}
                Err(error) => tracing::error!(app = %app.id, %error, "failed to open a secret"),
            }
        }
    }
    found
}

async fn secret(
    gateway: &Gateway,
    app: &App,
    version: VersionNo,
) -> Result<Option<Secret>, SecretsError> {
    if version.0 == 0 {
        return Ok(None);
    }
    let app = App { secret_version: Some(version), ..app.clone() };
    open_app_secret(&*gateway.registry, &gateway.vault, &app).await
}
