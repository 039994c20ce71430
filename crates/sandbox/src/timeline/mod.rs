//! What goes wrong, for whom, when and for how long: the same for every platform.
//!
//! A [`Step`] is one entry of the timeline. The scenario file and the control API both read it
//! from this one type. The [`Schedule`] holds the steps and decides, when a request comes, which
//! of them apply; it knows no platform, no clock and no socket.

mod change;
mod misbehaviour;
mod schedule;
mod step;

pub use change::{AppState, Change, Proof};
pub use misbehaviour::{Misbehaviour, UsageForm};
pub use schedule::{Plan, PlannedStep, Schedule, StepState};
pub use step::{Endpoint, NewRule, Step, StepError, Target};
