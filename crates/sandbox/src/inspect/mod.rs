//! What was received, kept for whoever wants to look: the same for every platform.
//!
//! * `assets`: counts and the last events of each asset.
//! * `dedup`: which repetitions a platform would recognize.
//! * `requests`: the log of requests, without anything secret.

mod assets;
mod dedup;
mod requests;

pub use assets::{AssetCounts, Inspection, State};
pub use dedup::{Mark, Verdict, key_of};
pub use requests::{ProofSeen, RequestRecord, TokenPlace, TokenSeen, cut, fingerprint};
