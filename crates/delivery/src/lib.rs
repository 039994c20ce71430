//! The lane: when to lease, send, hold, bisect, retry and expire, as a state machine.
//!
//! [`Lane::handle`] takes one input and the time and answers with commands; [`Lane::next_wakeup`]
//! says when to come back without an input. Whoever runs a lane executes the commands and feeds
//! back what came of them. Nothing here waits, sends, stores, reads a clock or draws a random
//! number (the seed for jitter is passed in).

mod io;
mod lane;

pub use io::*;
pub use lane::*;
