//! Where tokens come from and where they end (`tokens.md §4`).
//!
//! The sheet records parameters and success; of refusals it records few. The numbers of the
//! others are general knowledge and marked so.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::GraphError;
use super::caller::{self, Caller, Edge, UNKNOWN_APP};
use super::turn::Turn;
use super::world::{
    App, LONG_LIVED_USER_S, NewCode, NewToken, SIXTY_DAYS_S, Token, TokenKind, TokenState,
};
use crate::handle::SandboxHandle;
use crate::world::World;

/// `GET|POST /oauth/access_token`
pub async fn access_token(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    let mut world = sandbox.world();
    turn.answer_unchecked(&mut world, |world| match turn.call.field("grant_type") {
        Some("client_credentials") => client_credentials(world, &turn),
        Some("fb_exchange_token") => exchange(world, &turn),
        Some("fb_attenuate_token") => attenuate(world, &turn),
        None | Some("authorization_code") => redeem(world, &turn),
        Some(other) => {
            Err(GraphError::bad_request(100, None, format!("Unsupported grant type: {other}")))
        }
    })
}

/// `GET /oauth/revoke`: the client, the app of both tokens and the secret must agree.
pub async fn revoke(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    let mut world = sandbox.world();
    turn.answer(&mut world, Edge::Graph, "", |world, caller| {
        let app = client(world, &turn)?;
        let revoked = required(&turn, "revoke_token")?;
        let caller_app = match caller {
            Caller::App(id) => Some(*id),
            Caller::Token(text) => world.meta.tokens.get(text).map(|token| token.app),
        };
        let now = world.clock.unix_seconds();
        let token = world.meta.tokens.get_mut(revoked);
        let token = token.filter(|token| token.app == app && caller_app == Some(app));
        let Some(token) = token else {
            let message = "(#100) The revoke_token does not belong to the app";
            return Err(GraphError::bad_request(100, None, message));
        };
        token.state = TokenState::Revoked;
        token.state_since = now;
        Ok(json!({ "success": true }))
    })
}

/// `GET /oauth/client_code`: a code that a client redeems without the secret.
pub async fn client_code(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    let mut world = sandbox.world();
    turn.answer(&mut world, Edge::Graph, "", |world, caller| {
        let app = client(world, &turn)?;
        let redirect_uri = required(&turn, "redirect_uri")?.to_owned();
        let Some(token) = super::turn::token_of(world, caller).filter(|token| token.app == app)
        else {
            return Err(foreign(app));
        };
        let entry = NewCode {
            app: Some(app),
            redirect_uri: Some(redirect_uri),
            kind: Some(TokenKind::User),
            assets: token.assets.iter().cloned().collect(),
            scopes: Some(token.scopes.iter().cloned().collect()),
            declined: Vec::new(),
            user: Some(token.user.clone()),
            lifetime_s: None,
        };
        let now = world.clock.unix_seconds();
        let code = world.meta.add_code(entry, now).map_err(|_| foreign(app))?;
        Ok(json!({ "code": code }))
    })
}

fn client_credentials(world: &mut World, turn: &Turn) -> Result<Value, GraphError> {
    let app = client(world, turn)?;
    let token = world.meta.issue_app_token(app).ok_or_else(unknown_app)?;
    Ok(json!({ "access_token": token, "token_type": "bearer" }))
}

/// Extends a person's token, or a system user's that expires.
fn exchange(world: &mut World, turn: &Turn) -> Result<Value, GraphError> {
    let app = client(world, turn)?;
    let token = exchanged(world, turn, app)?;
    let now = world.clock.unix_seconds();
    let (kind, lifetime_s) = if token.kind.is_system_user() {
        // Only that flag says that an expiring one is wanted.
        if turn.call.field("set_token_expires_in_60_days") != Some("true") {
            let message = "(#100) The parameter set_token_expires_in_60_days is required.";
            return Err(GraphError::bad_request(100, None, message));
        }
        (token.kind, SIXTY_DAYS_S)
    } else if matches!(token.kind, TokenKind::ShortLivedUser | TokenKind::User) {
        (TokenKind::User, LONG_LIVED_USER_S)
    } else {
        return Err(GraphError::bad_request(100, None, "(#100) This token cannot be extended"));
    };
    // Whoever extends on the same day gains nothing.
    let is_same_day = token.kind == TokenKind::User && now - token.issued_at < DAY_S;
    let expires_at = token.expires_at.filter(|_| is_same_day).unwrap_or(now + lifetime_s);
    let name = extended_name(world, &token.name);
    let extended = Token {
        name,
        kind,
        issued_at: now,
        expires_at: Some(expires_at),
        data_access_expires_at: kind.data_access_s().map(|after| now + after),
        parent: None,
        ..token
    };
    let text = world.meta.put_token(extended);
    Ok(json!({ "access_token": text, "token_type": "bearer", "expires_in": expires_at - now }))
}

const DAY_S: i64 = 86_400;

