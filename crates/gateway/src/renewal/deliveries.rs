//! What was delivered with which version.
//!
//! Lanes count in memory, and the counts are written every few seconds: what a crash loses of them
//! is a few seconds', and the ledger has every batch in full. The audit trail says when a version
//! begins to deliver, and [`super::finish`] what it had delivered when it ends.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use holdfast_model::credential::SignedWith;
use holdfast_model::id::CredentialId;
use holdfast_model::time::UnixMillis;
use holdfast_storage::{DeliveryCount, StorageError};

use super::lock;
use crate::services::Actor;
use crate::state::Gateway;

#[derive(Default)]
pub(super) struct Deliveries {
    /// Of each credential hardly ever more than two versions.
    counted: Mutex<HashMap<CredentialId, Vec<DeliveryCount>>>,
    /// Whose counts have grown since somebody last asked: an old version may have no further use.
    grown: Mutex<HashSet<CredentialId>>,
}

impl Deliveries {
    pub(super) fn count(&self, signed_with: &SignedWith, items: u64, at: UnixMillis) {
        let one = || DeliveryCount {
            signed_with: signed_with.clone(),
            requests: 1,
            items,
            first_at: at,
            last_at: at,
        };
        let mut counted = lock(&self.counted);
        let Some(versions) = counted.get_mut(&signed_with.credential) else {
            counted.insert(signed_with.credential.clone(), vec![one()]);
            return;
        };
        let of = |count: &&mut DeliveryCount| count.signed_with.version == signed_with.version;
        match versions.iter_mut().find(of) {
            Some(count) => {
                count.requests += 1;
                count.items += items;
                count.last_at = count.last_at.max(at);
            }
            None => versions.push(one()),
        }
    }

    pub(super) async fn flush(&self, gateway: &Gateway) -> Result<(), StorageError> {
        let counted: Vec<DeliveryCount> =
            std::mem::take(&mut *lock(&self.counted)).into_values().flatten().collect();
        if counted.is_empty() {
            return Ok(());
        }
        let news = match gateway.registry.count_deliveries(&counted).await {
            Ok(news) => news,
            Err(error) => {
                self.put_back(counted);
                return Err(error);
            }
        };
        let grown = counted.into_iter().map(|count| count.signed_with.credential);
        lock(&self.grown).extend(grown);
        for begun in news {
            let subject = format!("credential:{}/{}", begun.credential, begun.version);
            let detail = format!("fingerprint {} delivers", begun.fingerprint);
            gateway.audit(Actor::HOLDFAST.0, "credential.deliver", subject, detail).await?;
        }
        Ok(())
    }

    pub(super) fn take_grown(&self) -> HashSet<CredentialId> {
        std::mem::take(&mut *lock(&self.grown))
    }

    fn put_back(&self, counted: Vec<DeliveryCount>) {
        let mut since = lock(&self.counted);
        for count in counted {
            let versions = since.entry(count.signed_with.credential.clone()).or_default();
            let of = |known: &&mut DeliveryCount| known.signed_with == count.signed_with;
            match versions.iter_mut().find(of) {
                Some(known) => {
                    known.requests += count.requests;
                    known.items += count.items;
                    known.first_at = known.first_at.min(count.first_at);
                }
                None => versions.push(count),
            }
        }
    }
}
