//! Where OAuth tokens come from (`snap-conversions.md §10.3`). On Snap's side this is a host of its
//! own; here it is the same.
//!
//! Errors are those of RFC 6749: the sheet says only that a dead grant is answered with 400 of the
//! kind `invalid_grant`.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::answer::{SnapError, json_response};
use super::turn::Turn;
use super::world::{Grant, NewSnapCode, SnapWorld};
use crate::exchange::Outcome;
use crate::handle::SandboxHandle;
use crate::inspect::{TokenPlace, TokenSeen};
use crate::page;
use crate::timeline::Misbehaviour;

/// `POST /login/oauth2/access_token`, and where older clients ask.
pub async fn access_token(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    let mut world = sandbox.world();
    let now = world.clock.unix_seconds();
    let fields = fields(&turn);
    let answered = turn.misbehave("").and_then(|()| grant(&mut world.snap, &fields?, now));
    let mut outcome = Outcome::default();
    let mut response = match answered {
        Ok(mut body) => {
            if let Some(body) = body.as_object_mut()
                && turn.plan.has(&Misbehaviour::OmitExpiresIn)
            {
                body.remove("expires_in");
            }
            let text = body["access_token"].as_str().unwrap_or_default();
            let name = world.snap.token(text).map(|token| token.name.clone());
            outcome.token = Some(TokenSeen::new(text, name, TokenPlace::Body));
            json_response(StatusCode::OK, &body)
        }
        Err(error) => {
            outcome.refusal = Some(error.name.clone());
            error.response(super::answer::Dialect::V3)
        }
    };
    response.extensions_mut().insert(outcome);
    response
}

/// `GET /login/oauth2/authorize`: a person with a browser is asked; a program is agreed to at once,
/// and goes back with a code and its `state`.
pub async fn authorize(
    State(sandbox): State<SandboxHandle>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    turn: Turn,
) -> Response {
    let mut world = sandbox.world();
    let now = world.clock.unix_seconds();
    let is_seen = page::is_wanted(&headers, turn.asked("auto"));
    let answered = asked(&world.snap, &turn).and_then(|asked| {
        if is_seen {
            return Ok(question(&world.snap, &asked, &query.unwrap_or_default()));
        }
        agree(&mut world.snap, &asked, now)
    });
    answered.unwrap_or_else(|error| error.response(super::answer::Dialect::V3))
}

/// `POST /login/oauth2/authorize`: what the person decided.
pub async fn decide(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    let mut world = sandbox.world();
    let now = world.clock.unix_seconds();
    let answered = asked(&world.snap, &turn).and_then(|asked| {
        let mut decided = form_urlencoded::parse(&turn.body);
        if decided.any(|(key, value)| key == "decision" && value == "allow") {
            return agree(&mut world.snap, &asked, now);
        }
        let refused = [("error", "access_denied"), ("error_description", "The user said no")];
        back(&page::going_back(&asked.redirect_uri, &refused, asked.state.as_deref()))
    });
    answered.unwrap_or_else(|error| error.response(super::answer::Dialect::V3))
}

/// What the app asks for.
struct Asked {
    organization: String,
    redirect_uri: String,
    state: Option<String>,
    scopes: Option<Vec<String>>,
}

fn asked(world: &SnapWorld, turn: &Turn) -> Result<Asked, SnapError> {
    let client_id = turn.asked("client_id").unwrap_or_default();
    let Some((organization, _)) = world.client(client_id) else { return Err(invalid_client()) };
    if turn.asked("response_type") != Some("code") {
        return Err(refuse("unsupported_response_type", "expected response_type=code"));
    }
    let Some(redirect_uri) = turn.asked("redirect_uri") else {
        return Err(refuse("invalid_request", "redirect_uri is required"));
    };
    Ok(Asked {
        organization: organization.clone(),
        redirect_uri: redirect_uri.to_owned(),
        state: turn.asked("state").map(str::to_owned),
        scopes: turn.asked("scope").map(|t| t.split(' ').map(str::to_owned).collect()),
    })
}

fn question(world: &SnapWorld, asked: &Asked, query: &str) -> Response {
    let name = world.organizations.get(&asked.organization).map_or("", |known| &known.name);
    let scopes = asked.scopes.iter().flatten();
    let scopes: String = scopes.map(|scope| format!("<p>{}</p>", page::escape(scope))).collect();
    let inside = format!(
        "<p>The app of {} asks for:</p>{}{}",
        page::escape(name),
        page::fieldset("Permissions", &scopes),
        page::decision("Log in as Sandbox Member and allow"),
    );
    page::page("Sign in with Snapchat", &page::form("/login/oauth2/authorize", query, &inside))
}

fn agree(world: &mut SnapWorld, asked: &Asked, now: i64) -> Result<Response, SnapError> {
    let entry = NewSnapCode {
        organization: Some(asked.organization.clone()),
        redirect_uri: Some(asked.redirect_uri.clone()),
        scopes: asked.scopes.clone(),
        lifetime_s: None,
    };
    let code = world.add_code(entry, now).map_err(|_| invalid_client())?;
    back(&page::going_back(&asked.redirect_uri, &[("code", &code)], asked.state.as_deref()))
}

