//! Meta's routes, as far as the Conversions API and its tokens go.
//!
//! * `world`: what Meta knows. `caller`: who asks, and whether that is allowed.
//! * `events`, `validate`: deliveries. `oauth`, `dialog`, `mint`, `system_users`,
//!   `instagram`: where tokens come from.
//! * `pushes`: what Meta sends by itself, signed.
//! * `debug_token`, `reads`, `permissions`: what can be asked about a token and with it.
//! * `whatsapp`: reads of numbers and accounts. `subscriptions`: what an app is told of.
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
pub mod pushes;
mod reads;
mod refusals;
mod routes;
mod subscriptions;
mod system_users;
mod turn;
mod usage;
mod validate;
mod whatsapp;
mod wire;
mod world;

pub use pushes::{NewPush, NewSignedRequest, router as control};
pub use routes::{router, target};
pub use world::{
    AssetKind, MetaWorld, NewApp, NewAsset, NewCode, NewToken, OLDEST_VERSION, Token, TokenKind,
    TokenState,
};
