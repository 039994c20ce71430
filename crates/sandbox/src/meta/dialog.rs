//! `GET /dialog/oauth`: the login dialog, in which the person always agrees at once.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::answer::GraphError;
use super::oauth::required;
use super::turn::Turn;
use super::world::{NewCode, TokenKind};
use crate::handle::SandboxHandle;
use crate::world::World;

/// Sends the browser back with a code and the caller's `state`. With `config_id`, as in Login for
/// Business, the code becomes a token of the business; else one of the person.
pub async fn get(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    let mut world = sandbox.world();
    let trace_id = world.trace_id();
    match agree(&mut world, &turn) {
        Ok(location) => (StatusCode::FOUND, [("location", location)]).into_response(),
        Err(error) => error.response(&trace_id),
    }
}

fn agree(world: &mut World, turn: &Turn) -> Result<HeaderValue, GraphError> {
    let call = &turn.call;
    let unknown = || GraphError::bad_request(101, None, super::caller::UNKNOWN_APP);
    let app: u64 = required(turn, "client_id")?.parse().map_err(|_| unknown())?;
    let redirect_uri = required(turn, "redirect_uri")?;
    let scopes = call.field("scope").map(|text| text.split(',').map(str::to_owned).collect());
    let is_business = call.field("config_id").is_some();
    let kind = if is_business { TokenKind::BusinessIntegration } else { TokenKind::ShortLivedUser };
    let entry = NewCode {
        app: Some(app),
        redirect_uri: Some(redirect_uri.to_owned()),
        kind: Some(kind),
        assets: world.meta.assets.keys().cloned().collect(),
        scopes,
        lifetime_s: None,
    };
    let now = world.clock.unix_seconds();
    let code = world.meta.add_code(entry, now).map_err(|_| unknown())?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("code", &code);
    if let Some(state) = call.field("state") {
        query.append_pair("state", state);
    }
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    let location = format!("{redirect_uri}{joint}{}", query.finish());
    HeaderValue::from_str(&location).map_err(|_| {
        GraphError::bad_request(100, None, "(#100) redirect_uri should represent a valid URL")
    })
}
