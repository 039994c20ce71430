//! A backup becomes a data directory again.
//!
//! It is unpacked and prepared beside its place and takes its name only when all of it is durable.
//! Until then it has a mark in it with which no gateway starts.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_model::time::UnixMillis;
use holdfast_storage::{AuditEntry, Outbox as _, Registry as _};

use super::archive::Reader;
use super::error::{BackupError, io};
use super::head::{Head, Part};
use crate::data_dir::{DataDir, DataDirError, UNFINISHED};
use crate::disk::{Disk as _, RealDisk};
use crate::outbox::{DataKeys, EmbeddedOutbox, OutboxSettings};
use crate::registry::EmbeddedRegistry;

/// Reads all of a backup, and says what it is if all of it is as it was written.
pub fn verify(from: impl Read) -> Result<Head, BackupError> {
    Reader::open(from)?.finish()
}

/// What a restore brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    pub head: Head,
    pub epoch: u64,
    /// Items that wait, each of which may have arrived meanwhile.
    pub waiting: u64,
}

/// An unpacked backup that is no data directory yet. Dropping it removes it.
pub struct Staged {
    head: Head,
    dir: PathBuf,
    target: PathBuf,
    _lock: DataDir,
    is_published: bool,
}

impl Staged {
    /// Reads all of the backup. Nothing is written before its head was understood and `master_key`
    /// is the one that it belongs to.
    pub fn unpack(from: impl Read, target: &Path, master_key: &str) -> Result<Self, BackupError> {
        let reader = Reader::open(from)?;
        let sealed_under = reader.head().master_key.clone();
        if sealed_under != master_key {
            return Err(BackupError::OtherKey { sealed_under, ours: master_key.to_owned() });
        }
        if !is_empty(target).map_err(io("look at the data directory"))? {
            return Err(BackupError::NotEmpty(target.to_owned()));
        }
        let staged = Self::make(reader.head().clone(), target)?;
        staged.fill(reader)?;
        Ok(staged)
    }

    /// Where files may be added before it is published.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Opens what was unpacked, and notes in it that the world went on without it.
    pub async fn begin_epoch(
        &self,
        keys: Arc<dyn DataKeys>,
        actor: &str,
        at: UnixMillis,
    ) -> Result<Restored, BackupError> {
        let registry = EmbeddedRegistry::open(&self.dir)?;
        let outbox = self.outbox_settings();
        let outbox = EmbeddedOutbox::open(outbox, keys, at)?;
        let waiting = outbox.distrust_waiting().await?;
        let epoch = registry.begin_epoch().await?;
        let entry = AuditEntry {
            at,
            actor: actor.to_owned(),
            action: "restore".to_owned(),
            subject: format!("epoch:{epoch}"),
            detail: format!(
                "from the backup of {}; {waiting} waiting items may have arrived since",
                self.head.taken_at
            ),
        };
        registry.append_audit(&entry).await?;
        outbox.close().await?;
        Ok(Restored { head: self.head.clone(), epoch, waiting })
    }

    /// Gives it its name. Durable when this returns.
    pub fn publish(mut self) -> Result<(), BackupError> {
        let publish = || {
            fs::remove_file(self.dir.join(UNFINISHED))?;
            sync_dir(&self.dir.join("outbox"))?;
            sync_dir(&self.dir)?;
            // An empty directory in its place gives way, any other does not.
            fs::rename(&self.dir, &self.target)?;
            sync_dir(&parent(&self.target))
        };
        publish().map_err(|cause| match cause.kind() {
            io::ErrorKind::DirectoryNotEmpty => BackupError::NotEmpty(self.target.clone()),
            _ => io("put the data directory in its place")(cause),
        })?;
        self.is_published = true;
        Ok(())
    }

    fn make(head: Head, target: &Path) -> Result<Self, BackupError> {
        let doing = "make a directory beside the data directory";
        let name = target.file_name().ok_or_else(|| BackupError::NotEmpty(target.to_owned()))?;
        let dir = parent(target).join(format!(".{}.restoring", name.to_string_lossy()));
        let lock = DataDir::lock_unfinished(&dir).map_err(|error| match error {
            DataDirError::Io { cause, .. } => io(doing)(cause),
            _ => BackupError::UnderWay(target.to_owned()),
        })?;
        // What an earlier restore left when it was interrupted.
        clear(&dir).map_err(io(doing))?;
        let staged =
            Self { head, dir, target: target.to_owned(), _lock: lock, is_published: false };
        fs::create_dir(staged.dir.join("outbox")).map_err(io(doing))?;
        Ok(staged)
    }

    /// Segments like those that are there. How much of the disk they may take is decided when the
    /// gateway runs.
    fn outbox_settings(&self) -> OutboxSettings {
        let defaults = OutboxSettings::in_dir(&self.dir);
        let largest = self.head.parts.iter().filter_map(|part| part.reserved).max();
        OutboxSettings {
            max_bytes: u64::MAX,
            segment_bytes: largest.unwrap_or(defaults.segment_bytes),
            ..defaults
        }
    }

    fn fill(&self, mut reader: Reader<impl Read>) -> Result<(), BackupError> {
        while let Some(part) = reader.upcoming().cloned() {
            let mut file = self.create(&part).map_err(io("unpack the backup"))?;
            reader.part(&mut file)?;
            file.flush().and_then(|()| file.sync_all()).map_err(io("unpack the backup"))?;
        }
        reader.finish().map(drop)
    }

    /// A segment keeps the size of its file, because the file will be one of another segment.
    fn create(&self, part: &Part) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600);
        match part.reserved {
            Some(bytes) => RealDisk::new(self.dir.clone())?.create_reserved(&part.name, bytes)?,
            None => drop(options.create_new(true)),
        }
        options.open(self.dir.join(&part.name))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.is_published {
            // If it stays, the next restore clears it.
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

fn is_empty(dir: &Path) -> io::Result<bool> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Removes everything but the lock and the mark.
fn clear(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "lock" || name == UNFINISHED {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
