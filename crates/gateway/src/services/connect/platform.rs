//! Asking a platform while a token is acquired.

use holdfast_credentials::oauth::{AppKeys, ExchangeError};
use holdfast_model::id::AppId;
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::wire::{HttpRequest, HttpResponse, TransportFailure};

use crate::lanes::observe_date;
use crate::services::ServiceError;
use crate::services::secrets::{app_secret, mask};
use crate::state::Gateway;

/// An app of ours with its newest secret opened.
pub(super) struct OpenApp {
    pub id: AppId,
    pub secret: Secret,
}

impl OpenApp {
    pub fn keys(&self) -> AppKeys<'_> {
        AppKeys { id: &self.id, secret: &self.secret }
    }
}

/// Says that the app is not known, is of another platform, or has no secret here.
pub(super) fn check_app(
    gateway: &Gateway,
    id: &AppId,
    platform: PlatformId,
) -> Result<(), ServiceError> {
    let snapshot = gateway.snapshot();
    let unknown = || ServiceError::NotFound { what: "app", name: id.to_string() };
    let app = snapshot.apps.get(id).ok_or_else(unknown)?;
    if app.platform != platform {
        return Err(ServiceError::invalid("app", format!("app {id} belongs to {}", app.platform)));
    }
    if app.secret_version.is_none() {
        return Err(ServiceError::Refused {
            reason: format!("the secret of app {id} is not in the vault"),
            hint: format!(
                "Add it: `holdfast app add {id} --platform {platform} --secret-file PATH`."
            ),
        });
    }
    Ok(())
}

pub(super) async fn open_app(
    gateway: &Gateway,
    id: &AppId,
    platform: PlatformId,
) -> Result<OpenApp, ServiceError> {
    check_app(gateway, id, platform)?;
    let secret = app_secret(gateway, Some(id)).await?;
    let unknown = || ServiceError::NotFound { what: "app", name: id.to_string() };
    Ok(OpenApp { id: id.clone(), secret: secret.ok_or_else(unknown)? })
}

/// Sends it once. What a refusal repeats of these secrets is masked, whatever its status; a success is
/// left as it is, because the token in it may be one of them.
pub(super) async fn send(
    gateway: &Gateway,
    request: HttpRequest,
    secrets: &[&Secret],
) -> Result<HttpResponse, TransportFailure> {
    let answer = gateway.egress.send(request).await?;
    observe_date(gateway, &answer);
    let is_error = || {
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        !body["error"].is_null()
    };
    if (200..300).contains(&answer.status) && !is_error() {
        return Ok(answer);
    }
    Ok(mask(answer, secrets.iter().copied()))
}

/// Sends something that may be asked twice, and reads the answer.
pub(super) async fn ask<T>(
    gateway: &Gateway,
    request: HttpRequest,
    secrets: &[&Secret],
    read: impl FnOnce(&HttpResponse) -> Result<T, ExchangeError>,
) -> Result<T, ExchangeError> {
    match send(gateway, request, secrets).await {
        Ok(answer) => read(&answer),
        Err(failure) => Err(ExchangeError::Silent(failure.to_string())),
    }
}

/// Longest id of a platform's object. Meta's have up to 20 digits.
const MAX_ID_DIGITS: usize = 32;

/// An id that becomes part of a path.
pub(super) fn check_id(field: &'static str, id: &str) -> Result<(), ServiceError> {
    let is_id =
        (1..=MAX_ID_DIGITS).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    if is_id {
        Ok(())
    } else {
        Err(ServiceError::invalid(field, "expected the number that the platform gave it"))
    }
}
