//! What the embedded stores must do, from outside.

mod outbox;
mod registry;
mod sim_disk;
