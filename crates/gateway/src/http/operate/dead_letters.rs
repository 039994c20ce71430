//! `/v1/dead-letters` and `/v1/items/{id}`

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use holdfast_model::access::Role;
use holdfast_model::fault::Fault;
use holdfast_model::id::{DestinationId, HoldId, ItemId, LaneId};
use holdfast_model::ledger::LedgerState;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_platforms::Rejection;
use holdfast_storage::{
    DeadLetter, DeadLetterFilter, DeadLetterPage, FoundItem, LetterCount, LetterCursor, PutBack,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::parse;
use crate::http::auth::Caller;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::query::TypedQuery;
use crate::ingest::source::Source;
use crate::services::correction::{NotCorrected, correct};
use crate::services::dead_letters::Resolution;
use crate::services::{dead_letters, destinations};
use crate::state::Gateway;

/// Which letters, and which page of them. The same in a query string and in a body.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Which {
    destination: Option<DestinationId>,
    fault: Option<String>,
    /// `rejected`, `expired` or `unknown`; the first two if left out.
    state: Option<LedgerState>,
    hold: Option<HoldId>,
    /// When it left the queue, in milliseconds.
    since: Option<UnixMillis>,
    until: Option<UnixMillis>,
    /// When the event happened, in seconds.
    event_since: Option<UnixSeconds>,
    event_until: Option<UnixSeconds>,
    /// The `next` of the page before.
    after: Option<LetterCursor>,
    limit: Option<u32>,
    #[serde(default)]
    newest_first: bool,
    /// With the events, which takes the role of an admin and is audited.
    #[serde(default)]
    events: bool,
}

impl Which {
    fn filter(&self, gateway: &Gateway) -> Result<DeadLetterFilter, ApiError> {
        let lane = match &self.destination {
            Some(id) => Some(destinations::find(gateway, id)?.lane),
            None => None,
        };
        let has_letters = [LedgerState::Rejected, LedgerState::Expired, LedgerState::Unknown];
        if self.state.is_some_and(|state| !has_letters.contains(&state)) {
            let expected = "state: expected rejected, expired or unknown";
            return Err(ApiError::invalid(expected.to_owned()));
        }
        Ok(DeadLetterFilter {
            lane,
            fault: self.fault.clone(),
            state: self.state,
            hold: self.hold,
            since: self.since,
            until: self.until,
            event_since: self.event_since,
            event_until: self.event_until,
        })
    }

    fn page(&self, gateway: &Gateway) -> Result<DeadLetterPage, ApiError> {
        Ok(DeadLetterPage {
            filter: self.filter(gateway)?,
            newest_first: self.newest_first,
            after: self.after,
            limit: self.limit.unwrap_or(DEFAULT_PAGE),
            with_fragments: self.events,
        })
    }
}

/// Letters of a page that nobody gave a length.
const DEFAULT_PAGE: u32 = 100;

/// How long a corrected event may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Serialize)]
pub struct DeadLetterView {
    item_id: ItemId,
    destination: Option<DestinationId>,
    event_id: String,
    state: LedgerState,
    fault: Fault,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<HoldId>,
    at: UnixMillis,
    admitted_at: UnixMillis,
    event_time: UnixSeconds,
    expires_at: UnixSeconds,
    /// When its content was erased: it has no event any more and cannot be put back or corrected.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_at: Option<UnixMillis>,
    /// The item that its correction became.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<ItemId>,
    /// The dead letter that it is a correction of.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<ItemId>,
    /// The event as it would be sent; identifiers are hashed in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Box<RawValue>>,
}

#[derive(Serialize)]
pub struct Page {
    dead_letters: Vec<DeadLetterView>,
    /// Where the next page begins, if this one is full.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<LetterCursor>,
}

#[derive(Serialize)]
pub struct CountView {
    destination: Option<DestinationId>,
    state: LedgerState,
    fault: String,
    items: u64,
    /// Those of them whose deadline has passed.
    too_old: u64,
    first_at: UnixMillis,
    last_at: UnixMillis,
}

/// Either of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    item_ids: Option<Vec<ItemId>>,
    /// A page of what matches.
    matching: Option<Which>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    item_ids: Vec<ItemId>,
    #[serde(rename = "as")]
    resolution: Resolution,
}

#[derive(Serialize)]
pub struct Moved {
    moved: Vec<ItemId>,
    /// Their deadline has passed: they stay where they are.
    too_old: Vec<ItemId>,
    /// The quota of their destination or the disk has no room for them now.
    no_room: Vec<ItemId>,
    /// Their content was erased: there is nothing to send.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    erased: Vec<ItemId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<LetterCursor>,
}

