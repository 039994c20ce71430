//! `POST /v1/connect/{platform}/start` and `/finish`, `POST /v1/credentials/{id}/pages`: acquiring
//! tokens from a machine without a browser. What is started here is finished here, by the same key.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use holdfast_credentials::oauth::ExchangeError;
use holdfast_model::access::Role;
use holdfast_model::fault::Fault;
use holdfast_model::id::CredentialId;
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixMillis;
use serde::{Deserialize, Serialize};

use super::parse;
use crate::http::auth::Caller;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::services::connect::{
    self, Ask, ConnectError, DerivePage, GrantReport, Holder, PageReport, Returned,
};
use crate::state::Gateway;

#[derive(Deserialize)]
#[serde(untagged)]
pub enum StartBody {
    /// Asks again for what a credential was granted.
    Again {
        again: CredentialId,
    },
    New(Ask),
}

#[derive(Serialize)]
pub struct StartedBody {
    /// Where the person goes.
    url: String,
    state: String,
    /// Where the platform sends the person back to. It has to be registered with the app.
    redirect_uri: String,
    expires_at: UnixMillis,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishBody {
    /// The whole address that the person was sent back to.
    #[serde(default)]
    redirected_url: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    state: Option<String>,
}

pub async fn start(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(platform): Path<String>,
    JsonBody(body): JsonBody<StartBody>,
) -> Result<(StatusCode, Json<StartedBody>), ApiError> {
    caller.require(Role::Admin)?;
    let platform = connectable(&platform)?;
    let (actor, holder) = (caller.actor(), holder(&caller));
    let started = match body {
        StartBody::New(ask) => connect::start(&gateway, actor, holder, platform, ask).await?,
        StartBody::Again { again } => connect::regrant(&gateway, actor, holder, &again).await?,
    };
    let body = StartedBody {
        url: started.url.to_string(),
        state: started.state.expose().to_owned(),
        redirect_uri: connect::callback_url(&gateway, platform),
        expires_at: started.expires_at,
    };
    Ok((StatusCode::CREATED, Json(body)))
}

/// 201 if the new version is active now, 202 if it is kept as a candidate.
pub async fn finish(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(platform): Path<String>,
    JsonBody(body): JsonBody<FinishBody>,
) -> Result<(StatusCode, Json<GrantReport>), ApiError> {
    caller.require(Role::Admin)?;
    let platform = connectable(&platform)?;
    let (state, returned) = body.read()?;
    let (actor, holder) = (caller.actor(), holder(&caller));
    let report = connect::finish(&gateway, actor, &holder, platform, &state, returned).await?;
    let status = if report.activated { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    Ok((status, Json(report)))
}

pub async fn derive_page(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<DerivePage>,
) -> Result<(StatusCode, Json<PageReport>), ApiError> {
    caller.require(Role::Admin)?;
    let id: CredentialId = parse("credential", &id)?;
    let report = connect::derive_page(&gateway, caller.actor(), &id, body).await?;
    if !report.stored {
        let refused =
            ApiError::new(StatusCode::CONFLICT, "holdfast.refused", report.verdict.clone());
        return Err(refused);
    }
    Ok((StatusCode::CREATED, Json(report)))
}

impl FinishBody {
    fn read(self) -> Result<(Secret, Returned), ApiError> {
        let redirected = self.redirected_url.map(Secret::new);
        let mut state = self.state.map(Secret::new);
        let returned = match (redirected, self.code) {
            (Some(url), None) => {
                let query = url.expose().split_once('?').map_or("", |(_, query)| query);
                let query = query.split('#').next().unwrap_or_default();
                let (found, returned) = Returned::read(query);
                state = found.or(state);
                returned
            }
            (None, Some(code)) => Returned::Code(Secret::new(code)),
            _ => return Err(ApiError::invalid("expected either redirected_url or code")),
        };
        let missing = || ApiError::invalid("state: it is neither given nor in the address");
        Ok((state.ok_or_else(missing)?, returned))
    }
}

fn holder(caller: &Caller) -> Holder {
    Holder::Command(caller.name().to_owned())
}

fn connectable(platform: &str) -> Result<PlatformId, ApiError> {
    match parse("platform", platform)? {
        platform @ (PlatformId::Meta | PlatformId::Snap) => Ok(platform),
        other => Err(ApiError::invalid(format!("platform: nobody signs in at {other}"))),
    }
}

impl From<ConnectError> for ApiError {
    fn from(error: ConnectError) -> Self {
        let (message, hint) = (error.to_string(), error.hint());
        let (status, fault) = match error {
            ConnectError::Service(error) => return error.into(),
            ConnectError::UnknownState | ConnectError::OtherHolder => {
                (StatusCode::NOT_FOUND, "holdfast.not_found")
            }
            ConnectError::Cancelled { .. }
            | ConnectError::Dialog { .. }
            | ConnectError::NoCode { .. } => (StatusCode::CONFLICT, "holdfast.refused"),
            ConnectError::Exchange(ExchangeError::Silent(_)) | ConnectError::CodeInDoubt(_) => {
                (StatusCode::BAD_GATEWAY, "holdfast.no_answer")
            }
            ConnectError::Exchange(ExchangeError::App(fault) | ExchangeError::Refused(fault)) => {
                (StatusCode::CONFLICT, name_of(&fault))
            }
        };
        ApiError::new(status, fault, message).hint(hint)
    }
}

/// The fault's name as the catalog has it.
fn name_of(fault: &Fault) -> &'static str {
    let platform = fault.name.split_once('.').and_then(|(platform, _)| platform.parse().ok());
    let platform = platform.and_then(holdfast_platforms::platform);
    let row = platform.and_then(|platform| platform.catalog().by_name(&fault.name));
    row.map_or("holdfast.refused", |row| row.name)
}
