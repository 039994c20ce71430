//! How a credential gets its next token, and what becomes of the one before.
//!
//! * [`Known`]: what is durable of a credential, and what follows from that.
//! * [`policy`]: which [`Way`] of renewal it has, and when it is due.
//! * [`Rotation`]: the steps of one run, as a state machine that does nothing itself.
//! * [`proof`]: whether what a renewal brought is as good as what it replaces.
//! * [`warning`]: when people are told that a token will die.
//! * [`Breaker`]: the end of a storm of renewals.
//!
//! A run is decided anew from what is durable each time, so a crash needs no rules of its own: the
//! next run finds a candidate that is not proved, or a version that nobody needs any more, and goes
//! on from there. What a platform is asked for is in `oauth`; who asks is the gateway.

mod breaker;
mod command;
mod known;
pub mod policy;
pub mod proof;
mod rotation;
pub mod warning;

pub use breaker::{Breaker, MINTS_OF_APP, MINTS_OF_CREDENTIAL, Said};
pub use command::{Command, End, Event, Exchanged, Found, Outcome, Trouble};
pub use known::{Attempts, Known, Parent};
pub use policy::Way;
pub use proof::{Finding, Proof};
pub use rotation::{DELIVERIES_BEFORE_REVOKING, Rotation, SETTLE_MS, is_revocable};
