//! What an app is told of by webhook.

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::GraphError;
use super::caller::{Caller, Edge};
use super::reads::{Segments, node_of};
use super::turn::Turn;
use crate::handle::SandboxHandle;

/// `GET /{app}/subscriptions`: for the app itself and nobody else.
pub async fn list(
    State(sandbox): State<SandboxHandle>,
    Path(path): Segments,
    turn: Turn,
) -> Response {
    let id = node_of(path);
    let mut world = sandbox.world();
    turn.answer(&mut world, Edge::Graph, &id, |world, caller| {
        let own = match caller {
            Caller::App(app) if app.to_string() == id => world.meta.apps.get(app),
            Caller::App(_) | Caller::Token(_) => None,
        };
        let own = own.ok_or_else(|| {
            let message = "(#15) This method must be called with an app access_token.";
            GraphError::bad_request(15, None, message)
        })?;
        let rows = own.subscriptions.iter().map(|(object, fields)| {
            let fields: Vec<Value> =
                fields.iter().map(|name| json!({ "name": name, "version": "v25.0" })).collect();
            json!({ "object": object, "callback_url": "https://example.com/webhooks/meta",
                "active": true, "fields": fields })
        });
        Ok(json!({ "data": rows.collect::<Vec<_>>() }))
    })
}

impl SandboxHandle {
    /// Has an app told of these fields of an object, as a setting in its dashboard would.
    pub fn subscribe(&self, app: u64, object: &str, fields: &[&str]) -> bool {
        let mut world = self.world();
        let Some(app) = world.meta.apps.get_mut(&app) else { return false };
        let named = fields.iter().map(|field| (*field).to_owned());
        app.subscriptions.entry(object.to_owned()).or_default().extend(named);
        true
    }
}
