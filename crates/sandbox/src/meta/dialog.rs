//! `/dialog/oauth`: the login dialog. A person with a browser is asked; a program is agreed to at
//! once.
//!
//! What a person declined is not asked for again unless the app says `auth_type=rerequest`
//! (`tokens.md §4`).

use std::collections::BTreeSet;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::answer::GraphError;
use super::oauth::required;
use super::turn::Turn;
use super::world::{NewCode, TokenKind};
use crate::handle::SandboxHandle;
use crate::page;
use crate::world::World;

/// Shows the question, or, to whom does not ask for a page, sends back at once with a code and the
/// caller's `state`. With `config_id`, as in Login for Business, the code becomes a token of the
/// business; else one of the person.
pub async fn get(
    State(sandbox): State<SandboxHandle>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    turn: Turn,
) -> Response {
    let mut world = sandbox.world();
    let is_seen = page::is_wanted(&headers, turn.call.field("auto"));
    let answered = asked(&world, &turn).and_then(|asked| {
        if is_seen {
            return Ok(question(&world, &asked, &query.unwrap_or_default()));
        }
        let everything = world.meta.assets.keys().cloned().collect();
        agree(&mut world, &asked, asked.scopes.clone(), Vec::new(), everything)
    });
    let trace_id = world.trace_id();
    answered.unwrap_or_else(|error| error.response(&trace_id))
}

/// What the person decided.
pub async fn post(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    let mut world = sandbox.world();
    let answered = asked(&world, &turn).and_then(|asked| decided(&mut world, &asked, &turn));
    let trace_id = world.trace_id();
    answered.unwrap_or_else(|error| error.response(&trace_id))
}

/// What the app asks for.
struct Asked {
    app: u64,
    app_name: String,
    redirect_uri: String,
    state: Option<String>,
    scopes: Option<Vec<String>>,
    is_business: bool,
    is_rerequest: bool,
}

fn asked(world: &World, turn: &Turn) -> Result<Asked, GraphError> {
    let call = &turn.call;
    let app: u64 = required(turn, "client_id")?.parse().map_err(|_| unknown())?;
    let known = world.meta.apps.get(&app).ok_or_else(unknown)?;
    let scopes = call.field("scope").map(|text| text.split(',').map(str::to_owned).collect());
    Ok(Asked {
        app,
        app_name: known.name.clone(),
        redirect_uri: required(turn, "redirect_uri")?.to_owned(),
        state: call.field("state").map(str::to_owned),
        scopes,
        is_business: call.field("config_id").is_some(),
        is_rerequest: call.field("auth_type") == Some("rerequest"),
    })
}

fn unknown() -> GraphError {
    GraphError::bad_request(101, None, super::caller::UNKNOWN_APP)
}

impl Asked {
    fn kind(&self) -> TokenKind {
        if self.is_business { TokenKind::BusinessIntegration } else { TokenKind::ShortLivedUser }
    }

    fn wanted(&self) -> Vec<String> {
        let usual = || self.kind().default_scopes().iter().map(|s| (*s).to_owned()).collect();
        self.scopes.clone().unwrap_or_else(usual)
    }

    /// What is asked of the person now: not again what was declined before.
    fn open(&self, world: &World) -> Vec<String> {
        let declined = world.meta.declined.get(&self.app);
        let is_open = |scope: &String| {
            self.is_rerequest || !declined.is_some_and(|declined| declined.contains(scope))
        };
        self.wanted().into_iter().filter(is_open).collect()
    }
}

fn question(world: &World, asked: &Asked, query: &str) -> Response {
    let permissions: String = if asked.is_business {
        // The configuration says what is granted: all of it, or nothing.
        asked.wanted().iter().map(|scope| format!("<p>{}</p>", page::escape(scope))).collect()
    } else {
        let boxes = asked.open(world).into_iter();
        boxes.map(|scope| page::checkbox(&format!("permission.{scope}"), &scope, true)).collect()
    };
    let assets: String = world
        .meta
        .assets
        .iter()
        .map(|(id, asset)| {
            let words = format!("{} ({id})", asset.name);
            page::checkbox(&format!("asset.{id}"), &words, asset.is_ticked)
        })
        .collect();
    let inside = format!(
        "{}{}{}",
        page::fieldset("Permissions", &permissions),
        page::fieldset("Pages and datasets", &assets),
        page::decision("Continue as Sandbox Person"),
    );
    let title = format!("{} would like to act for you", asked.app_name);
    page::page(&title, &page::form("/dialog/oauth", query, &inside))
}

fn decided(world: &mut World, asked: &Asked, turn: &Turn) -> Result<Response, GraphError> {
    if turn.call.field("decision") != Some("allow") {
        let refused = [
            ("error", "access_denied"),
            ("error_code", "200"),
            ("error_description", "Permissions error"),
            ("error_reason", "user_denied"),
        ];
        return back(&page::going_back(&asked.redirect_uri, &refused, asked.state.as_deref()));
    }
    let is_ticked = |kind: &str, name: &str| turn.call.field(&format!("{kind}.{name}")).is_some();
    let assets = world.meta.assets.keys().filter(|id| is_ticked("asset", id)).cloned().collect();
    if asked.is_business {
        return agree(world, asked, Some(asked.wanted()), Vec::new(), assets);
    }
    let open = asked.open(world);
    let declined = world.meta.declined.entry(asked.app).or_default();
    for scope in open {
        if is_ticked("permission", &scope) {
            declined.remove(&scope);
        } else {
            declined.insert(scope);
        }
    }
    let declined: BTreeSet<String> =
        asked.wanted().into_iter().filter(|scope| declined.contains(scope)).collect();
    agree(world, asked, Some(asked.wanted()), declined.into_iter().collect(), assets)
}

fn agree(
    world: &mut World,
    asked: &Asked,
    scopes: Option<Vec<String>>,
    declined: Vec<String>,
    assets: Vec<String>,
) -> Result<Response, GraphError> {
    let entry = NewCode {
        app: Some(asked.app),
        redirect_uri: Some(asked.redirect_uri.clone()),
        kind: Some(asked.kind()),
        assets,
        scopes,
        declined,
        user: None,
        lifetime_s: None,
    };
    let now = world.clock.unix_seconds();
    let code = world.meta.add_code(entry, now).map_err(|_| unknown())?;
    back(&page::going_back(&asked.redirect_uri, &[("code", &code)], asked.state.as_deref()))
}

fn back(location: &str) -> Result<Response, GraphError> {
    let location = HeaderValue::from_str(location).map_err(|_| {
        GraphError::bad_request(100, None, "(#100) redirect_uri should represent a valid URL")
    })?;
    Ok((StatusCode::FOUND, [("location", location)]).into_response())
}
