//! The gateway over real HTTP: a whole one is started for each test, in a directory of its own.

mod alerts;
mod authorization;
mod connect;
mod dead_letters;
mod doctor;
mod doctor_push;
mod doctor_whatsapp;
mod dropin;
mod dropin_shapes;
mod ear;
mod erasures;
mod faults;
mod harness;
mod ingest;
mod messaging;
mod ndjson;
mod profiles;
mod renewing;
mod routing;
mod signals;
mod snap;
mod watching;
