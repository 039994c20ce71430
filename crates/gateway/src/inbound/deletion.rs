//! A person wants to be forgotten.
//!
//! Meta passes the wish on, signed, and wants an address at which that person can read what became
//! of it. The wish is kept before that is answered, and what it asks for is done afterwards: the
//! tokens of that person are shredded, their events are erased, and what is left is a page with
//! numbers and dates. Interrupted anywhere it is done again from the start; nothing is erased twice
//! that was erased once.

use holdfast_model::credential::{CredentialVersion, VersionState};
use holdfast_model::hold::Confirmation;
use holdfast_model::id::{AppId, CredentialId};
use holdfast_model::secret::Secret;
use holdfast_model::time::{DAY_S, UnixMillis, UnixSeconds};
use holdfast_platforms::catalog;
use holdfast_platforms::subject::IdentifierKind;
use holdfast_storage::{Ticket, TicketPurpose};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::concerned::is_of;
use super::content::fingerprint_of_person;
use super::receive::record;
use super::worker::Next;
use crate::lanes::Nudge;
use crate::services::erasure::{self, Within};
use crate::services::{Actor, ServiceError, holds};
use crate::state::Gateway;

/// How long a person can look up what became of it.
const STATUS_KEPT_MS: i64 = 365 * DAY_S * 1_000;

/// When to look again for what was in flight or is on the disk still.
const UNDER_WAY_MS: i64 = 60_000;

/// What a person who knows the code may read. It names nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionStatus {
    pub received_at: UnixMillis,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finished_at: Option<UnixMillis>,
    /// Access tokens that were shredded.
    #[serde(default)]
    pub tokens: u64,
    /// Access tokens kept beside theirs that were left, because nobody told whose they are.
    #[serde(default)]
    pub unknown: u64,
    /// Events that waited or were kept as dead letters, and are erased.
    #[serde(default)]
    pub events: u64,
}

/// Who wants to be forgotten, of which app, and since when.
pub(super) struct Wish<'a> {
    pub app: &'a AppId,
    pub user: &'a str,
    /// What was granted after this is not meant.
    pub wished_at: UnixSeconds,
}

/// What is kept of them, among the credentials' versions.
#[derive(Default)]
struct Versions {
    theirs: Vec<CredentialVersion>,
    /// How many more beside those are nobody's that is known.
    unknown: usize,
}

/// The same for the same request, and not to be guessed.
pub fn code_of(gateway: &Gateway, signed_request: &str) -> String {
    let half = |which: &str| {
        let text = Secret::new(format!("deletion:{which}:{signed_request}"));
        gateway.vault.fingerprint(&text)
    };
    format!("{}{}", half("1"), half("2"))
}

