//! `/v1/dead-letters` and `/v1/items/{id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use holdfast_model::access::Role;
use holdfast_model::fault::Fault;
use holdfast_model::id::{DestinationId, ItemId, LaneId};
use holdfast_model::ledger::LedgerState;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_storage::{DeadLetter, DeadLetterFilter, FoundItem};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::parse;
use crate::http::auth::Caller;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::query::TypedQuery;
use crate::services::{dead_letters, destinations};
use crate::state::Gateway;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    destination: Option<DestinationId>,
    fault: Option<String>,
    /// `rejected` or `expired`; both if left out.
    state: Option<LedgerState>,
    /// The last item id of the page before.
    after: Option<ItemId>,
    limit: Option<u32>,
}

#[derive(Serialize)]
pub struct DeadLetterView {
    item_id: ItemId,
    destination: Option<DestinationId>,
    event_id: String,
    state: LedgerState,
    fault: Fault,
    at: UnixMillis,
    admitted_at: UnixMillis,
    expires_at: UnixSeconds,
    /// The event as it would be sent; identifiers are hashed in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    item_ids: Vec<ItemId>,
}

#[derive(Serialize)]
pub struct Replayed {
    replayed: Vec<ItemId>,
}

#[derive(Serialize)]
pub struct ItemView {
    item_id: ItemId,
    destination: Option<DestinationId>,
    state: LedgerState,
}

pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    TypedQuery(filter): TypedQuery<Filter>,
) -> Result<Json<Vec<DeadLetterView>>, ApiError> {
    caller.require(Role::Operator)?;
    let lane = match &filter.destination {
        Some(id) => Some(destinations::find(&gateway, id)?.lane),
        None => None,
    };
    let filter = DeadLetterFilter {
        lane,
        fault: filter.fault,
        state: filter.state,
        after: filter.after,
        limit: filter.limit.unwrap_or(100),
    };
    let letters = dead_letters::list(&gateway, &filter).await?;
    Ok(Json(letters.into_iter().map(view).collect()))
}

pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<DeadLetterView>, ApiError> {
    caller.require(Role::Operator)?;
    let id: ItemId = parse("item", &id)?;
    Ok(Json(view(dead_letters::show(&gateway, id).await?)))
}

pub async fn replay(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    JsonBody(body): JsonBody<Replay>,
) -> Result<Json<Replayed>, ApiError> {
    caller.require(Role::Operator)?;
    let replayed = dead_letters::replay(&gateway, caller.actor(), &body.item_ids).await?;
    Ok(Json(Replayed { replayed }))
}

pub async fn find(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ItemView>, ApiError> {
    caller.require(Role::Operator)?;
    let id: ItemId = parse("item", &id)?;
    let FoundItem { item_id, lane, state } = dead_letters::find(&gateway, id).await?;
    Ok(Json(ItemView { item_id, destination: name_of(&gateway, lane), state }))
}

fn name_of(gateway: &Gateway, lane: LaneId) -> Option<DestinationId> {
    gateway.snapshot().destination_of_lane(lane).map(|d| d.id.clone())
}

fn view(letter: DeadLetter) -> DeadLetterView {
    let event = letter
        .fragment
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| RawValue::from_string(text).ok());
    DeadLetterView {
        item_id: letter.item_id,
        destination: letter.destination,
        event_id: letter.event_id,
        state: letter.state,
        fault: letter.fault,
        at: letter.at,
        admitted_at: letter.admitted_at,
        expires_at: letter.expires_at,
        event,
    }
}
