//! `/_sandbox/…`: setting up the stand-in and looking at it, in the words of the scenario file.
//!
//! Bodies are the file's entries as JSON, and are refused as the file is: every mistake at once.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::damage::Damage;
use crate::entry::EntryError;
use crate::handle::SandboxHandle;
use crate::inspect::{RequestRecord, State as Shown, fingerprint};
use crate::meta::{NewApp, NewAsset, NewCode, TokenKind, TokenState};
use crate::scenario::{KeyError, read};
use crate::timeline::{PlannedStep, Step, StepError};

pub fn router() -> Router<SandboxHandle> {
    Router::new()
        .route("/_sandbox/state", get(state))
        .route("/_sandbox/apps", post(add_app))
        .route("/_sandbox/assets", post(add_asset))
        .route("/_sandbox/tokens", post(issue_token).get(tokens))
        .route("/_sandbox/tokens/damaged", post(damaged))
        .route("/_sandbox/codes", post(issue_code))
        .route("/_sandbox/timeline", post(add_step).get(timeline))
        .route("/_sandbox/timeline/{id}", delete(delete_step))
        .route("/_sandbox/clock", post(advance))
        .route("/_sandbox/events", get(events))
        .route("/_sandbox/requests", get(requests))
        .route("/_sandbox/reset", post(reset))
}

/// What is wrong with a body.
#[derive(Debug)]
pub struct Refused(Vec<KeyError>);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let message = format!("the body has {} mistake(s)", self.0.len());
        let body = json!({ "error": { "message": message, "mistakes": self.0 } });
        (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
    }
}

impl Refused {
    pub fn one(key: &'static str, what: impl Into<String>) -> Self {
        Self(vec![KeyError::new(key, what.into())])
    }
}

impl From<Vec<EntryError>> for Refused {
    fn from(found: Vec<EntryError>) -> Self {
        Self(found.into_iter().map(|error| KeyError::new(error.key, error.what)).collect())
    }
}

impl From<Vec<StepError>> for Refused {
    fn from(found: Vec<StepError>) -> Self {
        Self(found.into_iter().map(|error| KeyError::new(error.key, error.what)).collect())
    }
}

pub fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Refused> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|e| Refused(vec![KeyError::new("", format!("expected JSON: {e}"))]))?;
    read(value).map_err(Refused)
}

/// Moves the clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

/// A token and what happened to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Damaged {
    token: String,
    damage: Damage,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    asset: Option<String>,
    #[serde(default = "some")]
    limit: usize,
}

fn some() -> usize {
    100
}

/// Longest list that one answer shows.
pub const MAX_LIST: usize = 2_000;

/// A token as a list shows it: never its text.
#[derive(Serialize)]
struct ShownToken {
    name: String,
    fingerprint: String,
    app: u64,
    kind: TokenKind,
    state: TokenState,
    assets: Vec<String>,
    scopes: Vec<String>,
    issued_at: i64,
    expires_at: Option<i64>,
    data_access_expires_at: Option<i64>,
}

async fn state(State(sandbox): State<SandboxHandle>) -> Json<Shown> {
    Json(sandbox.state())
}

async fn add_app(
    State(sandbox): State<SandboxHandle>,
    bytes: Bytes,
) -> Result<Json<Value>, Refused> {
    let app: NewApp = body(&bytes)?;
    let id = app.id;
    Ok(Json(json!({ "id": id, "secret": sandbox.world().meta.add_app(app) })))
}

async fn add_asset(
    State(sandbox): State<SandboxHandle>,
    bytes: Bytes,
) -> Result<StatusCode, Refused> {
    let asset: NewAsset = body(&bytes)?;
    sandbox.add(asset);
    Ok(StatusCode::CREATED)
}

async fn issue_token(
    State(sandbox): State<SandboxHandle>,
    bytes: Bytes,
) -> Result<Json<Value>, Refused> {
    let text = sandbox.issue(body(&bytes)?)?;
    Ok(Json(json!({ "fingerprint": fingerprint(&text), "token": text })))
}

