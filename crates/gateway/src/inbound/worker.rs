//! Draws the consequences of what came in, one after the other.

use std::sync::Arc;
use std::time::Duration;

use holdfast_model::time::{DAY_S, UnixMillis};
use holdfast_storage::{Inbound, StorageError};
use tokio_util::sync::CancellationToken;

use super::content::Content;
use super::deletion::Wish;
use super::{apply, deletion};
use crate::services::ServiceError;
use crate::state::Gateway;

/// How often it is looked what is due again.
const TICK: Duration = Duration::from_secs(5);

/// Those that are dealt with in one go.
const AT_ONCE: u32 = 50;

/// The wait after the first failure; it doubles up to the longest. Nothing is ever given up: what
/// stands in the way is this machine's storage.
const FIRST_WAIT_MS: i64 = 5_000;
const LONGEST_WAIT_MS: i64 = 3_600_000;

/// Meta sends again for seven days what it thinks was lost (`spec/whatsapp.md §2`).
pub(super) const REMEMBERED_MS: i64 = 8 * DAY_S * 1_000;

/// What came of looking at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    Done,
    Again(UnixMillis),
    /// Again, and then it says this: what was learned is kept with it.
    AgainAs(UnixMillis, Content),
}

/// Works until it is stopped. What is not finished by then is begun again at the next start.
pub async fn run(gateway: Arc<Gateway>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            worked = work_off(&gateway) => if let Err(error) = worked {
                tracing::error!(%error, "failed to read what platforms sent; it is tried again");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = gateway.inbound.due.notified() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

async fn work_off(gateway: &Arc<Gateway>) -> Result<(), StorageError> {
    let registry = &gateway.registry;
    loop {
        let due = registry.due_inbound(gateway.clock.wall(), AT_ONCE).await?;
        for inbound in &due {
            let next = match deal_with(gateway, inbound).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(app = %inbound.app, %error,
                        "failed to draw the consequence of a push; it is tried again");
                    Next::Again(gateway.clock.wall().plus_millis(wait_ms(inbound.attempts)))
                }
            };
            finish(gateway, inbound, next).await?;
        }
        if due.is_empty() {
            return Ok(());
        }
    }
}

async fn finish(gateway: &Gateway, inbound: &Inbound, next: Next) -> Result<(), StorageError> {
    let (registry, sha256) = (&gateway.registry, &inbound.sha256);
    match next {
        Next::Done => registry.close_inbound(sha256, gateway.clock.wall()).await,
        Next::Again(at) => registry.postpone_inbound(sha256, at, None).await,
        Next::AgainAs(at, content) => match content.seal(gateway, &inbound.app, sha256) {
            Ok(sealed) => registry.postpone_inbound(sha256, at, Some(&sealed)).await,
            Err(error) => {
                tracing::error!(app = %inbound.app, %error, "failed to seal what a push came to");
                registry.postpone_inbound(sha256, at, None).await
            }
        },
    }
}

/// Forgets what was dealt with so long ago that nobody sends it again.
pub async fn purge(gateway: &Gateway) -> Result<(), StorageError> {
    let now = gateway.clock.wall();
    gateway.registry.purge_inbound(now.plus_millis(-REMEMBERED_MS)).await.map(drop)
}

async fn deal_with(gateway: &Arc<Gateway>, inbound: &Inbound) -> Result<Next, ServiceError> {
    match Content::open(gateway, inbound)? {
        Content::Signal(signal) => apply::apply(gateway, inbound, &signal, &[]).await,
        Content::Contradicted { signal, by } => apply::apply(gateway, inbound, &signal, &by).await,
        Content::Deletion { user, code, wished_at } => {
            let wished_at = wished_at.unwrap_or_else(|| inbound.received_at.to_seconds());
            let wish = Wish { app: &inbound.app, user: &user, wished_at };
            deletion::carry_out(gateway, &wish, &code).await
        }
    }
}

pub fn wait_ms(attempts: u32) -> i64 {
    FIRST_WAIT_MS.saturating_mul(1 << attempts.min(20)).min(LONGEST_WAIT_MS)
}
