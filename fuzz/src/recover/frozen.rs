//! Files in memory that nobody may change.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use holdfast_storage::StorageError;
use holdfast_storage_embedded::DataKeys;
use holdfast_storage_embedded::disk::{Disk, DiskFile};
use zeroize::Zeroizing;

#[derive(Debug, Default, Clone)]
pub struct Frozen {
    files: BTreeMap<String, Arc<Vec<u8>>>,
}

impl Frozen {
    pub fn put(&mut self, name: String, bytes: Vec<u8>) {
        self.files.insert(name, Arc::new(bytes));
    }
}

fn frozen<T>() -> Result<T> {
    Err(Error::other("recovery must not write"))
}

impl Disk for Frozen {
    fn list(&self) -> Result<Vec<String>> {
        Ok(self.files.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        let bytes = self.files.get(name).ok_or(ErrorKind::NotFound)?;
        Ok(Arc::new(FrozenFile(bytes.clone())))
    }

    fn create_zeroed(&self, _: &str, _: u64) -> Result<()> {
        frozen()
    }

    fn rename(&self, _: &str, _: &str) -> Result<()> {
        frozen()
    }

    fn remove(&self, _: &str) -> Result<()> {
        frozen()
    }

    fn sync_dir(&self) -> Result<()> {
        frozen()
    }

    fn free_bytes(&self) -> Result<u64> {
        Ok(0)
    }
}

struct FrozenFile(Arc<Vec<u8>>);

impl DiskFile for FrozenFile {
    fn size(&self) -> Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = self.0.get(at..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> Result<()> {
        frozen()
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}

/// "Wraps" a key by storing it.
pub struct PlainKeys;

impl DataKeys for PlainKeys {
    fn new_key(&self) -> std::result::Result<(Zeroizing<[u8; 32]>, Vec<u8>), StorageError> {
        Ok((Zeroizing::new([7; 32]), vec![7; 32]))
    }

    fn unwrap_key(&self, wrapped: &[u8]) -> std::result::Result<Zeroizing<[u8; 32]>, StorageError> {
        let damaged = |_| StorageError::Damaged { what: "a key", detail: "length".to_owned() };
        Ok(Zeroizing::new(wrapped.try_into().map_err(damaged)?))
    }
}
