//! The reads that tools use to find out about a token.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answer::GraphError;
use super::caller::{Caller, Edge};
use super::oauth::required;
use super::turn::{Turn, token_of};
use super::whatsapp;
use super::world::{Asset, AssetKind, NewToken, Token, TokenKind};
use crate::handle::SandboxHandle;
use crate::world::World;

pub type Segments = Path<Vec<(String, String)>>;

/// `GET /{dataset}`, `GET /{page}` and `GET /{phone_number}`
pub async fn node(
    State(sandbox): State<SandboxHandle>,
    Path(path): Segments,
    turn: Turn,
) -> Response {
    let id = node_of(path);
    let mut world = sandbox.world();
    turn.answer(&mut world, Edge::Graph, &id, |world, caller| {
        if let Some(number) = whatsapp::number(world, &id, caller)? {
            return fields(&turn, &number, "id,verified_name", "WhatsAppBusinessPhoneNumber");
        }
        let (token, asset) = may_read(world, &id, caller)?;
        if asset.kind == AssetKind::Page {
            return page(world, &id, &token, &asset, &turn);
        }
        let last = world.inspection.events(&id, 1).first().map(|event| event["event_time"].clone());
        let known = json!({
            "id": id, "name": asset.name, "is_consolidated_container": false,
            "is_unavailable": false, "last_fired_time": last,
            "owner_business": { "id": "700000000000001", "name": "Sandbox Business" },
        });
        fields(&turn, &known, "id,name", "AdsPixel")
    })
}

/// `GET /{dataset}/stats`: events by name.
pub async fn stats(
    State(sandbox): State<SandboxHandle>,
    Path(path): Segments,
    turn: Turn,
) -> Response {
    let id = node_of(path);
    let mut world = sandbox.world();
    turn.answer(&mut world, Edge::Graph, &id, |world, caller| {
        may_read(world, &id, caller)?;
        let rows: Vec<Value> = by_name(world, &id)
            .into_iter()
            .map(|(name, events)| json!({ "value": name, "count": events.len() }))
            .collect();
        Ok(json!({ "data": [{ "aggregation": "event", "data": rows }] }))
    })
}

/// `GET /dataset_quality?dataset_id=`: allowed even to tokens that may read nothing else.
pub async fn dataset_quality(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    let id = turn.call.field("dataset_id").unwrap_or_default().to_owned();
    let mut world = sandbox.world();
    turn.answer(&mut world, Edge::Graph, &id, |world, caller| {
        let id = required(&turn, "dataset_id")?;
        let missing = || GraphError::missing_object("get", id);
        let token = token_of(world, caller).ok_or_else(missing)?;
        if !token.assets.contains(id) || !world.meta.assets.contains_key(id) {
            return Err(missing());
        }
        Ok(json!({ "web": by_name(world, id).iter().map(quality).collect::<Vec<_>>() }))
    })
}

/// `GET /me`
pub async fn me(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    about_me(&sandbox, &turn, |world, token| {
        let known = match &token.page {
            Some(page) => {
                let name = world.meta.assets.get(page).map(|asset| asset.name.clone());
                json!({ "id": page, "name": name })
            }
            None => json!({ "id": token.user, "name": token.kind.user_name() }),
        };
        fields(&turn, &known, "id,name", "User")
    })
}

/// `GET /me/accounts`: the pages, each with a token of its own unless it was not ticked.
pub async fn accounts(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    about_me(&sandbox, &turn, |world, token| {
        let is_page = |id: &&String| {
            world.meta.assets.get(*id).is_some_and(|asset| asset.kind == AssetKind::Page)
        };
        let pages: Vec<String> = token.assets.iter().filter(is_page).cloned().collect();
        let mut rows = Vec::new();
        for id in pages {
            let Some(asset) = world.meta.assets.get(&id).cloned() else { continue };
            rows.push(page(world, &id, token, &asset, &turn)?);
        }
        Ok(json!({ "data": rows, "paging": { "cursors": {} } }))
    })
}

/// `GET /app`: the app that minted the token.
pub async fn app(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    let mut world = sandbox.world();
    turn.answer(&mut world, Edge::Graph, "", |world, caller| {
        let id = match caller {
            Caller::App(id) => Some(*id),
            Caller::Token(_) => token_of(world, caller).map(|token| token.app),
        };
        let app = id.and_then(|id| Some((id, world.meta.apps.get(&id)?)));
        let (id, app) = app.ok_or_else(|| GraphError::missing_object("get", "app"))?;
        let known =
            json!({ "id": id.to_string(), "name": app.name, "link": "https://example.com" });
        fields(&turn, &known, "id,name,link", "Application")
    })
}

