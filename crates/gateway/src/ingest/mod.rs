//! From a request body to a durable commit.
//!
//! * `source`, `inflate`: bytes off the wire, decompressed, bounded in size and time.
//! * `offload`: large bodies are worked on where they keep nobody waiting.
//! * `split`, `lines`: a body into single events, without building a tree for any of them.
//! * `form`, `dropin_meta`: the shapes in which Meta's own SDKs send events.
//! * `dropin`: what the drop-in shapes of all platforms have in common.
//! * `targets`, `routing`: which destinations the events are for, and whether the key may send
//!   there; what a route changes on the way.
//! * `admission`: what the platform's code says of each event; `receipts` is what the caller hears.
//! * `idempotency`, `commit`: one durable unit, written once.
//! * `unit`: a body that is one commit.
//! * `stream`: NDJSON of any length, one commit for each chunk of lines.
//!
//! Nothing here knows a platform's rules or the shape of an error answer: the first are in
//! `holdfast-platforms`, the second in `http`. An event is acknowledged only after
//! [`commit::commit`] returned.

pub mod admission;
pub mod commit;
pub mod dropin;
pub mod dropin_meta;
mod error;
pub mod form;
pub mod idempotency;
mod inflate;
pub mod lines;
mod offload;
pub mod receipts;
pub mod routing;
pub mod source;
pub mod split;
pub mod stream;
pub mod targets;
pub mod unit;

pub use error::IngestError;
