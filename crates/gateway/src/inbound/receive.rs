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
use holdfast_storage::{Inbound, StorageError};
use sha2::{Digest as _, Sha256};

use super::content::{Content, fingerprint_of_person};
use super::{deletion, secrets};
use crate::services::{Actor, ServiceError};
use crate::state::Gateway;

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

/// Takes a webhook. When this returns, all that has a consequence is on disk.
pub async fn receive_push(
    gateway: &Gateway,
    signature: Option<&str>,
    body: Bytes,
) -> Result<(), Refusal> {
    require_secret(gateway)?;
    let signature =
        HubSignature::read(signature).map_err(|error| Refusal::Malformed(error.to_string()))?;
    let candidates = secrets::candidates(gateway).await;
    let checked = body.clone();
    let signed_by =
        move |(app, secret): (AppId, Secret)| signature.covers(&checked, &secret).then_some(app);
    let app = off_the_runtime(move || candidates.into_iter().find_map(signed_by)).await;
    let app = app.ok_or(Refusal::Signature)?;
    let push = read_push(&body).map_err(|error| Refusal::Malformed(error.to_string()))?;
    note(&app, &push);
    for (number, signal) in push.signals.into_iter().enumerate() {
        if signal.consequence() == Consequence::Note {
            audit(gateway, &app, &signal).await?;
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
    require_secret(gateway)?;
    let (app, notice) = verified(signed_request, secrets::candidates(gateway).await)?;
    let sha256 = hash(signed_request.as_bytes(), callback as usize);
    let (content, code) = match callback {
        Callback::Deauthorize => (Content::Signal(deauthorized(notice)), None),
        Callback::DataDeletion => {
            let code = deletion::code_of(gateway, signed_request);
            deletion::begin(gateway, &code).await?;
            (Content::Deletion { user: notice.user, code: code.clone() }, Some(code))
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

fn deauthorized(notice: Notice) -> Signal {
    Signal {
        about: About::User(notice.user),
        happening: Happening::Deauthorized,
        at: notice.issued_at,
    }
}

fn require_secret(gateway: &Gateway) -> Result<(), Refusal> {
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
        Content::Signal(signal) => audit(gateway, app, signal).await,
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
