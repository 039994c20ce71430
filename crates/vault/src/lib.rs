//! Envelope encryption of everything that must not be read from a stolen disk.
//!
//! [`MasterKey`] is the one key that has to be kept apart from the data. From it come, by HKDF, a
//! key that wraps data keys and a key for fingerprints; the master key itself encrypts nothing.
//! [`Vault::seal`] makes a record with a data key of its own, bound by its [`Aad`] to the row it
//! belongs in: a record moved to another row does not open.
//!
//! This crate stores nothing and knows no database; it draws its own randomness, because a caller
//! who could pass a nonce could pass one twice.

mod aad;
mod error;
mod master_key;
mod vault;

pub use aad::Aad;
pub use error::VaultError;
pub use master_key::MasterKey;
pub use vault::Vault;
