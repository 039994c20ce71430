//! Sessions of people with a browser.
//!
//! A session is a random text in a cookie; the registry has its hash. What it may do is what its
//! key may do, looked up at each use, so it ends with the key. One that began with a sign-in link
//! ends with the key that asked for the link. Only the admin socket has none: whoever may open that
//! is an admin.

use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_model::access::Role;
use holdfast_model::id::KeyId;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixMillis;
use holdfast_storage::{Ticket, TicketPurpose};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::connect::Holder;
use super::{Actor, ServiceError};
use crate::state::Gateway;

/// A session that nobody uses for so long is over. A person who is sent to a platform and looks for
/// a password there comes back in time; a browser left alone over lunch does not.
const IDLE_MS: i64 = 30 * 60 * 1_000;

/// And so is one that began so long ago, however busy: a working day.
const LONGEST_MS: i64 = 12 * 60 * 60 * 1_000;

/// How much of its idle time must have passed before a use is written down, so that a page with
/// several requests is one write.
const TOUCH_AFTER_MS: i64 = 60 * 1_000;

/// How long a sign-in link is good: long enough to carry it from a terminal to a browser.
const LINK_MS: i64 = 5 * 60 * 1_000;

/// A person who is signed in.
#[derive(Debug, Clone)]
pub struct Session {
    /// The key's name, or that of the socket or key which made the link.
    pub name: String,
    pub role: Role,
    /// Sent back with every form, and known to nobody who cannot read our pages.
    pub csrf: String,
    sha256: [u8; 32],
}

impl Session {
    pub fn holder(&self) -> Holder {
        Holder::Session(hex::encode(self.sha256))
    }

