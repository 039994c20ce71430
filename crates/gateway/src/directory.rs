//! What the hot paths need of the registry, in memory: destinations, keys, active versions.
//!
//! The registry is the truth; this is a snapshot that is built anew after every change and swapped
//! in whole, so that a reader never sees half a change and never waits for a writer.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use holdfast_model::access::{AccessKey, Role};
use holdfast_model::credential::{App, Credential, CredentialVersion, VersionState};
use holdfast_model::destination::Destination;
use holdfast_model::id::{AppId, AssetId, CredentialId, DestinationId, KeyId, LaneId};
use holdfast_model::platform::PlatformId;
use holdfast_storage::{Registry, StorageError};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

#[derive(Debug, Default)]
pub struct Snapshot {
    pub destinations: HashMap<DestinationId, Arc<Destination>>,
    by_asset: HashMap<(PlatformId, AssetId), Vec<Arc<Destination>>>,
    by_lane: HashMap<LaneId, Arc<Destination>>,
    keys: HashMap<[u8; 32], Arc<AccessKey>>,
    pub credentials: HashMap<CredentialId, Credential>,
    pub active: HashMap<CredentialId, CredentialVersion>,
    pub apps: HashMap<AppId, App>,
}

impl Snapshot {
    pub fn destination(&self, id: &str) -> Option<&Arc<Destination>> {
        DestinationId::new(id).ok().and_then(|id| self.destinations.get(&id))
    }

    /// All destinations of an asset, in order of name. Usually one.
    pub fn destinations_of_asset(
        &self,
        platform: PlatformId,
        asset: &AssetId,
    ) -> &[Arc<Destination>] {
        self.by_asset.get(&(platform, asset.clone())).map_or(&[], Vec::as_slice)
    }

    pub fn destination_of_lane(&self, lane: LaneId) -> Option<&Arc<Destination>> {
        self.by_lane.get(&lane)
    }

    /// The unrevoked key with this text. Looked up by hash, then compared in constant time.
    pub fn key(&self, presented: &str) -> Option<&Arc<AccessKey>> {
        let hash: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        let (stored, key) = self.keys.get_key_value(&hash)?;
        bool::from(stored.ct_eq(&hash)).then_some(key)
    }

    /// The role of an unrevoked key, by its name.
    pub fn role_of(&self, key: &KeyId) -> Option<Role> {
        self.keys.values().find(|known| known.id == *key).map(|known| known.role)
    }

    /// The app behind a credential, if it is one of ours.
    pub fn app_of(&self, credential: &CredentialId) -> Option<&App> {
        let app = self.credentials.get(credential)?.app.as_ref()?;
        self.apps.get(app)
    }

    pub fn destinations_using(&self, credential: &CredentialId) -> Vec<Arc<Destination>> {
        let mut using: Vec<_> = self
            .destinations
            .values()
            .filter(|d| &d.credential == credential || d.standby.contains(credential))
            .cloned()
            .collect();
        using.sort_by(|a, b| a.id.cmp(&b.id));
        using
    }
}

#[derive(Debug, Default)]
pub struct Directory {
    current: RwLock<Arc<Snapshot>>,
}

impl Directory {
    pub fn snapshot(&self) -> Arc<Snapshot> {
        // A panic while swapping an Arc is not possible; a poisoned lock is still readable.
        self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Reads the registry anew and swaps the result in.
    pub async fn reload(&self, registry: &dyn Registry) -> Result<Arc<Snapshot>, StorageError> {
        let fresh = Arc::new(read(registry).await?);
        *self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner) = fresh.clone();
        Ok(fresh)
    }
}

async fn read(registry: &dyn Registry) -> Result<Snapshot, StorageError> {
    let mut snapshot = Snapshot::default();
    let mut destinations = registry.destinations().await?;
    destinations.sort_by(|a, b| a.id.cmp(&b.id));
    for destination in destinations.into_iter().map(Arc::new) {
        let asset = (destination.platform, destination.asset.clone());
        snapshot.by_asset.entry(asset).or_default().push(destination.clone());
        snapshot.by_lane.insert(destination.lane, destination.clone());
        snapshot.destinations.insert(destination.id.clone(), destination);
    }
    for (key, hash) in registry.keys().await? {
        if key.revoked_at.is_none() {
            snapshot.keys.insert(hash, Arc::new(key));
        }
    }
    for credential in registry.credentials().await? {
        let versions = registry.credential_versions(&credential.id).await?;
        if let Some(active) = versions.into_iter().find(|v| v.state == VersionState::Active) {
            snapshot.active.insert(credential.id.clone(), active);
        }
        snapshot.credentials.insert(credential.id.clone(), credential);
    }
    snapshot.apps = registry.apps().await?.into_iter().map(|app| (app.id.clone(), app)).collect();
    Ok(snapshot)
}
