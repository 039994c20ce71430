//! One binary for all integration tests of the crate.

mod admit;
mod catalog;
mod judge;
mod messaging;
mod probes;
mod profiles;
mod snap_admit;
mod snap_judge;
mod snap_probes;
mod snap_v2;
mod subject;
mod taxonomy;
mod vectors;
