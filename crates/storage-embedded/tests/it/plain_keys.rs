//! Data keys that are stored as they are.

use holdfast_storage::StorageError;
use holdfast_storage_embedded::DataKeys;
use zeroize::Zeroizing;

/// "Wraps" a key by storing it. Each start gets another, so that what was sealed under one does
/// not open under the next.
pub struct PlainKeys;

impl DataKeys for PlainKeys {
    fn new_key(&self) -> Result<(Zeroizing<[u8; 32]>, Vec<u8>), StorageError> {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut key = [7; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        Ok((Zeroizing::new(key), key.to_vec()))
    }

    fn unwrap_key(&self, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, StorageError> {
        let key: [u8; 32] = wrapped.try_into().map_err(|_| StorageError::Closed)?;
        Ok(Zeroizing::new(key))
    }
}