async fn tokens(State(sandbox): State<SandboxHandle>) -> Json<Vec<ShownToken>> {
    let mut world = sandbox.world();
    world.tick();
    let now = world.clock.unix_seconds();
    let show = |(text, token): (&String, &crate::meta::Token)| ShownToken {
        name: token.name.clone(),
        fingerprint: fingerprint(text),
        app: token.app,
        kind: token.kind,
        state: world.meta.state_of(token, now),
        assets: token.assets.iter().cloned().collect(),
        scopes: token.scopes.iter().cloned().collect(),
        issued_at: token.issued_at,
        expires_at: token.expires_at,
        data_access_expires_at: token.data_access_expires_at,
    };
    let mut shown: Vec<ShownToken> = world.meta.tokens.iter().map(show).collect();
    shown.sort_by(|a, b| a.name.cmp(&b.name));
    shown.truncate(MAX_LIST);
    Json(shown)
}

async fn damaged(
    State(sandbox): State<SandboxHandle>,
    bytes: Bytes,
) -> Result<Json<Value>, Refused> {
    let wanted: Damaged = body(&bytes)?;
    let mut world = sandbox.world();
    let of_meta = world.meta.damaged(&wanted.token, wanted.damage);
    let text = of_meta.or_else(|| world.snap.damaged(&wanted.token, wanted.damage));
    let unknown = || Refused(vec![KeyError::new("token", "there is no such token")]);
    Ok(Json(json!({ "token": text.ok_or_else(unknown)? })))
}

async fn issue_code(
    State(sandbox): State<SandboxHandle>,
    bytes: Bytes,
) -> Result<Json<Value>, Refused> {
    let code: NewCode = body(&bytes)?;
    let mut world = sandbox.world();
    let now = world.clock.unix_seconds();
    Ok(Json(json!({ "code": world.meta.add_code(code, now)? })))
}

async fn add_step(
    State(sandbox): State<SandboxHandle>,
    bytes: Bytes,
) -> Result<Json<Value>, Refused> {
    let step: Step = body(&bytes)?;
    let mistakes = sandbox.world().mistakes(&step);
    if !mistakes.is_empty() {
        return Err(mistakes.into());
    }
    match sandbox.misbehave(step) {
        0 => Err(Refused(vec![KeyError::new("", "the timeline is full: delete steps first")])),
        id => Ok(Json(json!({ "id": id }))),
    }
}

async fn timeline(State(sandbox): State<SandboxHandle>) -> Json<Vec<PlannedStep>> {
    Json(sandbox.timeline())
}

async fn delete_step(State(sandbox): State<SandboxHandle>, Path(id): Path<u64>) -> StatusCode {
    if sandbox.behave(id) { StatusCode::OK } else { StatusCode::NOT_FOUND }
}

async fn advance(
    State(sandbox): State<SandboxHandle>,
    bytes: Bytes,
) -> Result<Json<Value>, Refused> {
    let wanted: Advance = body(&bytes)?;
    sandbox.advance(wanted.advance_ms);
    Ok(Json(json!({ "unix_seconds": sandbox.world().clock.unix_seconds() })))
}

async fn events(
    State(sandbox): State<SandboxHandle>,
    Query(which): Query<Which>,
) -> Result<Json<Vec<Value>>, Refused> {
    let missing = || Refused(vec![KeyError::new("asset", "missing")]);
    let asset = which.asset.ok_or_else(missing)?;
    Ok(Json(sandbox.events(&asset, which.limit.min(MAX_LIST))))
}

async fn requests(
    State(sandbox): State<SandboxHandle>,
    Query(which): Query<Which>,
) -> Json<Vec<RequestRecord>> {
    Json(sandbox.requests(which.asset.as_deref(), which.limit.min(MAX_LIST)))
}

async fn reset(State(sandbox): State<SandboxHandle>) -> StatusCode {
    sandbox.reset();
    StatusCode::OK
}
