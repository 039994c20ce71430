//! The reads that tools use to find out about a token.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{GraphError, json_response};
use super::caller::{self, Presented};
use super::wire::bearer;
use crate::world::{SandboxHandle, Token, TokenKind, TokenState, World};

type Parameters = Query<HashMap<String, String>>;

pub async fn asset(
    State(sandbox): State<SandboxHandle>,
    Path((_version, asset)): Path<(String, String)>,
    Query(parameters): Parameters,
    headers: HeaderMap,
) -> Response {
    answer(&sandbox, &headers, &parameters, |_, token| {
        if token.kind == TokenKind::EventsManager {
            let message = "(#10) Application does not have permission for this action";
            return Err(GraphError::new(StatusCode::FORBIDDEN, 10, None, message));
        }
        if !token.assets.contains(&asset) {
            return Err(GraphError::missing_object(&asset));
        }
        Ok(json!({ "id": asset, "name": format!("Dataset {asset}") }))
    })
}

pub async fn dataset_quality(
    State(sandbox): State<SandboxHandle>,
    Query(parameters): Parameters,
    headers: HeaderMap,
) -> Response {
    let asset = parameters.get("dataset_id").cloned().unwrap_or_default();
    answer(&sandbox, &headers, &parameters, |_, token| {
        if !token.assets.contains(&asset) {
            return Err(GraphError::missing_object(&asset));
        }
        Ok(json!({ "web": [] }))
    })
}

pub async fn me(
    State(sandbox): State<SandboxHandle>,
    Query(parameters): Parameters,
    headers: HeaderMap,
) -> Response {
    answer(&sandbox, &headers, &parameters, |_, _| {
        Ok(json!({ "id": "122100000000001", "name": "Conversions API System User" }))
    })
}

/// Answers 200 even for garbage; refuses only callers.
pub async fn debug_token(
    State(sandbox): State<SandboxHandle>,
    Query(parameters): Parameters,
    headers: HeaderMap,
) -> Response {
    let input = parameters.get("input_token").cloned().unwrap_or_default();
    let presented = presented(&headers, &parameters);
    let caller = presented.token.unwrap_or_default();
    let mut world = sandbox.world();
    let trace_id = world.trace_id();
    let by_app = caller
        .split_once('|')
        .and_then(|(id, secret)| Some((world.apps.get(&id.parse().ok()?)?, secret)))
        .is_some_and(|(app, secret)| app.secret == secret);
    if !by_app && caller != input {
        let message = "(#100) You must provide an app access token, or a user access token that is an \
                       owner or developer of the app";
        return GraphError::new(StatusCode::BAD_REQUEST, 100, None, message).response(&trace_id);
    }
    json_response(StatusCode::OK, &json!({ "data": describe(&world, &input) }))
}

fn describe(world: &World, input: &str) -> Value {
    let Some(token) = world.tokens.get(input) else {
        let message = "The access token could not be decrypted";
        return json!({ "error": { "code": 190, "message": message }, "is_valid": false, "scopes": [] });
    };
    let kind = match token.kind {
        TokenKind::SystemUser | TokenKind::EventsManager => "SYSTEM_USER",
        TokenKind::User => "USER",
    };
    let mut data = json!({
        "app_id": token.app.to_string(), "type": kind, "application": "Sandbox App",
        "data_access_expires_at": 0, "expires_at": 0, "is_valid": token.state == TokenState::Valid,
        "issued_at": 1_700_000_000, "scopes": ["ads_management", "business_management"],
        "granular_scopes": [{ "scope": "ads_management" }], "user_id": "122100000000001",
    });
    let dead = match token.state {
        TokenState::Valid => return data,
        TokenState::Expired => (463, "Error validating access token: Session has expired"),
        TokenState::Revoked => (466, "The session was invalidated explicitly using an API call."),
        TokenState::Checkpointed => (459, "The user has been checkpointed"),
    };
    data["scopes"] = json!([]);
    data["error"] = json!({ "code": 190, "subcode": dead.0, "message": dead.1 });
    data
}

fn answer(
    sandbox: &SandboxHandle,
    headers: &HeaderMap,
    parameters: &HashMap<String, String>,
    read: impl FnOnce(&World, &Token) -> Result<Value, GraphError>,
) -> Response {
    let mut world = sandbox.world();
    let trace_id = world.trace_id();
    let read = caller::check(&world, &presented(headers, parameters))
        .and_then(|(_, token)| read(&world, token));
    match read {
        Ok(body) => json_response(StatusCode::OK, &body),
        Err(error) => error.response(&trace_id),
    }
}

fn presented(headers: &HeaderMap, parameters: &HashMap<String, String>) -> Presented {
    Presented {
        token: bearer(headers).or_else(|| parameters.get("access_token").cloned()),
        proof: parameters.get("appsecret_proof").cloned(),
        proof_time: parameters.get("appsecret_time").and_then(|at| at.parse().ok()),
    }
}
