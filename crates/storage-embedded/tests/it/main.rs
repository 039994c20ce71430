//! What the embedded stores must do, from outside.

mod attempts;
mod backup;
mod damage;
mod erasure;
mod outbox;
mod outbox_conformance;
mod plain_keys;
mod registry;
mod sim_disk;
