//! Snap's routes, as far as the Conversions API and its tokens go.
//!
//! Written from `snap-conversions.md` alone. Much of Snap is unknown outside of Snap: how it words
//! a refusal, whether a bad event takes its neighbors along, where it counts from. What is unknown
//! is a [`Habits`] that can be set, so that a sender can be tried against every possibility, and
//! all words but "Invalid access token" are made up: nothing may depend on them.
//!
//! * `world`: what Snap knows. `caller`: who asks, and whether that is allowed.
//! * `send`, `order`: deliveries of version 3 and 2 and their test twins. `validate`: what is
//!   refused. `test_events`: their log, and the statistics.
//! * `oauth`, `ads`: where OAuth tokens come from, and whom one belongs to.
//! * `turn`: one request and its answer. `answer`: Snap's words.
//! * `control`, `setup`: furnishing the world, over HTTP and from inside the process.

mod ads;
mod answer;
mod caller;
mod control;
mod oauth;
mod order;
mod routes;
mod send;
mod setup;
mod test_events;
mod turn;
mod validate;
mod world;

pub use control::router as control;
pub use routes::{is_ours, router, target};
pub use world::{
    Denial, Environment, Habits, IssuedOrganization, IssuedSnapToken, NewOrganization,
    NewSnapAsset, NewSnapCode, NewSnapToken, Refusal, SnapAssetKind, SnapTokenKind, SnapTokenState,
    SnapWorld,
};
