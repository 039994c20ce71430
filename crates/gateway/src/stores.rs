//! What is kept in the data directory, opened in the order in which it depends on each other.

use std::path::Path;
use std::sync::Arc;

use holdfast_storage::{Registry as _, StorageError};
use holdfast_storage_embedded::backup::Backups;
use holdfast_storage_embedded::{
    DataDir, DataKeys, EmbeddedOutbox, EmbeddedRegistry, OutboxSettings,
};
use holdfast_vault::{MasterKey, Vault, VaultError};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::config::Settings;
use crate::serve::StartError;

/// Name of the master key file that the first start makes.
pub const MASTER_KEY_FILE: &str = "master.key";

pub struct Stores {
    pub lock: DataDir,
    pub vault: Arc<Vault>,
    pub registry: Arc<EmbeddedRegistry>,
    pub outbox: Arc<EmbeddedOutbox>,
    pub backups: Backups,
}

impl Stores {
    /// Nothing is opened with a key that is not the one the data was sealed with.
    pub async fn open(settings: &Settings, clock: &Clock) -> Result<Self, StartError> {
        let dir = &settings.storage.data_dir;
        let lock = lock_data_dir(dir)?;
        let vault = Arc::new(Vault::new(master_key(settings)?));
        let registry = Arc::new(EmbeddedRegistry::open(dir)?);
        check_canary(&vault, &registry).await?;
        let outbox = Arc::new(open_outbox(settings, clock, vault.clone())?);
        let backups = Backups::new(outbox.clone(), registry.clone(), vault.kek_id());
        Ok(Self { lock, vault, registry, outbox, backups })
    }
}

fn lock_data_dir(dir: &Path) -> Result<DataDir, StartError> {
    DataDir::lock(dir)
        .map_err(|e| StartError::DataDir { dir: dir.to_owned(), cause: e.to_string() })
}

/// The configured key file, else the one in the data directory, made at the first start.
fn master_key(settings: &Settings) -> Result<MasterKey, VaultError> {
    if let Some(file) = &settings.vault.master_key_file {
        return MasterKey::from_file(file);
    }
    let file = settings.storage.data_dir.join(MASTER_KEY_FILE);
    let (key, created) = MasterKey::load_or_create(&file)?;
    if created {
        tracing::warn!(file = %file.display(),
            "made a new master key beside the data; move it elsewhere and set vault.master_key_file, \
             because who has both can read every token");
    }
    Ok(key)
}

/// Refuses to start with a key that is not the one the data was sealed with.
async fn check_canary(vault: &Vault, registry: &EmbeddedRegistry) -> Result<(), StartError> {
    let stored = registry.put_once("vault.canary", &vault.canary()?).await?;
    vault.check_canary(&stored).map_err(StartError::WrongKey)
}

fn open_outbox(
    settings: &Settings,
    clock: &Clock,
    vault: Arc<Vault>,
) -> Result<EmbeddedOutbox, StorageError> {
    let storage = &settings.storage;
    let outbox = OutboxSettings {
        max_bytes: storage.max_disk_bytes.0,
        reserve_bytes: storage.reserve_bytes.0,
        ..OutboxSettings::in_dir(&storage.data_dir)
    };
    EmbeddedOutbox::open(outbox, Arc::new(OutboxKeys(vault)), clock.wall())
}

/// The outbox's data keys, wrapped by the vault.
pub struct OutboxKeys(pub Arc<Vault>);

const OUTBOX_PURPOSE: &str = "outbox.v1";

impl DataKeys for OutboxKeys {
    fn new_key(&self) -> Result<(Zeroizing<[u8; 32]>, Vec<u8>), StorageError> {
        self.0.new_data_key(OUTBOX_PURPOSE).map_err(key_error)
    }

    fn unwrap_key(&self, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, StorageError> {
        self.0.unwrap_data_key(OUTBOX_PURPOSE, wrapped).map_err(key_error)
    }
}

fn key_error(error: VaultError) -> StorageError {
    StorageError::Damaged { what: "a data key of the outbox", detail: error.to_string() }
}
