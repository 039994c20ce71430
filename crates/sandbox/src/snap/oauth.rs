//! Where OAuth tokens come from (`snap-conversions.md §10.3`). On Snap's side this is a host of its
//! own; here it is the same.
//!
//! Errors are those of RFC 6749: the sheet says only that a dead grant is answered with 400 of the
//! kind `invalid_grant`.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::answer::{SnapError, json_response};
use super::turn::Turn;
use super::world::{Grant, NewSnapCode, SnapWorld};
use crate::exchange::Outcome;
use crate::handle::SandboxHandle;
use crate::inspect::{TokenPlace, TokenSeen};
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

/// `GET /login/oauth2/authorize`: the person always agrees at once, and the browser goes back with
/// a code and the caller's `state`.
pub async fn authorize(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    let mut world = sandbox.world();
    let now = world.clock.unix_seconds();
    match agree(&mut world.snap, &turn, now) {
        Ok(location) => (StatusCode::FOUND, [("location", location)]).into_response(),
        Err(error) => error.response(super::answer::Dialect::V3),
    }
}

fn agree(world: &mut SnapWorld, turn: &Turn, now: i64) -> Result<HeaderValue, SnapError> {
    let client_id = turn.asked("client_id").unwrap_or_default();
    let Some((organization, _)) = world.client(client_id) else { return Err(invalid_client()) };
    let organization = organization.clone();
    if turn.asked("response_type") != Some("code") {
        return Err(refuse("unsupported_response_type", "expected response_type=code"));
    }
    let Some(redirect_uri) = turn.asked("redirect_uri") else {
        return Err(refuse("invalid_request", "redirect_uri is required"));
    };
    let scopes = turn.asked("scope").map(|t| t.split(' ').map(str::to_owned).collect());
    let entry = NewSnapCode {
        organization: Some(organization),
        redirect_uri: Some(redirect_uri.to_owned()),
        scopes,
        lifetime_s: None,
    };
    let code = world.add_code(entry, now).map_err(|_| invalid_client())?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("code", &code);
    if let Some(state) = turn.asked("state") {
        query.append_pair("state", state);
    }
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    let location = format!("{redirect_uri}{joint}{}", query.finish());
    HeaderValue::from_str(&location)
        .map_err(|_| refuse("invalid_request", "redirect_uri is not a URL"))
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
