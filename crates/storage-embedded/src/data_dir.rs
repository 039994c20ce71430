//! The data directory has one owner at a time.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error("another process has it open; stop that one first, or talk to it")]
    Taken,
    #[error(
        "a restore into it was not finished; restore into another directory, and remove this one"
    )]
    Unfinished,
    #[error("{path}: {cause}")]
    Io { path: PathBuf, cause: std::io::Error },
}

/// Name of the mark in a directory that a restore has not finished.
pub(crate) const UNFINISHED: &str = "restore-unfinished";

/// Held as long as the directory is in use. The lock ends with the process, however it ends.
#[derive(Debug)]
pub struct DataDir {
    _lock: File,
}

impl DataDir {
    /// Makes the directory if it is missing (for its owner alone) and locks it.
    pub fn lock(dir: &Path) -> Result<Self, DataDirError> {
        let lock = Self::lock_any(dir)?;
        if dir.join(UNFINISHED).exists() { Err(DataDirError::Unfinished) } else { Ok(lock) }
    }

    /// The same for a restore, which puts a mark there with which nothing else locks it.
    pub(crate) fn lock_unfinished(dir: &Path) -> Result<Self, DataDirError> {
        let lock = Self::lock_any(dir)?;
        let path = dir.join(UNFINISHED);
        match OpenOptions::new().create(true).truncate(false).write(true).open(&path) {
            Ok(_) => Ok(lock),
            Err(cause) => Err(DataDirError::Io { path, cause }),
        }
    }

    fn lock_any(dir: &Path) -> Result<Self, DataDirError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |cause| DataDirError::Io { path, cause }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io(dir))?;
        let path = dir.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(io(&path))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(DataDirError::Taken),
            Err(cause) => Err(DataDirError::Io { path, cause: cause.into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_owner_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let first = DataDir::lock(&path).unwrap();
        assert!(matches!(DataDir::lock(&path), Err(DataDirError::Taken)));
        drop(first);
        DataDir::lock(&path).unwrap();
    }

    #[test]
    fn what_a_restore_left_unfinished_is_not_taken_for_a_data_directory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        drop(DataDir::lock_unfinished(&path).unwrap());
        assert!(matches!(DataDir::lock(&path), Err(DataDirError::Unfinished)));
        DataDir::lock_unfinished(&path).unwrap();
    }
}
