//! A stand-in for Meta, speaking its wire formats and able to misbehave on demand.
//!
//! Written from the platform's documentation and recorded answers alone. It shares no code with
//! `holdfast-platforms`, so that it is a second opinion: where the two disagree, one of them has
//! misread. It is for demonstrations and tests; it keeps everything in memory and listens on
//! loopback.
//!
//! The same for every platform:
//! * `timeline`: what goes wrong, for whom, when and for how long.
//! * `exchange`, `transmit`: what happens around a request, and how an answer travels.
//! * `inspect`: what was received, kept for whoever wants to look.
//! * `scenario`: a world and a timeline in a file. `control`: the same over HTTP, `/_sandbox/…`.
//! * `clock`, `random`: time that can be moved, and seeded randomness.
//!
//! Of one platform:
//! * `meta`: its routes, its rules, and what it knows.

mod clock;
mod control;
mod exchange;
mod handle;
mod inspect;
mod meta;
mod random;
mod scenario;
mod server;
mod timeline;
mod transmit;
mod world;

pub use handle::SandboxHandle;
pub use inspect::{AssetCounts, ProofSeen, RequestRecord, State, TokenPlace, TokenSeen};
pub use meta::{
    AssetKind, Damage, EntryError, NewApp, NewAsset, NewCode, NewToken, OLDEST_VERSION, TokenKind,
    TokenState,
};
pub use scenario::{Furnished, IssuedApp, IssuedToken, KeyError, Scenario, ScenarioError};
pub use server::{RunningSandbox, Sandbox, SandboxSettings, StartError};
pub use timeline::{
    AppState, Change, Endpoint, Misbehaviour, NewRule, PlannedStep, Proof, Step, StepState,
    UsageForm,
};
pub use world::Strictness;
