//! Reads of WhatsApp: a number, the numbers of an account, and who is told what happens there.

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::GraphError;
use super::caller::{Caller, Edge};
use super::reads::{Segments, node_of};
use super::turn::{Turn, token_of};
use super::world::AssetKind;
use crate::handle::SandboxHandle;
use crate::world::World;

const MANAGEMENT: &str = "whatsapp_business_management";
const MESSAGING: &str = "whatsapp_business_messaging";

/// What is known of a node that is a phone number; `None` if it is none.
pub fn number(world: &World, id: &str, caller: &Caller) -> Result<Option<Value>, GraphError> {
    let Some(asset) = world.meta.assets.get(id) else { return Ok(None) };
    if asset.kind != AssetKind::PhoneNumber {
        return Ok(None);
    }
    may_read(world, id, caller, &[MANAGEMENT, MESSAGING])?;
    Ok(Some(shown(id, &asset.name)))
}

/// `GET /{account}/phone_numbers`
pub async fn phone_numbers(
    State(sandbox): State<SandboxHandle>,
    Path(path): Segments,
    turn: Turn,
) -> Response {
    let id = node_of(path);
    let mut world = sandbox.world();
    turn.answer(&mut world, Edge::Graph, &id, |world, caller| {
        account(world, &id, caller)?;
        let numbers = world.meta.assets.iter().filter(|(_, asset)| {
            asset.kind == AssetKind::PhoneNumber && asset.account.as_deref() == Some(id.as_str())
        });
        let rows: Vec<Value> = numbers.map(|(id, asset)| shown(id, &asset.name)).collect();
        Ok(json!({ "data": rows, "paging": { "cursors": {} } }))
    })
}

/// `GET /{account}/subscribed_apps`
pub async fn subscribed_apps(
    State(sandbox): State<SandboxHandle>,
    Path(path): Segments,
    turn: Turn,
) -> Response {
    let id = node_of(path);
    let mut world = sandbox.world();
    turn.answer(&mut world, Edge::Graph, &id, |world, caller| {
        account(world, &id, caller)?;
        let apps = world.meta.assets.get(&id).map(|asset| asset.subscribed_apps.clone());
        let rows = apps.into_iter().flatten().filter_map(|app| {
            let name = &world.meta.apps.get(&app)?.name;
            Some(json!({ "whatsapp_business_api_data": {
                "id": app.to_string(), "name": name, "link": "https://example.com" } }))
        });
        Ok(json!({ "data": rows.collect::<Vec<_>>() }))
    })
}

/// Edges of accounts are management, which sending is not.
fn account(world: &World, id: &str, caller: &Caller) -> Result<(), GraphError> {
    let known = world.meta.assets.get(id);
    if known.is_none_or(|asset| asset.kind != AssetKind::WhatsappAccount) {
        return Err(GraphError::missing_object("get", id));
    }
    may_read(world, id, caller, &[MANAGEMENT])
}

fn may_read(world: &World, id: &str, caller: &Caller, any: &[&str]) -> Result<(), GraphError> {
    let token = token_of(world, caller).filter(|token| token.assets.contains(id));
    let token = token.ok_or_else(|| GraphError::missing_object("get", id))?;
    let may = any.iter().any(|scope| token.scopes.contains(*scope));
    if may { Ok(()) } else { Err(GraphError::permission(any[0])) }
}

fn shown(id: &str, name: &str) -> Value {
    json!({ "id": id, "verified_name": name, "display_phone_number": "+1 555 0100",
        "quality_rating": "GREEN", "code_verification_status": "VERIFIED" })
}

impl SandboxHandle {
    /// Has an app told what happens on an account.
    pub fn subscribe_account(&self, account: &str, app: u64) -> bool {
        let mut world = self.world();
        let known = world.meta.assets.get_mut(account);
        known.map(|account| account.subscribed_apps.insert(app)).is_some()
    }
}
