//! A stand-in for Meta, speaking its wire formats and able to misbehave on demand.
//!
//! Written from the platform's documentation and recorded answers alone. It shares no code with
//! `holdfast-platforms`, so that it is a second opinion: where the two disagree, one of them has
//! misread. It is for demonstrations and tests; it keeps everything in memory and listens on
//! loopback.
//!
//! * `meta`: the platform's routes and rules.
//! * `world`: apps, tokens, assets, what was received, and the rules of misbehaviour.
//! * `control`: `/_sandbox/…`, to set all of that up and to look at it.

mod clock;
mod control;
mod meta;
mod server;
mod world;

pub use server::{RunningSandbox, Sandbox, SandboxSettings, StartError};
pub use world::{
    AssetCounts, Misbehaviour, NewRule, Proof, SandboxHandle, State, Strictness, TokenKind,
    TokenState,
};
