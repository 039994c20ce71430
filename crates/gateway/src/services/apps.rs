//! Platform apps and their secrets.

use holdfast_model::credential::App;
use holdfast_model::id::{AppId, VersionNo};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;

use super::secrets::app_aad;
use super::{Actor, ServiceError};
use crate::state::Gateway;

/// Shortest and longest text that can be an app secret. Meta's have 32 hexadecimal digits.
const SECRET_LENGTHS: std::ops::RangeInclusive<usize> = 16..=256;

/// Adds the app, or a new version of its secret if it is known.
pub async fn put(
    gateway: &Gateway,
    actor: Actor<'_>,
    id: AppId,
    platform: PlatformId,
    label: String,
    secret: Option<Secret>,
) -> Result<App, ServiceError> {
    let known = gateway.registry.apps().await?.into_iter().find(|app| app.id == id);
    let mut app = known.unwrap_or_else(|| App {
        id: id.clone(),
        platform,
        label: label.clone(),
        secret_version: None,
        created_at: gateway.clock.wall(),
    });
    if app.platform != platform {
        return Err(ServiceError::invalid(
            "platform",
            format!("app {id} belongs to {}", app.platform),
        ));
    }
    app.label = if label.is_empty() { app.label } else { label };
    gateway.registry.put_app(&app).await?;
    if let Some(secret) = secret {
        app.secret_version = Some(add_secret(gateway, &app, secret).await?);
    }
    let what = app.secret_version.map_or("no secret".to_owned(), |v| format!("secret version {v}"));
    gateway.audit(actor.0, "app.put", format!("app:{id}"), what).await?;
    gateway.reload_directory().await?;
    Ok(app)
}

pub async fn list(gateway: &Gateway) -> Result<Vec<App>, ServiceError> {
    Ok(gateway.registry.apps().await?)
}

async fn add_secret(
    gateway: &Gateway,
    app: &App,
    secret: Secret,
) -> Result<VersionNo, ServiceError> {
    let text = secret.expose().trim();
    let plain = text.bytes().all(|b| b.is_ascii_graphic());
    if !SECRET_LENGTHS.contains(&text.len()) || !plain {
        return Err(ServiceError::invalid(
            "secret",
            "expected the app secret, 16 to 256 visible characters (Meta's has 32 hexadecimal digits)",
        ));
    }
    let version = VersionNo(app.secret_version.map_or(1, |v| v.0 + 1));
    let aad = app_aad(&app.id, app.platform, version);
    let sealed = gateway.vault.seal(text.as_bytes(), &aad)?;
    gateway.registry.add_app_secret(&app.id, version, &sealed, gateway.clock.wall()).await?;
    Ok(version)
}
