//! Dead letters, expired and unknown items: look, put back, decide.
//!
//! What is asked for by filter is done a page at a time: a transaction has a bounded length, and
//! whoever asks goes on from where the page ended, now or later.

use std::fmt::Write as _;

use holdfast_model::id::ItemId;
use holdfast_model::ledger::LedgerState;
use holdfast_storage::{
    DeadLetter, DeadLetterFilter, DeadLetterPage, FoundItem, LetterCount, LetterCursor, PutBack,
};
use serde::Deserialize;

use super::{Actor, ServiceError};
use crate::state::Gateway;

/// Most that one call lists or changes: one transaction of bounded length.
pub const PAGE: u32 = 1_000;

/// What somebody found out about unknown items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// They arrived.
    Delivered,
    /// They did not, or once more does no harm.
    Resend,
}

/// A page of what was asked for, and where the next one begins.
pub struct Part<T> {
    pub done: T,
    pub next: Option<LetterCursor>,
}

pub async fn list(
    gateway: &Gateway,
    page: &DeadLetterPage,
) -> Result<Part<Vec<DeadLetter>>, ServiceError> {
    let limit = page.limit.clamp(1, PAGE);
    let found = gateway.outbox.dead_letters(&DeadLetterPage { limit, ..page.clone() }).await?;
    let is_full = found.len() == limit as usize;
    let next = found.last().filter(|_| is_full).map(DeadLetter::cursor);
    let named = found.into_iter().map(|letter| name_destination(gateway, letter)).collect();
    Ok(Part { done: named, next })
}

/// A page with the events of many people in it, which is written down.
pub async fn export(
    gateway: &Gateway,
    actor: Actor<'_>,
    page: &DeadLetterPage,
) -> Result<Part<Vec<DeadLetter>>, ServiceError> {
    let part = list(gateway, &DeadLetterPage { with_fragments: true, ..page.clone() }).await?;
    let detail = format!("{} events of {}", part.done.len(), words(gateway, &page.filter));
    gateway.audit(actor.0, "dead_letter.export", "dead-letters".to_owned(), detail).await?;
    Ok(part)
}

pub async fn counts(
    gateway: &Gateway,
    filter: &DeadLetterFilter,
) -> Result<Vec<LetterCount>, ServiceError> {
    let now = gateway.clock.wall().to_seconds();
    Ok(gateway.outbox.count_dead_letters(filter, now).await?)
}

pub async fn show(gateway: &Gateway, id: ItemId) -> Result<DeadLetter, ServiceError> {
    let letter = gateway.outbox.dead_letter(id).await?;
    letter
        .map(|letter| name_destination(gateway, letter))
        .ok_or_else(|| ServiceError::NotFound { what: "dead letter", name: id.to_string() })
}

/// Puts items back into their lanes. Those that are no dead letters (any more) are left out.
pub async fn replay(
    gateway: &Gateway,
    actor: Actor<'_>,
    ids: &[ItemId],
) -> Result<PutBack, ServiceError> {
    bounded(ids)?;
    let put_back = gateway.outbox.replay(ids, gateway.clock.wall()).await?;
    let detail = format!("{} of {} items", put_back.items.len(), ids.len());
    gateway.audit(actor.0, "dead_letter.replay", subject(ids), detail).await?;
    Ok(put_back)
}

/// Puts back a page of what the filter names. There is no next page where there is no room: it is
/// asked for again when there is.
pub async fn replay_matching(
    gateway: &Gateway,
    actor: Actor<'_>,
    page: &DeadLetterPage,
) -> Result<Part<PutBack>, ServiceError> {
    if page.filter.state == Some(LedgerState::Unknown) {
        let expected = "rejected or expired; unknown items are resolved, not replayed";
        return Err(ServiceError::invalid("state", expected));
    }
    let found = list(gateway, page).await?;
    let ids: Vec<ItemId> = found.done.iter().map(|letter| letter.item_id).collect();
    let put_back = gateway.outbox.replay(&ids, gateway.clock.wall()).await?;
    let next = found.next.filter(|_| put_back.no_room.is_empty());
    let all = words(gateway, &page.filter);
    let detail = format!("{} of {} items: {all}", put_back.items.len(), ids.len());
    gateway.audit(actor.0, "dead_letter.replay", subject(&ids), detail).await?;
    Ok(Part { done: put_back, next })
}

/// Ends the uncertainty about unknown items. Others are left out.
pub async fn resolve(
    gateway: &Gateway,
    actor: Actor<'_>,
    ids: &[ItemId],
    resolution: Resolution,
) -> Result<PutBack, ServiceError> {
    bounded(ids)?;
    let (resolved, action) = match resolution {
        Resolution::Delivered => {
            let items = gateway.outbox.confirm_delivered(ids).await?;
            (PutBack { items, ..PutBack::default() }, "unknown.delivered")
        }
        Resolution::Resend => {
            (gateway.outbox.resend_unknown(ids, gateway.clock.wall()).await?, "unknown.resend")
        }
    };
    let detail = format!("{} of {} items", resolved.items.len(), ids.len());
    gateway.audit(actor.0, action, subject(ids), detail).await?;
    Ok(resolved)
}

/// The state of one item, wherever it is, and the letter that it is a correction of.
pub async fn find(
    gateway: &Gateway,
    id: ItemId,
) -> Result<(FoundItem, Option<ItemId>), ServiceError> {
    let mut found = gateway
        .outbox
        .find(id)
        .await?
        .ok_or_else(|| ServiceError::NotFound { what: "item", name: id.to_string() })?;
    let held = gateway
        .snapshot()
        .destination_of_lane(found.lane)
        .is_some_and(|destination| gateway.is_held(destination));
    if found.state == LedgerState::Queued && held {
        found.state = LedgerState::Held;
    }
    Ok((found, gateway.outbox.origin(id).await?))
}

fn bounded(ids: &[ItemId]) -> Result<(), ServiceError> {
    if ids.len() > PAGE as usize {
        return Err(ServiceError::invalid("item_ids", format!("expected at most {PAGE}")));
    }
    Ok(())
}

fn subject(ids: &[ItemId]) -> String {
    ids.first().map_or("item:none".to_owned(), |id| format!("item:{id}"))
}

/// The filter as the audit trail has it.
fn words(gateway: &Gateway, filter: &DeadLetterFilter) -> String {
    let mut words = match filter.state {
        Some(state) => format!("all {}", state.as_str()),
        None => "all rejected and expired".to_owned(),
    };
    let mut and = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            // Writing to a text cannot fail.
            let _ = write!(words, ", {name} {value}");
        }
    };
    let snapshot = gateway.snapshot();
    and(
        "of",
        filter.lane.map(|lane| {
            let destination = snapshot.destination_of_lane(lane);
            destination.map_or_else(|| format!("lane {lane}"), |found| found.id.to_string())
        }),
    );
    and("with fault", filter.fault.clone());
    and("behind hold", filter.hold.map(|hold| hold.to_string()));
    and("since", filter.since.map(|at| at.to_string()));
    and("until", filter.until.map(|at| at.to_string()));
    and("happened since", filter.event_since.map(|at| at.to_string()));
    and("happened until", filter.event_until.map(|at| at.to_string()));
    words
}

pub(super) fn name_destination(gateway: &Gateway, mut letter: DeadLetter) -> DeadLetter {
    let snapshot = gateway.snapshot();
    letter.destination = snapshot.destination_of_lane(letter.lane).map(|d| d.id.clone());
    letter
}
