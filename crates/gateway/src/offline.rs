//! What is done to a data directory that no gateway has open.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use holdfast_storage::{AuditEntry, Outbox as _, Registry as _, StorageError};
use holdfast_storage_embedded::EmbeddedRegistry;
use holdfast_storage_embedded::rewrap::{Rewrapped, rewrap};
use holdfast_vault::{MasterKey, Vault};
use zeroize::Zeroizing;

use holdfast_storage_embedded::backup::Staged;
pub use holdfast_storage_embedded::backup::{Backup, BackupError, Head, Reader, Restored, verify};

use crate::clock::Clock;
use crate::config::Settings;
use crate::doctor::{Complaint, Practice, Report, Shelf, Subject};
use crate::egress::Egress;
use crate::master_key::{MASTER_KEY_FILE, is_configured, open_vault};
use crate::serve::StartError;
use crate::services::ServiceError;
use crate::stores::{OutboxKeys, Stores, lock_data_dir};

/// Whose doing it is, in the audit trail.
const ACTOR: &str = "command-line";

#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("{} is no data directory of Holdfast", .0.display())]
    NoData(PathBuf),
    #[error("no master key is named; a backup does not hold it")]
    NoMasterKey,
    #[error("the new master key is the one in use; name another file, or a new one")]
    SameKey,
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
    let vault = match key_file {
        Some(file) => Vault::new(MasterKey::from_file(file)?),
        None if is_configured(settings) => open_vault(settings)?,
        None => return Err(OfflineError::NoMasterKey),
    };
    let vault = Arc::new(vault);
    let target = settings.storage.data_dir.clone();
    let key_id = vault.kek_id();
    let unpack = move || Staged::unpack(from, &target, &key_id);
    let staged = tokio::task::spawn_blocking(unpack)
        .await
        .map_err(|cause| OfflineError::Io { doing: "unpack the backup", cause: cause.into() })??;
    let now = Clock::default().wall();
    let restored = staged.begin_epoch(Arc::new(OutboxKeys(vault)), ACTOR, now).await?;
    if let Some(file) = key_file.filter(|_| !is_configured(settings)) {
        copy_key(file, &staged.dir().join(MASTER_KEY_FILE))
            .map_err(|cause| OfflineError::Io { doing: "copy the master key", cause })?;
    }
    staged.publish()?;
    Ok(restored)
}

/// What a change of the master key came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    pub old_key: String,
    pub new_key: String,
    pub records: Rewrapped,
    /// Where the old key is kept, if it lay beside the data. Else the configuration has to name the
    /// new one.
    pub old_kept_at: Option<PathBuf>,
}

/// Wraps every key in the configured data directory anew, under the key in `new_key_file`, which is
/// made if it is missing. No token and no event is decrypted for it. Interrupted anywhere it is
/// called again; in between nothing starts.
pub async fn rotate(settings: &Settings, new_key_file: &Path) -> Result<Rotated, OfflineError> {
    let dir = settings.storage.data_dir.clone();
    if !dir.join(EmbeddedRegistry::FILE_NAME).exists() {
        return Err(OfflineError::NoData(dir));
    }
    let _lock = lock_data_dir(&dir)?;
    let old = open_vault(settings)?;
    let (new, _) = MasterKey::load_or_create(new_key_file)?;
    let new = Vault::new(new);
    let (old_key, new_key) = (old.kek_id(), new.kek_id());
    if old_key == new_key {
        return Err(OfflineError::SameKey);
    }
    let anew = |record: &[u8]| -> Result<Option<Vec<u8>>, StorageError> {
        if new.has_sealed(record) {
            return Ok(None);
        }
        let rewrapped = old.rewrap(record, &new);
        rewrapped.map(Some).map_err(|error| StorageError::Damaged {
            what: "a sealed record",
            detail: error.to_string(),
        })
    };
    let records = rewrap(&dir, &anew)?;
    let registry = EmbeddedRegistry::open(&dir)?;
    let entry = AuditEntry {
        at: Clock::default().wall(),
        actor: ACTOR.to_owned(),
        action: "vault.rotate".to_owned(),
        subject: format!("master-key:{new_key}"),
        detail: format!("from {old_key}; {} records", records.changed),
    };
    registry.append_audit(&entry).await?;
    let old_kept_at = match is_configured(settings) {
        true => None,
        false => {
            let kept = dir.join(format!("{MASTER_KEY_FILE}.{old_key}"));
            let replaced = replace_key(&dir.join(MASTER_KEY_FILE), new_key_file, &kept);
            replaced
                .map_err(|cause| OfflineError::Io { doing: "put the new key in place", cause })?;
            Some(kept)
        }
    };
    Ok(Rotated { old_key, new_key, records, old_kept_at })
}

/// The old key is kept under another name before the new one takes its place.
fn replace_key(current: &Path, new: &Path, kept: &Path) -> io::Result<()> {
    let beside = current.with_extension("key.new");
    for path in [&beside, &kept.to_path_buf()] {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    copy_key(new, &beside)?;
    std::fs::hard_link(current, kept)?;
    std::fs::rename(&beside, current)?;
    let dir = current.parent().unwrap_or(Path::new("."));
    std::fs::File::open(dir)?.sync_all()
}

fn copy_key(from: &Path, to: &PathBuf) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let text = Zeroizing::new(std::fs::read(from)?);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    file.write_all(&text)?;
    file.sync_all()
}