/// A call to `/me…`, which needs a token that is somebody's.
pub fn about_me(
    sandbox: &SandboxHandle,
    turn: &Turn,
    work: impl FnOnce(&mut World, &Token) -> Result<Value, GraphError>,
) -> Response {
    let nobody = || {
        let message =
            "An active access token must be used to query information about the current user.";
        GraphError::bad_request(2500, None, message)
    };
    let mut world = sandbox.world();
    if turn.call.presented.token.is_none() {
        return turn.answer_unchecked(&mut world, |_| Err(nobody()));
    }
    turn.answer(&mut world, Edge::Graph, "", |world, caller| {
        let token = token_of(world, caller).ok_or_else(nobody)?.clone();
        work(world, &token)
    })
}

pub fn node_of(path: Vec<(String, String)>) -> String {
    path.into_iter().find(|(key, _)| key == "node").unwrap_or_default().1
}

fn may_read(world: &World, id: &str, caller: &Caller) -> Result<(Token, Asset), GraphError> {
    let missing = || GraphError::missing_object("get", id);
    let token = token_of(world, caller).ok_or_else(missing)?;
    if token.kind == TokenKind::EventsManager {
        let message = "(#10) Application does not have permission for this action";
        return Err(GraphError::new(StatusCode::FORBIDDEN, 10, None, message));
    }
    let asset = world.meta.assets.get(id).filter(|_| token.assets.contains(id));
    let asset = asset.ok_or_else(missing)?;
    let reading = ["ads_management", "ads_read", "business_management"];
    let is_dataset = asset.kind == AssetKind::Dataset;
    if is_dataset && !reading.iter().any(|scope| token.scopes.contains(*scope)) {
        return Err(GraphError::permission("ads_read"));
    }
    Ok((token.clone(), asset.clone()))
}

/// A page, with the token that acts as it.
fn page(
    world: &mut World,
    id: &str,
    token: &Token,
    asset: &Asset,
    turn: &Turn,
) -> Result<Value, GraphError> {
    let mut known = json!({ "id": id, "name": asset.name, "tasks": ["ADVERTISE", "ANALYZE"] });
    let asks = turn.call.field("fields").is_none_or(|list| list.contains("access_token"));
    if asset.is_ticked && asks && token.kind != TokenKind::Page {
        known["access_token"] = page_token(world, id, token, turn.call.presented.text()).into();
    } else if let Some(known) = known.as_object_mut() {
        known.insert("access_token".to_owned(), Value::Null);
    }
    let mut found = fields(turn, &known, "id,name,access_token,tasks", "Page")?;
    if let Some(found) = found.as_object_mut() {
        // A page that was not ticked has no such field at all.
        found.retain(|_, value| !value.is_null());
    }
    Ok(found)
}

fn page_token(world: &mut World, page: &str, token: &Token, parent: &str) -> String {
    let derived = world.meta.tokens.iter().filter(|(_, known)| {
        known.page.as_deref() == Some(page) && known.parent.as_deref() == Some(parent)
    });
    // By name: the order of the map is another one each time.
    if let Some((text, _)) = derived.min_by(|a, b| a.1.name.cmp(&b.1.name)) {
        return text.clone();
    }
    let entry = NewToken {
        kind: TokenKind::Page,
        page: Some(page.to_owned()),
        parent: Some(parent.to_owned()),
        ..NewToken::default()
    };
    let now = world.clock.unix_seconds();
    let derived = world.meta.token_from(entry, token.app, now);
    world.meta.put_token(derived)
}

/// The fields that were asked for, `id` always; an unknown one is refused.
fn fields(turn: &Turn, known: &Value, usual: &str, node: &str) -> Result<Value, GraphError> {
    let asked = turn.call.field("fields").unwrap_or(usual);
    let mut found = Map::new();
    for name in std::iter::once("id").chain(asked.split(',').map(str::trim)) {
        let Some(value) = known.get(name) else {
            let message =
                format!("(#100) Tried accessing nonexisting field ({name}) on node type ({node})");
            return Err(GraphError::bad_request(100, None, message));
        };
        found.insert(name.to_owned(), value.clone());
    }
    Ok(Value::Object(found))
}

fn by_name(world: &World, dataset: &str) -> BTreeMap<String, Vec<Value>> {
    let mut found = BTreeMap::<String, Vec<Value>>::new();
    for event in world.inspection.events(dataset, usize::MAX) {
        let name = event["event_name"].as_str().unwrap_or_default().to_owned();
        found.entry(name).or_default().push(event);
    }
    found
}

/// A score from 1 to 10 that grows with what identifies a person, as the platform's does.
fn quality((name, events): (&String, &Vec<Value>)) -> Value {
    let keys = |event: &Value| event["user_data"].as_object().map_or(0, Map::len);
    let total: usize = events.iter().map(keys).sum();
    let score = (1 + total / events.len().max(1)).min(10);
    json!({ "event_name": name, "event_match_quality": { "composite_score": score } })
}
