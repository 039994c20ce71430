//! From the bytes of a request to what is kept of it. Nothing is believed, or even read, before its
//! signature holds.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use holdfast_credentials::signals::{
    About, Consequence, Happening, HubSignature, Notice, Push, Signal, SignedRequestError,
    read_push, read_signed_request,
};
use holdfast_model::id::AppId;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixSeconds;
use holdfast_storage::{Inbound, StorageError};
use sha2::{Digest as _, Sha256};

use super::content::{Content, fingerprint_of_person};
use super::deletion;
use super::secrets::{self, Before};
use super::worker::REMEMBERED_MS;
use crate::services::{Actor, ServiceError};
use crate::state::Gateway;

/// How far ahead of this machine's clock a platform's may be.
const MAX_AHEAD_S: i64 = 300;

/// How old a signed request may be. One that comes a second time must be refused by its age as soon
/// as it is not known by its hash any more, even if it was dated ahead when it came first.
const MAX_AGE_S: i64 = REMEMBERED_MS / 1_000 - MAX_AHEAD_S;

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("no app secret is known, so nothing that comes in can be told from a forgery")]
    NoSecret,
    #[error("{0}")]
    Malformed(String),
    #[error("the signature is of no app that is known here")]
    Signature,
    #[error("too much is waiting; send it again later")]
    Busy,
    #[error(transparent)]
    Failed(#[from] ServiceError),
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        match error {
            // The one rule that a push can break: too many wait.
            StorageError::Refused { .. } => Self::Busy,
            other => Self::Failed(other.into()),
        }
    }
}

/// Which callback was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callback {
    Deauthorize,
    DataDeletion,
}

/// What can be told of a webhook before its body is read: whether there is a secret to check it
/// with, and whether it is signed at all.
pub fn read_signature(gateway: &Gateway, header: Option<&str>) -> Result<HubSignature, Refusal> {
    require_secret(gateway)?;
    HubSignature::read(header).map_err(|error| Refusal::Malformed(error.to_string()))
}

/// Takes a webhook. When this returns, all that has a consequence is on disk.
pub async fn receive_push(
    gateway: &Gateway,
    signature: HubSignature,
    body: Bytes,
) -> Result<(), Refusal> {
    let candidates = secrets::candidates(gateway, Before::Counts).await;
    let checked = body.clone();
    let signed_by =
        move |(app, secret): (AppId, Secret)| signature.covers(&checked, &secret).then_some(app);
    let app = off_the_runtime(move || candidates.into_iter().find_map(signed_by)).await;
    let app = app.ok_or(Refusal::Signature)?;
    let push = read_push(&body).map_err(|error| Refusal::Malformed(error.to_string()))?;
    note(&app, &push);
    for (number, signal) in push.signals.into_iter().enumerate() {
        if signal.consequence() == Consequence::Note {
            // No row is kept by which a repetition would be known, so the audit trail has none either.
            let (whom, what) = (about(gateway, &app, &signal), signal.words());
            tracing::info!(%app, whom, what, "a platform's signal that nothing follows from");
            continue;
        }
        keep(gateway, &app, hash(&body, number), Content::Signal(signal)).await?;
    }
    gateway.inbound.due.notify_one();
    Ok(())
}

/// Takes a signed request, and answers with the code of a deletion if it asks for one.
pub async fn receive_callback(
    gateway: &Gateway,
    callback: Callback,
    signed_request: &str,
) -> Result<Option<String>, Refusal> {
    let candidates = secrets::candidates(gateway, Before::IsOver).await;
    let (app, notice) = verified(signed_request, candidates)?;
    require_timely(&notice, gateway.clock.wall().to_seconds())?;
    let sha256 = hash(signed_request.as_bytes(), callback as usize);
    let (content, code) = match callback {
        Callback::Deauthorize => (Content::Signal(deauthorized(notice)), None),
        Callback::DataDeletion => {
            let code = deletion::code_of(gateway, signed_request);
            deletion::begin(gateway, &code).await?;
            let Notice { user, issued_at } = notice;
            let wished_at = Some(issued_at);
            (Content::Deletion { user, code: code.clone(), wished_at }, Some(code))
        }
    };
    keep(gateway, &app, sha256, content).await?;
    gateway.inbound.due.notify_one();
    Ok(code)
}

/// Verified against each secret in turn. What the right one finds wrong is what is said.
fn verified(
    signed_request: &str,
    candidates: Vec<(AppId, Secret)>,
) -> Result<(AppId, Notice), Refusal> {
    for (app, secret) in candidates {
        match read_signed_request(signed_request, &secret) {
            Ok(notice) => return Ok((app, notice)),
            Err(SignedRequestError::Signature) => {}
            Err(error) => return Err(Refusal::Malformed(error.to_string())),
        }
    }
    Err(Refusal::Signature)
}