#[derive(Serialize)]
pub struct CorrectedView {
    item_id: ItemId,
    /// The letter it replaces.
    origin: ItemId,
    event_id: String,
    warnings: Vec<String>,
}

#[derive(Serialize)]
pub struct ItemView {
    item_id: ItemId,
    destination: Option<DestinationId>,
    state: LedgerState,
    /// The dead letter that it is a correction of.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<ItemId>,
}

pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    TypedQuery(which): TypedQuery<Which>,
) -> Result<Json<Page>, ApiError> {
    caller.require(if which.events { Role::Admin } else { Role::Operator })?;
    let page = which.page(&gateway)?;
    let part = match which.events {
        true => dead_letters::export(&gateway, caller.actor(), &page).await?,
        false => dead_letters::list(&gateway, &page).await?,
    };
    let dead_letters = part.done.into_iter().map(view).collect();
    Ok(Json(Page { dead_letters, next: part.next }))
}

pub async fn counts(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    TypedQuery(which): TypedQuery<Which>,
) -> Result<Json<Vec<CountView>>, ApiError> {
    caller.require(Role::Operator)?;
    let counts = dead_letters::counts(&gateway, &which.filter(&gateway)?).await?;
    let view = |count: LetterCount| CountView {
        destination: name_of(&gateway, count.lane),
        state: count.state,
        fault: count.fault,
        items: count.items,
        too_old: count.too_old,
        first_at: count.first_at,
        last_at: count.last_at,
    };
    Ok(Json(counts.into_iter().map(view).collect()))
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
) -> Result<Json<Moved>, ApiError> {
    caller.require(Role::Operator)?;
    match (body.item_ids, body.matching) {
        (Some(ids), None) => {
            let put_back = dead_letters::replay(&gateway, caller.actor(), &ids).await?;
            Ok(Json(moved(put_back, None)))
        }
        (None, Some(which)) => {
            let page = DeadLetterPage { with_fragments: false, ..which.page(&gateway)? };
            let part = dead_letters::replay_matching(&gateway, caller.actor(), &page).await?;
            Ok(Json(moved(part.done, part.next)))
        }
        _ => Err(ApiError::invalid("body: expected either item_ids or matching".to_owned())),
    }
}

pub async fn resolve(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    JsonBody(body): JsonBody<Resolve>,
) -> Result<Json<Moved>, ApiError> {
    caller.require(Role::Operator)?;
    let Resolve { item_ids, resolution } = body;
    let resolved = dead_letters::resolve(&gateway, caller.actor(), &item_ids, resolution).await?;
    Ok(Json(moved(resolved, None)))
}

/// The body is the corrected event.
pub async fn edit(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<CorrectedView>, ApiError> {
    caller.require(Role::Operator)?;
    let origin: ItemId = parse("item", &id)?;
    let (parts, body) = request.into_parts();
    let most = gateway.settings.ingest.max_event_bytes.0;
    let event = Source::new(&parts.headers, body)?.whole(most, PATIENCE).await?;
    let corrected = correct(&gateway, caller.actor(), origin, &event).await?;
    Ok(Json(CorrectedView {
        item_id: corrected.item_id,
        origin,
        event_id: corrected.event_id,
        warnings: corrected.warnings,
    }))
}

impl From<NotCorrected> for ApiError {
    fn from(error: NotCorrected) -> Self {
        match error {
            NotCorrected::Ingest(error) => error.into(),
            NotCorrected::Service(error) => error.into(),
            NotCorrected::Event(Rejection { fault, field, message, .. }) => {
                let text = if field.is_empty() { message } else { format!("{field}: {message}") };
                ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, fault, text)
                    .hint("Nothing was changed; the dead letter is what it was.")
            }
        }
    }
}

fn moved(put_back: PutBack, next: Option<LetterCursor>) -> Moved {
    let PutBack { items, too_old, no_room, erased } = put_back;
    Moved { moved: items, too_old, no_room, erased, next }
}

pub async fn find(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ItemView>, ApiError> {
    caller.require(Role::Operator)?;
    let id: ItemId = parse("item", &id)?;
    let (found, origin) = dead_letters::find(&gateway, id).await?;
    let FoundItem { item_id, lane, state } = found;
    Ok(Json(ItemView { item_id, destination: name_of(&gateway, lane), state, origin }))
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
        hold: letter.hold,
        at: letter.at,
        admitted_at: letter.admitted_at,
        event_time: letter.event_time,
        expires_at: letter.expires_at,
        erased_at: letter.erased_at,
        replaced_by: letter.replaced_by,
        origin: letter.origin,
        event,
    }
}
