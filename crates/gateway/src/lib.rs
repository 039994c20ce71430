//! The running service. [`start`] composes it from its parts and is meant to be read first.
//!
//! * `http`: the routes, one file each; they translate between HTTP and the services.
//! * `ingest`: from a request body to a durable commit.
//! * `lanes`: one task per destination that executes what the lane state machine commands.
//! * `services`: what operators do (credentials, destinations, holds, keys, dead letters), the
//!   same for HTTP, the CLI and whatever comes later.
//! * `inbound`: what platforms push to us, verified, kept and followed up.
//! * `watcher` looks after credentials that nobody uses just now, `renewal` gets them their next
//!   tokens, `alerts` tells people, `doctor` says what is wrong with a token.
//! * `offline`: what is done to a data directory that no gateway has open.
//!
//! This is the outermost library: here the clock is read, random numbers are drawn, and requests
//! leave the machine. Nothing above it knows a platform's rules; those are in
//! `holdfast-platforms`.

mod alerts;
mod clock;
pub mod config;
mod directory;
pub mod doctor;
mod egress;
mod hold_book;
mod http;
mod inbound;
mod ingest;
mod lanes;
mod master_key;
pub mod metrics;
pub mod offline;
mod random;
mod renewal;
mod serve;
pub mod services;
mod state;
mod stores;
mod watcher;

pub use clock::Clock;
pub use http::{RouteInfo, router, routes};
pub use serve::{ADMIN_SOCKET, Running, StartError, start};
pub use state::Gateway;

/// How bodies are taken apart, for the fuzz targets.
#[doc(hidden)]
pub mod bodies {
    pub use crate::ingest::{IngestError, dropin_meta, form, lines, split};
}
