//! Looking who is due.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use holdfast_model::hold::Hold;
use holdfast_model::id::CredentialId;
use holdfast_model::time::UnixMillis;
use tokio_util::sync::CancellationToken;

use super::steps::{self, Ran};
use crate::directory::Snapshot;
use crate::state::Gateway;

/// Longest pause: counts are written this often, and what changed is noticed at the latest.
const TICK: Duration = Duration::from_secs(5);

/// A run that failed for reasons of ours (storage, the vault) is begun again after this.
const AFTER_FAILURE_MS: i64 = 30_000;

/// So many are renewed at once: a platform that does not answer holds up one, not all.
const AT_ONCE: usize = 8;

/// Runs until it is stopped. At the start it finds what a crash interrupted.
pub(crate) async fn run(gateway: Arc<Gateway>, stop: CancellationToken) {
    let mut plan = Plan::default();
    loop {
        let next = tokio::select! {
            () = stop.cancelled() => return,
            next = plan.go(&gateway) => next,
        };
        let until_due = next.map_or(TICK, |at| {
            let ms = (at.0 - gateway.clock.wall().0).max(0).unsigned_abs();
            Duration::from_millis(ms).min(TICK)
        });
        tokio::select! {
            () = stop.cancelled() => return,
            () = gateway.renewals.due.notified() => {}
            () = tokio::time::sleep(until_due) => {}
        }
    }
}

/// When to look at each credential again, as long as nothing has changed.
#[derive(Default)]
struct Plan {
    waits: HashMap<CredentialId, Option<UnixMillis>>,
    /// What the plan was made by: it is made anew when one of them is another one.
    made_by: Option<(Arc<Snapshot>, Arc<Vec<Hold>>)>,
}

impl Plan {
    /// Renews whoever is due; returns when the next is.
    async fn go(&mut self, gateway: &Arc<Gateway>) -> Option<UnixMillis> {
        if let Err(error) = gateway.renewals.flush(gateway).await {
            tracing::error!(%error, "failed to count deliveries by version; it is tried again");
        }
        let (snapshot, holds) = (gateway.snapshot(), gateway.holds.open());
        let is_unchanged = self
            .made_by
            .as_ref()
            .is_some_and(|(was, held)| Arc::ptr_eq(was, &snapshot) && Arc::ptr_eq(held, &holds));
        if !is_unchanged {
            self.waits.clear();
            self.made_by = Some((snapshot.clone(), holds));
        }
        for id in gateway.renewals.deliveries.take_grown() {
            self.waits.remove(&id);
        }
        let now = gateway.clock.wall();
        let is_due = |id: &CredentialId| match self.waits.get(id) {
            None => true,
            Some(until) => until.is_some_and(|until| until <= now),
        };
        let due: Vec<CredentialId> =
            snapshot.credentials.keys().filter(|id| is_due(id)).cloned().collect();
        let runs = due.into_iter().map(|id| renew(gateway, id));
        let ran: Vec<_> =
            futures_util::stream::iter(runs).buffer_unordered(AT_ONCE).collect().await;
        self.waits.extend(ran);
        self.waits.values().flatten().min().copied()
    }
}

/// Returns when to look again.
async fn renew(gateway: &Arc<Gateway>, id: CredentialId) -> (CredentialId, Option<UnixMillis>) {
    let again = match steps::run(gateway, &id).await {
        Ok(Ran::Waits { until }) => until,
        // One step was done; the next may be due at once.
        Ok(Ran::Done { end }) => Some(end.not_before.unwrap_or(gateway.clock.wall())),
        Ok(Ran::Busy) => Some(gateway.clock.wall().plus_millis(AFTER_FAILURE_MS)),
        Err(error) => {
            tracing::error!(credential = %id, %error, "a renewal failed; it is begun again");
            Some(gateway.clock.wall().plus_millis(AFTER_FAILURE_MS))
        }
    };
    (id, again)
}
