//! Dead letters and expired items: look, and put back.

use holdfast_model::id::ItemId;
use holdfast_model::ledger::LedgerState;
use holdfast_storage::{DeadLetter, DeadLetterFilter};

use super::{Actor, ServiceError};
use crate::state::Gateway;

/// Most that one call lists or puts back: one transaction of bounded length.
pub const PAGE: u32 = 1_000;

pub async fn list(
    gateway: &Gateway,
    filter: &DeadLetterFilter,
) -> Result<Vec<DeadLetter>, ServiceError> {
    let limit = filter.limit.clamp(1, PAGE);
    let found = gateway.outbox.dead_letters(&DeadLetterFilter { limit, ..filter.clone() }).await?;
    Ok(found.into_iter().map(|letter| name_destination(gateway, letter)).collect())
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
) -> Result<Vec<ItemId>, ServiceError> {
    if ids.len() > PAGE as usize {
        return Err(ServiceError::invalid("item_ids", format!("expected at most {PAGE}")));
    }
    let replayed = gateway.outbox.replay(ids, gateway.clock.wall()).await?;
    let detail = format!("{} of {} items", replayed.len(), ids.len());
    let subject = ids.first().map_or("item:none".to_owned(), |id| format!("item:{id}"));
    gateway.audit(actor.0, "dead_letter.replay", subject, detail).await?;
    Ok(replayed)
}

/// The state of one item, wherever it is.
pub async fn find(
    gateway: &Gateway,
    id: ItemId,
) -> Result<holdfast_storage::FoundItem, ServiceError> {
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
    Ok(found)
}

fn name_destination(gateway: &Gateway, mut letter: DeadLetter) -> DeadLetter {
    let snapshot = gateway.snapshot();
    letter.destination = snapshot.destination_of_lane(letter.lane).map(|d| d.id.clone());
    letter
}
