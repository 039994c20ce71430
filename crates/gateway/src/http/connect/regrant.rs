//! `GET /connect/regrant/{id}`, `POST /connect/regrant/{id}`: asking a person again, because
//! something was declined, taken back, or ran out. Alerts link here.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use holdfast_model::access::Role;
use holdfast_model::id::CredentialId;
use holdfast_model::platform::PlatformId;

use super::begin::go;
use super::home::{is_about, words_of};
use super::result::expiry;
use crate::http::pages::{Frame, Problem, Web, page, problem};
use crate::http::session::{SessionCaller, SignedForm};
use crate::services::connect::{self, Way, asked_before};
use crate::services::{ServiceError, holds};
use crate::state::Gateway;

#[derive(Template)]
#[template(path = "regrant.html")]
struct Regrant {
    frame: Frame,
    may_connect: bool,
    name: String,
    platform: &'static str,
    asked: Vec<String>,
    /// Login for Business.
    config_id: String,
    granted: Vec<String>,
    missing: Vec<String>,
    expires: String,
    /// What is held because of it, in words.
    held: Vec<String>,
}

pub async fn show(
    State(web): State<Web>,
    SessionCaller(session): SessionCaller,
    Path(id): Path<String>,
) -> Response {
    let frame = Frame::from(&*session);
    match look(&web.gateway, frame, session.role >= Role::Admin, &id).await {
        Ok(shown) => page(&web.gateway, StatusCode::OK, &shown),
        Err(error) => problem(&web.gateway, Problem::of_service(Frame::from(&*session), &error)),
    }
}

pub async fn post(State(web): State<Web>, Path(id): Path<String>, form: SignedForm) -> Response {
    let session = &form.session.0;
    let started = match name(&id) {
        Ok(id) => connect::regrant(&web.gateway, session.actor(), session.holder(), &id).await,
        Err(error) => Err(error),
    };
    go(&web, &form, started)
}

fn name(id: &str) -> Result<CredentialId, ServiceError> {
    let unknown =
        |_| ServiceError::NotFound { what: "credential", name: id.chars().take(64).collect() };
    CredentialId::new(id).map_err(unknown)
}

async fn look(
    gateway: &Gateway,
    frame: Frame,
    may_connect: bool,
    id: &str,
) -> Result<Regrant, ServiceError> {
    let id = name(id)?;
    let (platform, ask) = asked_before(gateway, &id)?;
    let active = gateway.snapshot().active.get(&id).cloned();
    let granted = active.as_ref().map(|version| version.scopes.clone()).unwrap_or_default();
    let asked = ask.way.scopes().to_vec();
    let is_missing = |scope: &&String| !granted.contains(scope);
    let missing = asked.iter().filter(is_missing).cloned().collect();
    let config_id = match ask.way {
        Way::Configuration(config_id) => config_id,
        Way::Scopes(_) => String::new(),
    };
    let open = holds::list(gateway, false).await?;
    let held = open.iter().filter(|hold| is_about(hold, &id)).map(words_of);
    Ok(Regrant {
        frame,
        may_connect,
        name: id.to_string(),
        platform: if platform == PlatformId::Snap { "Snap" } else { "Meta" },
        asked,
        config_id,
        missing,
        expires: active.map(|version| expiry(version.expires_at)).unwrap_or_default(),
        granted,
        held: held.collect(),
    })
}
