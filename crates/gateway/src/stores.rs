//! What is kept in the data directory, opened in the order in which it depends on each other.

use std::path::Path;
use std::sync::Arc;

use holdfast_storage::{Registry as _, StorageError};
use holdfast_storage_embedded::backup::Backups;
use holdfast_storage_embedded::{
    DataDir, DataKeys, EmbeddedOutbox, EmbeddedRegistry, OutboxSettings,
};
use holdfast_vault::{Vault, VaultError};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::config::Settings;
use crate::master_key::open_vault;
use crate::serve::StartError;

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
        let vault = open_vault(settings)?;
        let registry = Arc::new(EmbeddedRegistry::open(dir)?);
        check_canary(&vault, &registry).await?;
        let vault = Arc::new(with_fingerprint_key(vault, &registry).await?);
        let outbox = Arc::new(open_outbox(settings, clock, vault.clone())?);
        let backups = Backups::new(outbox.clone(), registry.clone(), vault.kek_id());
        Ok(Self { lock, vault, registry, outbox, backups })
    }
}

pub fn lock_data_dir(dir: &Path) -> Result<DataDir, StartError> {
    DataDir::lock(dir)
        .map_err(|e| StartError::DataDir { dir: dir.to_owned(), cause: e.to_string() })
}

/// Refuses to start with a key that is not the one the data was sealed with.
async fn check_canary(vault: &Vault, registry: &EmbeddedRegistry) -> Result<(), StartError> {
    let stored = registry.put_once("vault.canary", &vault.canary()?).await?;
    vault.check_canary(&stored).map_err(StartError::WrongKey)
}

/// What a secret is recognized by stays when the master key changes.
async fn with_fingerprint_key(
    vault: Vault,
    registry: &EmbeddedRegistry,
) -> Result<Vault, StartError> {
    let first = vault.sealed_fingerprint_key()?;
    let stored = registry.put_once("vault.fingerprint_key", &first).await?;
    Ok(vault.with_fingerprint_key(&stored)?)
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
