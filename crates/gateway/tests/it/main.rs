//! The gateway over real HTTP: a whole one is started for each test, in a directory of its own.

mod alerts;
mod authorization;
mod dead_letters;
mod doctor;
mod dropin;
mod dropin_shapes;
mod ear;
mod harness;
mod ingest;
mod messaging;
mod ndjson;
mod profiles;
mod renewing;
mod routing;
mod snap;
mod watching;
