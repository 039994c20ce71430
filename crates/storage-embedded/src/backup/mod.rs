//! The whole installation in one file, and back.
//!
//! A backup is the state that a crash would have left at one moment: the registry, the terminal
//! rows and the log (`outbox::cut`). So a restore needs no rules of its own for what was under way;
//! recovery knows them. What it does need is doubt: between the backup and its restore the
//! original went on delivering. A restore begins a new epoch, in which every item that waits counts
//! as one that may have arrived, and the lanes send again only what the platform recognizes.
//!
//! `archive` is the file's form, `head` what it says of itself, `take` and `restore` the two ways.
//! The master key is never part of it.

mod archive;
mod error;
mod head;
mod restore;
mod take;

pub use archive::{Reader, Writer};
pub use error::BackupError;
pub use head::{FORMAT, Head, Part};
pub use restore::{Restored, Staged, verify};
pub use take::{Backup, Backups};
