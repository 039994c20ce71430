//! What the embedded stores must do, from outside.

mod attempts;
mod damage;
mod outbox;
mod registry;
mod sim_disk;
