//! WhatsApp Cloud API: what its refusals mean.
//!
//! * `classify`: from a refusal, in an answer or in a status webhook, to a row of the catalog.
//! * `faults`: the catalog.
//! * `questions`: harmless questions about a number and its account.
//!
//! There is no [`Platform`](crate::Platform) here yet: this release explains WhatsApp's answers and
//! diagnoses its tokens, which are tokens of the Graph API, and does not send messages.

mod classify;
mod faults;
mod questions;

pub use classify::{Refusal, classify};
pub(crate) use faults::CATALOG;
pub use questions::{
    number, numbers, read_number, read_numbers, read_subscribed_apps, subscribed_apps,
};