fn back(location: &str) -> Result<Response, SnapError> {
    let location = HeaderValue::from_str(location)
        .map_err(|_| refuse("invalid_request", "redirect_uri is not a URL"))?;
    Ok((StatusCode::FOUND, [("location", location)]).into_response())
}

type Fields = BTreeMap<String, String>;

/// Form-encoded, and nothing else.
fn fields(turn: &Turn) -> Result<Fields, SnapError> {
    if !turn.content_type.starts_with("application/x-www-form-urlencoded") {
        return Err(refuse("invalid_request", "the request must be form-encoded"));
    }
    let pairs = form_urlencoded::parse(&turn.body);
    Ok(pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
}

fn grant(world: &mut SnapWorld, fields: &Fields, now: i64) -> Result<Value, SnapError> {
    let organization = client(world, fields)?;
    match field(fields, "grant_type")? {
        "authorization_code" => redeem(world, fields, &organization, now),
        "refresh_token" => refresh(world, fields, &organization, now),
        other => Err(refuse("unsupported_grant_type", &format!("unknown grant type {other}"))),
    }
}

/// The organization whose OAuth app asks, which its secret proves.
fn client(world: &SnapWorld, fields: &Fields) -> Result<String, SnapError> {
    let (id, secret) = (field(fields, "client_id")?, field(fields, "client_secret")?);
    let found = world.client(id).filter(|(_, organization)| organization.client_secret == secret);
    found.map(|(id, _)| id.clone()).ok_or_else(invalid_client)
}

fn redeem(
    world: &mut SnapWorld,
    fields: &Fields,
    organization: &str,
    now: i64,
) -> Result<Value, SnapError> {
    let text = field(fields, "code")?;
    let dead = |what| refuse("invalid_grant", what);
    let free_name = world.free_name();
    let code = world.codes.get_mut(text).filter(|code| code.organization == organization);
    let code = code.ok_or_else(|| dead("the code is not known"))?;
    if code.is_used || code.expires_at <= now {
        return Err(dead("the code was used or has expired"));
    }
    if code.entry.redirect_uri.as_deref() != fields.get("redirect_uri").map(String::as_str) {
        return Err(dead("redirect_uri is not the one that the code was issued for"));
    }
    code.is_used = true;
    let usual = || [super::world::CONVERSIONS_SCOPE.to_owned()].into();
    let scopes =
        code.entry.scopes.clone().map_or_else(usual, |scopes| scopes.into_iter().collect());
    let grant =
        Grant { name: free_name, organization: organization.to_owned(), scopes, is_revoked: false };
    let refresh_token = world.put_grant(grant);
    issue(world, &refresh_token, now)
}

fn refresh(
    world: &mut SnapWorld,
    fields: &Fields,
    organization: &str,
    now: i64,
) -> Result<Value, SnapError> {
    let text = field(fields, "refresh_token")?;
    let grant = world.grants.get(text).filter(|grant| grant.organization == organization);
    let Some(grant) = grant.filter(|grant| !grant.is_revoked) else {
        return Err(refuse("invalid_grant", "the refresh token is not valid"));
    };
    if !world.habits.rotates_refresh_tokens {
        return issue(world, text, now);
    }
    let grant = grant.clone();
    world.grants.remove(text);
    let rotated = world.put_grant(grant);
    issue(world, &rotated, now)
}

fn issue(world: &mut SnapWorld, refresh_token: &str, now: i64) -> Result<Value, SnapError> {
    let gone = || refuse("invalid_grant", "the refresh token is not valid");
    let access_token = world.access_token(refresh_token, now).ok_or_else(gone)?;
    let scopes = world.grants.get(refresh_token).map(|grant| &grant.scopes);
    let scope: Vec<&str> = scopes.into_iter().flatten().map(String::as_str).collect();
    Ok(json!({
        "access_token": access_token, "token_type": "Bearer",
        "expires_in": super::world::ACCESS_LIFE_S,
        "scope": scope.join(" "), "refresh_token": refresh_token,
    }))
}

fn field<'a>(fields: &'a Fields, name: &str) -> Result<&'a str, SnapError> {
    let found = fields.get(name).map(String::as_str).filter(|text| !text.is_empty());
    found.ok_or_else(|| refuse("invalid_request", &format!("{name} is required")))
}

fn refuse(error: &str, description: &str) -> SnapError {
    let mut refused = SnapError::new(StatusCode::BAD_REQUEST, error, description);
    refused.details.raw = Some(json!({ "error": error, "error_description": description }));
    refused
}

fn invalid_client() -> SnapError {
    let mut refused = refuse("invalid_client", "the client is not known or its secret is wrong");
    refused.status = StatusCode::UNAUTHORIZED;
    refused
}
