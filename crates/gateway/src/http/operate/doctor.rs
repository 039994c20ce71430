//! `POST /v1/doctor`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use holdfast_model::access::Role;
use holdfast_model::id::{AppId, AssetId, CredentialId};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use serde::Deserialize;

use crate::doctor::{Complaint, DryRun, Report, Subject, diagnose};
use crate::http::auth::Caller;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::services::ServiceError;
use crate::services::secrets::app_secret;
use crate::state::Gateway;

/// Either a stored credential or a token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    platform: PlatformId,
    credential: Option<CredentialId>,
    token: Option<String>,
    /// Of the token, where it is an app of ours.
    app: Option<AppId>,
    #[serde(default)]
    assets: Vec<AssetId>,
    /// WhatsApp: the account of the numbers.
    account: Option<AssetId>,
    #[serde(default)]
    offline: bool,
    /// Have the platform check an event that counts nowhere.
    #[serde(default)]
    dry_run: bool,
    /// Send Meta an event under this code. It is shown there, and counts all the same.
    test_event_code: Option<String>,
    #[serde(default)]
    matrix: bool,
}

/// Most assets in one question: each takes two calls to the platform.
const MOST_ASSETS: usize = 20;

pub async fn examine(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    JsonBody(question): JsonBody<Question>,
) -> Result<Json<Report>, ApiError> {
    // Whoever gives a token in gives a secret in, and an event is not nothing.
    let is_harmless = question.token.is_none() && question.test_event_code.is_none();
    caller.require(if is_harmless { Role::Operator } else { Role::Admin })?;
    if question.assets.len() > MOST_ASSETS {
        return Err(ApiError::invalid(format!("assets: expected at most {MOST_ASSETS}")));
    }
    let subject = match (question.credential, question.token) {
        (Some(credential), None) => Subject::Stored(credential),
        (None, Some(token)) => Subject::Given {
            token: Secret::new(token),
            source: "Handed in.".to_owned(),
            app: known_app(&gateway, question.app).await?,
        },
        _ => return Err(ApiError::invalid("body: expected either credential or token")),
    };
    let dry_run = match (question.test_event_code, question.dry_run) {
        (Some(code), _) => DryRun::TestEvent(code),
        (None, true) => DryRun::Check,
        (None, false) => DryRun::None,
    };
    let complaint = Complaint {
        platform: question.platform,
        subject,
        assets: question.assets,
        account: question.account,
        is_offline: question.offline,
        dry_run,
        with_matrix: question.matrix,
    };
    Ok(Json(diagnose(&gateway, complaint).await?))
}

async fn known_app(
    gateway: &Gateway,
    app: Option<AppId>,
) -> Result<Option<(AppId, Option<Secret>)>, ApiError> {
    let Some(app) = app else { return Ok(None) };
    let secret = app_secret(gateway, Some(&app)).await.map_err(ServiceError::from)?;
    Ok(Some((app, secret)))
}