/// Whether a text has the form of a code.
pub fn is_code(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// From now on the code has a page.
pub async fn begin(gateway: &Gateway, code: &str) -> Result<(), ServiceError> {
    if status(gateway, code).await?.is_none() {
        let received_at = gateway.clock.wall();
        write(gateway, code, &DeletionStatus { received_at, ..DeletionStatus::default() }).await?;
    }
    Ok(())
}

pub async fn status(gateway: &Gateway, code: &str) -> Result<Option<DeletionStatus>, ServiceError> {
    let now = gateway.clock.wall();
    let ticket = gateway.registry.ticket(TicketPurpose::Deletion, &hash(code), now).await?;
    Ok(ticket.and_then(|ticket| serde_json::from_str(&ticket.body).ok()))
}

/// Does what was asked for.
pub(super) async fn carry_out(
    gateway: &Gateway,
    wish: &Wish<'_>,
    code: &str,
) -> Result<Next, ServiceError> {
    let Wish { app, user, .. } = *wish;
    let mut known = status(gateway, code).await?.unwrap_or_default();
    let Versions { theirs, unknown } = versions_of(gateway, wish).await?;
    // Written before anything is shredded, because afterwards nobody could count it.
    let left = theirs.iter().filter(|version| version.state != VersionState::Retired).count();
    known.tokens = known.tokens.max(left as u64);
    known.unknown = known.unknown.max(unknown as u64);
    write(gateway, code, &known).await?;
    for version in &theirs {
        forget_version(gateway, version).await?;
    }
    let mut credentials: Vec<&CredentialId> = theirs.iter().map(|it| &it.credential).collect();
    credentials.sort();
    credentials.dedup();
    for id in credentials {
        forget_contact(gateway, id).await?;
        gateway.reload_directory().await?;
        hold_if_nothing_is_left(gateway, id).await?;
    }
    let erased = erase_events(gateway, app, user).await?;
    known.events += erased.events;
    // The page never says too early that it is over.
    known.finished_at = erased.is_all.then(|| gateway.clock.wall());
    write(gateway, code, &known).await?;
    if !erased.is_all {
        return Ok(Next::Again(gateway.clock.wall().plus_millis(UNDER_WAY_MS)));
    }
    let who = fingerprint_of_person(gateway, app, user);
    let DeletionStatus { tokens, unknown, events, .. } = known;
    let what = format!(
        "{who}: {tokens} tokens shredded, {unknown} of unknown owner left, {events} events erased"
    );
    record(gateway, "signal.forget", app, what).await?;
    Ok(Next::Done)
}

/// Every version that is known to be of that person and is not newer than the wish. Shredded ones too,
/// as long as they name the person. Those beside them of which nobody told whose they are may be a
/// system user's, on which others depend: one person's wish does not shred them.
async fn versions_of(gateway: &Gateway, wish: &Wish<'_>) -> Result<Versions, ServiceError> {
    let mut found = Versions::default();
    for credential in gateway.registry.credentials().await? {
        let mut versions = gateway.registry.credential_versions(&credential.id).await?;
        // The wish is dated in whole seconds; what was added in the same one came before it.
        versions.retain(|version| {
            version.added_at.to_seconds() <= wish.wished_at && is_of(&credential, version, wish.app)
        });
        let is_theirs = |version: &CredentialVersion| version.subject.as_deref() == Some(wish.user);
        if !versions.iter().any(is_theirs) {
            continue;
        }
        found.unknown += versions.iter().filter(|version| is_nobodys(version)).count();
        found.theirs.extend(versions.into_iter().filter(is_theirs));
    }
    Ok(found)
}

fn is_nobodys(version: &CredentialVersion) -> bool {
    version.subject.is_none() && version.state != VersionState::Retired
}

/// The token is shredded before its row forgets whose it was, because by that it is found again if
/// this is interrupted.
async fn forget_version(
    gateway: &Gateway,
    version: &CredentialVersion,
) -> Result<(), ServiceError> {
    let (id, number) = (&version.credential, version.version);
    gateway.registry.set_version_state(id, number, VersionState::Retired).await?;
    let nobodys = CredentialVersion { subject: None, ..version.clone() };
    gateway.registry.describe_version(&nobodys).await?;
    let subject = format!("credential:{id}/{number}");
    let why = "the person behind it asked to be forgotten".to_owned();
    Ok(gateway.audit(Actor::HOLDFAST.0, "credential.retire", subject, why).await?)
}

/// The address of whoever granted it may be that person's.
async fn forget_contact(gateway: &Gateway, id: &CredentialId) -> Result<(), ServiceError> {
    let known = gateway.snapshot().credentials.get(id).cloned();
    if let Some(mut credential) = known.filter(|credential| credential.contact.is_some()) {
        credential.contact = None;
        gateway.registry.describe_credential(&credential).await?;
    }
    Ok(())
}

/// Said now, and not when an event finds out.
async fn hold_if_nothing_is_left(gateway: &Gateway, id: &CredentialId) -> Result<(), ServiceError> {
    let snapshot = gateway.snapshot();
    if snapshot.active.contains_key(id) {
        return Ok(());
    }
    if let Some(entry) = catalog::own().by_name("holdfast.no_active_credential") {
        let mut fault = entry.fault();
        fault.platform_message =
            "The person behind the token asked the platform to have it deleted.".to_owned();
        holds::open_on_credential(gateway, id, fault, Confirmation::Confirmed).await?;
    }
    for destination in snapshot.destinations_using(id) {
        gateway.lanes.nudge(destination.lane, Nudge::CredentialChanged);
    }
    Ok(())
}

/// What waits and what is kept of events that name this person, at the destinations of the app.
async fn erase_events(
    gateway: &Gateway,
    app: &AppId,
    user: &str,
) -> Result<ErasedEvents, ServiceError> {
    let identifier = (IdentifierKind::FbLoginId, Secret::new(user.to_owned()));
    let subject = match erasure::subject(gateway, vec![identifier]) {
        // What is no such id at all is in no event either.
        Err(ServiceError::Invalid { .. }) => return Ok(ErasedEvents { events: 0, is_all: true }),
        subject => subject?,
    };
    let within = Within { platform: None, app: Some(app.clone()) };
    let outcome = erasure::erase_subject(gateway, Actor::HOLDFAST, subject, Some(within)).await?;
    let events = outcome.erased.waiting + outcome.erased.letters;
    Ok(ErasedEvents { events, is_all: outcome.is_complete() })
}

struct ErasedEvents {
    events: u64,
    /// False while some are under way, or the disk still has some.
    is_all: bool,
}

async fn write(gateway: &Gateway, code: &str, status: &DeletionStatus) -> Result<(), ServiceError> {
    let now = gateway.clock.wall();
    let ticket = Ticket {
        purpose: TicketPurpose::Deletion,
        sha256: hash(code),
        body: serde_json::to_string(status).unwrap_or_default(),
        created_at: now,
        expires_at: now.plus_millis(STATUS_KEPT_MS),
    };
    Ok(gateway.registry.put_ticket(&ticket).await?)
}

fn hash(code: &str) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}