fn require_timely(notice: &Notice, now: UnixSeconds) -> Result<(), Refusal> {
    match now - notice.issued_at {
        age if age > MAX_AGE_S => {
            Err(Refusal::Malformed("the signed request is too old".to_owned()))
        }
        age if age < -MAX_AHEAD_S => {
            Err(Refusal::Malformed("the signed request is dated in the future".to_owned()))
        }
        _ => Ok(()),
    }
}

fn deauthorized(notice: Notice) -> Signal {
    Signal {
        about: About::User(notice.user),
        happening: Happening::Deauthorized,
        at: Some(notice.issued_at),
    }
}

/// Cheap, and asked before anything is read.
pub fn require_secret(gateway: &Gateway) -> Result<(), Refusal> {
    if secrets::is_any_known(&gateway.snapshot()) {
        return Ok(());
    }
    if !gateway.inbound.has_said_no_secret.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "a platform, or somebody in its place, called, but no app secret is known to check that \
             with; it is refused. `holdfast app add` stores one. This is said once"
        );
    }
    Err(Refusal::NoSecret)
}

/// Stores it unless it came before.
async fn keep(
    gateway: &Gateway,
    app: &AppId,
    sha256: [u8; 32],
    content: Content,
) -> Result<(), Refusal> {
    let sealed = content.seal(gateway, app, &sha256)?;
    let received_at = gateway.clock.wall();
    let inbound = Inbound { sha256, app: app.clone(), received_at, sealed, attempts: 0 };
    if !gateway.registry.put_inbound(&inbound).await? {
        tracing::debug!(%app, "a push that came before; nothing is done");
        return Ok(());
    }
    gateway.metrics.signal_received();
    match &content {
        Content::Signal(signal) | Content::Contradicted { signal, .. } => {
            audit(gateway, app, signal).await
        }
        Content::Deletion { user, .. } => {
            let who = fingerprint_of_person(gateway, app, user);
            let what = format!("{who} asks to be forgotten");
            Ok(record(gateway, "signal.receive", app, what).await?)
        }
    }
}

/// Writes down that it came. People are named by a fingerprint.
async fn audit(gateway: &Gateway, app: &AppId, signal: &Signal) -> Result<(), Refusal> {
    let what = format!("{}: {}", about(gateway, app, signal), signal.words());
    Ok(record(gateway, "signal.receive", app, what).await?)
}

/// Whom a signal is about, in words that anybody may read.
pub(super) fn about(gateway: &Gateway, app: &AppId, signal: &Signal) -> String {
    match &signal.about {
        About::User(user) => fingerprint_of_person(gateway, app, user),
        About::Business(business) => format!("business:{business}"),
        About::AdAccount(account) => format!("ad-account:{account}"),
        About::WhatsappAccount { waba, .. } => format!("whatsapp-account:{waba}"),
    }
}

pub(super) async fn record(
    gateway: &Gateway,
    action: &str,
    app: &AppId,
    what: String,
) -> Result<(), ServiceError> {
    tracing::info!(%app, action, what, "a platform's signal");
    Ok(gateway.audit(Actor::HOLDFAST.0, action, format!("app:{app}"), what).await?)
}

/// What has no consequence is not worth a row, but whoever looks for it finds it.
fn note(app: &AppId, push: &Push) {
    for (name, times) in &push.noted {
        tracing::info!(%app, object = push.object, name, times, "a webhook that nothing follows from");
    }
    if push.left_out > 0 {
        tracing::error!(%app, left_out = push.left_out,
            "a webhook told of more than is taken from one; the daily look finds the rest");
    }
}

/// Two things that one body tells are two rows.
fn hash(body: &[u8], number: usize) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update((number as u64).to_be_bytes());
    hasher.update(body);
    hasher.finalize().into()
}

/// Hashing megabytes for every app would keep other requests waiting.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Option<T> + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_request_is_taken_as_long_as_its_hash_would_be_remembered() {
        const ISSUED: i64 = 1_700_000_000;
        let is_taken = |now: i64| {
            let notice = Notice { user: "1".to_owned(), issued_at: UnixSeconds(ISSUED) };
            require_timely(&notice, UnixSeconds(now)).is_ok()
        };
        assert!(is_taken(ISSUED) && is_taken(ISSUED + MAX_AGE_S) && is_taken(ISSUED - MAX_AHEAD_S));
        assert!(!is_taken(ISSUED + MAX_AGE_S + 1) && !is_taken(ISSUED - MAX_AHEAD_S - 1));
        // Met first as early as can be, it is forgotten no sooner than it is too old.
        let forgotten = ISSUED - MAX_AHEAD_S + REMEMBERED_MS / 1_000;
        assert!(!is_taken(forgotten + 1));
        for issued_at in [i64::MIN, i64::MAX] {
            let notice = Notice { user: "1".to_owned(), issued_at: UnixSeconds(issued_at) };
            assert!(require_timely(&notice, UnixSeconds(ISSUED)).is_err());
        }
    }
}
