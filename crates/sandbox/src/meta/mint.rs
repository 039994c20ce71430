//! `/{system user}/access_tokens`: issuing and revoking the tokens of a system user.

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::json;

use super::answer::GraphError;
use super::caller::Edge;
use super::oauth::required;
use super::reads::node_of;
use super::turn::{Turn, token_of};
use super::world::{NewToken, TokenKind, TokenState};
use crate::handle::SandboxHandle;

type Segments = Path<Vec<(String, String)>>;

/// Issues another token. It is no refresh: the old one stays.
pub async fn post(
    State(sandbox): State<SandboxHandle>,
    Path(path): Segments,
    turn: Turn,
) -> Response {
    let user = node_of(path);
    let mut world = sandbox.world();
    turn.answer(&mut world, Edge::Graph, "", |world, caller| {
        let missing = || GraphError::missing_object("post", &user);
        let token = token_of(world, caller).filter(|token| token.kind.is_system_user());
        let token = token.ok_or_else(missing)?.clone();
        let app: u64 = required(&turn, "business_app")?.parse().map_err(|_| missing())?;
        if token.app != app {
            return Err(missing());
        }
        super::system_users::has_installed(world, &user, app)?;
        // This call needs a proof whatever the app's setting is.
        required_proof(&turn)?;
        let scopes = issuable(required(&turn, "scope")?)?;
        let is_expiring = turn.call.field("set_token_expires_in_60_days") == Some("true");
        let kind = if is_expiring { TokenKind::ExpiringSystemUser } else { TokenKind::SystemUser };
        let entry = NewToken {
            app: Some(app),
            kind,
            assets: token.assets.into_iter().collect(),
            scopes: Some(scopes),
            user: Some(user.clone()),
            ..NewToken::default()
        };
        let now = world.clock.unix_seconds();
        let issued = world.meta.token_from(entry, app, now);
        Ok(json!({ "access_token": world.meta.put_token(issued) }))
    })
}

/// Revokes all tokens of the system user.
pub async fn delete(
    State(sandbox): State<SandboxHandle>,
    Path(path): Segments,
    turn: Turn,
) -> Response {
    let user = node_of(path);
    let mut world = sandbox.world();
    turn.answer(&mut world, Edge::Graph, "", |world, caller| {
        let missing = || GraphError::missing_object("delete", &user);
        let app = token_of(world, caller).ok_or_else(missing)?.app;
        let now = world.clock.unix_seconds();
        let of_user =
            world.meta.tokens.values_mut().filter(|token| {
                token.app == app && token.user == user && token.kind.is_system_user()
            });
        let mut revoked = 0;
        for token in of_user {
            token.state = TokenState::Revoked;
            token.state_since = now;
            revoked += 1;
        }
        if revoked == 0 { Err(missing()) } else { Ok(json!({ "success": true })) }
    })
}

pub fn required_proof(turn: &Turn) -> Result<(), GraphError> {
    if turn.call.presented.proof.is_some() {
        return Ok(());
    }
    let message = "API calls from the server require an appsecret_proof argument";
    Err(GraphError::bad_request(100, None, message).of_kind(super::answer::METHOD))
}

/// The scopes in a list, if a system user's token may have all of them.
pub fn issuable(list: &str) -> Result<Vec<String>, GraphError> {
    let scopes: Vec<String> = list.split(',').map(|scope| scope.trim().to_owned()).collect();
    match scopes.iter().find(|scope| !is_issuable(scope)) {
        None => Ok(scopes),
        Some(unknown) => {
            let message = format!("(#3962) Provided permission is not valid: {unknown}");
            Err(GraphError::bad_request(3962, None, message))
        }
    }
}

/// What a system user's token may be given (`tokens.md §2`).
fn is_issuable(scope: &str) -> bool {
    const NAMED: [&str; 6] = [
        "ads_management",
        "ads_read",
        "business_management",
        "catalog_management",
        "leads_retrieval",
        "page_events",
    ];
    let is_instagram = scope.starts_with("instagram_") && !scope.starts_with("instagram_business_");
    NAMED.contains(&scope)
        || scope.starts_with("pages_")
        || scope.starts_with("whatsapp_business_")
        || is_instagram
}
