//! `/_sandbox/snap/…`: furnishing Snap's part of the world.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Value, json};

use super::world::{
    Environment, Habits, IssuedOrganization, NewOrganization, NewSnapAsset, NewSnapToken,
    SnapTokenKind, SnapTokenState, Token,
};
use crate::control::{MAX_LIST, Refused, body};
use crate::handle::SandboxHandle;
use crate::inspect::fingerprint;

pub fn router() -> Router<SandboxHandle> {
    Router::new()
        .route("/_sandbox/snap/organizations", post(add_organization))
        .route("/_sandbox/snap/assets", post(add_asset))
        .route("/_sandbox/snap/tokens", post(issue_token).get(tokens))
        .route("/_sandbox/snap/codes", post(issue_code))
        .route("/_sandbox/snap/habits", post(set_habits).get(habits))
}

/// A token as a list shows it: never its text.
#[derive(Serialize)]
struct ShownToken {
    name: String,
    fingerprint: String,
    organization: String,
    kind: SnapTokenKind,
    environment: Environment,
    state: SnapTokenState,
    scopes: Vec<String>,
    issued_at: i64,
    active_at: i64,
    expires_at: Option<i64>,
}

async fn add_organization(
    State(sandbox): State<SandboxHandle>,
    bytes: Bytes,
) -> Result<Json<IssuedOrganization>, Refused> {
    let entry: NewOrganization = body(&bytes)?;
    Ok(Json(sandbox.world().snap.add_organization(entry)?))
}

async fn add_asset(
    State(sandbox): State<SandboxHandle>,
    bytes: Bytes,
) -> Result<StatusCode, Refused> {
    let entry: NewSnapAsset = body(&bytes)?;
    sandbox.add_snap(entry)?;
    Ok(StatusCode::CREATED)
}

async fn issue_token(
    State(sandbox): State<SandboxHandle>,
    bytes: Bytes,
) -> Result<Json<Value>, Refused> {
    let entry: NewSnapToken = body(&bytes)?;
    let issued = sandbox.issue_snap(entry)?;
    let mut shown = json!({
        "name": issued.name, "fingerprint": fingerprint(&issued.text), "token": issued.text,
    });
    if let Some(refresh_token) = issued.refresh_token {
        shown["refresh_token"] = refresh_token.into();
    }
    Ok(Json(shown))
}

async fn tokens(State(sandbox): State<SandboxHandle>) -> Json<Vec<ShownToken>> {
    let mut world = sandbox.world();
    world.tick();
    let now = world.clock.unix_seconds();
    let show = |(text, token): (&String, &Token)| ShownToken {
        name: token.name.clone(),
        fingerprint: fingerprint(text),
        organization: token.organization.clone(),
        kind: token.kind,
        environment: token.environment,
        state: world.snap.state_of(token, now),
        scopes: token.scopes.iter().cloned().collect(),
        issued_at: token.issued_at,
        active_at: token.active_at,
        expires_at: token.expires_at,
    };
    let mut shown: Vec<ShownToken> = world.snap.tokens.iter().map(show).collect();
    shown.sort_by(|a, b| (&a.name, a.issued_at).cmp(&(&b.name, b.issued_at)));
    shown.truncate(MAX_LIST);
    Json(shown)
}

async fn issue_code(
    State(sandbox): State<SandboxHandle>,
    bytes: Bytes,
) -> Result<Json<Value>, Refused> {
    Ok(Json(json!({ "code": sandbox.issue_snap_code(body(&bytes)?)? })))
}

async fn set_habits(
    State(sandbox): State<SandboxHandle>,
    bytes: Bytes,
) -> Result<Json<Habits>, Refused> {
    sandbox.set_snap_habits(body(&bytes)?);
    Ok(Json(sandbox.snap_habits()))
}

async fn habits(State(sandbox): State<SandboxHandle>) -> Json<Habits> {
    Json(sandbox.snap_habits())
}
