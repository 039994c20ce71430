//! What operators do, the same whether it comes over HTTP or the command line.
//!
//! Services take typed arguments and answer with typed results; who may call them is decided by
//! the routes. Everything that changes something is audited here.

pub mod apps;
pub mod backup;
pub mod connect;
pub mod correction;
pub mod credentials;
pub mod dead_letters;
pub mod destinations;
pub mod erasure;
mod error;
pub mod holds;
pub mod keys;
pub(crate) mod probing;
pub(crate) mod secrets;
pub mod sessions;
pub mod standby;
pub mod status;
pub(crate) mod trial;

pub use error::ServiceError;

/// Who asks, for the audit trail: a key's name, `admin-socket`, or `holdfast`.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a>(pub &'a str);

impl Actor<'_> {
    /// What the gateway does by itself.
    pub const HOLDFAST: Actor<'static> = Actor("holdfast");
}
