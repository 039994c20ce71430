//! The suites every backend must pass. A backend's tests run them against a factory of its own.

pub mod outbox;
pub mod registry;
