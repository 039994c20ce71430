//! Whose signature it is.
//!
//! A push does not say, before it is read, which app it belongs to, so every app of ours is tried.
//! While a secret is being changed the platform may still sign with the one before, so for a while
//! that is tried too.

use holdfast_model::credential::App;
use holdfast_model::id::{AppId, VersionNo};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::time::HOUR_S;
use holdfast_storage::StorageError;

use crate::directory::Snapshot;
use crate::services::secrets::{SecretsError, open_app_secret};
use crate::state::Gateway;

/// Most apps that are tried: each costs a look at the whole body, and a company has a few.
const MAX_APPS: usize = 16;

/// How long the secret before the newest counts. What was signed with it comes again most in the first
/// day, and whoever changes a secret here and at the platform may need a second one. No longer:
/// secrets are changed because somebody may know them.
const BEFORE_COUNTS_MS: i64 = 48 * HOUR_S * 1_000;

/// Whether a request may be signed with the secret before the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// For a while, because webhooks that get lost tell of dead tokens.
    Counts,
    /// What is asked for cannot be taken back.
    IsOver,
}

/// Cheap, and asked before anything else: without a secret there is nothing to check.
pub fn is_any_known(snapshot: &Snapshot) -> bool {
    snapshot.apps.values().any(|app| signs(&app) && app.secret_version.is_some())
}

fn signs(app: &&App) -> bool {
    matches!(app.platform, PlatformId::Meta | PlatformId::Whatsapp)
}

/// The secrets that may have signed, the newest of each app before the one it replaced.
pub async fn candidates(gateway: &Gateway, before: Before) -> Vec<(AppId, Secret)> {
    let snapshot = gateway.snapshot();
    let mut apps: Vec<&App> = snapshot.apps.values().filter(signs).collect();
    apps.retain(|app| app.secret_version.is_some());
    apps.sort_by(|a, b| a.id.cmp(&b.id));
    if apps.len() > MAX_APPS {
        tracing::warn!(apps = apps.len(), tried = MAX_APPS, "not every app's secret is tried");
    }
    let mut found = Vec::new();
    for app in apps.into_iter().take(MAX_APPS) {
        for version in versions(gateway, app, before).await {
            match secret(gateway, app, version).await {
                Ok(Some(secret)) => found.push((app.id.clone(), secret)),
                Ok(None) => {}
                Err(error) => tracing::error!(app = %app.id, %error, "failed to open a secret"),
            }
        }
    }
    found
}

async fn versions(gateway: &Gateway, app: &App, before: Before) -> Vec<VersionNo> {
    let Some(newest) = app.secret_version else { return Vec::new() };
    let mut versions = vec![newest];
    if before == Before::Counts && newest.0 > 1 {
        match counts_before(gateway, app, newest).await {
            Ok(true) => versions.push(VersionNo(newest.0 - 1)),
            Ok(false) => {}
            Err(error) => tracing::error!(app = %app.id, %error, "failed to date a secret"),
        }
    }
    versions
}

async fn counts_before(
    gateway: &Gateway,
    app: &App,
    newest: VersionNo,
) -> Result<bool, StorageError> {
    let added_at = gateway.registry.app_secret_added_at(&app.id, newest).await?;
    Ok(gateway.clock.wall() <= added_at.plus_millis(BEFORE_COUNTS_MS))
}

async fn secret(
    gateway: &Gateway,
    app: &App,
    version: VersionNo,
) -> Result<Option<Secret>, SecretsError> {
    let app = App { secret_version: Some(version), ..app.clone() };
    open_app_secret(&*gateway.registry, &gateway.vault, &app).await
}
