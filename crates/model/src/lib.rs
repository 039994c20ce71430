//! The vocabulary of Holdfast as types: ids, times, destinations, items, faults, scopes, holds
//! and the ledger.
//!
//! This crate is pure. It knows no runtime, no SQL and no HTTP client, and it never reads the
//! clock or asks for randomness: whoever needs a time or an id passes it in.

pub mod access;
pub mod alert;
pub mod credential;
pub mod destination;
pub mod fault;
pub mod hold;
pub mod id;
pub mod item;
pub mod ledger;
pub mod platform;
pub mod redact;
pub mod scope;
pub mod secret;
pub mod time;
pub mod wire;
