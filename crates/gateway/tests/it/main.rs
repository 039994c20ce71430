//! The gateway over real HTTP: a whole one is started for each test, in a directory of its own.

mod authorization;
mod dropin;
mod harness;
mod ingest;
mod ndjson;
mod profiles;
