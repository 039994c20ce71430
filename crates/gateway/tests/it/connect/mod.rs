//! Signing in, and acquiring tokens, against the sandbox's own dialogs.

mod browser;
mod command;
mod meta;
mod rig;
mod sessions;
mod snap;
mod system_users;
