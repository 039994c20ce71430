//! A body that is one durable unit: all its events in one commit, with one receipt.

use bytes::Bytes;
use holdfast_storage::Appended;
use serde_json::{Map, Value};

use super::admission::Admission;
use super::commit::commit;
use super::idempotency::Repeatable;
use super::offload::in_reasonable_time;
use super::receipts::Receipts;
use super::split::{Text, split};
use super::targets::Target;
use super::{IngestError, lines};
use crate::state::Gateway;

/// The events of a body with their indices, and the keys beside them.
#[derive(Debug)]
pub struct Unit {
    pub events: Vec<(u64, Bytes)>,
    pub keys: Map<String, Value>,
}

/// What a body turned out to be.
#[derive(Debug)]
pub enum Found {
    Unit(Unit),
    /// NDJSON that did not say so.
    Lines,
}

/// What the caller hears.
#[derive(Debug)]
pub struct UnitAnswer {
    /// JSON, see [`Receipts`].
    pub body: Vec<u8>,
    pub accepted_any: bool,
    /// This is the answer to an earlier request with the same idempotency key.
    pub replayed: bool,
}

/// Finds the events of a JSON body.
pub async fn find(body: Bytes, max_events: usize) -> Result<Found, IngestError> {
    let found = in_reasonable_time(body, move |body| split(body, max_events)).await?;
    Ok(match found {
        Text::Lines => Found::Lines,
        Text::Events(found) => {
            Found::Unit(Unit { events: (0..).zip(found.events).collect(), keys: found.keys })
        }
    })
}

/// Finds the events of an NDJSON body.
pub async fn find_lines(body: Bytes, max_events: usize) -> Result<Unit, IngestError> {
    let events = in_reasonable_time(body, move |body| lines::all(body, max_events)).await?;
    Ok(Unit { events, keys: Map::new() })
}

/// The request itself, for recognizing it when it comes again.
pub async fn fingerprint(
    body: Bytes,
    make: impl FnOnce(&Bytes) -> Repeatable + Send + 'static,
) -> Result<Repeatable, IngestError> {
    in_reasonable_time(body, move |body| Ok(make(body))).await
}

/// Admits the events and makes what was admitted durable.
pub async fn take(
    gateway: &Gateway,
    targets: &[Target],
    unit: &Unit,
    repeatable: Option<Repeatable>,
) -> Result<UnitAnswer, IngestError> {
    let at = gateway.clock.wall();
    let max_event_bytes = gateway.settings.ingest.max_event_bytes.0;
    let mut receipts = Receipts::default();
    let mut admission = Admission::new(targets, at, max_event_bytes, unit.events.len());
    let events = unit.events.iter().map(|(index, event)| (*index, Some(&event[..])));
    admission.admit_all(events, &mut receipts).await;
    admission.tally.count_refused(&gateway.metrics);
    if !receipts.accepted_any() {
        return Ok(UnitAnswer {
            body: receipts.finish(None),
            accepted_any: false,
            replayed: false,
        });
    }
    let body = receipts.finish(None);
    let idempotency = repeatable.clone().map(|request| request.with_receipt(body.clone()));
    match (commit(gateway, admission.items, idempotency, at).await?, repeatable) {
        // The same request was committed a moment ago, by another connection.
        (Appended::Repeated(remembered), Some(request)) => {
            Ok(UnitAnswer { body: request.answer(remembered)?, accepted_any: true, replayed: true })
        }
        (Appended::Repeated(_) | Appended::Stored { .. }, _) => {
            admission.tally.count_admitted(&gateway.metrics);
            Ok(UnitAnswer { body, accepted_any: true, replayed: false })
        }
    }
}
