//! The registry on SQLite: one file, one connection, one thread.
//!
//! Everything here is of low rate, so plain means are enough: each call is one closure that runs in
//! one transaction on the thread that owns the connection ([`owner`]), and its answer comes back
//! through a oneshot channel. The async executor never waits for the disk, and no two calls ever
//! overlap, which is what makes "insert if absent" and "one active version" simple.
//!
//! What is queried has a typed column; the whole value is kept as JSON beside it, with the version
//! of its shape ([`row`]). Columns are always written from the value, in the same statement.
//!
//! What is deliberately not here: items and their ledger (the outbox has them), and any
//! cryptography over secrets. Sealed bytes come from the vault and go back to it unread.

mod alerts;
mod apps;
mod audit;
mod credentials;
mod deliveries;
mod destinations;
mod holds;
mod inbound;
mod keys;
mod owner;
mod refresh_tokens;
mod renewals;
mod row;
mod schema;
mod settings;
mod store;
mod tickets;

pub(crate) use schema::MIGRATIONS as REGISTRY_MIGRATIONS;
pub use store::EmbeddedRegistry;
