//! Everything of low rate: apps, credentials, destinations, holds, keys, the audit trail.
//!
//! Every call is atomic and durable when it returns. What refers to something that is not there is
//! [`StorageError::NotFound`], what is there already [`StorageError::Exists`], what a rule below
//! forbids [`StorageError::Refused`]. The rules are checked by the store and not only by its
//! callers, because in a cluster several nodes call at once. Secrets arrive sealed by the vault;
//! nothing here can read them.

use async_trait::async_trait;
use holdfast_model::access::AccessKey;
use holdfast_model::alert::Alert;
use holdfast_model::credential::{
    App, Credential, CredentialVersion, SignedWith, Verification, VersionState,
};
use holdfast_model::destination::{Destination, DestinationSettings};
use holdfast_model::hold::{Hold, Lifted};
use holdfast_model::id::{AppId, AssetId, CredentialId, DestinationId, HoldId, KeyId, VersionNo};
use holdfast_model::platform::PlatformId;
use holdfast_model::time::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::StorageError;

#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// Stores an app or replaces what is known of it. Its platform never changes, and its
    /// `secret_version` is not taken from the value: only [`Registry::add_app_secret`] moves it.
    async fn put_app(&self, app: &App) -> Result<(), StorageError>;
    async fn apps(&self) -> Result<Vec<App>, StorageError>;
    /// Stores a new version of the app's secret and makes it the newest. Its number must be the
    /// next one: `Exists` if it is taken, `Conflict` if it is further on.
    async fn add_app_secret(
        &self,
        app: &AppId,
        version: VersionNo,
        sealed: &[u8],
        at: UnixMillis,
    ) -> Result<(), StorageError>;
    async fn app_secret(&self, app: &AppId, version: VersionNo) -> Result<Vec<u8>, StorageError>;
    /// When a version of the secret was added. `NotFound` as for the secret itself.
    async fn app_secret_added_at(
        &self,
        app: &AppId,
        version: VersionNo,
    ) -> Result<UnixMillis, StorageError>;

    /// Stores a new credential. Its app, if it names one, must be known.
    async fn add_credential(&self, credential: &Credential) -> Result<(), StorageError>;
    async fn credentials(&self) -> Result<Vec<Credential>, StorageError>;
    /// Replaces what is known of a credential. Its platform, its app and its creation never
    /// change, because its secrets are bound to them.
    async fn describe_credential(&self, credential: &Credential) -> Result<(), StorageError>;
    /// Stores a new version, which is a candidate. Its number must be the next one:
    /// [`StorageError::Conflict`] if not.
    async fn add_credential_version(
        &self,
        version: &CredentialVersion,
        sealed: &[u8],
    ) -> Result<(), StorageError>;
    /// Oldest first.
    async fn credential_versions(
        &self,
        credential: &CredentialId,
    ) -> Result<Vec<CredentialVersion>, StorageError>;
    /// The sealed secret. `NotFound` once the version is retired.
    async fn sealed_credential(
        &self,
        credential: &CredentialId,
        version: VersionNo,
    ) -> Result<Vec<u8>, StorageError>;
    /// Replaces what is known of a version; the state is changed only by the calls below.
    async fn describe_version(&self, version: &CredentialVersion) -> Result<(), StorageError>;
    /// Makes one version active and the one before superseded, together. Only a candidate or a
    /// superseded version can become active. `verified_at` becomes `at` if it was proved.
    async fn activate_version(
        &self,
        credential: &CredentialId,
        version: VersionNo,
        verification: Verification,
        at: UnixMillis,
    ) -> Result<(), StorageError>;
    /// Moves an active version to `superseded`, or any to `retired`, which shreds its ciphertext.
    /// Moving it to where it is already changes nothing.
    async fn set_version_state(
        &self,
        credential: &CredentialId,
        version: VersionNo,
        state: VersionState,
    ) -> Result<(), StorageError>;

    /// Stores what further access tokens are asked for with, as the next version of it. The one
    /// before is kept until one more comes, in case the platform still wants it.
    async fn add_refresh_token(
        &self,
        credential: &CredentialId,
        refresh: &SealedRefreshToken,
        at: UnixMillis,
    ) -> Result<(), StorageError>;
    /// Shreds all of a credential's, because what was revoked must not bring the next token. The next
    /// that is stored is version 1 again.
    async fn shred_refresh_tokens(&self, credential: &CredentialId) -> Result<(), StorageError>;
    /// The newest. Those before the last two are shredded.
    async fn refresh_token(
        &self,
        credential: &CredentialId,
    ) -> Result<Option<SealedRefreshToken>, StorageError>;

    /// Takes the right to renew a credential until `until`, unless somebody has it at `now`. Every
    /// lease has a higher generation than all before it, and only the newest may store anything:
    /// whoever was away too long finds out before harm is done.
    async fn lease_renewal(
        &self,
        credential: &CredentialId,
        holder: &str,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<RenewalLease>, StorageError>;
    /// Stores what a renewal brought: a candidate, and the refresh token that came with it if one
    /// did, together. `Conflict` of a `renewal` if the lease is not the newest any more, of anything
    /// else if a number is not the next one.
    async fn store_renewed(
        &self,
        lease: &RenewalLease,
        version: &CredentialVersion,
        sealed: &[u8],
        refresh: Option<&SealedRefreshToken>,
    ) -> Result<(), StorageError>;
    /// Gives the lease back and writes down what came of it. False, and nothing is written, if the
    /// lease is not the newest any more.
    async fn end_renewal(
        &self,
        lease: &RenewalLease,
        record: &RenewalRecord,
    ) -> Result<bool, StorageError>;
    /// Of every credential that was ever renewed or tried to be.
    async fn renewals(&self) -> Result<Vec<RenewalRecord>, StorageError>;

    /// Adds to what was delivered with each version. Returns those that had delivered nothing before.
    async fn count_deliveries(
        &self,
        counts: &[DeliveryCount],
    ) -> Result<Vec<SignedWith>, StorageError>;
    /// By version, the oldest first.
    async fn delivery_counts(
        &self,
        credential: &CredentialId,
    ) -> Result<Vec<DeliveryCount>, StorageError>;
    /// Forgets all retired versions of a credential but the newest so many, with their counts: of
    /// a token that is renewed every half an hour there are seventeen thousand a year. The audit
    /// trail keeps their fingerprints.
    async fn forget_retired(
        &self,
        credential: &CredentialId,
        keep: u32,
    ) -> Result<u32, StorageError>;

    /// Stores a ticket. Of each purpose the newest [`MAX_TICKETS`] are kept.
    async fn put_ticket(&self, ticket: &Ticket) -> Result<(), StorageError>;
    /// The ticket with this hash, unless it has expired.
    async fn ticket(
        &self,
        purpose: TicketPurpose,
        sha256: &[u8; 32],
        now: UnixMillis,
    ) -> Result<Option<Ticket>, StorageError>;
    /// Takes a ticket away. Of any number of calls at once exactly one gets it.
    async fn take_ticket(
        &self,
        purpose: TicketPurpose,
        sha256: &[u8; 32],
        now: UnixMillis,
    ) -> Result<Option<Ticket>, StorageError>;
    /// Forgets those that have expired.
    async fn purge_tickets(&self, now: UnixMillis) -> Result<u64, StorageError>;

    /// Keeps what a platform pushed until its consequences are drawn. False, and nothing is
    /// changed, if the same bytes came before and are still remembered. `Refused` while
    /// [`MAX_WAITING_INBOUND`] wait.
    async fn put_inbound(&self, inbound: &Inbound) -> Result<bool, StorageError>;
    /// What is to be dealt with now, the oldest first.
    async fn due_inbound(&self, now: UnixMillis, limit: u32) -> Result<Vec<Inbound>, StorageError>;
    /// It is looked at again at this time, and says `sealed` from then on if that is given: what was
    /// learned of it and when it is due again are kept together.
    async fn postpone_inbound(
        &self,
        sha256: &[u8; 32],
        until: UnixMillis,
        sealed: Option<&[u8]>,
    ) -> Result<(), StorageError>;
    /// It is dealt with. Its content is forgotten, its hash is remembered until it is purged.
    async fn close_inbound(&self, sha256: &[u8; 32], at: UnixMillis) -> Result<(), StorageError>;
    /// Forgets what was dealt with before this time.
    async fn purge_inbound(&self, before: UnixMillis) -> Result<u64, StorageError>;

    /// Stores a new destination and gives it a lane number that was never used before.
    async fn add_destination(&self, new: NewDestination) -> Result<Destination, StorageError>;
    /// Replaces a destination. Its lane and its platform never change.
    /// Only if the stored one still is `was`: false if somebody else changed it meanwhile.
    async fn update_destination(
        &self,
        was: &Destination,
        destination: &Destination,
    ) -> Result<bool, StorageError>;
    async fn destinations(&self) -> Result<Vec<Destination>, StorageError>;

    /// Opens a hold, unless one with the same scope is open already: then that one is returned.
    /// Of any number of calls at once exactly one opens it. The empty scope is refused.
    async fn open_hold(&self, hold: &Hold) -> Result<OpenedHold, StorageError>;
    /// Lifts an open hold. False if it was not open.
    async fn lift_hold(&self, hold: HoldId, lifted: &Lifted) -> Result<bool, StorageError>;
    /// All of them, oldest first; never cut to a bound, because a hold that is left out would let
    /// its items go.
    async fn open_holds(&self) -> Result<Vec<Hold>, StorageError>;
    /// Newest first, open and lifted.
    async fn holds(&self, limit: u32) -> Result<Vec<Hold>, StorageError>;

    /// Stores a key by its SHA-256. The key itself is never stored. Neither its name nor its hash
    /// may be taken, not even by a revoked key, and its destinations must be known.
    async fn add_key(&self, key: &AccessKey, sha256: &[u8; 32]) -> Result<(), StorageError>;
    /// Revoked ones too.
    async fn keys(&self) -> Result<Vec<(AccessKey, [u8; 32])>, StorageError>;
    /// False if there is no such key or it was revoked before.
    async fn revoke_key(&self, key: &KeyId, at: UnixMillis) -> Result<bool, StorageError>;

    /// Adds to the trail, which can neither be changed nor shortened. Very long texts are cut.
    async fn append_audit(&self, entry: &AuditEntry) -> Result<(), StorageError>;
    /// Newest first.
    async fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>, StorageError>;

    /// Computes the chain of the trail anew. [`StorageError::Damaged`] names the first entry that
    /// was changed or is missing.
    async fn verify_audit(&self) -> Result<AuditChain, StorageError>;

    /// Stores the alert and queues it for these channels, unless one with its key is stored: then
    /// false, and nothing is changed. However many call at once, one is told yes.
    async fn claim_alert(&self, alert: &Alert, channels: &[String]) -> Result<bool, StorageError>;
    /// What is to be sent now, the oldest first.
    async fn due_alerts(&self, now: UnixMillis, limit: u32) -> Result<Vec<DueAlert>, StorageError>;
    /// The channel has it, or will never have it.
    async fn close_alert(
        &self,
        key: &str,
        channel: &str,
        outcome: &AlertOutcome,
    ) -> Result<(), StorageError>;
    /// It is tried again at this time.
    async fn postpone_alert(
        &self,
        key: &str,
        channel: &str,
        until: UnixMillis,
        error: &str,
    ) -> Result<(), StorageError>;
    async fn alert(&self, key: &str) -> Result<Option<Alert>, StorageError>;
    /// The newest first, each with what became of it.
    async fn alerts(&self, limit: u32) -> Result<Vec<SentAlert>, StorageError>;

    /// How often this installation was restored from a backup. What happened elsewhere between a
    /// backup and its restore is not known here.
    async fn epoch(&self) -> Result<u64, StorageError>;

    /// Small values that belong to the installation, such as the vault's canary. Insert-if-absent; returns
    /// what is stored now.
    async fn put_once(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, StorageError>;
}

/// A refresh token, sealed for its credential and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRefreshToken {
    pub version: VersionNo,
    pub sealed: Vec<u8>,
}

