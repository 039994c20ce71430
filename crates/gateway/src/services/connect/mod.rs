//! Acquiring tokens: a person agrees at the platform, or a system user is given one.
//!
//! * `grants`: what is remembered between sending a person to the platform and their return: the
//!   `state`, which is good once, for a while, for whoever started.
//! * `start`, `finish`: out and back. `meta`, `snap`: what each platform wants in between.
//! * `report`: what came of it, in words. `error`: what else may come of it.
//! * `pages`, `system_users`: tokens that are derived or issued with a token we have.
//!
//! Success is said only after a probe on what the token is for. A code is sent once; after a
//! timeout nobody knows whether it was spent, so it is never sent again. `spec/tokens.md §4`.

mod error;
mod finish;
mod grants;
mod meta;
mod pages;
mod platform;
mod report;
mod snap;
mod start;
mod system_users;

pub use error::ConnectError;
pub use finish::{Returned, finish, is_held_by_command};
pub use grants::{Ask, Holder, Way};
pub use pages::{DerivePage, derive_page};
pub use report::{GrantReport, PageReport, SeenAsset, keep, kept};
pub use start::{Started, asked_before, callback_url, regrant, start};
pub use system_users::{
    Created, FetchIntegration, Installed, IssueToken, create, fetch_integration, install, issue,
    list,
};
