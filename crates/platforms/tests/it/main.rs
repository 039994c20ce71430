//! One binary for all integration tests of the crate.

mod admit;
mod catalog;
mod judge;
mod probes;
mod vectors;
