//! What tests of all crates are made of: fake tokens and the ways they get damaged, realistic
//! events, a clock that moves when it is told to, processes that can be killed.
//!
//! Everything is made at run time from a seed: the same seed gives the same value, and no literal
//! that looks like a live token is ever in the repository. For tests only; nothing that ships
//! depends on it. Stand-in platforms are not here but in the sandbox, over real HTTP.

pub mod clock;
pub mod damage;
pub mod event;
pub mod port;
pub mod process;
pub mod seeded;
pub mod token;

pub use clock::FakeClock;
pub use damage::Damage;
pub use event::{fake_event, fake_event_at, fake_event_json};
pub use port::free_port;
pub use process::{ProcessError, ProcessHarness};
pub use seeded::Seeded;
pub use token::{
    APP_ID, LARGE_APP_ID, SNAP_PRODUCTION, SNAP_STAGING, fake_app_secret, fake_app_token,
    fake_snap_token, fake_token,
};
