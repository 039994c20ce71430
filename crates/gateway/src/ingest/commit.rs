//! The one place where ingested items become durable.

use holdfast_model::time::UnixMillis;
use holdfast_storage::{AppendError, Appended, Commit, Idempotency, NewItem};

use super::IngestError;
use crate::state::Gateway;

/// Makes all items durable together, or none. When this returns `Stored`, they may be
/// acknowledged; before that nothing may.
pub async fn commit(
    gateway: &Gateway,
    items: Vec<NewItem>,
    idempotency: Option<Idempotency>,
    at: UnixMillis,
) -> Result<Appended, IngestError> {
    let appended = gateway.outbox.append(Commit { items, idempotency, at }).await;
    appended.map_err(|error| refused(gateway, error))
}

/// What a caller hears of it.
pub fn refused(gateway: &Gateway, error: AppendError) -> IngestError {
    match error {
        AppendError::QuotaExceeded { lane, used_bytes, quota_bytes } => {
            let snapshot = gateway.snapshot();
            let destination = snapshot
                .destination_of_lane(lane)
                .map_or_else(|| format!("of lane {lane}"), |found| found.id.to_string());
            IngestError::QuotaExceeded { destination, used_bytes, quota_bytes }
        }
        AppendError::DiskFull => IngestError::DiskFull,
        AppendError::Overloaded => IngestError::Overloaded,
        AppendError::Storage(cause) => {
            tracing::error!(error = %cause, "events were refused because storage failed");
            IngestError::Storage(cause)
        }
    }
}
