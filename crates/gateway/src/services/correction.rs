//! A dead letter's event, corrected by hand, as a new item.
//!
//! The correction passes admission anew under what its destination says today, and keeps what the
//! letter shared with its request: a test event does not become a real one by being mended.

use holdfast_model::id::ItemId;
use holdfast_platforms::Rejection;
use holdfast_storage::{AppendError, StorageError};
use serde_json::Map;

use super::{Actor, ServiceError, dead_letters};
use crate::ingest::admission::Admission;
use crate::ingest::routing::Aim;
use crate::ingest::{IngestError, commit, targets};
use crate::state::Gateway;

/// The new item.
#[derive(Debug)]
pub struct Corrected {
    pub item_id: ItemId,
    pub event_id: String,
    pub warnings: Vec<String>,
}

#[derive(Debug)]
pub enum NotCorrected {
    /// The event is not acceptable as it is.
    Event(Rejection),
    Ingest(IngestError),
    Service(ServiceError),
}

impl<E: Into<ServiceError>> From<E> for NotCorrected {
    fn from(error: E) -> Self {
        Self::Service(error.into())
    }
}

pub async fn correct(
    gateway: &Gateway,
    actor: Actor<'_>,
    letter: ItemId,
    event: &[u8],
) -> Result<Corrected, NotCorrected> {
    let found = dead_letters::show(gateway, letter).await?;
    if let Some(at) = found.erased_at {
        return Err(NotCorrected::Service(ServiceError::Refused {
            reason: format!("the content of dead letter {letter} was erased at {at}"),
            hint: "Whoever it is about asked for that. Send a new event if there is one."
                .to_owned(),
        }));
    }
    let destination = gateway.snapshot().destination_of_lane(found.lane).cloned();
    let destination = destination.ok_or_else(|| ServiceError::Refused {
        reason: format!("the destination of dead letter {letter} does not exist any more"),
        hint: "Send the corrected event to another destination.".to_owned(),
    })?;
    let aims = vec![Aim::direct(destination)];
    let mut targets = targets::prepare(gateway, aims, &Map::new()).map_err(NotCorrected::Ingest)?;
    targets.iter_mut().for_each(|target| target.group = found.group.clone());
    let at = gateway.clock.wall();
    let mut admission = Admission::new(&targets, at, gateway.settings.ingest.max_event_bytes.0, 1);
    let admitted = admission.admit_all_or_nothing(std::iter::once(event)).await;
    admission.tally.count_refused(&gateway.metrics);
    admitted.map_err(|(_, rejection)| NotCorrected::Event(rejection))?;
    let Some(item) = admission.items.pop() else {
        return Err(NotCorrected::Ingest(IngestError::NoEvents));
    };
    let corrected = Corrected {
        item_id: item.item_id,
        event_id: item.admitted.event_id.clone(),
        warnings: item.admitted.warnings.clone(),
    };
    let replaced = gateway.outbox.replace(letter, item, at).await;
    replaced.map_err(|error| not_replaced(gateway, letter, error))?;
    admission.tally.count_admitted(&gateway.metrics);
    let detail = format!("replaced by item:{}", corrected.item_id);
    gateway.audit(actor.0, "dead_letter.edit", format!("item:{letter}"), detail).await?;
    Ok(corrected)
}

fn not_replaced(gateway: &Gateway, letter: ItemId, error: AppendError) -> NotCorrected {
    match error {
        AppendError::Storage(StorageError::Refused { .. }) => {
            NotCorrected::Service(ServiceError::Refused {
                reason: format!(
                    "item {letter} is no open dead letter: it was put back, corrected or erased, or \
                     nobody knows whether it arrived"
                ),
                hint: format!("`holdfast dead-letter show {letter}` tells what became of it."),
            })
        }
        other => NotCorrected::Ingest(commit::refused(gateway, other)),
    }
}
