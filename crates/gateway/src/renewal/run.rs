//! Looking who is due.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use holdfast_model::hold::Hold;
use holdfast_model::id::CredentialId;
use holdfast_model::platform::PlatformId;
use holdfast_model::time::UnixMillis;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::steps::{self, Ran};
use crate::directory::Snapshot;
use crate::state::Gateway;

/// Longest pause: counts are written this often, and what changed is noticed at the latest.
const TICK: Duration = Duration::from_secs(5);

/// A run that failed for reasons of ours (storage, the vault) is begun again after this.
const AFTER_FAILURE_MS: i64 = 30_000;

/// So many of one platform are renewed at once: one that does not answer holds up its own alone,
/// and an hour's token of another does not wait for it.
const AT_ONCE: usize = 8;

/// Runs until it is stopped. At the start it finds what a crash interrupted. What has begun is
/// brought to where it can be left: a token that a platform has issued is on no disk until then.
pub(crate) async fn run(gateway: Arc<Gateway>, stop: CancellationToken) {
    // Whatever is overdue now was nobody's to do.
    let _ = gateway.renewals.began.set(gateway.clock.wall());
    let mut plan = Plan::default();
    let mut running = JoinSet::new();
    while !stop.is_cancelled() {
        let next = plan.begin(&gateway, &mut running).await;
        let until_due = next.map_or(TICK, |at| {
            let ms = (at.0 - gateway.clock.wall().0).max(0).unsigned_abs();
            Duration::from_millis(ms).min(TICK)
        });
        tokio::select! {
            () = stop.cancelled() => {}
            Some(ended) = running.join_next_with_id() => plan.ended(&gateway, ended),
            () = gateway.renewals.due.notified() => {}
            () = tokio::time::sleep(until_due) => {}
        }
    }
    gateway.renewals.stopping.cancel();
    gateway.renewals.asked_for.close();
    while running.join_next().await.is_some() {}
    gateway.renewals.asked_for.wait().await;
}

/// When to look at each credential again, as long as nothing has changed.
#[derive(Default)]
struct Plan {
    waits: HashMap<CredentialId, Option<UnixMillis>>,
    /// What the plan was made by: it is made anew when one of them is another one.
    made_by: Option<(Arc<Snapshot>, Arc<Vec<Hold>>)>,
    in_progress: HashMap<Id, (CredentialId, PlatformId)>,
    /// Something changed while they were in progress: what they come to may be old.
    outdated: HashSet<CredentialId>,
}

/// When to look again at one that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    At(Option<UnixMillis>),
    /// Whatever changes: it has just failed here.
    NotBefore(UnixMillis),
}

type Running = JoinSet<Again>;

impl Plan {
    /// Begins to renew whoever is due and has a place; returns when the next is due. One without a
    /// place gets one when another ends.
    async fn begin(&mut self, gateway: &Arc<Gateway>, running: &mut Running) -> Option<UnixMillis> {
        if let Err(error) = gateway.renewals.flush(gateway).await {
            tracing::error!(%error, "failed to count deliveries by version; it is tried again");
        }
        let (snapshot, holds) = (gateway.snapshot(), gateway.holds.open());
        self.notice(&snapshot, holds, gateway.renewals.deliveries.take_grown());
        let now = gateway.clock.wall();
        for id in self.due(&snapshot, now) {
            let platform = snapshot.credentials[&id].platform;
            if self.is_full(platform) {
                continue;
            }
            let task = running.spawn(renew(gateway.clone(), id.clone()));
            self.in_progress.insert(task.id(), (id, platform));
        }
        self.waits.values().flatten().filter(|at| **at > now).min().copied()
    }

    fn notice(
        &mut self,
        snapshot: &Arc<Snapshot>,
        holds: Arc<Vec<Hold>>,
        grown: HashSet<CredentialId>,
    ) {
        let is_unchanged = self
            .made_by
            .as_ref()
            .is_some_and(|(was, held)| Arc::ptr_eq(was, snapshot) && Arc::ptr_eq(held, &holds));
        if !is_unchanged {
            self.waits.clear();
            self.outdated.extend(self.in_progress.values().map(|(id, _)| id.clone()));
            self.made_by = Some((snapshot.clone(), holds));
        }
        for id in grown {
            self.waits.remove(&id);
            if self.is_in_progress(&id) {
                self.outdated.insert(id);
            }
        }
    }

    fn due(&self, snapshot: &Snapshot, now: UnixMillis) -> Vec<CredentialId> {
        let is_due = |id: &&CredentialId| match self.waits.get(*id) {
            None => true,
            Some(until) => until.is_some_and(|until| until <= now),
        };
        let mut due: Vec<CredentialId> = snapshot
            .credentials
            .keys()
            .filter(is_due)
            .filter(|id| !self.is_in_progress(id))
            .cloned()
            .collect();
        // Who waits for longest comes first, so that a full platform gets round to everybody.
        due.sort_by_key(|id| self.waits.get(id).copied().flatten());
        due
    }

    fn is_in_progress(&self, id: &CredentialId) -> bool {
        self.in_progress.values().any(|(one, _)| one == id)
    }

    fn is_full(&self, platform: PlatformId) -> bool {
        self.in_progress.values().filter(|(_, of)| *of == platform).count() >= AT_ONCE
    }

    fn ended(&mut self, gateway: &Gateway, ended: Result<(Id, Again), JoinError>) {
        let (task, again) = match ended {
            Ok((task, again)) => (task, again),
            // The panic was logged where it happened.
            Err(error) => (error.id(), after_failure(gateway)),
        };
        let Some((id, _)) = self.in_progress.remove(&task) else { return };
        let is_outdated = self.outdated.remove(&id);
        match again {
            Again::At(_) if is_outdated => {}
            Again::At(at) => drop(self.waits.insert(id, at)),
            Again::NotBefore(at) => drop(self.waits.insert(id, Some(at))),
        }
    }
}

async fn renew(gateway: Arc<Gateway>, id: CredentialId) -> Again {
    match steps::run(&gateway, &id).await {
        Ok(Ran::Waits { until }) => Again::At(until),
        // One step was done; the next may be due at once.
        Ok(Ran::Done { .. }) => Again::At(Some(gateway.clock.wall())),
        Ok(Ran::Busy) => after_failure(&gateway),
        Err(error) => {
            tracing::error!(credential = %id, %error, "a renewal failed; it is begun again");
            after_failure(&gateway)
        }
    }
}

fn after_failure(gateway: &Gateway) -> Again {
    Again::NotBefore(gateway.clock.wall().plus_millis(AFTER_FAILURE_MS))
}
