//! Storage on local disk, which is what runs by default: the outbox as a segmented log of our own,
//! the ledger's terminal rows and the registry on SQLite.

pub mod backup;
mod data_dir;
pub mod disk;
mod outbox;
mod registry;
pub mod rewrap;
mod sqlite;

pub use data_dir::{DataDir, DataDirError};
pub use outbox::{DataKeys, EmbeddedOutbox, OutboxSettings};
#[doc(hidden)]
pub use outbox::{Inspected, inspect};
pub use registry::EmbeddedRegistry;
