//! Asking platforms for tokens: requests as values, and what their answers mean.
//!
//! Secrets go into bodies where a platform takes them there, else into queries, which nothing logs.
//! A refused exchange says something of the app or of what was given up, never of the token that is
//! in use; a timeout, a page or a throttle says nothing at all. `spec/tokens.md §4`,
//! `spec/snap-conversions.md §10.3`.

mod answer;
pub mod instagram;
pub mod meta;
mod request;
pub mod snap;

pub use answer::{ExchangeError, TokenAnswer};

use holdfast_model::id::AppId;
use holdfast_model::secret::Secret;

/// An app of ours and its secret.
#[derive(Clone, Copy)]
pub struct AppKeys<'a> {
    pub id: &'a AppId,
    pub secret: &'a Secret,
}
