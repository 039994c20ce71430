//! `/_sandbox/…`: setting up the stand-in and looking at it.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::world::{NewRule, Proof, SandboxHandle, State as Shown, TokenKind, TokenState};

pub fn router() -> Router<SandboxHandle> {
    Router::new()
        .route("/_sandbox/state", get(state))
        .route("/_sandbox/apps", post(add_app))
        .route("/_sandbox/assets", post(add_asset))
        .route("/_sandbox/tokens", post(issue_token))
        .route("/_sandbox/tokens/state", post(set_token_state))
        .route("/_sandbox/tokens/assets", post(assign))
        .route("/_sandbox/rules", post(add_rule))
        .route("/_sandbox/rules/{id}", delete(delete_rule))
        .route("/_sandbox/events", get(events))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddApp {
    id: u64,
    #[serde(default = "optional")]
    proof: Proof,
}

fn optional() -> Proof {
    Proof::Optional
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddAsset {
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssueToken {
    app: u64,
    kind: TokenKind,
    assets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetState {
    token: String,
    state: TokenState,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assign {
    token: String,
    asset: String,
    assigned: bool,
}

#[derive(Deserialize)]
struct Which {
    asset: String,
    #[serde(default = "some")]
    limit: usize,
}

fn some() -> usize {
    100
}

async fn state(State(sandbox): State<SandboxHandle>) -> Json<Shown> {
    Json(sandbox.state())
}

async fn add_app(State(sandbox): State<SandboxHandle>, Json(app): Json<AddApp>) -> Json<Value> {
    Json(json!({ "id": app.id, "secret": sandbox.add_app(app.id, app.proof) }))
}

async fn add_asset(
    State(sandbox): State<SandboxHandle>,
    Json(asset): Json<AddAsset>,
) -> StatusCode {
    sandbox.add_asset(&asset.id);
    StatusCode::CREATED
}

async fn issue_token(
    State(sandbox): State<SandboxHandle>,
    Json(wanted): Json<IssueToken>,
) -> Json<Value> {
    let assets: Vec<&str> = wanted.assets.iter().map(String::as_str).collect();
    Json(json!({ "token": sandbox.issue_token(wanted.app, wanted.kind, &assets) }))
}

async fn set_token_state(
    State(sandbox): State<SandboxHandle>,
    Json(wanted): Json<SetState>,
) -> StatusCode {
    found(sandbox.set_token_state(&wanted.token, wanted.state))
}

async fn assign(State(sandbox): State<SandboxHandle>, Json(wanted): Json<Assign>) -> StatusCode {
    found(sandbox.assign(&wanted.token, &wanted.asset, wanted.assigned))
}

async fn add_rule(State(sandbox): State<SandboxHandle>, Json(rule): Json<NewRule>) -> Json<Value> {
    Json(json!({ "id": sandbox.misbehave(rule) }))
}

async fn delete_rule(State(sandbox): State<SandboxHandle>, Path(id): Path<u64>) -> StatusCode {
    found(sandbox.behave(id))
}

async fn events(
    State(sandbox): State<SandboxHandle>,
    Query(which): Query<Which>,
) -> Json<Vec<Value>> {
    Json(sandbox.events(&which.asset, which.limit.min(1_000)))
}

fn found(was_found: bool) -> StatusCode {
    if was_found { StatusCode::OK } else { StatusCode::NOT_FOUND }
}
