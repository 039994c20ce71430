//! Meta's routes, as far as the Conversions API and its tokens go.
//!
//! * `world`: what Meta knows. `caller`: who asks, and whether that is allowed.
//! * `events`, `validate`: deliveries. `oauth`, `dialog`, `mint`, `system_users`,
//!   `instagram`: where tokens come from.
//! * `debug_token`, `reads`, `permissions`: what can be asked about a token and with it.
//! * `wire`: the shapes in which clients send. `answer`, `refusals`, `usage`: Meta's words.

mod answer;
mod caller;
mod debug_token;
mod dialog;
mod events;
mod instagram;
mod mint;
mod oauth;
mod permissions;
mod reads;
mod refusals;
mod routes;
mod system_users;
mod turn;
mod usage;
mod validate;
mod wire;
mod world;

pub use routes::{router, target};
pub use world::{
    AssetKind, MetaWorld, NewApp, NewAsset, NewCode, NewToken, OLDEST_VERSION, Token, TokenKind,
    TokenState,
};
