//! Keys of Holdfast's own API.

use holdfast_model::access::{AccessKey, Role};

use super::RegistryFactory;
use super::sample::{AT, destination_id, key, key_id, new_destination, store_credential};
use crate::StorageError;

pub async fn a_key_is_stored_by_its_hash(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let root = AccessKey { role: Role::Admin, ..key("root") };
    registry.add_key(&root, &[1; 32]).await.unwrap();
    registry.add_key(&key("eu"), &[2; 32]).await.unwrap();
    drop(registry);
    let stored = factory.open().await.keys().await.unwrap();
    assert_eq!(stored, [(key("eu"), [2; 32]), (root, [1; 32])]);
}

pub async fn names_and_hashes_are_never_reused(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    registry.add_key(&key("eu"), &[2; 32]).await.unwrap();
    registry.revoke_key(&key_id("eu"), AT).await.unwrap();
    for (name, hash) in [("eu", [3; 32]), ("us", [2; 32])] {
        assert!(matches!(
            registry.add_key(&key(name), &hash).await,
            Err(StorageError::Exists { what: "key", .. })
        ));
    }
    assert_eq!(registry.keys().await.unwrap().len(), 1);
}

pub async fn destinations_of_a_key_must_be_known(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let bound = AccessKey { destinations: vec![destination_id("web")], ..key("eu") };
    assert!(matches!(
        registry.add_key(&bound, &[2; 32]).await,
        Err(StorageError::NotFound { what: "destination", .. })
    ));
    assert_eq!(registry.keys().await.unwrap(), []);
    store_credential(&registry, "shop", 0).await;
    registry.add_destination(new_destination("web", "shop")).await.unwrap();
    registry.add_key(&bound, &[2; 32]).await.unwrap();
    assert_eq!(registry.keys().await.unwrap(), [(bound, [2; 32])]);
}

pub async fn revoking_happens_once(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    registry.add_key(&key("eu"), &[2; 32]).await.unwrap();
    let later = AT.plus_millis(5);
    assert!(registry.revoke_key(&key_id("eu"), AT).await.unwrap());
    assert!(!registry.revoke_key(&key_id("eu"), later).await.unwrap());
    assert!(!registry.revoke_key(&key_id("us"), later).await.unwrap());
    drop(registry);
    let (stored, _) = factory.open().await.keys().await.unwrap().remove(0);
    assert_eq!(stored.revoked_at, Some(AT), "the first date stays");
}