    pub fn actor(&self) -> Actor<'_> {
        Actor(&self.name)
    }

    /// Whether a form carries this session's text.
    pub fn wrote(&self, csrf: &str) -> bool {
        self.csrf.as_bytes().ct_eq(csrf.as_bytes()).into()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum Body {
    Session {
        name: String,
        /// The key that it began with, and ends with.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        key: Option<KeyId>,
    },
    Link {
        name: String,
        /// The key that asked for it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        key: Option<KeyId>,
    },
    /// Of a session that somebody ended.
    Ended,
}

/// A one-time text with which a browser becomes an admin's: that of this key, or of the admin socket.
pub async fn link(
    gateway: &Gateway,
    actor: Actor<'_>,
    key: Option<&KeyId>,
) -> Result<(Secret, UnixMillis), ServiceError> {
    let text = crate::random::text();
    let body = Body::Link { name: actor.0.to_owned(), key: key.cloned() };
    let expires_at =
        put(gateway, &link_digest(&text), &body, gateway.clock.wall(), LINK_MS).await?;
    gateway.audit(actor.0, "session.link", "session".to_owned(), String::new()).await?;
    Ok((text, expires_at))
}

/// Whether a session can begin with this key.
pub fn may_begin(gateway: &Gateway, key: &str) -> bool {
    gateway.snapshot().key(key).is_some_and(|known| known.role != Role::Ingest)
}

/// Begins a session with a key. `None` if it is none of an operator's or admin's.
pub async fn begin(gateway: &Gateway, key: &str) -> Result<Option<Secret>, ServiceError> {
    let snapshot = gateway.snapshot();
    let known = snapshot.key(key).filter(|known| known.role != Role::Ingest);
    let Some(known) = known else { return Ok(None) };
    let body = Body::Session { name: known.id.to_string(), key: Some(known.id.clone()) };
    open(gateway, &body, known.id.as_str()).await.map(Some)
}

/// Begins a session with a link, which is spent by that.
pub async fn redeem(gateway: &Gateway, link: &Secret) -> Result<Option<Secret>, ServiceError> {
    let now = gateway.clock.wall();
    let digest = link_digest(link);
    let taken = gateway.registry.take_ticket(TicketPurpose::Session, &digest, now).await?;
    let body = taken.and_then(|ticket| serde_json::from_str(&ticket.body).ok());
    let Some(Body::Link { name, key }) = body else { return Ok(None) };
    if key.as_ref().is_some_and(|key| gateway.snapshot().role_of(key).is_none()) {
        return Ok(None);
    }
    let session = Body::Session { name: name.clone(), key };
    open(gateway, &session, &name).await.map(Some)
}

/// The session with this text, if it lives, and so does its key.
pub async fn find(gateway: &Gateway, text: &Secret) -> Result<Option<Session>, ServiceError> {
    let now = gateway.clock.wall();
    let sha256 = digest(text);
    let Some(ticket) = gateway.registry.ticket(TicketPurpose::Session, &sha256, now).await? else {
        return Ok(None);
    };
    let Ok(Body::Session { name, key }) = serde_json::from_str(&ticket.body) else {
        return Ok(None);
    };
    let role = match &key {
        None => Some(Role::Admin),
        Some(id) => gateway.snapshot().role_of(id),
    };
    let ends_at = ticket.created_at.plus_millis(LONGEST_MS);
    let (Some(role), true) = (role, now < ends_at) else { return Ok(None) };
    touch(gateway, &ticket, now).await?;
    // Asked last: a use that was under way when it ended may just have written it down again.
    let ended = ended_digest(&sha256);
    if gateway.registry.ticket(TicketPurpose::Session, &ended, now).await?.is_some() {
        return Ok(None);
    }
    Ok(Some(Session { name, role, csrf: csrf(text), sha256 }))
}

/// Ends it, for good.
pub async fn end(gateway: &Gateway, session: &Session) -> Result<(), ServiceError> {
    let now = gateway.clock.wall();
    put(gateway, &ended_digest(&session.sha256), &Body::Ended, now, LONGEST_MS).await?;
    gateway.registry.take_ticket(TicketPurpose::Session, &session.sha256, now).await?;
    gateway.audit(&session.name, "session.end", "session".to_owned(), String::new()).await?;
    Ok(())
}

async fn open(gateway: &Gateway, body: &Body, name: &str) -> Result<Secret, ServiceError> {
    let text = crate::random::text();
    let now = gateway.clock.wall();
    put(gateway, &digest(&text), body, now, IDLE_MS).await?;
    gateway.audit(name, "session.begin", "session".to_owned(), String::new()).await?;
    Ok(text)
}

/// Moves the end of the session on, though never beyond its longest life.
async fn touch(gateway: &Gateway, ticket: &Ticket, now: UnixMillis) -> Result<(), ServiceError> {
    let last = ticket.created_at.plus_millis(LONGEST_MS);
    let expires_at = now.plus_millis(IDLE_MS).min(last);
    if expires_at.0 - ticket.expires_at.0 < TOUCH_AFTER_MS {
        return Ok(());
    }
    gateway.registry.put_ticket(&Ticket { expires_at, ..ticket.clone() }).await?;
    Ok(())
}

async fn put(
    gateway: &Gateway,
    sha256: &[u8; 32],
    body: &Body,
    now: UnixMillis,
    life_ms: i64,
) -> Result<UnixMillis, ServiceError> {
    let expires_at = now.plus_millis(life_ms);
    let ticket = Ticket {
        purpose: TicketPurpose::Session,
        sha256: *sha256,
        body: serde_json::to_string(body).unwrap_or_default(),
        created_at: now,
        expires_at,
    };
    gateway.registry.put_ticket(&ticket).await?;
    Ok(expires_at)
}

fn digest(text: &Secret) -> [u8; 32] {
    Sha256::digest(text.expose().as_bytes()).into()
}

/// Apart from sessions: a link is no cookie.
fn link_digest(text: &Secret) -> [u8; 32] {
    Sha256::new().chain_update(b"link:").chain_update(text.expose()).finalize().into()
}

fn ended_digest(sha256: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(b"ended:").chain_update(sha256).finalize().into()
}

/// Follows from the session's text, so that it need not be kept.
fn csrf(text: &Secret) -> String {
    match <Hmac<Sha256>>::new_from_slice(text.expose().as_bytes()) {
        Ok(mut mac) => {
            mac.update(b"csrf");
            hex::encode(mac.finalize().into_bytes())
        }
        // An HMAC takes keys of any length.
        Err(_) => String::new(),
    }
}