/// The right to renew one credential for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewalLease {
    pub credential: CredentialId,
    /// Grows with every lease of the credential.
    pub generation: u64,
    pub until: UnixMillis,
}

/// What the last attempts to renew a credential came to. Secret-free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewalRecord {
    pub credential: CredentialId,
    /// The version that was in use when the last attempt was over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<VersionNo>,
    pub tried_at: UnixMillis,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub renewed_at: Option<UnixMillis>,
    /// In a row; none after a success.
    pub failures: u32,
    /// Not before this.
    pub next_at: UnixMillis,
    /// In a sentence.
    pub outcome: String,
}

/// What was delivered with one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryCount {
    pub signed_with: SignedWith,
    pub requests: u64,
    pub items: u64,
    pub first_at: UnixMillis,
    pub last_at: UnixMillis,
}

/// What tickets are for. Each purpose has a namespace of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketPurpose {
    /// A person's session in a browser.
    Session,
    /// The `state` of a sign-in at a platform, which comes back once.
    Grant,
    /// A confirmation code of a deletion, with which its status is read.
    Deletion,
}

impl TicketPurpose {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Grant => "grant",
            Self::Deletion => "deletion",
        }
    }
}

/// Most tickets of one purpose: far more than people who sign in, and a bound on what somebody who
/// starts sign-ins without end can fill.
pub const MAX_TICKETS: u32 = 10_000;

