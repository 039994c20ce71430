//! What every part of the gateway shares.

use std::sync::Arc;

use holdfast_model::destination::Destination;
use holdfast_model::platform::PlatformId;
use holdfast_model::scope::ScopeFacts;
use holdfast_storage::{AuditEntry, Outbox, Registry, StorageError};
use holdfast_storage_embedded::backup::Backups;
use holdfast_vault::Vault;
use tokio::sync::Notify;

use crate::alerts::Channels;
use crate::clock::Clock;
use crate::config::Settings;
use crate::directory::{Directory, Snapshot};
use crate::egress::Egress;
use crate::hold_book::HoldBook;
use crate::inbound::Inbound;
use crate::lanes::Lanes;
use crate::metrics::Metrics;
use crate::renewal::Renewals;

/// The running service's shared parts. Held in an `Arc`; none of them is replaced while it runs.
pub struct Gateway {
    pub settings: Settings,
    pub clock: Clock,
    pub outbox: Arc<dyn Outbox>,
    pub registry: Arc<dyn Registry>,
    pub vault: Arc<Vault>,
    pub(crate) backups: Backups,
    pub(crate) directory: Directory,
    pub(crate) holds: HoldBook,
    pub(crate) lanes: Lanes,
    pub(crate) renewals: Renewals,
    pub(crate) egress: Egress,
    pub metrics: Metrics,
    pub(crate) channels: Channels,
    /// There may be something to tell that nobody watches for.
    pub(crate) alert_due: Notify,
    /// There may be a credential to look at.
    pub(crate) watch_due: Notify,
    pub(crate) inbound: Inbound,
}

impl Gateway {
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.directory.snapshot()
    }

    /// What selectors of holds are matched against for this destination, right now.
    pub(crate) fn scope_facts(&self, destination: &Destination) -> ScopeFacts {
        let snapshot = self.snapshot();
        let app = snapshot.app_of(&destination.credential).map(|app| app.id.as_str().to_owned());
        destination.scope_facts(app.as_deref())
    }

    pub(crate) fn is_held(&self, destination: &Destination) -> bool {
        self.holds.covers(&self.scope_facts(destination))
    }

    /// Looks at once whether there is something to tell, or a credential to look at or to renew.
    pub fn look_around(&self) {
        self.alert_due.notify_one();
        self.watch_due.notify_one();
        self.inbound.due.notify_one();
        self.renewals.due.notify_one();
    }

    /// After a change in the registry: what the hot paths look at is read anew.
    pub(crate) async fn reload_directory(&self) -> Result<Arc<Snapshot>, StorageError> {
        self.directory.reload(&*self.registry).await
    }

    /// Where a platform's tokens are sent: its fixed host, unless the configuration file says
    /// otherwise.
    pub(crate) fn base_url(&self, platform: PlatformId) -> &str {
        self.settings.base_url(platform)
    }

    /// Appends to the audit trail. `detail` must be free of secrets.
    pub(crate) async fn audit(
        &self,
        actor: &str,
        action: &str,
        subject: String,
        detail: String,
    ) -> Result<(), StorageError> {
        let entry = AuditEntry {
            at: self.clock.wall(),
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject,
            detail,
        };
        self.registry.append_audit(&entry).await
    }
}