/// `shop` becomes `shop-2`, `shop-3` …, so that a timeline can name what a refresh will bring.
fn extended_name(world: &World, name: &str) -> String {
    let stem = name.rsplit_once('-').filter(|(_, number)| number.parse::<u64>().is_ok());
    let stem = stem.map_or(name, |(stem, _)| stem);
    let mut number = 2_u64;
    while world.meta.token(&format!("{stem}-{number}")).is_some() {
        number += 1;
    }
    format!("{stem}-{number}")
}

/// A copy that may be shown to support. Needs no secret.
fn attenuate(world: &mut World, turn: &Turn) -> Result<Value, GraphError> {
    let app = known_client(world, turn)?;
    let token = exchanged(world, turn, app)?;
    let name = world.meta.free_name();
    let text = world.meta.put_token(Token { name, kind: TokenKind::DebugOnly, ..token });
    Ok(json!({ "access_token": text, "token_type": "bearer" }))
}

/// A code becomes a token, once.
fn redeem(world: &mut World, turn: &Turn) -> Result<Value, GraphError> {
    let app = known_client(world, turn)?;
    let text = required(turn, "code")?;
    let now = world.clock.unix_seconds();
    // General knowledge: the numbers and words of refused codes.
    let refuse = |subcode, message: &str| Err(GraphError::bad_request(100, Some(subcode), message));
    let code =
        world.meta.codes.get(text).filter(|code| world.meta.app_of(code.entry.app) == Some(app));
    let Some(code) = code else {
        return refuse(36_009, "Invalid verification code format.");
    };
    let is_client_code = code.entry.kind == Some(TokenKind::User);
    if !is_client_code {
        client(world, turn)?;
    }
    if code.is_used {
        return refuse(36_009, "This authorization code has been used.");
    }
    if code.expires_at <= now {
        return refuse(36_007, "This authorization code has expired.");
    }
    if code.entry.redirect_uri.as_deref() != turn.call.field("redirect_uri") {
        return refuse(
            36_008,
            "Error validating verification code. Please make sure your redirect_uri is identical \
             to the one you used in the OAuth dialog request",
        );
    }
    let entry = code.entry.clone();
    let token = NewToken {
        app: Some(app),
        kind: entry.kind.unwrap_or(TokenKind::ShortLivedUser),
        assets: entry.assets,
        scopes: entry.scopes,
        declined: entry.declined,
        user: entry.user,
        ..NewToken::default()
    };
    if let Some(code) = world.meta.codes.get_mut(text) {
        code.is_used = true;
    }
    let token = world.meta.token_from(token, app, now);
    let expires_at = token.expires_at;
    let text = world.meta.put_token(token);
    let mut answer = json!({ "access_token": text, "token_type": "bearer" });
    if let Some(at) = expires_at {
        answer["expires_in"] = (at - now).into();
    }
    Ok(answer)
}

/// The token that is given up for another: alive, and of this app.
fn exchanged(world: &World, turn: &Turn, app: u64) -> Result<Token, GraphError> {
    let text = required(turn, "fb_exchange_token")?;
    let now = world.clock.unix_seconds();
    let Some(token) = world.meta.tokens.get(text) else { return Err(caller::unknown_text(text)) };
    if token.app != app {
        return Err(foreign(app));
    }
    match world.meta.state_of(token, now) {
        TokenState::Valid => Ok(token.clone()),
        state => {
            let message = caller::death_message(token, state, now);
            Err(GraphError::bad_request(190, state.subcode(), message))
        }
    }
}

/// The app that asks, which its secret proves.
fn client(world: &World, turn: &Turn) -> Result<u64, GraphError> {
    let id = known_client(world, turn)?;
    let secret = required(turn, "client_secret")?;
    if world.meta.apps.get(&id).is_some_and(|app| app.secret == secret) {
        return Ok(id);
    }
    // General knowledge.
    Err(GraphError::bad_request(1, None, "Error validating client secret."))
}

fn known_client(world: &World, turn: &Turn) -> Result<u64, GraphError> {
    let missing = || GraphError::bad_request(101, None, "Missing client_id parameter.");
    let text = turn.call.field("client_id").ok_or_else(missing)?;
    let id: u64 = text.parse().map_err(|_| unknown_app())?;
    let app: &App = world.meta.apps.get(&id).ok_or_else(unknown_app)?;
    caller::check_app(app).map_err(|mut error| {
        if error.code == 190 {
            error.code = 101;
        }
        error
    })?;
    Ok(id)
}

fn unknown_app() -> GraphError {
    GraphError::bad_request(101, None, UNKNOWN_APP)
}

fn foreign(app: u64) -> GraphError {
    // General knowledge.
    let message = format!("(#100) The access token does not belong to application {app}");
    GraphError::bad_request(100, None, message)
}

pub fn required<'a>(turn: &'a Turn, name: &str) -> Result<&'a str, GraphError> {
    let missing =
        || GraphError::bad_request(100, None, format!("(#100) The parameter {name} is required"));
    turn.call.field(name).ok_or_else(missing)
}
