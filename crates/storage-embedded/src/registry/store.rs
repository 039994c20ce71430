//! The public type: every call of the trait, handed to the thread that owns the file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use holdfast_model::access::AccessKey;
use holdfast_model::alert::Alert;
use holdfast_model::credential::{
    App, Credential, CredentialVersion, SignedWith, Verification, VersionState,
};
use holdfast_model::destination::Destination;
use holdfast_model::hold::{Hold, Lifted};
use holdfast_model::id::{AppId, CredentialId, HoldId, KeyId, VersionNo};
use holdfast_model::time::UnixMillis;
use holdfast_storage::{
    AlertOutcome, AuditChain, AuditEntry, DeliveryCount, DueAlert, Inbound, NewDestination,
    OpenedHold, Registry, RenewalLease, RenewalRecord, SealedRefreshToken, SentAlert, StorageError,
    Ticket, TicketPurpose,
};
use rusqlite::Connection;

use super::owner::{Owner, in_transaction};
use super::row::sql_failed;
use super::{
    alerts, apps, audit, credentials, deliveries, destinations, holds, inbound, keys,
    refresh_tokens, renewals, schema, settings, tickets,
};
use crate::sqlite::{self, Snapshot};

/// The registry of one data directory. The directory's lock is taken elsewhere; this type assumes
/// that no other process has the file open for writing.
pub struct EmbeddedRegistry {
    owner: Owner,
    path: PathBuf,
}

impl EmbeddedRegistry {
    /// Name of the file inside the data directory.
    pub const FILE_NAME: &str = "registry.sqlite";

    /// Opens or creates the registry in an existing directory.
    ///
    /// # Errors
    /// If the directory is missing, the file is damaged, or a newer release wrote it.
    pub fn open(dir: &Path) -> Result<Self, StorageError> {
        let path = dir.join(Self::FILE_NAME);
        let connection = sqlite::open(&path, schema::MIGRATIONS)?;
        // A crash may have come between a shredding and the emptying of the log. A reader in the
        // way is no reason not to start.
        empty_wal(&connection)?;
        Ok(Self { owner: Owner::start(connection)?, path })
    }

    /// Where the registry is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the registry is at this moment.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, StorageError> {
        Snapshot::take(sqlite::open_to_read(&self.path)?, &self.path)
    }

    /// It was restored once more.
    pub(crate) async fn begin_epoch(&self) -> Result<u64, StorageError> {
        self.owner.transact(settings::begin_epoch).await
    }
}

