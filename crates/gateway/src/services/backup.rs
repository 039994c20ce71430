//! Taking a backup of the running gateway.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use holdfast_storage_embedded::backup::{Backup, BackupError};
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

use super::{Actor, ServiceError};
use crate::state::Gateway;

/// Size of what is handed over at once.
const CHUNK: usize = 256 << 10;

/// Chunks that wait for the one who asked.
const CHUNKS: usize = 8;

/// A backup keeps the log from giving back disk. Whoever takes nothing of it for so long has gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked whether a chunk was taken.
const PAUSE: Duration = Duration::from_millis(5);

/// The moment that is backed up is now. It is written down who has it.
pub async fn begin(gateway: &Gateway, actor: Actor<'_>) -> Result<Backup, ServiceError> {
    let backup = gateway.backups.begin(gateway.clock.wall()).await?;
    let detail = format!("{} bytes", backup.bytes());
    gateway.audit(actor.0, "backup", "all".to_owned(), detail).await?;
    Ok(backup)
}

/// The archive, piece by piece. It ends early, with an error, if it cannot be completed; and it is
/// given up when the receiver is dropped or takes nothing for a minute.
pub fn stream(backup: Backup) -> Receiver<io::Result<Bytes>> {
    let (chunks, taken) = channel(CHUNKS);
    // A thread of its own: it may wait for long, and nobody waits for it.
    let write = move || {
        let mut to = Chunks { chunks: chunks.clone(), begun: Vec::new() };
        if let Err(error) = backup.write(&mut to) {
            tracing::warn!(%error, "a backup was not completed");
            let _ = chunks.try_send(Err(error));
        }
    };
    let started = std::thread::Builder::new().name("backup".to_owned()).spawn(write);
    if let Err(error) = started {
        tracing::error!(%error, "failed to start a thread for a backup");
    }
    taken
}

struct Chunks {
    chunks: Sender<io::Result<Bytes>>,
    begun: Vec<u8>,
}

impl Chunks {
    fn hand_over(&mut self) -> io::Result<()> {
        let mut chunk = Ok(Bytes::from(std::mem::take(&mut self.begun)));
        let patience = Patience::begin();
        loop {
            match self.chunks.try_send(chunk) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
                Err(TrySendError::Full(_)) if patience.is_over() => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err(TrySendError::Full(same)) => chunk = same,
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        if self.begun.len() >= CHUNK {
            self.hand_over()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.begun.is_empty() { Ok(()) } else { self.hand_over() }
    }
}

struct Patience(Instant);

impl Patience {
    #[allow(clippy::disallowed_methods, reason = "how long somebody has kept a thread waiting")]
    fn begin() -> Self {
        Self(Instant::now())
    }

    fn is_over(&self) -> bool {
        self.0.elapsed() >= PATIENCE
    }
}

impl From<BackupError> for ServiceError {
    fn from(error: BackupError) -> Self {
        let reason = error.to_string();
        let refused = |hint: &str| Self::Refused { reason, hint: hint.to_owned() };
        match error {
            BackupError::Storage(error) => error.into(),
            BackupError::AnotherBackup => refused("Wait for it to end."),
            BackupError::NoRoom { .. } => refused(
                "The databases are copied inside the data directory for a moment; make room there.",
            ),
            _ => refused("The log of the gateway has the details."),
        }
    }
}
