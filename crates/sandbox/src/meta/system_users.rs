//! Businesses, their system users, and the tokens of businesses that installed an app
//! (`tokens.md §2, §4`).
//!
//! The sheet records parameters, success and the codes 200, 452 and 3962; all other words of
//! refusals are made up.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::GraphError;
use super::caller::{Caller, Edge};
use super::mint::{issuable, required_proof};
use super::oauth::required;
use super::reads::{about_me, node_of};
use super::turn::{Turn, token_of};
use super::world::{NewToken, SystemUser, Token, TokenKind};
use crate::handle::SandboxHandle;
use crate::world::World;

/// The business that owns the apps, and one of a client that installed them.
const BUSINESSES: [(&str, &str); 2] =
    [("700000000000001", "Sandbox Business"), ("700000000000002", "Sandbox Client")];

/// Far more than a business may have.
const MAX_SYSTEM_USERS: usize = 1_000;

type Segments = Path<Vec<(String, String)>>;

/// `GET /me/businesses`
pub async fn businesses(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    about_me(&sandbox, &turn, |_, token| {
        manages_business(token)?;
        let rows = BUSINESSES.map(|(id, name)| json!({ "id": id, "name": name }));
        Ok(json!({ "data": rows }))
    })
}

/// `GET /{business}/system_users`
pub async fn list(
    State(sandbox): State<SandboxHandle>,
    Path(path): Segments,
    turn: Turn,
) -> Response {
    let business = node_of(path);
    let mut world = sandbox.world();
    turn.answer(&mut world, Edge::Graph, "", |world, caller| {
        known_business(world, caller, "get", &business)?;
        let of_it = world.meta.system_users.iter().filter(|(_, user)| user.business == business);
        let row = |(id, user): (&String, &SystemUser)| {
            json!({ "id": id, "name": user.name, "role": user.role })
        };
        Ok(json!({ "data": of_it.map(row).collect::<Vec<Value>>() }))
    })
}

/// `POST /{business}/system_users`
pub async fn create(
    State(sandbox): State<SandboxHandle>,
    Path(path): Segments,
    turn: Turn,
) -> Response {
    let business = node_of(path);
    let mut world = sandbox.world();
    turn.answer(&mut world, Edge::Graph, "", |world, caller| {
        known_business(world, caller, "post", &business)?;
        let name = required(&turn, "name")?.to_owned();
        let role = required(&turn, "role")?.to_owned();
        if !matches!(role.as_str(), "ADMIN" | "EMPLOYEE") {
            let message = "(#100) Param role must be one of {ADMIN, EMPLOYEE}";
            return Err(GraphError::bad_request(100, None, message));
        }
        let known = world.meta.system_users.len();
        if known >= MAX_SYSTEM_USERS {
            let message = "(#100) The business has reached its limit of system users";
            return Err(GraphError::bad_request(100, None, message));
        }
        let id = format!("1221{:011}", known + 1_000);
        let user = SystemUser { business: business.clone(), name, role, apps: Default::default() };
        world.meta.system_users.insert(id.clone(), user);
        Ok(json!({ "id": id }))
    })
}

/// `POST /{system user}/applications`: the app may have tokens of it.
pub async fn install(
    State(sandbox): State<SandboxHandle>,
    Path(path): Segments,
    turn: Turn,
) -> Response {
    let user = node_of(path);
    let mut world = sandbox.world();
    turn.answer(&mut world, Edge::Graph, "", |world, caller| {
        let missing = || GraphError::missing_object("post", &user);
        let app: u64 = required(&turn, "business_app")?.parse().map_err(|_| missing())?;
        let token = token_of(world, caller).ok_or_else(missing)?;
        manages_business(token)?;
        if token.app != app {
            return Err(missing());
        }
        let known = world.meta.system_users.get_mut(&user).ok_or_else(missing)?;
        known.apps.insert(app);
        Ok(json!({ "success": true }))
    })
}

/// `POST /{client business}/system_user_access_tokens`: the token of a business that installed the
/// app. With `fetch_only` the one that is there, if there is one.
pub async fn client_token(
    State(sandbox): State<SandboxHandle>,
    Path(path): Segments,
    turn: Turn,
) -> Response {
    let business = node_of(path);
    let mut world = sandbox.world();
    turn.answer(&mut world, Edge::Graph, "", |world, caller| {
        let missing = || GraphError::missing_object("post", &business);
        known_business(world, caller, "post", &business)?;
        required_proof(&turn)?;
        let token = token_of(world, caller).ok_or_else(missing)?.clone();
        let user = format!("1{business}");
        let theirs = world
            .meta
            .tokens
            .iter()
            .filter(|(_, known)| known.user == user && known.app == token.app);
        let newest = theirs.max_by(|a, b| a.1.name.cmp(&b.1.name)).map(|(text, _)| text.clone());
        if turn.call.field("fetch_only") == Some("true") {
            return match newest {
                Some(text) => Ok(json!({ "access_token": text })),
                None => {
                    let message = "(#452) The business has no access token for this app";
                    Err(GraphError::bad_request(452, None, message))
                }
            };
        }
        let scopes = turn.call.field("scope").map(issuable).transpose()?;
        let is_expiring = turn.call.field("set_token_expires_in_60_days") == Some("true");
        let kind = if is_expiring {
            TokenKind::ExpiringSystemUser
        } else {
            TokenKind::BusinessIntegration
        };
        let entry = NewToken {
            kind,
            assets: token.assets.iter().cloned().collect(),
            scopes,
            user: Some(user),
            ..NewToken::default()
        };
        let now = world.clock.unix_seconds();
        let issued = world.meta.token_from(entry, token.app, now);
        Ok(json!({ "access_token": world.meta.put_token(issued) }))
    })
}

/// A system user that was made here has tokens only for apps that were installed on it.
pub fn has_installed(world: &World, user: &str, app: u64) -> Result<(), GraphError> {
    match world.meta.system_users.get(user) {
        Some(known) if !known.apps.contains(&app) => {
            let message = "(#200) The app is not installed on this system user";
            Err(GraphError::new(StatusCode::FORBIDDEN, 200, None, message))
        }
        _ => Ok(()),
    }
}

fn known_business(
    world: &World,
    caller: &Caller,
    method: &str,
    business: &str,
) -> Result<(), GraphError> {
    let missing = || GraphError::missing_object(method, business);
    manages_business(token_of(world, caller).ok_or_else(missing)?)?;
    if BUSINESSES.iter().any(|(id, _)| *id == business) { Ok(()) } else { Err(missing()) }
}

fn manages_business(token: &Token) -> Result<(), GraphError> {
    if token.scopes.contains("business_management") {
        Ok(())
    } else {
        Err(GraphError::permission("business_management"))
    }
}
