//! Taking a backup while everything goes on.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_model::time::UnixMillis;
use holdfast_storage::Registry as _;

use super::archive::{Writer, archive_bytes};
use super::error::{BackupError, io};
use super::head::{FORMAT, Head, LEDGER, Part, REGISTRY};
use crate::disk::DiskFile;
use crate::outbox::{Cut, EmbeddedOutbox, file_name};
use crate::registry::EmbeddedRegistry;
use crate::sqlite::Snapshot;

/// Where the databases are copied to before they are sent. What is there belongs to nobody unless
/// a backup is under way.
const SCRATCH: &str = "backup.tmp";

/// Backups of one installation, one at a time.
pub struct Backups {
    outbox: Arc<EmbeddedOutbox>,
    registry: Arc<EmbeddedRegistry>,
    /// As [`Head::master_key`] has it.
    master_key: String,
    is_busy: Arc<AtomicBool>,
}

impl Backups {
    pub fn new(
        outbox: Arc<EmbeddedOutbox>,
        registry: Arc<EmbeddedRegistry>,
        master_key: String,
    ) -> Self {
        Self { outbox, registry, master_key, is_busy: Arc::default() }
    }

    /// Notes the moment and copies the databases; what is left to do is [`Backup::write`]. Until
    /// that is done or given up, no segment of the log that it needs is used for something else.
    pub async fn begin(&self, at: UnixMillis) -> Result<Backup, BackupError> {
        let turn = Turn::take(&self.is_busy)?;
        let scratch = Scratch::make(self.outbox.dir().join(SCRATCH))?;
        let registry = self.registry.clone();
        let (cut, registry) = self.outbox.cut(move || registry.snapshot()).await?;
        let epoch = self.registry.epoch().await?;
        let (free, master_key) = (self.outbox.unreserved_bytes()?, self.master_key.clone());
        let copy = move || {
            let databases = copy_databases(&scratch, &registry, &cut.ledger, free)?;
            let head = Head {
                format: FORMAT,
                release: env!("CARGO_PKG_VERSION").to_owned(),
                taken_at: at,
                epoch,
                master_key,
                parts: databases.into_iter().chain(segments(&cut)).collect(),
            };
            let bytes = archive_bytes(&head).map_err(io("measure the backup"))?;
            Ok(Backup { head, bytes, cut, scratch, _turn: turn })
        };
        tokio::task::spawn_blocking(copy).await.map_err(|e| io("copy the databases")(e.into()))?
    }
}

/// One moment of the installation, ready to be written out.
pub struct Backup {
    head: Head,
    bytes: u64,
    cut: Cut,
    scratch: Scratch,
    _turn: Turn,
}

impl Backup {
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Of everything that [`Self::write`] writes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes as long as the writer takes.
    pub fn write(self, to: impl Write) -> io::Result<()> {
        let mut archive = Writer::new(to, &self.head)?;
        let mut segments = self.cut.segments.iter();
        for Part { name, bytes, .. } in &self.head.parts {
            if [REGISTRY, LEDGER].contains(&name.as_str()) {
                let mut copy = std::fs::File::open(self.scratch.0.join(name))?;
                archive.part(name, *bytes, &mut copy)?;
                // Its room is wanted back before the log is through.
                std::fs::remove_file(self.scratch.0.join(name))?;
            } else if let Some(segment) = segments.next() {
                let mut log = FileReader { file: &*segment.file, at: 0 };
                archive.part(name, *bytes, &mut log)?;
                self.cut.pin.copied(segment.number);
            }
        }
        archive.finish()
    }
}

fn copy_databases(
    scratch: &Scratch,
    registry: &Snapshot,
    ledger: &Snapshot,
    free: u64,
) -> Result<Vec<Part>, BackupError> {
    let needed = registry.bytes()?.saturating_add(ledger.bytes()?);
    if needed > free {
        return Err(BackupError::NoRoom { needed, free });
    }
    let mut parts = Vec::new();
    for (name, database) in [(REGISTRY, registry), (LEDGER, ledger)] {
        let path = scratch.0.join(name);
        database.copy_to(&path)?;
        let bytes = std::fs::metadata(&path).map_err(io("measure a copy"))?.len();
        parts.push(Part { name: name.to_owned(), bytes, reserved: None });
    }
    Ok(parts)
}

fn segments(cut: &Cut) -> impl Iterator<Item = Part> {
    cut.segments.iter().map(|segment| Part {
        name: format!("outbox/{}", file_name(segment.number)),
        bytes: segment.end,
        reserved: (segment.reserved > segment.end).then_some(segment.reserved),
    })
}

struct FileReader<'a> {
    file: &'a dyn DiskFile,
    at: u64,
}

impl Read for FileReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_exact_at(buffer, self.at)?;
        self.at += buffer.len() as u64;
        Ok(buffer.len())
    }
}

/// Whose turn it is, until it is dropped.
struct Turn(Arc<AtomicBool>);

impl Turn {
    fn take(is_busy: &Arc<AtomicBool>) -> Result<Self, BackupError> {
        match is_busy.swap(true, Ordering::AcqRel) {
            true => Err(BackupError::AnotherBackup),
            false => Ok(Self(is_busy.clone())),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// A directory of ours, empty at first and gone in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn make(path: PathBuf) -> Result<Self, BackupError> {
        let doing = "make room for copies of the databases";
        // What is there was left by a process that was killed.
        remove(&path).map_err(io(doing))?;
        std::fs::DirBuilder::new().create(&path).map_err(io(doing))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.0) {
            tracing::warn!(%error, "failed to remove what a backup left; the next one will");
        }
    }
}

fn remove(dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
