//! Encryption of what an item contains.
//!
//! Each start of the process has a data key of its own, and nonces count up from zero under it, so
//! that none is ever used twice. The wrapped key is in the header of each segment; when the last
//! segment and the last terminal row of a key are gone, so is what it encrypted.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use holdfast_model::id::{ItemId, LaneId, TENANT};
use holdfast_storage::StorageError;
use zeroize::Zeroizing;

/// Where data keys come from and how they are kept.
pub trait DataKeys: Send + Sync + 'static {
    /// A new key, and its wrapped form for the disk.
    fn new_key(&self) -> Result<(Zeroizing<[u8; 32]>, Vec<u8>), StorageError>;
    fn unwrap_key(&self, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, StorageError>;
}

pub struct Cipher {
    key: LessSafeKey,
    next_nonce: AtomicU64,
}

impl Cipher {
    pub fn new(key: &[u8; 32]) -> Result<Self, StorageError> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| damaged())?;
        Ok(Self { key: LessSafeKey::new(key), next_nonce: AtomicU64::new(0) })
    }

    /// Encrypts in place and appends the tag. Returns the nonce to store.
    pub fn seal(&self, aad: &[u8], content: &mut Vec<u8>) -> Result<u64, StorageError> {
        let nonce = self.next_nonce.fetch_add(1, Ordering::Relaxed);
        self.key
            .seal_in_place_append_tag(nonce_of(nonce), Aad::from(aad), content)
            .map_err(|_| damaged())?;
        Ok(nonce)
    }

    /// Decrypts in place.
    pub fn open(&self, aad: &[u8], nonce: u64, content: &mut Vec<u8>) -> Result<(), StorageError> {
        let length = self
            .key
            .open_in_place(nonce_of(nonce), Aad::from(aad), content)
            .map_err(|_| damaged())?
            .len();
        content.truncate(length);
        Ok(())
    }
}

/// An item's content opens only as that item of that lane.
pub fn item_aad(item: ItemId, lane: LaneId) -> Vec<u8> {
    let mut aad = Vec::with_capacity(TENANT.len() + 20);
    aad.extend_from_slice(TENANT.as_bytes());
    aad.extend_from_slice(item.as_bytes());
    aad.extend_from_slice(&lane.0.to_le_bytes());
    aad
}

/// A receipt opens only under its own key.
pub fn receipt_aad(key_hash: &[u8; 16]) -> Vec<u8> {
    [TENANT.as_bytes(), b"receipt", key_hash].concat()
}

fn nonce_of(counter: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn damaged() -> StorageError {
    StorageError::Damaged { what: "an item", detail: "its content does not decrypt".to_owned() }
}
