//! What every [`crate::Outbox`] must do, whatever it is built on.
