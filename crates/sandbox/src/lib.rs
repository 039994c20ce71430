//! A stand-in for Meta and Snap, speaking their wire formats and able to misbehave on demand.
//!
//! Written from the platforms' documentation and recorded answers alone. It shares no code with
//! `holdfast-platforms`, so that it is a second opinion: where the two disagree, one of them has
//! misread. It is for demonstrations and tests; it keeps everything in memory and listens on
//! loopback.
//!
//! The same for every platform:
//! * `timeline`: what goes wrong, for whom, when and for how long.
//! * `exchange`, `transmit`: what happens around a request, and how an answer travels. `counted`:
//!   how many events it has, for measuring.
//! * `inspect`: what was received, kept for whoever wants to look.
//! * `scenario`: a world and a timeline in a file. `control`: the same over HTTP, `/_sandbox/…`.
//! * `push`: what it sends by itself, to this machine alone.
//! * `entry`, `damage`: what the entries of every platform have in common, and what happens to
//!   tokens on their way.
//! * `page`: what a person with a browser is shown.
//! * `clock`, `random`: time that can be moved, and seeded randomness.
//!
//! Of one platform:
//! * `meta`, `snap`: its routes, its rules, and what it knows.

mod clock;
mod control;
mod counted;
mod damage;
mod entry;
mod exchange;
mod handle;
mod inspect;
mod meta;
mod page;
mod push;
mod random;
mod scenario;
mod server;
mod snap;
mod timeline;
mod transmit;
mod world;

pub use damage::Damage;
pub use entry::EntryError;
pub use handle::SandboxHandle;
pub use inspect::{AssetCounts, ProofSeen, RequestRecord, State, TokenPlace, TokenSeen};
pub use meta::{
    AssetKind, NewApp, NewAsset, NewCode, NewPush, NewSignedRequest, NewToken, OLDEST_VERSION,
    TokenKind, TokenState,
};
pub use push::{Loopback, Pushed};
pub use scenario::{
    Furnished, FurnishedSnap, IssuedApp, IssuedToken, KeyError, Scenario, ScenarioError,
};
pub use server::{RunningSandbox, Sandbox, SandboxSettings, StartError};
pub use snap::{
    Denial, Environment, Habits, IssuedOrganization, IssuedSnapToken, NewOrganization,
    NewSnapAsset, NewSnapCode, NewSnapToken, Refusal, SnapAssetKind, SnapTokenKind, SnapTokenState,
};
pub use timeline::{
    AppState, Change, Endpoint, Misbehaviour, NewRule, PlannedStep, Proof, Step, StepState,
    UsageForm,
};
pub use world::Strictness;
