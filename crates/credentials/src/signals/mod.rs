//! What platforms push to us: whether it is theirs, whom it is about, and what follows.
//!
//! Nearly all that happens to a token must be asked for; these few things are said
//! (`spec/tokens.md §7`, `spec/whatsapp.md §2`). Anybody can post to a public address, so nothing is
//! read before its signature was checked over the very bytes that came: `hub_signature` for
//! webhooks, `signed_request` for callbacks. `meta_push` then says what a webhook tells, and
//! `consequence` what follows from each thing.
//!
//! What nobody described yet is a note, never an error: a platform that is answered with an error
//! sends the same again for days.

mod consequence;
mod hub_signature;
mod meta_push;
mod signed_request;

pub use consequence::{Consequence, is_withdrawal};
pub use hub_signature::{HubSignature, HubSignatureError};
pub use meta_push::{About, Happening, MAX_SIGNALS, NotAPush, Push, Signal, read_push};
pub use signed_request::{Notice, SignedRequestError, read_signed_request};