/// Something that whoever knows its text may have done. Only the text's hash is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub purpose: TicketPurpose,
    pub sha256: [u8; 32],
    /// For the code that made it: JSON, without secrets.
    pub body: String,
    pub created_at: UnixMillis,
    pub expires_at: UnixMillis,
}

/// Most pushes that wait: a platform sends what is refused again for days, and such a push is rare.
pub const MAX_WAITING_INBOUND: u32 = 2_000;

/// Something a platform pushed to us, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// Of the bytes as they came.
    pub sha256: [u8; 32],
    /// The app whose secret signed it.
    pub app: AppId,
    pub received_at: UnixMillis,
    /// What it says, sealed by the vault, because it may name people.
    pub sealed: Vec<u8>,
    /// How often it was looked at and put off.
    pub attempts: u32,
}

#[derive(Debug, Clone)]
pub struct NewDestination {
    pub id: DestinationId,
    pub platform: PlatformId,
    pub asset: AssetId,
    pub credential: CredentialId,
    pub standby: Vec<CredentialId>,
    pub settings: DestinationSettings,
    pub created_at: UnixMillis,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenedHold {
    /// This call opened it: whoever gets this answer alerts.
    New,
    /// A hold with this scope was open already.
    Already(Hold),
}

/// Who did what, when and why. Secret-free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    pub at: UnixMillis,
    /// Key name, `admin-socket`, or `holdfast` for what the gateway did by itself.
    pub actor: String,
    /// `credential.activate`, `hold.lift`, …
    pub action: String,
    /// What it was done to: `credential:shop/2`.
    pub subject: String,
    /// Free of secrets; usually a reason or a fingerprint.
    pub detail: String,
}

/// What a whole, unbroken audit trail ends in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditChain {
    pub entries: u64,
    /// Hash of the newest entry; zeros if there is none.
    pub head: [u8; 32],
}

/// An alert on its way to one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueAlert {
    pub alert: Alert,
    pub channel: String,
    /// How often it was tried.
    pub attempts: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertOutcome {
    Delivered(UnixMillis),
    GivenUp(UnixMillis),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SentAlert {
    #[serde(flatten)]
    pub alert: Alert,
    pub channels: Vec<AlertChannel>,
}

/// What became of an alert in one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertChannel {
    pub channel: String,
    pub attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_up_at: Option<UnixMillis>,
    /// Of the last attempt that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
