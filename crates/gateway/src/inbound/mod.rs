//! What platforms push to us: verified, kept, and followed up.
//!
//! `receive` checks the signature over the bytes as they came, before anything is read of them, and
//! keeps each thing that has a consequence in the registry. Only then is the platform answered, at
//! once and without having asked anybody anything: a crash in between loses nothing, because the
//! platform sends again what was not answered, and what was answered is on disk. `worker` draws the
//! consequences afterwards (`apply` for tokens and accounts, `deletion` for people who want to be
//! forgotten), and again after a crash: each of them may be drawn twice. `readings` bounds the bodies
//! that are being read before all that.
//!
//! The same bytes are the same push: what a platform sends again changes nothing. No hold stops what
//! comes in.
//!
//! What is kept may name people, so it is sealed by the vault, and forgotten once it is dealt with.

mod apply;
mod concerned;
mod content;
pub mod deletion;
mod readings;
mod receive;
mod secrets;
mod worker;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use holdfast_model::secret::Secret;
use tokio::sync::{Notify, Semaphore};

use crate::config::WebhookSettings;

use readings::Readings;

pub use receive::{
    Callback, Refusal, read_signature, receive_callback, receive_push, require_secret,
};
pub use worker::{purge, run};

/// Most requests from platforms, read to their end, that are checked and kept at once: each costs a
/// look at the whole body with every secret. Who comes then is told to come again, which platforms do.
const AT_ONCE: usize = 32;

#[derive(Debug, thiserror::Error)]
#[error("webhooks.verify_token_file: {0}")]
pub struct WebhooksError(String);

/// What the routes and the worker share.
pub struct Inbound {
    /// What Meta must repeat when it is told of our address.
    pub verify_token: Option<Secret>,
    pub readings: Readings,
    /// Taken once a body is there, so that nobody keeps one by sending slowly.
    pub slots: Semaphore,
    /// Something was received, or may be due again.
    pub due: Notify,
    /// Said once, not for every request that anybody sends.
    pub has_said_no_secret: AtomicBool,
    pub has_said_no_token: AtomicBool,
}

impl Inbound {
    pub fn open(settings: &WebhookSettings) -> Result<Self, WebhooksError> {
        let verify_token = settings.verify_token_file.as_deref().map(secret_in).transpose()?;
        Ok(Self {
            verify_token,
            readings: Readings::default(),
            slots: Semaphore::new(AT_ONCE),
            due: Notify::new(),
            has_said_no_secret: AtomicBool::new(false),
            has_said_no_token: AtomicBool::new(false),
        })
    }
}

fn secret_in(file: &Path) -> Result<Secret, WebhooksError> {
    /// Meta sets no rule for it; what is shorter can be guessed.
    const SHORTEST: usize = 8;
    let text = std::fs::read_to_string(file)
        .map_err(|error| WebhooksError(format!("{} cannot be read: {error}", file.display())))?;
    let text = text.trim();
    if text.len() < SHORTEST {
        return Err(WebhooksError(format!("expected at least {SHORTEST} characters")));
    }
    Ok(Secret::new(text.to_owned()))
}
