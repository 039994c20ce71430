//! Work on a body that is done where it keeps nobody waiting.

use bytes::Bytes;

use super::IngestError;

/// Bodies from this size on are worked on by a thread of their own. What is done here with smaller
/// ones (splitting, decoding, hashing) takes less than half a millisecond.
const LARGE_BODY_BYTES: usize = 256 << 10;

/// Runs `work` at once if the body is small, else beside the runtime's own threads.
pub async fn in_reasonable_time<T: Send + 'static>(
    body: Bytes,
    work: impl FnOnce(&Bytes) -> Result<T, IngestError> + Send + 'static,
) -> Result<T, IngestError> {
    if body.len() < LARGE_BODY_BYTES {
        return work(&body);
    }
    match tokio::task::spawn_blocking(move || work(&body)).await {
        Ok(result) => result,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down; nothing was accepted.
            Err(_) => Err(IngestError::Broken),
        },
    }
}
