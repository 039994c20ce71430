//! `GET /debug_token` (`tokens.md §5`): answers 200 even for garbage, and refuses only callers.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::GraphError;
use super::caller::{self, Caller, Edge};
use super::oauth::required;
use super::turn::Turn;
use super::world::{MetaWorld, Token, TokenKind, TokenState};
use crate::handle::SandboxHandle;
use crate::world::World;

pub async fn get(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    let mut world = sandbox.world();
    let presented = turn.call.presented.text().to_owned();
    let input = turn.call.field("input_token").unwrap_or_default().to_owned();
    // A token may be asked about itself even when it is dead, by a developer of the app.
    let about_itself = world.meta.tokens.get(&input).filter(|_| presented == input);
    if about_itself.is_some_and(|token| token.is_developer && token.kind != TokenKind::DebugOnly) {
        return turn.answer_unchecked(&mut world, |world| Ok(described(world, &input)));
    }
    turn.answer(&mut world, Edge::Graph, "", |world, caller| {
        let input = required(&turn, "input_token")?;
        let viewing = viewing_app(&world.meta, caller)?;
        if app_of(&world.meta, input).is_some_and(|app| app != viewing) {
            let message = "(#100) The App_id in the input_token did not match the Viewing App";
            return Err(GraphError::bad_request(100, None, message));
        }
        Ok(described(world, input))
    })
}

/// The app in whose name the caller looks.
fn viewing_app(world: &MetaWorld, caller: &Caller) -> Result<u64, GraphError> {
    match caller {
        Caller::App(id) => Ok(*id),
        Caller::Token(text) => {
            let token = world.tokens.get(text).filter(|token| token.is_developer);
            token.map(|token| token.app).ok_or_else(|| {
                GraphError::bad_request(
                    100,
                    None,
                    "(#100) You must provide an app access token, or a user access token that is \
                     an owner or developer of the app",
                )
            })
        }
    }
}

fn app_of(world: &MetaWorld, input: &str) -> Option<u64> {
    match input.split_once('|') {
        Some((id, _)) => id.parse().ok().filter(|id| world.apps.contains_key(id)),
        None => world.tokens.get(input).map(|token| token.app),
    }
}

fn described(world: &World, input: &str) -> Value {
    json!({ "data": describe(&world.meta, input, world.clock.unix_seconds()) })
}

fn describe(world: &MetaWorld, input: &str, now: i64) -> Value {
    if let Some((id, right)) = input.split_once('|') {
        return match caller::known_app_token(world, id, right) {
            Ok(id) => app_token(world, id),
            Err(error) => garbage(&error),
        };
    }
    let known = world.tokens.get(input).filter(|token| token.kind != TokenKind::Instagram);
    let Some(token) = known else { return garbage(&caller::unknown_text(input)) };
    let state = world.state_of(token, now);
    if state == TokenState::Unreadable {
        return garbage(&GraphError::bad_request(190, None, super::world::UNREADABLE));
    }
    let mut data = living(world, token);
    if state != TokenState::Valid {
        let message = caller::death_message(token, state, now);
        data["is_valid"] = false.into();
        data["scopes"] = json!([]);
        data["error"] = json!({ "code": 190, "message": message });
        if let Some(subcode) = state.subcode() {
            data["error"]["subcode"] = subcode.into();
        }
        if let Some(data) = data.as_object_mut() {
            data.remove("granular_scopes");
        }
    }
    data
}

fn garbage(error: &GraphError) -> Value {
    json!({
        "error": { "code": error.code, "message": error.message }, "is_valid": false, "scopes": [],
    })
}

fn app_token(world: &MetaWorld, id: u64) -> Value {
    json!({
        "app_id": id.to_string(), "type": "APP", "application": name_of(world, id),
        "is_valid": true, "scopes": [],
    })
}

fn living(world: &MetaWorld, token: &Token) -> Value {
    let granular: Vec<Value> = token.scopes.iter().map(|scope| json!({ "scope": scope })).collect();
    let mut data = json!({
        "app_id": token.app.to_string(), "type": token.kind.debug_type(),
        "application": name_of(world, token.app),
        "data_access_expires_at": token.data_access_expires_at.unwrap_or(0),
        "expires_at": token.expires_at.unwrap_or(0), "is_valid": true,
        "scopes": token.scopes, "granular_scopes": granular, "user_id": token.user,
    });
    if token.kind.tells_issue() {
        data["issued_at"] = token.issued_at.into();
    }
    if let Some(page) = &token.page {
        data["profile_id"] = page.as_str().into();
    }
    data
}

fn name_of(world: &MetaWorld, app: u64) -> String {
    world.apps.get(&app).map_or_else(String::new, |app| app.name.clone())
}
