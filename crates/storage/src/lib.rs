//! Storage as traits, and the one conformance suite every backend must pass.
//!
//! [`Outbox`] keeps items and their ledger, [`Registry`] everything of low rate. Nothing here does
//! I/O; `holdfast-storage-embedded` is the backend that runs by default.

#[cfg(feature = "conformance")]
pub mod conformance;
mod dead_letters;
mod erasure;
mod outbox;
mod registry;

pub use dead_letters::*;
pub use erasure::*;
pub use outbox::*;
pub use registry::*;
