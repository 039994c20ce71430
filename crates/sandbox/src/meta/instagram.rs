//! Tokens of Instagram Login, which the platform keeps on a host of its own (`tokens.md §2, §4`).
//! Here it is the same host. The words of refusals are general knowledge.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::GraphError;
use super::caller;
use super::oauth::required;
use super::turn::Turn;
use super::world::{SIXTY_DAYS_S, Token, TokenKind, TokenState};
use crate::handle::SandboxHandle;
use crate::world::World;

/// Younger ones are not refreshed.
const LEAST_AGE_S: i64 = 86_400;

/// `GET /refresh_access_token`: sixty days more, for a token that is a day old and has not expired.
pub async fn refresh(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    let mut world = sandbox.world();
    turn.answer_unchecked(&mut world, |world| {
        granted(&turn, "ig_refresh_token")?;
        let token = living(world, turn.call.presented.text())?;
        if world.clock.unix_seconds() - token.issued_at < LEAST_AGE_S {
            let message = "(#100) The access token is not old enough to be refreshed";
            return Err(GraphError::bad_request(100, None, message));
        }
        Ok(issue(world, token))
    })
}

/// `GET /access_token`: a token of an hour becomes one of sixty days. Needs the app's secret.
pub async fn exchange(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    let mut world = sandbox.world();
    turn.answer_unchecked(&mut world, |world| {
        granted(&turn, "ig_exchange_token")?;
        let token = living(world, turn.call.presented.text())?;
        let secret = required(&turn, "client_secret")?;
        if world.meta.apps.get(&token.app).is_none_or(|app| app.secret != secret) {
            return Err(GraphError::bad_request(1, None, "Error validating client secret."));
        }
        Ok(issue(world, token))
    })
}

fn granted(turn: &Turn, expected: &str) -> Result<(), GraphError> {
    match required(turn, "grant_type")? {
        given if given == expected => Ok(()),
        other => {
            Err(GraphError::bad_request(100, None, format!("Unsupported grant type: {other}")))
        }
    }
}

fn living(world: &World, text: &str) -> Result<Token, GraphError> {
    let refuse = |subcode, message: String| Err(GraphError::bad_request(190, subcode, message));
    let known = world.meta.tokens.get(text).filter(|token| token.kind == TokenKind::Instagram);
    let Some(token) = known else {
        return refuse(None, "Invalid OAuth access token - Cannot parse access token".to_owned());
    };
    let now = world.clock.unix_seconds();
    match world.meta.state_of(token, now) {
        TokenState::Valid => Ok(token.clone()),
        state => refuse(state.subcode(), caller::death_message(token, state, now)),
    }
}

fn issue(world: &mut World, token: Token) -> Value {
    let now = world.clock.unix_seconds();
    let name = world.meta.free_name();
    let permissions: Vec<&str> = token.scopes.iter().map(String::as_str).collect();
    let permissions = permissions.join(",");
    let expires_at = Some(now + SIXTY_DAYS_S);
    let text = world.meta.put_token(Token { name, issued_at: now, expires_at, ..token });
    json!({
        "access_token": text, "token_type": "bearer", "expires_in": SIXTY_DAYS_S,
        "permissions": permissions,
    })
}