impl std::fmt::Debug for EmbeddedRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedRegistry").field("path", &self.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl Registry for EmbeddedRegistry {
    async fn put_app(&self, app: &App) -> Result<(), StorageError> {
        let app = app.clone();
        self.owner.transact(move |tx| apps::put(tx, &app)).await
    }

    async fn apps(&self) -> Result<Vec<App>, StorageError> {
        self.owner.transact(|tx| apps::all(tx)).await
    }

    async fn add_app_secret(
        &self,
        app: &AppId,
        version: VersionNo,
        sealed: &[u8],
        at: UnixMillis,
    ) -> Result<(), StorageError> {
        let (app, sealed) = (app.clone(), sealed.to_vec());
        self.owner.transact(move |tx| apps::add_secret(tx, &app, version, &sealed, at)).await
    }

    async fn app_secret(&self, app: &AppId, version: VersionNo) -> Result<Vec<u8>, StorageError> {
        let app = app.clone();
        self.owner.transact(move |tx| apps::secret(tx, &app, version)).await
    }

    async fn app_secret_added_at(
        &self,
        app: &AppId,
        version: VersionNo,
    ) -> Result<UnixMillis, StorageError> {
        let app = app.clone();
        self.owner.transact(move |tx| apps::secret_added_at(tx, &app, version)).await
    }

    async fn add_credential(&self, credential: &Credential) -> Result<(), StorageError> {
        let credential = credential.clone();
        self.owner.transact(move |tx| credentials::add(tx, &credential)).await
    }

    async fn credentials(&self) -> Result<Vec<Credential>, StorageError> {
        self.owner.transact(|tx| credentials::all(tx)).await
    }

    async fn describe_credential(&self, credential: &Credential) -> Result<(), StorageError> {
        let credential = credential.clone();
        self.owner.transact(move |tx| credentials::describe_whole(tx, &credential)).await
    }

    async fn add_credential_version(
        &self,
        version: &CredentialVersion,
        sealed: &[u8],
    ) -> Result<(), StorageError> {
        let (version, sealed) = (version.clone(), sealed.to_vec());
        self.owner.transact(move |tx| credentials::add_version(tx, &version, &sealed)).await
    }

    async fn credential_versions(
        &self,
        credential: &CredentialId,
    ) -> Result<Vec<CredentialVersion>, StorageError> {
        let credential = credential.clone();
        self.owner.transact(move |tx| credentials::versions(tx, &credential)).await
    }

    async fn sealed_credential(
        &self,
        credential: &CredentialId,
        version: VersionNo,
    ) -> Result<Vec<u8>, StorageError> {
        let credential = credential.clone();
        self.owner.transact(move |tx| credentials::sealed(tx, &credential, version)).await
    }

    async fn describe_version(&self, version: &CredentialVersion) -> Result<(), StorageError> {
        let version = version.clone();
        self.owner.transact(move |tx| credentials::describe(tx, &version)).await
    }

    async fn activate_version(
        &self,
        credential: &CredentialId,
        version: VersionNo,
        verification: Verification,
        at: UnixMillis,
    ) -> Result<(), StorageError> {
        let credential = credential.clone();
        self.owner
            .transact(move |tx| credentials::activate(tx, &credential, version, verification, at))
            .await
    }

    async fn set_version_state(
        &self,
        credential: &CredentialId,
        version: VersionNo,
        state: VersionState,
    ) -> Result<(), StorageError> {
        let credential = credential.clone();
        let set = move |connection: &mut Connection| {
            in_transaction(connection, |tx| {
                credentials::set_state(tx, &credential, version, state)
            })?;
            if state == VersionState::Retired { finish_shredding(connection) } else { Ok(()) }
        };
        self.owner.run(set).await
    }

    async fn add_refresh_token(
        &self,
        credential: &CredentialId,
        refresh: &SealedRefreshToken,
        at: UnixMillis,
    ) -> Result<(), StorageError> {
        let (credential, refresh) = (credential.clone(), refresh.clone());
        self.owner.transact(move |tx| refresh_tokens::add(tx, &credential, &refresh, at)).await
    }

    async fn shred_refresh_tokens(&self, credential: &CredentialId) -> Result<(), StorageError> {
        let credential = credential.clone();
        let shred = move |connection: &mut Connection| {
            in_transaction(connection, |tx| refresh_tokens::shred_all(tx, &credential))?;
            finish_shredding(connection)
        };
        self.owner.run(shred).await
    }

    async fn refresh_token(
        &self,
        credential: &CredentialId,
    ) -> Result<Option<SealedRefreshToken>, StorageError> {
        let credential = credential.clone();
        self.owner.transact(move |tx| refresh_tokens::newest(tx, &credential)).await
    }

    async fn lease_renewal(
        &self,
        credential: &CredentialId,
        holder: &str,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<RenewalLease>, StorageError> {
        let (credential, holder) = (credential.clone(), holder.to_owned());
        self.owner.transact(move |tx| renewals::lease(tx, &credential, &holder, now, until)).await
    }

    async fn store_renewed(
        &self,
        lease: &RenewalLease,
        version: &CredentialVersion,
        sealed: &[u8],
        refresh: Option<&SealedRefreshToken>,
    ) -> Result<(), StorageError> {
        let (lease, version) = (lease.clone(), version.clone());
        let (sealed, refresh) = (sealed.to_vec(), refresh.cloned());
        self.owner
            .transact(move |tx| renewals::store(tx, &lease, &version, &sealed, refresh.as_ref()))
            .await
    }

    async fn end_renewal(
        &self,
        lease: &RenewalLease,
        record: &RenewalRecord,
    ) -> Result<bool, StorageError> {
        let (lease, record) = (lease.clone(), record.clone());
        self.owner.transact(move |tx| renewals::end(tx, &lease, &record)).await
    }

    async fn renewals(&self) -> Result<Vec<RenewalRecord>, StorageError> {
        self.owner.transact(|tx| renewals::all(tx)).await
    }

    async fn count_deliveries(
        &self,
        counts: &[DeliveryCount],
    ) -> Result<Vec<SignedWith>, StorageError> {
        let counts = counts.to_vec();
        self.owner.transact(move |tx| deliveries::add(tx, &counts)).await
    }

    async fn delivery_counts(
        &self,
        credential: &CredentialId,
    ) -> Result<Vec<DeliveryCount>, StorageError> {
        let credential = credential.clone();
        self.owner.transact(move |tx| deliveries::of(tx, &credential)).await
    }

    async fn forget_retired(
        &self,
        credential: &CredentialId,
        keep: u32,
    ) -> Result<u32, StorageError> {
        let credential = credential.clone();
        self.owner.transact(move |tx| deliveries::forget_retired(tx, &credential, keep)).await
    }

    async fn put_ticket(&self, ticket: &Ticket) -> Result<(), StorageError> {
        let ticket = ticket.clone();
        self.owner.transact(move |tx| tickets::put(tx, &ticket)).await
    }

    async fn ticket(
        &self,
        purpose: TicketPurpose,
        sha256: &[u8; 32],
        now: UnixMillis,
    ) -> Result<Option<Ticket>, StorageError> {
        let sha256 = *sha256;
        self.owner.transact(move |tx| tickets::get(tx, purpose, &sha256, now)).await
    }

    async fn take_ticket(
        &self,
        purpose: TicketPurpose,
        sha256: &[u8; 32],
        now: UnixMillis,
    ) -> Result<Option<Ticket>, StorageError> {
        let sha256 = *sha256;
        self.owner.transact(move |tx| tickets::take(tx, purpose, &sha256, now)).await
    }

    async fn purge_tickets(&self, now: UnixMillis) -> Result<u64, StorageError> {
        self.owner.transact(move |tx| tickets::purge(tx, now)).await
    }

    async fn put_inbound(&self, inbound: &Inbound) -> Result<bool, StorageError> {
        let inbound = inbound.clone();
        self.owner.transact(move |tx| inbound::put(tx, &inbound)).await
    }

    async fn due_inbound(&self, now: UnixMillis, limit: u32) -> Result<Vec<Inbound>, StorageError> {
        self.owner.transact(move |tx| inbound::due(tx, now, limit)).await
    }

    async fn postpone_inbound(
        &self,
        sha256: &[u8; 32],
        until: UnixMillis,
        sealed: Option<&[u8]>,
    ) -> Result<(), StorageError> {
        let (sha256, sealed) = (*sha256, sealed.map(<[u8]>::to_vec));
        self.owner
            .transact(move |tx| inbound::postpone(tx, &sha256, until, sealed.as_deref()))
            .await
    }

    async fn close_inbound(&self, sha256: &[u8; 32], at: UnixMillis) -> Result<(), StorageError> {
        let sha256 = *sha256;
        self.owner.transact(move |tx| inbound::close(tx, &sha256, at)).await
    }

    async fn purge_inbound(&self, before: UnixMillis) -> Result<u64, StorageError> {
        self.owner.transact(move |tx| inbound::purge(tx, before)).await
    }

    async fn add_destination(&self, new: NewDestination) -> Result<Destination, StorageError> {
        self.owner.transact(move |tx| destinations::add(tx, new)).await
    }

    async fn update_destination(
        &self,
        was: &Destination,
        destination: &Destination,
    ) -> Result<bool, StorageError> {
        let (was, destination) = (was.clone(), destination.clone());
        self.owner.transact(move |tx| destinations::update(tx, &was, &destination)).await
    }

    async fn destinations(&self) -> Result<Vec<Destination>, StorageError> {
        self.owner.transact(|tx| destinations::all(tx)).await
    }

    async fn open_hold(&self, hold: &Hold) -> Result<OpenedHold, StorageError> {
        let hold = hold.clone();
        self.owner.transact(move |tx| holds::open(tx, &hold)).await
    }

    async fn lift_hold(&self, hold: HoldId, lifted: &Lifted) -> Result<bool, StorageError> {
        let lifted = lifted.clone();
        self.owner.transact(move |tx| holds::lift(tx, hold, &lifted)).await
    }

    async fn open_holds(&self) -> Result<Vec<Hold>, StorageError> {
        self.owner.transact(|tx| holds::all_open(tx)).await
    }

    async fn holds(&self, limit: u32) -> Result<Vec<Hold>, StorageError> {
        self.owner.transact(move |tx| holds::newest(tx, limit)).await
    }

    async fn add_key(&self, key: &AccessKey, sha256: &[u8; 32]) -> Result<(), StorageError> {
        let (key, sha256) = (key.clone(), *sha256);
        self.owner.transact(move |tx| keys::add(tx, &key, &sha256)).await
    }

    async fn keys(&self) -> Result<Vec<(AccessKey, [u8; 32])>, StorageError> {
        self.owner.transact(|tx| keys::all(tx)).await
    }

    async fn revoke_key(&self, key: &KeyId, at: UnixMillis) -> Result<bool, StorageError> {
        let key = key.clone();
        self.owner.transact(move |tx| keys::revoke(tx, &key, at)).await
    }

    async fn append_audit(&self, entry: &AuditEntry) -> Result<(), StorageError> {
        let entry = entry.clone();
        self.owner.transact(move |tx| audit::append(tx, &entry)).await
    }

    async fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>, StorageError> {
        self.owner.transact(move |tx| audit::newest(tx, limit)).await
    }

    async fn verify_audit(&self) -> Result<AuditChain, StorageError> {
        self.owner.transact(|tx| audit::verify(tx)).await
    }

    async fn claim_alert(&self, alert: &Alert, channels: &[String]) -> Result<bool, StorageError> {
        let (alert, channels) = (alert.clone(), channels.to_vec());
        self.owner.transact(move |tx| alerts::claim(tx, &alert, &channels)).await
    }

    async fn due_alerts(&self, now: UnixMillis, limit: u32) -> Result<Vec<DueAlert>, StorageError> {
        self.owner.transact(move |tx| alerts::due(tx, now, limit)).await
    }

    async fn close_alert(
        &self,
        key: &str,
        channel: &str,
        outcome: &AlertOutcome,
    ) -> Result<(), StorageError> {
        let (key, channel, outcome) = (key.to_owned(), channel.to_owned(), outcome.clone());
        self.owner.transact(move |tx| alerts::close(tx, &key, &channel, &outcome)).await
    }

    async fn postpone_alert(
        &self,
        key: &str,
        channel: &str,
        until: UnixMillis,
        error: &str,
    ) -> Result<(), StorageError> {
        let (key, channel, error) = (key.to_owned(), channel.to_owned(), error.to_owned());
        self.owner.transact(move |tx| alerts::postpone(tx, &key, &channel, until, &error)).await
    }

    async fn alert(&self, key: &str) -> Result<Option<Alert>, StorageError> {
        let key = key.to_owned();
        self.owner.transact(move |tx| alerts::get(tx, &key)).await
    }

    async fn alerts(&self, limit: u32) -> Result<Vec<SentAlert>, StorageError> {
        self.owner.transact(move |tx| alerts::newest(tx, limit)).await
    }

    async fn epoch(&self) -> Result<u64, StorageError> {
        self.owner.transact(settings::epoch).await
    }

    async fn put_once(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, StorageError> {
        let (name, value) = (name.to_owned(), value.to_vec());
        self.owner.transact(move |tx| settings::put_once(tx, &name, &value)).await
    }
}

/// Removes what the write-ahead log still has of a shredded secret. Done again when a version is
/// retired again, so that a failure here can be made good by repeating the call.
fn finish_shredding(connection: &Connection) -> Result<(), StorageError> {
    if empty_wal(connection)? {
        return Ok(());
    }
    Err(StorageError::Io {
        doing: "empty the write-ahead log after shredding",
        cause: "another program is reading registry.sqlite".to_owned(),
    })
}

/// Copies the write-ahead log into the file and cuts it to nothing. False if a reader is in the
/// way: then at once, because whoever waits here keeps every other call waiting too.
fn empty_wal(connection: &Connection) -> Result<bool, StorageError> {
    let doing = "empty the write-ahead log";
    connection.busy_timeout(Duration::ZERO).map_err(sql_failed(doing))?;
    let busy: bool = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(sql_failed(doing))?;
    connection.busy_timeout(sqlite::BUSY_TIMEOUT).map_err(sql_failed(doing))?;
    Ok(!busy)
}
