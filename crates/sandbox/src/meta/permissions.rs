//! `/me/permissions` and `/{user}/permissions`: what was granted, and taking it back.

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::GraphError;
use super::pushes::{self, NewSignedRequest};
use super::reads::{about_me, node_of};
use super::turn::Turn;
use super::world::{Token, TokenState};
use crate::handle::SandboxHandle;
use crate::world::World;

type Segments = Path<Vec<(String, String)>>;

pub async fn list(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    about_me(&sandbox, &turn, |_, token| Ok(granted(token)))
}

pub async fn list_of(
    State(sandbox): State<SandboxHandle>,
    Path(path): Segments,
    turn: Turn,
) -> Response {
    let user = node_of(path);
    about_me(&sandbox, &turn, |_, token| own(token, &user, "get").map(|()| granted(token)))
}

pub async fn remove_own(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    about_me(&sandbox, &turn, |world, token| Ok(deauthorize(world, token)))
}

/// The app is told, if it said where. Nobody waits for its answer.
fn tell_the_app(world: &World, token: &Token) {
    let url = world.meta.apps.get(&token.app).and_then(|app| app.deauthorize_url.clone());
    let Some(url) = url else { return };
    let wanted = NewSignedRequest::of(token.app, &token.user, url);
    if let Some(push) = pushes::signed_request(world, &wanted) {
        tokio::spawn(async move {
            if let Err(error) = push.send().await {
                tracing::warn!(%error, "the app did not hear that it was removed");
            }
        });
    }
}

pub async fn remove_all(
    State(sandbox): State<SandboxHandle>,
    Path(path): Segments,
    turn: Turn,
) -> Response {
    let user = node_of(path);
    about_me(&sandbox, &turn, |world, token| {
        own(token, &user, "delete").map(|()| deauthorize(world, token))
    })
}

pub async fn remove_one_own(
    State(sandbox): State<SandboxHandle>,
    Path(path): Segments,
    turn: Turn,
) -> Response {
    let permission = named(&path, "permission");
    about_me(&sandbox, &turn, |world, token| Ok(decline(world, token, &permission)))
}

pub async fn remove_one(
    State(sandbox): State<SandboxHandle>,
    Path(path): Segments,
    turn: Turn,
) -> Response {
    let permission = named(&path, "permission");
    let user = node_of(path);
    about_me(&sandbox, &turn, |world, token| {
        own(token, &user, "delete").map(|()| decline(world, token, &permission))
    })
}

fn granted(token: &Token) -> Value {
    let row =
        |permission: &String, status: &str| json!({ "permission": permission, "status": status });
    let granted = token.scopes.iter().map(|scope| row(scope, "granted"));
    let declined = token.declined.iter().map(|scope| row(scope, "declined"));
    json!({ "data": granted.chain(declined).collect::<Vec<_>>() })
}

/// Removes the app: every token of this person for it dies.
fn deauthorize(world: &mut World, token: &Token) -> Value {
    let now = world.clock.unix_seconds();
    for known in theirs(world, token) {
        known.state = TokenState::AppRemoved;
        known.state_since = now;
    }
    tell_the_app(world, token);
    json!({ "success": true })
}

fn decline(world: &mut World, token: &Token, permission: &str) -> Value {
    for known in theirs(world, token) {
        if known.scopes.remove(permission) {
            known.declined.insert(permission.to_owned());
        }
    }
    json!({ "success": true })
}

fn theirs<'a>(world: &'a mut World, token: &'a Token) -> impl Iterator<Item = &'a mut Token> {
    let all = world.meta.tokens.values_mut();
    all.filter(|known| known.app == token.app && known.user == token.user)
}

/// Nobody sees another person's permissions.
fn own(token: &Token, user: &str, method: &str) -> Result<(), GraphError> {
    if token.user == user { Ok(()) } else { Err(GraphError::missing_object(method, user)) }
}

fn named(path: &[(String, String)], key: &str) -> String {
    path.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone()).unwrap_or_default()
}
