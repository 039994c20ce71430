//! Getting credentials their next tokens before the present ones die.
//!
//! What is to be done is decided by `holdfast_credentials::lifecycle`; here it is done. `known`
//! reads what that is decided by, `steps` executes a run under its lease, `exchange` asks the
//! platform, `store` makes its answer durable, `prove` has it proved, `finish` ends versions that nobody needs any more,
//! `run` looks who is due. `deliveries` counts what was delivered with which version, `tell` says
//! what people should know, `outlook` shows it all.
//!
//! No state is kept here that matters: whatever a crash interrupts is found again in the registry.

mod deliveries;
mod exchange;
mod finish;
mod known;
mod outlook;
mod prove;
mod run;
mod steps;
mod store;
mod tell;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use holdfast_credentials::lifecycle::Breaker;
use holdfast_model::credential::SignedWith;
use holdfast_model::id::{CredentialId, VersionNo};
use holdfast_model::time::{DAY_S, UnixMillis};
use holdfast_storage::StorageError;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::state::Gateway;

pub(crate) use finish::{end_at_platform, retire};
pub(crate) use known::read as read_known;
pub use outlook::{Outlook, outlook};
pub(crate) use run::run;
pub(crate) use steps::{Ran, run_asked};

/// What renewing keeps in memory.
pub(crate) struct Renewals {
    /// There may be somebody to renew.
    pub due: Notify,
    /// Names this process in leases.
    holder: String,
    breaker: Mutex<Breaker>,
    deliveries: deliveries::Deliveries,
    /// Since when each active version was seen to be active.
    seen: Mutex<HashMap<CredentialId, (VersionNo, UnixMillis)>>,
    /// When the platform was last asked for the dates of an active version.
    asked: Mutex<HashMap<CredentialId, (VersionNo, UnixMillis)>>,
    /// Before when no token of a credential is revoked.
    revoke_after: Mutex<HashMap<CredentialId, UnixMillis>>,
    /// Since when somebody has looked who is due.
    began: OnceLock<UnixMillis>,
    /// Nothing new is begun.
    stopping: CancellationToken,
    /// What must not be dropped in the middle, whoever asked for it and has gone since.
    asked_for: TaskTracker,
}

impl Default for Renewals {
    fn default() -> Self {
        Self {
            due: Notify::new(),
            holder: format!("{:016x}", crate::random::seed()),
            breaker: Mutex::default(),
            deliveries: deliveries::Deliveries::default(),
            seen: Mutex::default(),
            asked: Mutex::default(),
            revoke_after: Mutex::default(),
            began: OnceLock::new(),
            stopping: CancellationToken::new(),
            asked_for: TaskTracker::new(),
        }
    }
}

impl Renewals {
    /// One request was accepted. Called by lanes: nothing but memory is touched.
    pub(crate) fn count(&self, signed_with: &SignedWith, items: u64, at: UnixMillis) {
        self.deliveries.count(signed_with, items, at);
    }

    /// Writes down what was counted.
    pub(crate) async fn flush(&self, gateway: &Gateway) -> Result<(), StorageError> {
        self.deliveries.flush(gateway).await
    }

    /// Runs to its end even if whoever asked for it goes away; a stop waits for it. None if it
    /// panicked.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.asked_for.spawn(work).await.ok()
    }

    /// How long what was due at `next` has been due, while somebody was there to do it.
    fn overdue_ms(&self, next: UnixMillis, now: UnixMillis) -> i64 {
        let since = self.began.get().map_or(now, |began| next.max(*began));
        (now.0 - since.0).max(0)
    }

    fn revoke_after(&self, credential: &CredentialId) -> Option<UnixMillis> {
        lock(&self.revoke_after).get(credential).copied()
    }

    /// Since when this version has been active, as far as this process saw.
    fn active_since(
        &self,
        credential: &CredentialId,
        version: VersionNo,
        now: UnixMillis,
    ) -> UnixMillis {
        let mut seen = lock(&self.seen);
        let entry = seen.entry(credential.clone()).or_insert((version, now));
        if entry.0 != version {
            *entry = (version, now);
        }
        entry.1
    }
}

impl Renewals {
    /// Whether a day has passed since the dates of this version were asked for. Notes that they are.
    fn may_ask(&self, credential: &CredentialId, version: VersionNo, now: UnixMillis) -> bool {
        let mut asked = lock(&self.asked);
        let before = asked.get(credential);
        let is_recent =
            before.is_some_and(|(of, at)| *of == version && now.0 - at.0 < DAY_S * 1_000);
        if !is_recent {
            asked.insert(credential.clone(), (version, now));
        }
        !is_recent
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is inside is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
