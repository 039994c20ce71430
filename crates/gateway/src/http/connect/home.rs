//! `GET /connect`: the credentials, each with its state in words, and how to get more.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use holdfast_model::access::Role;
use holdfast_model::credential::{App, CredentialVersion, Verification, VersionState};
use holdfast_model::id::CredentialId;
use holdfast_model::platform::PlatformId;
use holdfast_model::scope::SelectorKind;

use super::result::expiry;
use crate::http::pages::{Frame, Problem, Web, page, problem};
use crate::http::session::SessionCaller;
use crate::services::ServiceError;
use crate::services::connect::{asked_before, callback_url};
use crate::services::credentials::{self, CredentialView};
use crate::services::holds::{self, HoldView};
use crate::state::Gateway;

/// What is usually asked of a person at Meta: to send events, to read what they go to, and to see
/// the pages.
const META_SCOPES: &str = "ads_management business_management pages_show_list";

#[derive(Template)]
#[template(path = "connect.html")]
struct Home {
    frame: Frame,
    may_connect: bool,
    credentials: Vec<Row>,
    meta: Platform,
    snap: Platform,
    usual_scopes: &'static str,
}

struct Row {
    name: String,
    platform: &'static str,
    /// `good`, `waiting` or `bad`.
    mood: &'static str,
    state: String,
    used_by: String,
    expires: String,
    renewal: String,
    /// Whether a person can be asked again.
    is_granted: bool,
}

/// What is needed to begin at a platform.
struct Platform {
    apps: Vec<App>,
    callback: String,
}

pub async fn show(State(web): State<Web>, SessionCaller(session): SessionCaller) -> Response {
    let gateway = &web.gateway;
    let rows = match rows(gateway).await {
        Ok(rows) => rows,
        Err(error) => {
            return problem(gateway, Problem::of_service(Frame::from(&*session), &error));
        }
    };
    let home = Home {
        frame: Frame::from(&*session),
        may_connect: session.role >= Role::Admin,
        credentials: rows,
        meta: platform(gateway, PlatformId::Meta),
        snap: platform(gateway, PlatformId::Snap),
        usual_scopes: META_SCOPES,
    };
    page(gateway, StatusCode::OK, &home)
}

async fn rows(gateway: &Gateway) -> Result<Vec<Row>, ServiceError> {
    let open = holds::list(gateway, false).await?;
    let views = credentials::list(gateway).await?;
    Ok(views.iter().map(|view| row(gateway, view, &open)).collect())
}

fn row(gateway: &Gateway, view: &CredentialView, open: &[HoldView]) -> Row {
    let (mood, state) = state(view, open);
    let active = view.versions.iter().find(|version| version.state == VersionState::Active);
    Row {
        name: view.credential.id.to_string(),
        platform: view.credential.platform.as_str(),
        mood,
        state,
        used_by: view.destinations.join(", "),
        expires: active.map(|version| expiry(version.expires_at)).unwrap_or_default(),
        renewal: view.renewal.says.clone(),
        is_granted: asked_before(gateway, &view.credential.id).is_ok(),
    }
}

fn state(view: &CredentialView, open: &[HoldView]) -> (&'static str, String) {
    if let Some(held) = open.iter().find(|hold| is_about(hold, &view.credential.id)) {
        return ("bad", words_of(held));
    }
    let active = view.versions.iter().find(|version| version.state == VersionState::Active);
    match (active, view.versions.last()) {
        (Some(active), _) => in_use(active),
        (None, Some(_)) => ("bad", "No version is in use: none was proved yet.".to_owned()),
        (None, None) => ("bad", "It has no token.".to_owned()),
    }
}

fn in_use(active: &CredentialVersion) -> (&'static str, String) {
    match active.verification {
        Verification::Proved => ("good", "Active and proved.".to_owned()),
        Verification::Refuted => ("bad", "Active, and the platform refuses it.".to_owned()),
        Verification::Untried | Verification::Silent | Verification::Unprobeable => {
            ("waiting", "Active, not yet proved: its first delivery is the proof.".to_owned())
        }
    }
}

/// What is held, and how much waits.
pub(super) fn words_of(held: &HoldView) -> String {
    let waiting = match held.waiting {
        0 => String::new(),
        1 => " One item waits behind it.".to_owned(),
        more => format!(" {more} items wait behind it."),
    };
    format!("Held: {}{waiting}", held.hold.fault.summary)
}

pub(super) fn is_about(hold: &HoldView, id: &CredentialId) -> bool {
    hold.hold.scope.get(SelectorKind::Credential) == Some(id.as_str())
}

fn platform(gateway: &Gateway, platform: PlatformId) -> Platform {
    let snapshot = gateway.snapshot();
    let ours = snapshot.apps.values().filter(|app| app.platform == platform);
    let mut apps: Vec<App> = ours.filter(|app| app.secret_version.is_some()).cloned().collect();
    apps.sort_by(|a, b| a.id.cmp(&b.id));
    Platform { apps, callback: callback_url(gateway, platform) }
}
