//! What is done to a data directory that no gateway has open.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use holdfast_storage::{AuditEntry, Outbox as _, Registry as _};
use holdfast_storage_embedded::EmbeddedRegistry;
use holdfast_vault::{MasterKey, Vault};
use zeroize::Zeroizing;

use holdfast_storage_embedded::backup::Staged;
pub use holdfast_storage_embedded::backup::{Backup, BackupError, Head, Reader, Restored, verify};

use crate::clock::Clock;
use crate::config::Settings;
use crate::doctor::{Complaint, Practice, Report, Shelf, Subject};
use crate::egress::Egress;
use crate::serve::StartError;
use crate::services::ServiceError;
use crate::stores::{MASTER_KEY_FILE, OutboxKeys, Stores};

/// Whose doing it is, in the audit trail.
const ACTOR: &str = "command-line";

#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Storage(#[from] holdfast_storage::StorageError),
    #[error("{} is no data directory of Holdfast", .0.display())]
    NoData(PathBuf),
    #[error("no master key is named; a backup does not hold it")]
    NoMasterKey,
    #[error("{0}")]
    MasterKey(#[from] holdfast_vault::VaultError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error("failed to {doing}: {cause}")]
    Io { doing: &'static str, cause: io::Error },
}

/// A data directory of ours, open.
pub struct Opened {
    stores: Stores,
    clock: Clock,
}

impl Opened {
    /// Fails if a gateway has it open, or if there is none.
    pub async fn open(settings: &Settings) -> Result<Self, OfflineError> {
        let dir = &settings.storage.data_dir;
        if !dir.join(EmbeddedRegistry::FILE_NAME).exists() {
            return Err(OfflineError::NoData(dir.clone()));
        }
        let clock = Clock::default();
        let stores = Stores::open(settings, &clock).await?;
        Ok(Self { stores, clock })
    }

    pub async fn backup(&self) -> Result<Backup, OfflineError> {
        let at = self.clock.wall();
        let backup = self.stores.backups.begin(at).await?;
        let entry = AuditEntry {
            at,
            actor: ACTOR.to_owned(),
            action: "backup".to_owned(),
            subject: "all".to_owned(),
            detail: format!("{} bytes", backup.bytes()),
        };
        self.stores.registry.append_audit(&entry).await?;
        Ok(backup)
    }

    pub async fn close(self) -> Result<(), OfflineError> {
        Ok(self.stores.outbox.close().await?)
    }
}

/// Examines a credential. The data directory is opened only if the credential is stored in it.
pub async fn diagnose(settings: &Settings, complaint: Complaint) -> Result<Report, OfflineError> {
    let timeout = Duration::from_millis(settings.delivery.request_timeout_ms);
    let egress =
        Egress::new(timeout).map_err(|e| OfflineError::Start(StartError::Egress(e.to_string())))?;
    let opened = match complaint.subject {
        Subject::Stored(_) => Some(Opened::open(settings).await?),
        Subject::Given { .. } => None,
    };
    let own_clock = Clock::default();
    let practice = Practice {
        settings,
        clock: &own_clock,
        egress: &egress,
        stores: opened.as_ref().map(|opened| Shelf {
            registry: &*opened.stores.registry,
            vault: &opened.stores.vault,
            outbox: &*opened.stores.outbox,
        }),
    };
    let report = practice.diagnose(complaint).await;
    if let Some(opened) = opened {
        opened.close().await?;
    }
    Ok(report?)
}

/// Makes the configured data directory from a backup. The master key is the one that the
/// configuration names; where it names none, `key_file` is, and its content becomes the key file
/// of the new directory.
pub async fn restore(
    settings: &Settings,
    key_file: Option<&Path>,
    from: Box<dyn Read + Send>,
) -> Result<Restored, OfflineError> {
    let configured = settings.vault.master_key_file.as_deref();
    let key_file = key_file.or(configured).ok_or(OfflineError::NoMasterKey)?.to_owned();
    let vault = Arc::new(Vault::new(MasterKey::from_file(&key_file)?));
    let target = settings.storage.data_dir.clone();
    let key_id = vault.kek_id();
    let unpack = move || Staged::unpack(from, &target, &key_id);
    let staged = tokio::task::spawn_blocking(unpack)
        .await
        .map_err(|cause| OfflineError::Io { doing: "unpack the backup", cause: cause.into() })??;
    let now = Clock::default().wall();
    let restored = staged.begin_epoch(Arc::new(OutboxKeys(vault)), ACTOR, now).await?;
    if configured.is_none() {
        copy_key(&key_file, &staged.dir().join(MASTER_KEY_FILE))
            .map_err(|cause| OfflineError::Io { doing: "copy the master key", cause })?;
    }
    staged.publish()?;
    Ok(restored)
}

fn copy_key(from: &Path, to: &PathBuf) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let text = Zeroizing::new(std::fs::read(from)?);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    file.write_all(&text)?;
    file.sync_all()
}
