//! What the fuzz targets check. Each module has two functions: `check` takes the fuzzer's bytes
//! and panics where the product breaks a promise, `seeds` makes inputs to start from.
//!
//! The oracles are written from the promises (documentation, `serde_json`, SHA-256 by another
//! crate), not from the code under test; where one has to ask that code, it says so. Tokens are
//! made at run time: none is in this folder, and corpora are not committed.

pub mod body;
pub mod judge;
pub mod lint;
pub mod normalize;
pub mod recover;
pub mod redact;
pub mod secrets;
pub mod seeds;
pub mod strict_json;

#[cfg(test)]
mod tests;
